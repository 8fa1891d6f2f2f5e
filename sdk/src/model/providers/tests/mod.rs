mod alike;
mod bounds;
mod carried;
mod ends;
mod failures;
mod names;
mod providers;
mod secrets;
mod server;
mod shapes;
mod strict;

use serde_json::json;

use super::reading::Reading;
use super::*;
use crate::model::{Message, ToolCall, ToolSpec};
use server::Server;

const KEY: &str = "k3y-of-the-house-0042";

fn model(provider: Provider, server: &Server) -> ProviderModel {
    ProviderModel::new(provider, "small")
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
async fn streamed(model: &ProviderModel) -> (Completion, Vec<String>) {
    let mut told = Vec::new();
    let completion = model
        .stream(&conversation(), &mut |text| told.push(text.to_owned()))
        .await
        .unwrap();
    (completion, told)
}

#[test]
fn a_model_without_a_name_is_refused() {
    for name in ["", "  "] {
        assert!(
            ProviderModel::new(Provider::OpenAi, name).is_err(),
            "{name}"
        );
    }
}

#[test]
fn a_member_that_the_adapter_writes_is_refused() {
    let model = || ProviderModel::openai("m").unwrap();
    for name in ["model", "messages", "tools", "stream"] {
        assert!(model().with_member(name, json!(1)).is_err(), "{name}");
    }
    let model = model()
        .with_member("reasoning_effort", json!("low"))
        .unwrap();
    let (body, _) = model.body(&conversation()).unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["reasoning_effort"], "low");
    // OpenAI itself is told of the limit under its newer name.
    assert_eq!(body["max_completion_tokens"], 77);
    assert!(body.get("max_tokens").is_none());
}

#[test]
fn a_base_url_ends_with_a_slash_and_holds_no_secret() {
    let model = ProviderModel::new(Provider::OpenAi, "m").unwrap();
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

/// What the reader makes of a body that arrives in these pieces.
fn read(provider: Provider, pieces: &[&[u8]]) -> Result<Completion, ModelError> {
    let mut reading = Reading::new(provider.protocol(), "");
    for piece in pieces {
        if !reading.push(piece, &mut |_| {})? {
            break;
        }
    }
    reading.end(&mut |_| {})
}

/// A stream of these chunks, as OpenAI's protocol has them.
fn chunks(chunks: &[&str]) -> String {
    chunks
        .iter()
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect()
}

/// What is made of a stream of OpenAI's protocol that has these pieces of calls, a chunk each, and stops.
fn calling(pieces: &[&str]) -> Result<Completion, ModelError> {
    let mut body = String::new();
    for piece in pieces {
        body.push_str(&format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{piece}]}}}}]}}\n\n"
        ));
    }
    body.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n");
    self::read(Provider::OpenAi, &[body.as_bytes()])
}
