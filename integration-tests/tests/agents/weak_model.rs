//! What a weak model writes for a call, read from its words and taken to the gate.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the functions that tests share are test code too"
)]

use std::sync::{Arc, Mutex};

use bailiwick::agent::{Agent, Ended, Orchestrator};
use bailiwick::capability::{Authority, Grant, Kind, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::model::{Fenced, Message, Request};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;

/// Paths that were really read, in order.
type Reads = Arc<Mutex<Vec<String>>>;

/// A clerk whose model gives these answers, one a turn, and what it is asked.
async fn clerk(answers: &[&str]) -> (Agent, Reads, Arc<Mutex<Vec<Request>>>) {
    let reads = Reads::default();
    let body = reads.clone();
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low);
    let schema = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    let read = RuntimeTool::new(declaration, schema, move |args, _| {
        let path = args["path"].as_str().unwrap_or_default().to_owned();
        body.lock().unwrap().push(path.clone());
        async move { Ok(json!(format!("contents of {path}"))) }
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let mut answers = answers
        .iter()
        .map(|text| say(*text))
        .collect::<Vec<_>>()
        .into_iter();
    let model = ScriptedModel::from_fn(move |request| {
        seen.lock().unwrap().push(request.clone());
        answers.next().unwrap_or_else(|| say("done"))
    });
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(read)
        .model(Fenced::new(model))
        .build()
        .unwrap();
    let scope = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .expires_in(minutes(10));
    let agent = orchestrator.agent("clerk", scope).await.unwrap();
    (agent, reads, asked)
}

fn last_words(request: &Request) -> &str {
    match request.messages.last() {
        Some(Message::User { text }) => text,
        _ => "",
    }
}

#[tokio::test]
async fn a_call_in_a_fence_runs_and_its_result_is_told() {
    let (agent, reads, asked) = clerk(&[
        "Let me look.\n```json\n{\"name\": \"fs_read\", \"arguments\": {\"path\": \"/srv/a\"}}\n```",
        "It says: contents.",
    ])
    .await;
    let report = agent.run("read a").await.unwrap();
    assert_eq!(report.text(), "It says: contents.");
    assert_eq!(*reads.lock().unwrap(), ["/srv/a"]);
    let asked = asked.lock().unwrap();
    assert!(asked[0].tools.is_empty() && asked[0].system.as_deref().unwrap().contains("fs_read"));
    assert!(last_words(&asked[1]).contains("contents of /srv/a"));
}

#[tokio::test]
async fn attack_14_a_key_that_is_there_twice_is_refused_and_nothing_runs() {
    for arguments in [
        r#"{"path": "/srv/a", "path": "/etc/passwd"}"#,
        r#"{"path": "/etc/passwd", "path": "/srv/a"}"#,
    ] {
        let call = format!("{{\"name\": \"fs_read\", \"arguments\": {arguments}}}");
        let (agent, reads, _) = clerk(&[&call]).await;
        let report = agent.run("read").await.unwrap();
        assert_eq!(report.denials()[0].kind(), Kind::Argument);
        assert!(reads.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn malformed_and_cut_arguments_are_refused_and_the_run_goes_on() {
    let (agent, reads, asked) = clerk(&[
        r#"{"name": "fs_read", "arguments": {path: /srv/a}}"#,
        r#"{"name": "fs_read", "arguments": {"path": "/srv/"#,
        r#"{"name": "fs_read", "arguments": "/srv/a"}"#,
        r#"{"name": "fs_read", "argum"#,
        r#"{"name": "fs_read", "path": "/srv/a"}"#,
        "```tool_call\n{\"path\": \"/srv/a\"}\n```",
        r#"{"name": "fs_read", "arguments": {"path": "/srv/b"}}"#,
        "I have it.",
    ])
    .await;
    let report = agent.run("read").await.unwrap();
    assert_eq!(report.text(), "I have it.");
    assert_eq!(*reads.lock().unwrap(), ["/srv/b"]);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 8);
    for request in &asked[1..7] {
        assert!(last_words(request).contains("\"error\""), "{request:?}");
    }
}

#[tokio::test]
async fn an_invented_tool_is_told_to_be_none_and_ends_the_run_when_it_goes_on() {
    let call = r#"{"name": "open_door", "arguments": {"door": 1}}"#;
    let (agent, _, asked) = clerk(&[call; 9]).await;
    let failed = agent.run("open").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Repeated);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    let told = last_words(&asked[1]);
    assert!(told.contains("there is no tool `open_door`"), "{told}");
}

#[tokio::test]
async fn attack_32_an_invented_tool_in_ever_new_clothes_ends_the_run() {
    let (agent, _, asked) = clerk(&[
        r#"{"name": "open_door", "arguments": {"door": 1, "wide": true}}"#,
        r#"{"name": "open_door", "arguments": {"wide":true,"door":1}}"#,
        r#"{"name": "open_door", "arguments": { "door" : 1, "wide" : true }}"#,
        "```json\n{\"name\": \"open_door\", \"parameters\": {\"door\": 1,\n\"wide\": true}}\n```",
        "never asked",
    ])
    .await;
    let failed = agent.run("open").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Repeated);
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn attack_32_the_same_refused_call_in_ever_new_clothes_ends_the_run() {
    let (agent, reads, _) = clerk(&[
        r#"{"name": "fs_read", "arguments": {"path": "/etc/passwd"}}"#,
        "```json\n{\"name\": \"fs_read\", \"parameters\": { \"path\" : \"/etc/passwd\" }}\n```",
        r#"<tool_call>{"tool": "fs_read", "input": "{\"path\": \"/etc/passwd\"}"}</tool_call>"#,
        r#"[{"name": "fs_read", "args": {"path": "/etc/pass\u0077d"}}]"#,
        "never asked",
    ])
    .await;
    let failed = agent.run("read").await.unwrap_err();
    let finished = failed.report().finished();
    assert_eq!((finished.ended, finished.turns), (Ended::Repeated, 4));
    assert!(reads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn prose_about_a_call_is_an_answer() {
    let (agent, reads, _) = clerk(&["I would call fs_read(\"/srv/a\") now."]).await;
    let report = agent.run("read").await.unwrap();
    assert_eq!(report.text(), "I would call fs_read(\"/srv/a\") now.");
    assert!(reads.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_is_quoted_or_thought_of_is_not_made() {
    let call = r#"{"name": "fs_read", "arguments": {"path": "/srv/a"}}"#;
    for text in [
        format!("The third line of the file is {call}"),
        format!("The third line of the file is:\n{call}"),
        format!("> {call}"),
        format!("> ```tool_call\n> {call}\n> ```"),
        format!("<think>\n```tool_call\n{call}\n```\n</think>\nI do not read it."),
        format!("The file says:\n```json\n{call}\n```"),
        format!("````\n```tool_call\n{call}\n```\n````\nis what the file says."),
    ] {
        let (agent, reads, asked) = clerk(&[&text]).await;
        let report = agent.run("read").await.unwrap();
        assert_eq!(report.text(), text);
        assert!(reads.lock().unwrap().is_empty(), "{text}");
        assert_eq!(asked.lock().unwrap().len(), 1, "{text}");
    }
}
