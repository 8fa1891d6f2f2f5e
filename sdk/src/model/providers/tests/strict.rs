//! What reaches the gate is what the model said, or an error.

use super::*;
use crate::model::{Message, StopReason, Usage};

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall::new(id, name, arguments)
}

/// What OpenAI's protocol makes of one chunk with this delta, this reason and these further members.
fn chunk(delta: &str, reason: &str, more: &str) -> Result<Completion, ModelError> {
    let chunk = format!(
        r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":"{reason}"}}]{more}}}"#
    );
    read(Provider::OpenAi, &[chunks(&[&chunk, "[DONE]"]).as_bytes()])
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
    // A call that has no end is none; an end that never began is an error, and so is more after it.
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
    assert!(read("{}", &[piece]).is_err(), "a piece that is no text");
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

#[test]
fn an_answer_that_was_cut_says_so() {
    let calls =
        r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"purge","arguments":"{}"}}]}"#;
    for (reason, stop) in [
        ("length", StopReason::MaxTokens),
        ("max_tokens", StopReason::MaxTokens),
        ("model_length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refused),
        ("content_filter: PROHIBITED_CONTENT", StopReason::Refused),
        ("SAFETY", StopReason::Refused),
        ("stop", StopReason::ToolCalls),
        ("tool_calls", StopReason::ToolCalls),
    ] {
        assert_eq!(chunk(calls, reason, "").unwrap().stop, stop, "{reason}");
    }
    // Of a reason that is not known it is not known whether the call is whole.
    assert!(chunk(calls, "paused", "").is_err());
    assert_eq!(
        chunk(r#"{"content":"x"}"#, "paused", "").unwrap().stop,
        StopReason::Other
    );
    for reason in [
        "error",
        "abort",
        "insufficient_system_resource",
        "MALFORMED_FUNCTION_CALL",
    ] {
        assert!(chunk(r#"{"content":"x"}"#, reason, "").is_err(), "{reason}");
    }
    // What cuts it short stays, whatever comes after.
    let cut = r#"{"choices":[{"delta":{"content":"x"},"finish_reason":"length"}]}"#;
    let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[cut, end]).as_bytes()]).unwrap();
    assert_eq!(completion.stop, StopReason::MaxTokens);
}

#[test]
fn what_is_no_answer_is_not_reported_as_one() {
    for (delta, reason, stop, text) in [
        (
            r#"{"reasoning_content":"hm"}"#,
            "stop",
            StopReason::Other,
            None,
        ),
        (r#"{"reasoning":"hm"}"#, "stop", StopReason::Other, None),
        (r#"{"content":null}"#, "stop", StopReason::Other, None),
        (r#"{"content":""}"#, "stop", StopReason::Other, None),
        ("{}", "length", StopReason::MaxTokens, None),
        ("{}", "content_filter", StopReason::Refused, None),
        ("{}", "SAFETY", StopReason::Refused, None),
        (
            r#"{"refusal":"I will not."}"#,
            "stop",
            StopReason::Refused,
            Some("I will not."),
        ),
        (
            r#"{"content":[{"type":"refusal","refusal":"No."}]}"#,
            "stop",
            StopReason::Refused,
            Some("No."),
        ),
    ] {
        let completion = chunk(delta, reason, "").unwrap();
        assert_eq!(
            (completion.stop, completion.text.as_deref()),
            (stop, text),
            "{delta}"
        );
    }
    // It says that it calls, and does not.
    assert!(chunk("{}", "tool_calls", "").is_err());
    let read = |reason: &str| {
        let end = format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#);
        super::read(Provider::Anthropic, &[chunks(&[&end]).as_bytes()])
    };
    assert_eq!(read("end_turn").unwrap().stop, StopReason::Other);
    assert_eq!(read("refusal").unwrap().stop, StopReason::Refused);
    assert_eq!(
        read("model_context_window_exceeded").unwrap().stop,
        StopReason::MaxTokens
    );
    assert!(read("tool_use").is_err());
}

#[test]
fn forms_that_hold_a_call_elsewhere_are_errors() {
    let legacy = r#"{"function_call":{"name":"purge","arguments":"{}"}}"#;
    assert!(chunk(legacy, "function_call", "").is_err());
    let custom = r#"{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"purge","input":"x"}}]}"#;
    assert!(chunk(custom, "tool_calls", "").is_err());
    let nameless = r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}"#;
    assert!(chunk(nameless, "tool_calls", "").is_err());
    let second = r#"{"choices":[{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}]}"#;
    assert!(read(Provider::OpenAi, &[chunks(&[second]).as_bytes()]).is_err());
}

#[test]
fn no_error_is_no_error_and_no_done_is_an_end() {
    for more in [r#","error":null"#, r#","error":{}"#, r#","error":"""#] {
        let completion = chunk(r#"{"content":"here"}"#, "stop", more).unwrap();
        assert_eq!(completion.text.as_deref(), Some("here"));
        assert_eq!(completion.stop, StopReason::End);
    }
    let said = r#"{"choices":[{"delta":{"content":"here"}}]}"#;
    let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[said, end]).as_bytes()]).unwrap();
    assert_eq!(completion.text.as_deref(), Some("here"));
    // The end of a stream that never stopped is no end.
    assert!(read(Provider::OpenAi, &[chunks(&[said, "[DONE]"]).as_bytes()]).is_err());
    // All that was said, said again in a last chunk.
    let again = r#"{"choices":[{"message":{"content":"here"},"finish_reason":"stop"}]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[said, again]).as_bytes()]).unwrap();
    assert_eq!(completion.text.as_deref(), Some("here"));
}

