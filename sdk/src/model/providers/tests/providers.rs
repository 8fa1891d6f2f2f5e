//! Each provider as it answers: calls, streaming, usage, and what it is sent.

use serde_json::json;

use super::server::{Server, answer, events};
use super::*;
use crate::model::{StopReason, Usage};

#[tokio::test]
async fn openai_calls_in_pieces_with_their_text_as_it_was_written() {
    let server = Server::start(vec![events(&[
        ("", r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"I "},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"content":"look é."},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"fs_read","arguments":""}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"path\": \"/a\","}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":" \"path\": \"/b\"}"}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"fs_list","arguments":"{\"cut"}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":2,"id":"c3","type":"function","function":{"name":"now","arguments":""}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#),
        ("", r#"{"choices":[],"usage":{"prompt_tokens":120,"completion_tokens":9,"total_tokens":129,"prompt_tokens_details":{"cached_tokens":100}}}"#),
        ("", "[DONE]"),
    ])])
    .await;
    let (completion, told) = streamed(&model(Provider::OpenAi, &server)).await;
    assert_eq!(told, ["I ", "look é."]);
    assert_eq!(completion.text.as_deref(), Some("I look é."));
    // Attack 14: a key twice and a cut text reach the gate as they are, and are refused there.
    assert_eq!(
        completion.calls,
        [
            ToolCall::new("c1", "fs_read", r#"{"path": "/a", "path": "/b"}"#),
            ToolCall::new("c2", "fs_list", "{\"cut"),
            ToolCall::new("c3", "now", "{}"),
        ]
    );
    let usage = Usage {
        input: 20,
        output: 9,
        cached: 100,
    };
    assert_eq!(
        (completion.usage, completion.stop),
        (Some(usage), StopReason::ToolCalls)
    );

    let asked = server.asked().remove(0);
    assert!(
        asked.head.starts_with("POST /chat/completions "),
        "{}",
        asked.head
    );
    assert_eq!(
        asked.header("authorization"),
        Some(&*format!("Bearer {KEY}"))
    );
    let body = asked.body;
    assert_eq!(
        (&body["model"], &body["max_tokens"]),
        (&json!("small"), &json!(77))
    );
    assert_eq!(
        body["messages"][0],
        json!({"role": "system", "content": "be brief"})
    );
    let made = &body["messages"][2]["tool_calls"];
    assert_eq!(made[0]["function"]["arguments"], r#"{"path":"/a"}"#);
    assert_eq!(
        made[1]["function"]["arguments"],
        r#"{"unreadable":"{\"path\""}"#
    );
    let results = [&body["messages"][3], &body["messages"][4]];
    assert_eq!(
        (&results[0]["tool_call_id"], &results[0]["content"]),
        (&json!("call-1"), &json!("contents"))
    );
    assert_eq!(results[1]["content"], "error: not JSON");
    assert_eq!(body["tools"][0]["function"]["name"], "fs_read");
}

#[tokio::test]
async fn openai_is_held_to_a_schema_and_says_when_it_was_cut() {
    let server = Server::start(vec![events(&[
        ("", r#"{"choices":[{"index":0,"delta":{"content":"{\"files\": "},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"now","arguments":""}}]},"finish_reason":null}]}"#),
        ("", r#"{"choices":[{"index":0,"delta":{},"finish_reason":"length"}]}"#),
        ("", "[DONE]"),
    ])])
    .await;
    let mut request = conversation();
    let schema = json!({ "type": "object", "properties": { "files": { "type": "integer" } }, "required": ["files"], "additionalProperties": false });
    request.output = Some(crate::model::OutputSchema::new("count", schema.clone()));
    let completion = model(Provider::OpenAi, &server)
        .generate(&request)
        .await
        .unwrap();
    assert_eq!(completion.stop, StopReason::MaxTokens);
    // What was cut off before its arguments is not a call without arguments.
    assert_eq!(completion.calls[0].arguments, "");
    let format = &server.asked()[0].body["response_format"];
    assert_eq!(
        (&format["type"], &format["json_schema"]["schema"]),
        (&json!("json_schema"), &schema)
    );
}

#[tokio::test]
async fn a_call_without_arguments_has_none_only_where_the_answer_is_whole() {
    for (why, arguments) in [
        ("tool_calls", Some("{}")),
        ("stop", Some("{}")),
        ("length", Some("")),
        ("content_filter", Some("")),
        // Of a reason that is not known it is not known whether the call is whole.
        ("overloaded", None),
    ] {
        let end = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": why }] });
        let server = Server::start(vec![events(&[
            ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"now","arguments":""}}]},"finish_reason":null}]}"#),
            ("", &end.to_string()),
            ("", "[DONE]"),
        ])])
        .await;
        let model = model(Provider::OpenAi, &server);
        let completion = model.generate(&conversation()).await.ok();
        let made = completion.as_ref().map(|it| it.calls[0].arguments.as_str());
        assert_eq!(made, arguments, "{why}");
    }
}

