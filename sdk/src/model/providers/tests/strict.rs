//! What reaches the gate is what the model said, or an error.

use super::*;

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall::new(id, name, arguments)
}

#[test]
fn an_index_is_a_small_number_or_an_error() {
    for index in [
        "4294967295",
        "18446744073709551615",
        "1e9",
        "1024",
        "-1",
        "0.0",
        "\"0\"",
        "[]",
    ] {
        let piece = format!(
            r#"{{"index":{index},"id":"a","function":{{"name":"purge","arguments":"{{}}"}}}}"#
        );
        let error = calling(&[&piece]).unwrap_err();
        assert!(error.to_string().contains("index"), "{index} {error}");
        assert!(error.is_unsettled());
    }
    let huge = r#"{"type":"content_block_start","index":4294967295,"content_block":{"type":"tool_use","id":"a","name":"purge","input":{}}}"#;
    let error = read(Provider::Anthropic, &[chunks(&[huge]).as_bytes()]).unwrap_err();
    assert!(error.to_string().contains("index"), "{error}");
}

#[test]
fn without_an_index_the_position_stands_for_it() {
    for index in ["", r#""index":null,"#] {
        let one = format!(
            r#"{{{index}"id":"a","function":{{"name":"read","arguments":"{{\"p\":1}}"}}}}"#
        );
        let two = format!(
            r#"{{{index}"id":"b","function":{{"name":"read","arguments":"{{\"p\":2}}"}}}}"#
        );
        let right = [
            call("a", "read", r#"{"p":1}"#),
            call("b", "read", r#"{"p":2}"#),
        ];
        assert_eq!(calling(&[&one, &two]).unwrap().calls, right);
        assert_eq!(calling(&[&format!("{one},{two}")]).unwrap().calls, right);
        // Pieces that follow have neither id nor name.
        let begin =
            format!(r#"{{{index}"id":"a","function":{{"name":"read","arguments":"{{\"p\""}}}}"#);
        let rest = format!(r#"{{{index}"function":{{"arguments":":1}}"}}}}"#);
        assert_eq!(calling(&[&begin, &rest]).unwrap().calls, right[..1]);
        // Two at once that could be of any call.
        assert!(calling(&[&begin, &format!("{rest},{rest}")]).is_err());
        assert!(calling(&[&rest]).is_err());
    }
    // Without ids, too.
    let one = r#"{"function":{"name":"read","arguments":"{\"p\":1}"}}"#;
    let two = r#"{"function":{"name":"read","arguments":"{\"p\":2}"}}"#;
    assert_eq!(calling(&[one, two]).unwrap().calls.len(), 2);
    assert_eq!(calling(&[&format!("{one},{one}")]).unwrap().calls.len(), 2);
    // A server that counts every call as the first.
    let one = r#"{"index":0,"id":"a","function":{"name":"read","arguments":"{\"p\":1}"}}"#;
    let two = r#"{"index":0,"id":"b","function":{"name":"list","arguments":"{}"}}"#;
    let right = [call("a", "read", r#"{"p":1}"#), call("b", "list", "{}")];
    assert_eq!(calling(&[one, two]).unwrap().calls, right);
    let cut = r#"{"index":0,"id":"a","function":{"name":"read","arguments":"{\"p\":"}}"#;
    assert!(calling(&[cut, two]).is_err());
}

#[test]
fn calls_are_in_the_order_of_their_index_and_pieces_may_be_interleaved() {
    let all = calling(&[
        r#"{"index":1,"id":"b","function":{"name":"list","arguments":"{\"q\":"}}"#,
        r#"{"index":0,"id":"a","function":{"name":"read","arguments":"{\"p\":"}}"#,
        r#"{"index":1,"function":{"arguments":"2}"}},{"index":0,"function":{"arguments":"1}"}}"#,
    ]);
    let right = [
        call("a", "read", r#"{"p":1}"#),
        call("b", "list", r#"{"q":2}"#),
    ];
    assert_eq!(all.unwrap().calls, right);

    let events = [
        r#"{"type":"message_start","message":{"usage":{"input_tokens":1,"output_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"read","input":{}}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"b","name":"list","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"q\":"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"p\":1}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"2}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":9}}"#,
    ];
    let read = |events: &[&str]| read(Provider::Anthropic, &[chunks(events).as_bytes()]);
    assert_eq!(read(&events).unwrap().calls, right);
    // A call without an end is not a call; an end without a beginning is an error, and so is a piece after the end.
    let without: Vec<&str> = events
        .iter()
        .copied()
        .filter(|it| !it.contains(r#"stop","index":1"#))
        .collect();
    assert!(read(&without).is_err());
    let mut late = events.to_vec();
    late.swap(6, 7);
    assert!(read(&late).is_err());
    assert!(read(&events[2..]).is_err());
}

#[test]
fn the_input_of_a_block_that_begins_with_it_is_taken() {
    let read = |input: &str, more: &[&str]| {
        let start = format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"tool_use","id":"a","name":"purge","input":{input}}}}}"#
        );
        let mut events = vec![start.as_str()];
        events.extend(more);
        events.extend([
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"tool_use"}}"#,
            r#"{"type":"message_stop"}"#,
        ]);
        super::read(Provider::Anthropic, &[chunks(&events).as_bytes()])
    };
    let input = r#"{"set": "old", "set": "new"}"#;
    assert_eq!(read(input, &[]).unwrap().calls[0].arguments, input);
    let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"set\":1}"}}"#;
    assert_eq!(
        read("{ }", &[piece]).unwrap().calls[0].arguments,
        r#"{"set":1}"#
    );
    assert!(read(input, &[piece]).is_err(), "two inputs");
    for wrong in ["[1]", "7", "true", r#""{}""#] {
        assert!(read(wrong, &[]).is_err(), "{wrong}");
    }
    let piece = r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":{"set":1}}}"#;
    assert!(read("{}", &[piece]).is_err(), "a piece that is not a text");
}

#[test]
fn arguments_are_an_object_or_its_text() {
    let with = |arguments: &str| {
        calling(&[&format!(
            r#"{{"index":0,"id":"a","function":{{"name":"purge","arguments":{arguments}}}}}"#
        )])
    };
    let object = r#"{ "n": 1.50e3, "set": "old", "set": "new" }"#;
    assert_eq!(with(object).unwrap().calls[0].arguments, object);
    assert_eq!(with("null").unwrap().calls[0].arguments, "{}");
    for wrong in ["[]", "[1]", "7", "true", "1e3"] {
        let error = with(wrong).unwrap_err();
        assert!(error.to_string().contains("arguments"), "{error}");
    }
    assert!(with(r#""\ud800""#).is_err(), "half a character");
    let object = r#"{"index":0,"id":"a","function":{"name":"purge","arguments":{"set":1}}}"#;
    let piece = r#"{"index":0,"function":{"arguments":"{\"set\":2}"}}"#;
    assert!(calling(&[object, piece]).is_err(), "arguments twice");
    assert!(calling(&[piece, object]).is_err(), "arguments twice");
}

#[test]
fn what_is_said_twice_is_one_call() {
    let once = r#"{"index":0,"id":"a","function":{"name":"purge","arguments":"{\"set\":1}"}}"#;
    let right = [call("a", "purge", r#"{"set":1}"#)];
    assert_eq!(calling(&[once, once]).unwrap().calls, right);
    let elsewhere = once.replace(r#""index":0"#, r#""index":1"#);
    assert_eq!(calling(&[once, &elsewhere]).unwrap().calls, right);
    let no_index = once.replace(r#""index":0,"#, "");
    assert_eq!(calling(&[&no_index, &no_index]).unwrap().calls, right);
    assert!(
        calling(&[once, &elsewhere.replace("purge", "keep")]).is_err(),
        "one id, two calls"
    );

    // The name comes with every piece, and the id with the first alone.
    let begin = r#"{"index":0,"id":"a","function":{"name":"purge","arguments":""}}"#;
    let rest = r#"{"index":0,"function":{"name":"purge","arguments":"{\"set\":1}"}}"#;
    assert_eq!(calling(&[begin, rest]).unwrap().calls, right);
    let strip = |piece: &str| piece.replace(r#""index":0,"#, "");
    assert_eq!(
        calling(&[&strip(begin), &strip(rest)]).unwrap().calls,
        right
    );
    assert!(
        calling(&[begin, &rest.replace("purge", "keep")]).is_err(),
        "two names"
    );
    // Neither ids nor an index.
    let bare = r#"{"function":{"name":"purge","arguments":"{\"set\":1}"}}"#;
    assert_eq!(
        calling(&[bare, bare]).unwrap().calls,
        [call("", "purge", r#"{"set":1}"#)]
    );
}

#[test]
fn two_halves_that_are_the_same_are_no_repetition() {
    for piece in [
        r#"{"index":0,"id":"a","function":{"name":"put","arguments":"{\"a\":"}}"#,
        r#"{"id":"a","function":{"name":"put","arguments":"{\"a\":"}}"#,
    ] {
        let end = piece.replace(r#"{\"a\":""#, r#"1}}""#);
        let completion = calling(&[piece, piece, &end]).unwrap();
        assert_eq!(completion.calls[0].arguments, r#"{"a":{"a":1}}"#);
    }
}

/// A derived reader finds the members of an array by their position. That is not what the model said.
#[test]
fn an_array_is_no_object() {
    let object = r#"{"index":0,"id":"a","function":{"name":"purge","arguments":"{}"}}"#;
    assert!(calling(&[object]).is_ok());
    let function = r#"{"index":0,"id":"a","function":["purge","{}"]}"#;
    let piece = r#"[0,"a","function",{"name":"purge","arguments":"{}"}]"#;
    for wrong in [function, piece] {
        let error = calling(&[wrong]).unwrap_err();
        assert!(error.to_string().contains("an object"), "{error}");
    }
    for chunk in [
        r#"{"choices":[{"delta":["purge"],"finish_reason":"stop"}]}"#,
        r#"{"choices":[[0,{"content":"x"},null,"stop"]]}"#,
        r#"[[{"delta":{"content":"x"},"finish_reason":"stop"}]]"#,
        r#"{"choices":[{"delta":{"content":[["text","x"]]},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"message":["x"],"finish_reason":"stop"}]}"#,
        r#"{"choices":{"delta":{"content":"x"},"finish_reason":"stop"}}"#,
    ] {
        for body in [chunks(&[chunk]), chunk.to_owned()] {
            assert!(
                read(Provider::OpenAi, &[body.as_bytes()]).is_err(),
                "{body}"
            );
        }
    }
    let cost = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":[3,4]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[cost]).as_bytes()]).unwrap();
    assert_eq!(completion.usage, None);

    let start = r#"{"type":"content_block_start","index":0,"content_block":["tool_use",null,"a","purge",{"set":1}]}"#;
    let array =
        r#"["content_block_start",0,null,{"type":"tool_use","id":"a","name":"purge","input":{}}]"#;
    let text =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let delta = r#"{"type":"content_block_delta","index":0,"delta":["text_delta","x"]}"#;
    let end = r#"{"type":"message_delta","delta":["end_turn"]}"#;
    for events in [&[start][..], &[array], &[text, delta], &[text, end]] {
        let last = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
        let all = [events, &[last]].concat();
        assert!(
            read(Provider::Anthropic, &[chunks(&all).as_bytes()]).is_err(),
            "{all:?}"
        );
    }
    for whole in [
        r#"{"content":[["tool_use",null,"a","purge",{"set":1}]],"stop_reason":"tool_use"}"#,
        r#"[[{"type":"text","text":"x"}],"end_turn"]"#,
    ] {
        assert!(
            read(Provider::Anthropic, &[whole.as_bytes()]).is_err(),
            "{whole}"
        );
    }
}

#[test]
fn a_member_that_is_there_twice_is_an_error() {
    for piece in [
        r#"{"index":0,"id":"a","function":{"name":"purge","arguments":"{}","arguments":"{\"set\":1}"}}"#,
        r#"{"index":0,"id":"a","function":{"name":"purge","n\u0061me":"keep","arguments":"{}"}}"#,
        r#"{"index":0,"index":1,"id":"a","function":{"name":"purge","arguments":"{}"}}"#,
    ] {
        let error = calling(&[piece]).unwrap_err();
        assert!(error.to_string().contains("duplicate"), "{error}");
    }
    let start = r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"a","name":"keep","name":"purge","input":{}}}"#;
    assert!(read(Provider::Anthropic, &[chunks(&[start]).as_bytes()]).is_err());
}

#[test]
fn calls_that_come_in_a_last_message_alone_are_not_lost() {
    let said = r#"{"choices":[{"delta":{"content":"I purge."}}]}"#;
    let call =
        r#"{"id":"a","type":"function","function":{"name":"purge","arguments":"{\"set\":1}"}}"#;
    let piece = call.replacen('{', r#"{"index":0,"#, 1);
    let piece = format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{piece}]}}}}]}}"#);
    for delta in ["", r#""delta":{},"#, r#""delta":null,"#] {
        let last = format!(
            r#"{{"choices":[{{{delta}"message":{{"content":"I purge.","tool_calls":[{call}]}},"finish_reason":"stop"}}]}}"#
        );
        let error = read(Provider::OpenAi, &[chunks(&[said, &last]).as_bytes()]).unwrap_err();
        assert!(error.to_string().contains("message"), "{error}");
        let told = read(
            Provider::OpenAi,
            &[chunks(&[said, &piece, &last]).as_bytes()],
        )
        .unwrap();
        let right = [self::call("a", "purge", r#"{"set":1}"#)];
        assert_eq!(told.calls, right);
    }
}
