//! What a provider wants back goes back as it came.

use serde_json::Value;

use super::*;
use crate::model::{Carried, Message};

/// The body of the next request, after the turn that `file` is.
fn next(read_as: Provider, file: &str, asked: Provider) -> Value {
    let turn = read(read_as, &[file.as_bytes()]).unwrap();
    let mut messages = vec![Message::User { text: "go".into() }];
    let results: Vec<Message> = turn
        .calls
        .iter()
        .map(|call| Message::Tool {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            outcome: "done".into(),
            is_error: false,
        })
        .collect();
    messages.push(Message::Assistant {
        text: turn.text,
        calls: turn.calls,
        carried: turn.carried,
    });
    messages.extend(results);
    // As a run keeps it.
    let stored = serde_json::to_string(&messages).unwrap();
    let messages: Vec<Message> = serde_json::from_str(&stored).unwrap();
    let model = ProviderModel::new(asked, "m").unwrap();
    let (body, _) = model.body(&Request::new(messages)).unwrap();
    serde_json::from_str(&body).unwrap()
}

#[test]
fn signed_thoughts_go_back_with_their_turn() {
    let gemini = include_str!("servers/gemini.sse");
    let body = next(Provider::Gemini, gemini, Provider::Gemini);
    let calls = &body["messages"][1]["tool_calls"];
    let signature = &calls[0]["extra_content"]["google"]["thought_signature"];
    assert_eq!(signature, "CiQBVKhc7h1=");
    assert!(calls[1].get("extra_content").is_none());

    let deepseek = include_str!("servers/deepseek.sse");
    let body = next(Provider::OpenAi, deepseek, Provider::OpenAi);
    assert_eq!(body["messages"][1]["reasoning_content"], "I need \"a\".");
    let minimax = include_str!("servers/minimax.sse");
    let body = next(Provider::OpenAi, minimax, Provider::OpenAi);
    assert_eq!(
        body["messages"][1]["reasoning_details"][0]["text"],
        "Read it."
    );
    let anthropic = include_str!("servers/anthropic.sse");
    let body = next(Provider::Anthropic, anthropic, Provider::Anthropic);
    let content = &body["messages"][1]["content"];
    let kinds: Vec<_> = (0..4)
        .map(|nth| content[nth]["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use", "tool_use"]);
    let thought = json!({ "type": "thinking", "thinking": "I look first.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA==" });
    assert_eq!(content[0], thought);
}

#[test]
fn thoughts_go_to_no_server_of_another_protocol() {
    let anthropic = include_str!("servers/anthropic.sse");
    let body = next(Provider::Anthropic, anthropic, Provider::OpenAi).to_string();
    assert!(
        !body.contains("EqQBCgIY") && !body.contains("I look first"),
        "{body}"
    );
    let gemini = include_str!("servers/gemini.sse");
    let body = next(Provider::Gemini, gemini, Provider::Anthropic).to_string();
    assert!(!body.contains("CiQBVKhc7h1"), "{body}");
}

#[test]
fn empty_thoughts_go_back_with_calls_and_no_thoughts_without_them() {
    let call = r#"{"choices":[{"delta":{"reasoning_content":"","tool_calls":[{"index":0,"id":"a","function":{"name":"now","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    let body = next(Provider::OpenAi, &chunks(&[call]), Provider::OpenAi);
    assert_eq!(body["messages"][1]["reasoning_content"], "");
    let said = r#"{"choices":[{"delta":{"reasoning_content":"hm","content":"here"},"finish_reason":"stop"}]}"#;
    let body = next(Provider::OpenAi, &chunks(&[said]), Provider::OpenAi);
    assert!(body["messages"][1].get("reasoning_content").is_none());
}

#[test]
fn thoughts_between_calls_and_redacted_ones_keep_their_place_and_text() {
    let redacted = r#"{"type":"redacted_thinking","data":"EmwKAhgB"}"#;
    let message = format!(
        r#"{{"type":"message","content":[{redacted},{{"type":"tool_use","id":"a","name":"one","input":{{}}}},{{"type":"thinking","thinking":"so","signature":"c2ln"}},{{"type":"tool_use","id":"b","name":"two","input":{{}}}}],"stop_reason":"tool_use"}}"#
    );
    let body = next(Provider::Anthropic, &message, Provider::Anthropic);
    let content = body["messages"][1]["content"].as_array().unwrap();
    let kinds: Vec<_> = content
        .iter()
        .map(|it| it["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["redacted_thinking", "tool_use", "thinking", "tool_use"]
    );
    assert_eq!(content[0]["data"], "EmwKAhgB");
}

#[test]
fn what_is_too_long_to_be_carried_is_an_error() {
    let thought = "x".repeat(1024 * 1024);
    let call = format!(
        r#"{{"choices":[{{"delta":{{"reasoning_content":"{thought}","tool_calls":[{{"index":0,"id":"a","function":{{"name":"now","arguments":"{{}}"}}}}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    assert!(read(Provider::OpenAi, &[chunks(&[&call]).as_bytes()]).is_err());
    assert!(Carried::new("openai", "x", "{}").is_ok());
}
