//! What a weak model writes for a call, read from its words and taken to the gate.

use bailiwick::agent::Ended;
use bailiwick::model::{Message, Request};
use bailiwick_integration_tests::support::weak_model::clerk;

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
