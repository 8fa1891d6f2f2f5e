//! Names and ids that providers refuse.

use super::*;
use crate::model::Message;

#[test]
fn names_and_ids_are_sent_so_that_every_provider_takes_them() {
    let (long, id) = ("x".repeat(200), "c".repeat(128));
    let names = ["", "no such tool / x", long.as_str()];
    let calls = || {
        names
            .iter()
            .map(|name| ToolCall::new(format!("{id}{name}"), *name, "{}"))
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
