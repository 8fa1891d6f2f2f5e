//! How an answer ends, and what it cost.

use super::*;
use crate::model::{StopReason, Usage};

/// What OpenAI's protocol makes of one chunk with this delta, this reason and these further members.
fn chunk(delta: &str, reason: &str, more: &str) -> Result<Completion, ModelError> {
    let chunk = format!(
        r#"{{"choices":[{{"index":0,"delta":{delta},"finish_reason":"{reason}"}}]{more}}}"#
    );
    read(Provider::OpenAi, &[chunks(&[&chunk, "[DONE]"]).as_bytes()])
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
    // The reason that cuts an answer short stays, with any reason after it.
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
    for kind in ["tool_use", "tool_call", "function_call"] {
        let part = format!(
            r#"{{"content":[{{"type":"text","text":"x"}},{{"type":"{kind}","id":"a","name":"purge","input":{{}}}}]}}"#
        );
        assert!(chunk(&part, "stop", "").is_err(), "{kind}");
    }
    let first = r#"{"delta":{"content":"a"},"message":{"content":"a"},"finish_reason":"stop"}"#;
    for second in [
        r#"{"index":1,"delta":{"content":"b"},"finish_reason":"stop"}"#.to_owned(),
        // Choices that are not counted, or counted alike.
        format!("{first},{first}"),
        format!("{first},{}", first.replacen('{', r#"{"index":0,"#, 1)),
    ] {
        let second = format!(r#"{{"choices":[{second}]}}"#);
        for body in [chunks(&[&second]), second] {
            let error = read(Provider::OpenAi, &[body.as_bytes()]).unwrap_err();
            assert!(
                error.to_string().contains("more than one choice"),
                "{error}"
            );
        }
    }
}

#[test]
fn no_error_is_no_error_and_no_done_is_an_end() {
    for more in [r#","error":null"#, r#","error":{}"#, r#","error":"""#] {
        let completion = chunk(r#"{"content":"here"}"#, "stop", more).unwrap();
        assert_eq!(completion.text.as_deref(), Some("here"));
        assert_eq!(completion.stop, StopReason::End);
    }
    for error in ["null", "{}", "false", "[]", r#""""#] {
        let whole = format!(
            r#"{{"content":[{{"type":"text","text":"here"}}],"stop_reason":"end_turn","error":{error}}}"#
        );
        let block = format!(
            r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"text","text":"here"}},"error":{error}}}"#
        );
        let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
        for body in [whole, chunks(&[&block, end])] {
            let completion = read(Provider::Anthropic, &[body.as_bytes()]).unwrap();
            assert_eq!(completion.text.as_deref(), Some("here"), "{body}");
        }
    }
    assert!(read(Provider::Anthropic, &[br#"{"type":"error","error":{}}"#]).is_err());
    assert!(
        read(
            Provider::Anthropic,
            &[chunks(&[r#"{"type":"error","error":{}}"#]).as_bytes()]
        )
        .is_err()
    );
    let said = r#"{"choices":[{"delta":{"content":"here"}}]}"#;
    let end = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let completion = read(Provider::OpenAi, &[chunks(&[said, end]).as_bytes()]).unwrap();
    assert_eq!(completion.text.as_deref(), Some("here"));
    // The end of a stream that did not say why it stopped is not an end.
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