#[tokio::test]
async fn anthropic() {
    let server = Server::start(vec![events(&[
        ("message_start", r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"small","stop_reason":null,"usage":{"input_tokens":50,"cache_read_input_tokens":30,"output_tokens":1}}}"#),
        ("content_block_start", r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#),
        ("ping", r#"{"type":"ping"}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I look."}}"#),
        ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
        ("content_block_start", r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t1","name":"fs_read","input":{}}}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""}}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"path\": \"/a\""}}"#),
        ("content_block_delta", r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":", \"path\": \"/b\"}"}}"#),
        ("content_block_stop", r#"{"type":"content_block_stop","index":1}"#),
        ("content_block_start", r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t2","name":"now","input":{}}}"#),
        ("content_block_stop", r#"{"type":"content_block_stop","index":2}"#),
        ("message_delta", r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":15}}"#),
        ("message_stop", r#"{"type":"message_stop"}"#),
    ])])
    .await;
    let (completion, told) = streamed(&model(Provider::Anthropic, &server)).await;
    assert_eq!(told, ["I look."]);
    assert_eq!(
        completion.calls,
        [
            ToolCall::new("t1", "fs_read", r#"{"path": "/a", "path": "/b"}"#),
            ToolCall::new("t2", "now", "{}"),
        ]
    );
    assert_eq!(
        (
            completion.usage.unwrap().output,
            completion.usage.unwrap().cached
        ),
        (15, 30)
    );
    assert_eq!(
        (completion.usage.unwrap().input, completion.stop),
        (50, StopReason::ToolCalls)
    );

    let asked = server.asked().remove(0);
    assert!(asked.head.starts_with("POST /messages "), "{}", asked.head);
    assert_eq!(asked.header("x-api-key"), Some(KEY));
    let messages = asked.body["messages"].as_array().unwrap();
    let results = messages.last().unwrap()["content"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{messages:?}");
    assert_eq!(results[0]["tool_use_id"], "call-1");
    assert_eq!(asked.body["max_tokens"], 77);
}

#[tokio::test]
async fn ollama_and_gemini_are_asked_as_openai_is() {
    for (provider, home) in [
        (Provider::Ollama, "http://localhost:11434/v1/"),
        (
            Provider::Gemini,
            "https://generativelanguage.googleapis.com/v1beta/openai/",
        ),
    ] {
        assert_eq!(ProviderModel::new(provider, "small").unwrap().base, home);
        let server = Server::start(vec![events(&[
            ("", r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"I look."}}]}"#),
            ("", r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"name":"fs_read","arguments":"{\"path\":\"/a\"}"},"id":"c1","type":"function"}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":8,"total_tokens":39}}"#),
            ("", "[DONE]"),
        ])])
        .await;
        let (completion, told) = streamed(&model(provider, &server)).await;
        assert_eq!(told, ["I look."]);
        assert_eq!(
            completion.calls,
            [ToolCall::new("c1", "fs_read", r#"{"path":"/a"}"#)]
        );
        let usage = completion.usage.unwrap();
        assert_eq!((usage.input, usage.output), (31, 8));
        assert_eq!(completion.stop, StopReason::ToolCalls);
        let asked = server.asked().remove(0);
        assert!(
            asked.head.starts_with("POST /chat/completions "),
            "{}",
            asked.head
        );
        // In a header, so in no line of a server's log.
        assert_eq!(
            asked.header("authorization"),
            Some(&*format!("Bearer {KEY}"))
        );
        assert!(!asked.head.lines().next().unwrap().contains(KEY));
        assert_eq!(asked.body["tools"][0]["function"]["name"], "fs_read");
    }
}

#[tokio::test]
async fn a_whole_answer_is_read_as_a_streamed_one_is() {
    let openai = r#"{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"I look.","refusal":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"fs_read","arguments":"{\"path\": \"/a\", \"path\": \"/b\"}"}},{"id":"c2","type":"function","function":{"name":"now","arguments":{ "zone": 1.50 }}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":20,"completion_tokens":9,"total_tokens":29},"error":null}"#;
    let anthropic = r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"c1","name":"fs_read","input":{"path": "/a", "path": "/b"}},{"type":"tool_use","id":"c2","name":"now","input":{ "zone": 1.50 }}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":20,"output_tokens":9}}"#;
    for (provider, body) in [(Provider::OpenAi, openai), (Provider::Anthropic, anthropic)] {
        let server = Server::start(vec![answer("200 OK", "application/json", "", body)]).await;
        let model = model(provider, &server).whole_answers();
        let (completion, told) = streamed(&model).await;
        assert_eq!(told, ["I look."], "{provider:?}");
        assert_eq!(
            completion.calls,
            [
                ToolCall::new("c1", "fs_read", r#"{"path": "/a", "path": "/b"}"#),
                ToolCall::new("c2", "now", r#"{ "zone": 1.50 }"#),
            ]
        );
        let usage = Usage {
            input: 20,
            output: 9,
            cached: 0,
        };
        assert_eq!(
            (completion.usage, completion.stop),
            (Some(usage), StopReason::ToolCalls)
        );
        assert_eq!(server.asked()[0].body["stream"], false);
        // Cut short, it is not an answer.
        for cut in 0..body.len() {
            assert!(read(provider, &[&body.as_bytes()[..cut]]).is_err(), "{cut}");
        }
    }
}

#[tokio::test]
async fn anthropic_is_asked_for_a_schema_and_told_of_errors() {
    let server = Server::start(vec![]).await;
    let mut request = conversation();
    request.output = Some(crate::model::OutputSchema::new(
        "count",
        json!({ "type": "object" }),
    ));
    let (body, _) = model(Provider::Anthropic, &server).body(&request).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body["output_config"]["format"]["schema"],
        json!({ "type": "object" })
    );
    assert_eq!(body["system"], "be brief");
    let results = &body["messages"][2]["content"];
    assert_eq!(
        (&results[0]["is_error"], &results[1]["is_error"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        body["messages"][1]["content"][1]["input"],
        json!({ "path": "/a" })
    );
    assert_eq!(
        body["messages"][1]["content"][2]["input"],
        json!({ "unreadable": "{\"path\"" })
    );
    // The protocol wants a number.
    request.max_output_tokens = None;
    let (body, _) = model(Provider::Anthropic, &server).body(&request).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["max_tokens"], 8192);
}
