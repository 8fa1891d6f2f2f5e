//! Events that differ in one text are read as events that are read in full.

use super::*;

/// What is made of events, and how many of them were read in full. `apart` puts an event that says nothing
/// between each two, so that no event is like the one before.
fn made(provider: Provider, events: &[String], apart: bool) -> (Result<Completion, String>, usize) {
    let mut reading = Reading::new(provider.protocol(), "");
    let nothing = match provider {
        Provider::Anthropic => r#"{"type":"ping"}"#,
        _ => r#"{"choices":[]}"#,
    };
    let mut told = String::new();
    let mut push = |event: &str| {
        let event = format!("data: {event}\n\n");
        reading.push(event.as_bytes(), &mut |text| told.push_str(text))
    };
    for event in events {
        if apart && let Err(error) = push(nothing) {
            return (Err(error.to_string()), 0);
        }
        match push(event) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return (Err(error.to_string()), 0),
        }
    }
    let full = reading.read_in_full();
    let completion = reading.end(&mut |_| {}).map_err(|error| error.to_string());
    if let Ok(completion) = &completion {
        assert_eq!(completion.text.clone().unwrap_or_default(), told);
    }
    (completion, full)
}

fn begin(provider: Provider) -> Vec<String> {
    let begin: &[&str] = match provider {
        Provider::Anthropic => &[
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"put","input":{}}}"#,
            r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"b","name":"put","input":{}}}"#,
        ],
        _ => &[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"a","function":{"name":"put","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":2,"id":"b","function":{"name":"put","arguments":""}}]}}]}"#,
        ],
    };
    begin.iter().map(|it| (*it).to_owned()).collect()
}

fn words(provider: Provider, json: &str) -> String {
    match provider {
        Provider::Anthropic => format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":{json}}}}}"#
        ),
        _ => format!(r#"{{"choices":[{{"delta":{{"content":{json}}},"finish_reason":null}}]}}"#),
    }
}

fn arguments(provider: Provider, index: usize, json: &str) -> String {
    match provider {
        Provider::Anthropic => format!(
            r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"input_json_delta","partial_json":{json}}}}}"#
        ),
        _ => format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{index},"function":{{"arguments":{json}}}}}]}},"finish_reason":null}}]}}"#
        ),
    }
}