#[test]
fn a_cost_is_counts_or_not_known() {
    let cost = |usage: &str| {
        let more = format!(r#","usage":{usage}"#);
        chunk(r#"{"content":"x"}"#, "stop", &more).unwrap().usage
    };
    let known = |input, output, cached| {
        Some(Usage {
            input,
            output,
            cached,
        })
    };
    assert_eq!(
        cost(r#"{"prompt_tokens":3,"completion_tokens":4}"#),
        known(3, 4, 0)
    );
    let most = r#"{"prompt_tokens":18446744073709551615,"completion_tokens":4}"#;
    assert_eq!(cost(most), known(u64::MAX, 4, 0));
    for unknown in [
        "null",
        "{}",
        "[]",
        "7",
        r#"{"prompt_tokens":0,"completion_tokens":0}"#,
        r#"{"prompt_tokens":3,"completion_tokens":0}"#,
        r#"{"prompt_tokens":3}"#,
        r#"{"prompt_tokens":3,"completion_tokens":null}"#,
        r#"{"prompt_tokens":3e9,"completion_tokens":4}"#,
        r#"{"prompt_tokens":3.0,"completion_tokens":4}"#,
        r#"{"prompt_tokens":"3","completion_tokens":4}"#,
        r#"{"prompt_tokens":-3,"completion_tokens":4}"#,
        r#"{"prompt_tokens":18446744073709551616,"completion_tokens":4}"#,
        r#"{"prompt_tokens":3,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":"x"}}"#,
    ] {
        assert_eq!(cost(unknown), None, "{unknown}");
    }
    assert_eq!(chunk(r#"{"content":"x"}"#, "stop", "").unwrap().usage, None);
    // What it cost up to the middle is not what it cost.
    let middle = r#"{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let end = r#"{"choices":[{"delta":{"content":"y"},"finish_reason":"stop"}]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[middle, end]).as_bytes()]).unwrap();
    assert_eq!(completion.usage, None);

    let cost = |start: &str, end: &str| {
        let start = format!(r#"{{"type":"message_start","message":{{"usage":{start}}}}}"#);
        let text = r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"x"}}"#;
        let end = format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{end}}}"#
        );
        let body = chunks(&[&start, text, &end]);
        read(Provider::Anthropic, &[body.as_bytes()]).unwrap().usage
    };
    let start = r#"{"input_tokens":3,"output_tokens":1}"#;
    assert_eq!(cost(start, r#"{"output_tokens":9}"#), known(3, 9, 0));
    assert_eq!(
        cost(start, r#"{"input_tokens":5,"output_tokens":9}"#),
        known(5, 9, 0)
    );
    for unknown in [
        "null",
        "{}",
        "7",
        r#"{"output_tokens":0}"#,
        r#"{"output_tokens":3e9}"#,
        r#"{"output_tokens":-1}"#,
    ] {
        assert_eq!(cost(start, unknown), None, "{unknown}");
    }
    assert_eq!(cost("{}", r#"{"output_tokens":9}"#), None);
}

#[test]
fn names_and_ids_are_sent_so_that_every_provider_takes_them() {
    let (long, id) = ("x".repeat(200), "c".repeat(128));
    let names = ["", "no such tool / x", long.as_str()];
    let calls = || {
        names
            .iter()
            .map(|name| call(&format!("{id}{name}"), name, "{}"))
    };
    let mut messages = vec![
        Message::User { text: "go".into() },
        Message::Assistant {
            text: Some(String::new()),
            calls: calls().collect(),
            carried: Vec::new(),
        },
    ];
    messages.extend(calls().map(|call| Message::Tool {
        call_id: call.id,
        tool: call.name,
        outcome: "there is no such tool".into(),
        is_error: true,
    }));
    // An answer that was corrected, and said nothing.
    for text in [None, Some(String::new())] {
        messages.push(Message::Assistant {
            text,
            calls: Vec::new(),
            carried: Vec::new(),
        });
    }
    messages.push(Message::User {
        text: "again".into(),
    });
    let request = Request::new(messages);
    let is_plain = |text: &serde_json::Value| {
        let text = text.as_str().unwrap();
        (1..=40).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    };
    let body = |provider| {
        let (body, _) = ProviderModel::new(provider, "m")
            .unwrap()
            .body(&request)
            .unwrap();
        serde_json::from_str::<serde_json::Value>(&body).unwrap()
    };
    let openai = body(Provider::OpenAi);
    let messages = openai["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 6, "empty turns are left out");
    for (nth, call) in messages[1]["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert!(is_plain(&call["id"]), "{call}");
        assert!(
            call["function"]["name"].as_str().unwrap().len() <= 64,
            "{call}"
        );
        assert!(
            !call["function"]["name"]
                .as_str()
                .unwrap()
                .contains(['/', ' ']),
            "{call}"
        );
        assert_eq!(messages[2 + nth]["tool_call_id"], call["id"]);
    }
    let anthropic = body(Provider::Anthropic);
    let messages = anthropic["messages"].as_array().unwrap();
    let roles: Vec<_> = messages
        .iter()
        .map(|it| it["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    for message in messages {
        assert!(!message["content"].as_array().unwrap().is_empty());
    }
    for (nth, call) in messages[1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        assert!(is_plain(&call["id"]), "{call}");
        assert_eq!(messages[2]["content"][nth]["tool_use_id"], call["id"]);
    }
}
