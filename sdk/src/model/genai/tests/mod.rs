mod failures;
mod providers;
mod secrets;
mod server;

use serde_json::json;

use super::*;
use crate::model::{Message, ToolCall, ToolSpec};
use server::Server;

const KEY: &str = "k3y-of-the-house-0042";

fn model(provider: Provider, server: &Server) -> GenaiModel {
    GenaiModel::new(provider, "small")
        .unwrap()
        .base_url(&server.url)
        .unwrap()
        .key(Key::new(KEY))
}

/// A conversation with calls, results and tools.
fn conversation() -> Request {
    let mut request = Request::new([
        Message::User {
            text: "count".into(),
        },
        Message::Assistant {
            text: Some("I look.".into()),
            calls: vec![
                ToolCall::new("call-1", "fs_read", r#"{"path":"/a"}"#),
                ToolCall::new("call-2", "fs_read", "{\"path\""),
            ],
            carried: Vec::new(),
        },
        Message::Tool {
            call_id: "call-1".into(),
            tool: "fs_read".into(),
            outcome: "contents".into(),
            is_error: false,
        },
        Message::Tool {
            call_id: "call-2".into(),
            tool: "fs_read".into(),
            outcome: "not JSON".into(),
            is_error: true,
        },
    ]);
    request.system = Some("be brief".into());
    request.max_output_tokens = Some(77);
    let parameters = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    request.tools = vec![ToolSpec::new("fs_read", "Read a file.", parameters)];
    request
}

/// The completion, and the pieces of text that were told.
async fn streamed(model: &GenaiModel) -> (Completion, Vec<String>) {
    let mut told = Vec::new();
    let completion = model
        .stream(&conversation(), &mut |text| told.push(text.to_owned()))
        .await
        .unwrap();
    (completion, told)
}

#[test]
fn a_name_that_would_choose_another_provider_is_refused() {
    for name in ["", "anthropic::claude", "a::b"] {
        assert!(GenaiModel::new(Provider::OpenAi, name).is_err(), "{name}");
    }
}

#[test]
fn a_base_url_ends_with_a_slash_and_holds_no_secret() {
    let model = GenaiModel::new(Provider::OpenAi, "m").unwrap();
    let at = model.clone().base_url("http://127.0.0.1:8080/v1").unwrap();
    assert!(format!("{at:?}").contains("http://127.0.0.1:8080/v1/"));
    for url in [
        "ftp://host/",
        "127.0.0.1:80",
        "http://me:s3cret@host/",
        "http://host/?key=s3cret",
        "http://host/#s3cret",
        "",
    ] {
        let error = model.clone().base_url(url).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