fn end(provider: Provider) -> Vec<String> {
    let end: &[&str] = match provider {
        Provider::Anthropic => &[
            r#"{"type":"content_block_stop","index":1}"#,
            r#"{"type":"content_block_stop","index":2}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
        ],
        _ => &[r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#],
    };
    end.iter().map(|it| (*it).to_owned()).collect()
}

/// JSON of one text, and JSON that is not a text or is more than one.
const TEXTS: [&str; 26] = [
    r#""x""#,
    r#""""#,
    r#""{\"a\":""#,
    r#""\"\"""#,
    r#""}""#,
    r#""\\""#,
    r#""\u00e9 é 🗎""#,
    r#""\ud83d\uddce""#,
    r#""\ud83d""#,
    r#""\x""#,
    r#""\b\f\n\r\t\/\"\\ \u0000""#,
    r#""é\n🗎\té""#,
    r#""\"#,
    r#""a\""b""#,
    r#""a","b":"c""#,
    r#""a","index":2,"name":"c""#,
    r#""a"},"index":2,"x":{"a":"b""#,
    r#""a"}]}},{"index":1,"delta":{"content":"b""#,
    r#"""""#,
    r#""\""#,
    "\"a\tb\"",
    "\"a\u{7f}b\"",
    "7",
    "null",
    "{}",
    r#"["a"]"#,
];

#[test]
fn every_text_after_every_other_is_read_as_if_it_were_read_in_full() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        for first in TEXTS {
            for second in TEXTS {
                let pieces = |text: &str| {
                    [
                        words(provider, text),
                        arguments(provider, 1, text),
                        arguments(provider, 2, text),
                    ]
                };
                for one in pieces(first) {
                    for two in pieces(second) {
                        let mut events = begin(provider);
                        events.extend([one.clone(), two.clone(), two, one.clone()]);
                        events.extend(end(provider));
                        let (alike, _) = made(provider, &events, false);
                        let (apart, _) = made(provider, &events, true);
                        assert_eq!(alike, apart, "{provider:?} {first} {second}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_text_in_many_pieces_is_read_in_full_once() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        for is_words in [true, false] {
            let mut events = begin(provider);
            let around = events.len() + end(provider).len();
            for _ in 0..10_000 {
                events.push(match is_words {
                    true => words(provider, r#""a\n""#),
                    false => arguments(provider, 1, r#""[\"\"""#),
                });
            }
            events.extend(end(provider));
            let (made, full) = made(provider, &events, false);
            let made = made.unwrap();
            let (text, of) = match is_words {
                true => (made.text.unwrap(), "a\n"),
                false => (made.calls[0].arguments.clone(), "[\"\""),
            };
            assert_eq!(text, of.repeat(10_000));
            assert!(full <= around + 1, "{full}");
        }
    }
}

#[test]
fn what_is_not_like_the_event_before_changes_what_the_same_event_means() {
    // The same piece, of another call: the server counts every call as the first.
    let begin = |id: &str, text: &str| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":0,"id":"{id}","function":{{"name":"put","arguments":"{text}"}}}}]}},"finish_reason":null}}]}}"#
        )
    };
    let piece = |text: &str| arguments(Provider::OpenAi, 0, text);
    let mut events = vec![
        begin("a", ""),
        piece(r#""[1""#),
        piece(r#""]""#),
        begin("b", "["),
        piece(r#""2]""#),
    ];
    events.extend(end(Provider::OpenAi));
    let (made, _) = made(Provider::OpenAi, &events, false);
    let calls: Vec<_> = made.unwrap().calls;
    let said: Vec<_> = calls
        .iter()
        .map(|call| (&*call.id, &*call.arguments))
        .collect();
    assert_eq!(said, [("a", "[1]"), ("b", "[2]")]);

    // A piece after the end of its block.
    let piece = || arguments(Provider::Anthropic, 1, r#""[]""#);
    let mut events = self::begin(Provider::Anthropic);
    events.extend([piece(), end(Provider::Anthropic).remove(0), piece()]);
    assert!(self::made(Provider::Anthropic, &events, false).0.is_err());
}

#[test]
fn a_piece_after_a_long_envelope_is_bounded_too() {
    let long = "x".repeat(64 * 1024);
    let piece = format!(
        r#"{{"id":"{long}","choices":[{{"delta":{{"content":"a"}},"finish_reason":null}}]}}"#
    );
    let mut events = vec![piece; 3];
    events.push(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#.to_owned());
    let (made, full) = made(Provider::OpenAi, &events, false);
    assert_eq!((made.unwrap().text.as_deref(), full), (Some("aaa"), 4));
}

/// An event with further members of the event itself, before and behind the others.
fn with(event: &str, before: &str, behind: &str) -> String {
    let inner = event.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    format!("{{{before}{inner}{behind}}}")
}

#[test]
fn members_that_nothing_reads_may_differ_in_each_event() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        let mut events = begin(provider);
        let around = events.len() + end(provider).len();
        for number in 0..1000 {
            let padding = "x".repeat(number % 16);
            events.push(with(
                &arguments(provider, 1, r#""[\"\"""#),
                &format!(r#""id":"chunk-{number}","created":{number},"#),
                &format!(r#","p":"{padding}","obfuscation":"{padding}{number}""#),
            ));
        }
        events.extend(end(provider));
        let (made, full) = made(provider, &events, false);
        assert_eq!(made.unwrap().calls[0].arguments, "[\"\"".repeat(1000));
        assert!(full <= around + 1, "{full}");
    }
}

/// Pairs of members, the second of which takes the place of the first.
const MEMBERS: [[&str; 2]; 16] = [
    [r#""p":"a""#, r#""p":"b""#],
    [r#""p":"a""#, r#""p":17"#],
    [r#""p":"a""#, r#""p":"b","error":{"message":"no"}"#],
    [r#""p":"a""#, r#""p":"b\"""#],
    [r#""p":"a""#, "\"p\":\"\u{1}\""],
    [r#""p":"a""#, r#""p":"\x""#],
    [r#""p":1"#, r#""p":01"#],
    [r#""p":1"#, r#""p":-1"#],
    [r#""p":1"#, r#""p":1.5e9"#],
    [r#""p":1"#, r#""p":"#],
    [r#""p":"a""#, r#""p":null"#],
    [r#""error":"""#, r#""error":"no""#],
    [r#""\u0065rror":"""#, r#""\u0065rror":"no""#],
    [r#""object":"chunk""#, r#""object":"error""#],
    [r#""p":1,"p":2"#, r#""p":3,"p":4"#],
    [r#""usage":"a""#, r#""usage":"b""#],
];

#[test]
fn a_member_in_the_place_of_another_is_read_as_if_it_were_read_in_full() {
    for provider in [Provider::OpenAi, Provider::Anthropic] {
        for members in MEMBERS {
            for is_behind in [false, true] {
                let piece = |member: &str| {
                    let piece = arguments(provider, 1, r#""[""#);
                    match is_behind {
                        true => with(&piece, "", &format!(",{member}")),
                        false => with(&piece, &format!("{member},"), ""),
                    }
                };
                let mut events = begin(provider);
                events.extend([members[0], members[0], members[1], members[0]].map(piece));
                events.extend(end(provider));
                let (alike, _) = made(provider, &events, false);
                let (apart, _) = made(provider, &events, true);
                assert_eq!(alike, apart, "{provider:?} {members:?}");
            }
        }
    }
}
