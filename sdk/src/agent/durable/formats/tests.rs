//! Stored samples of every format at each version: what is read today is read by every later build.

use serde::Serialize;
use serde_json::json;

use super::*;
use crate::agent::durable::{LoadError, canonical_line, head_key, read_head};
use crate::agent::run::Run;
use crate::agent::{ResumeError, stored_run};
use crate::capability::AgentKey;
use crate::format::FormatError;
use crate::id::{AgentId, RunId};
use crate::store::{Batch, MemoryStore, Store};

/// The samples of the version that is written: each is read, and writing it again gives the same text.
fn samples<T: Serialize>(format: &Format<T>, text: &str) -> Vec<T> {
    let read = |line: &str| {
        let read = format.read(serde_json::from_str(line).unwrap()).unwrap();
        assert_eq!(canonical_line(&read), line);
        read
    };
    text.lines().map(read).collect()
}

/// In each sample, another version is refused by its name, and a member that the version does not have is refused.
fn is_strict<T: std::fmt::Debug>(format: &Format<T>, text: &str) {
    for line in text.lines() {
        let with = |name: &str, member: Value| {
            let mut value: Value = serde_json::from_str(line).unwrap();
            value[name] = member;
            format.read(value).unwrap_err()
        };
        let version = with("version", json!(2));
        assert!(matches!(version, FormatError::Version { .. }), "{line}");
        let stray = with("stray", json!(true));
        assert!(stray.to_string().contains("`stray`"), "{line}: {stray}");
    }
}

const HEADS: &str = include_str!("../golden/head-1.jsonl");
const OVERS: &str = include_str!("../golden/over-1.jsonl");
const AGENTS: &str = include_str!("../golden/agent-1.jsonl");
const STATES: &str = include_str!("../golden/state-1.jsonl");
const SPAWNINGS: &str = include_str!("../golden/spawning-1.jsonl");
const CALLS: &str = include_str!("../golden/call-1.jsonl");
const MESSAGES: &str = include_str!("../golden/message-1.jsonl");

const RUN: &str = "01939b5e-7c00-7000-8000-0000000000a1";
const LEAD: &str = "01939b5e-7c00-7000-8000-0000000000b1";

#[test]
fn a_head_and_an_end_of_version_1_are_read() {
    let heads = samples(&HEAD, HEADS);
    assert_eq!(heads[0].root.to_string(), LEAD);
    assert_eq!((&*heads[0].role, heads[1].since), ("lead", None));
    let overs = samples(&OVER, OVERS);
    assert_eq!((&*overs[0].how, overs[1].at), ("answer", None));
    is_strict(&HEAD, HEADS);
    is_strict(&OVER, OVERS);
}

#[test]
fn an_agent_of_version_1_is_read() {
    let agents = samples(&AGENT, AGENTS);
    let [lead, child, ended] = &agents[..] else {
        panic!("{agents:?}")
    };
    assert_eq!(lead.agent.to_string(), LEAD);
    assert!(lead.key.is_some() && lead.parent.is_none());
    assert_eq!((child.parent, child.takes_over), (Some(lead.agent), true));
    assert_eq!(child.call.as_deref(), Some("call_1"));
    assert_eq!(ended.ended.as_deref(), Some("lost"));
    is_strict(&AGENT, AGENTS);
}

#[cfg(feature = "seal")]
#[test]
fn a_sealed_key_of_version_1_opens() {
    let agents = samples(&AGENT, AGENTS);
    let lead = agents.first().unwrap();
    let (run, public): (RunId, _) = (RUN.parse().unwrap(), AgentKey::of_seed(&[5; 32]).public());
    let seal = super::super::SealKey::from_bytes([7; 32]);
    let text = lead.key.as_ref().unwrap();
    let opened = seal.open((run, lead.agent, public), text).unwrap();
    assert_eq!(opened.public(), public);
}

#[test]
fn a_state_and_messages_of_version_1_are_read() {
    let states = samples(&STATE, STATES);
    let messages = samples(&MESSAGE, MESSAGES);
    assert_eq!(messages.len(), 5);
    for state in states {
        let stored = state.run.clone();
        let outline = OUTLINE.read(state.run.clone()).unwrap();
        assert_eq!((&*outline.task, outline.turns > 0), ("sum up", true));
        let said = messages[..state.messages].to_vec();
        let mut run = Run::with_messages(state.run, said.clone()).unwrap();
        assert_eq!((run.agent(), run.task()), ("lead", "sum up"));
        let written: Vec<_> = run.messages().iter().map(|one| json!(one)).collect();
        assert_eq!(written, said);
        assert_eq!(run.without_messages(), stored);
        if let Some(turn) = state.open_turn {
            assert_eq!(turn.max_output_tokens, Some(4096));
            assert!(turn.charged().is_some());
        }
        // The machine's state has a version of its own.
        let mut later = stored.clone();
        later["version"] = json!(2);
        let error = Run::with_messages(later.clone(), said.clone()).unwrap_err();
        assert!(error.to_string().contains("has version `2`"), "{error}");
        assert!(OUTLINE.read(later).is_err());
        let mut stray = said;
        stray[0]["stray"] = json!(1);
        assert!(Run::with_messages(stored, stray).is_err());
    }
    is_strict(&STATE, STATES);
    let later = json!({"version": 2, "role": "user", "text": "hello"});
    assert!(matches!(
        MESSAGE.read(later),
        Err(FormatError::Version { .. })
    ));
}

#[test]
fn calls_and_spawns_of_version_1_are_read() {
    let calls = samples(&CALL, CALLS);
    let states: Vec<_> = calls
        .iter()
        .map(|call| match call {
            CallRecord::Begun { before: None, .. } => "begun",
            CallRecord::Begun { .. } => "begun, and looked",
            CallRecord::Again { .. } => "again",
            CallRecord::Child { .. } => "child",
            CallRecord::Done { .. } => "done",
        })
        .collect();
    let all = ["begun", "begun, and looked", "again", "child", "done"];
    assert_eq!(states, all);
    is_strict(&CALL, CALLS);
    let spawnings = samples(&SPAWNING, SPAWNINGS);
    assert!(spawnings[0].slots().is_some());
    is_strict(&SPAWNING, SPAWNINGS);
}

#[tokio::test]
async fn a_run_of_another_version_says_which_value_it_is_and_which_versions_are_read() {
    let store = MemoryStore::new();
    let run: RunId = RUN.parse().unwrap();
    let head = HEADS.lines().next().unwrap();
    let put = async |text: &str| {
        let batch = Batch::new().put(head_key(run), text);
        store.commit(batch).await.unwrap();
    };
    put(&head.replace("\"version\":1", "\"version\":7")).await;
    let error = read_head(&store, run).await.unwrap_err();
    assert!(matches!(error, LoadError::Version { .. }), "{error:?}");
    let error = stored_run(&store, run).await.unwrap_err();
    assert!(
        matches!(error, ResumeError::OtherVersion { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    for part in [
        &format!("`runs/{RUN}`"),
        "version `7`",
        "version `1`",
        "use a build",
    ] {
        assert!(text.contains(part), "{text}");
    }
    put(&head
        .replace("\"version\":1,", "")
        .replace(",\"version\":1", ""))
    .await;
    let error = stored_run(&store, run).await.unwrap_err();
    assert!(matches!(error, ResumeError::Damaged { .. }), "{error:?}");
    put(head).await;
    let found = stored_run(&store, run).await.unwrap();
    let root: AgentId = LEAD.parse().unwrap();
    assert_eq!((found.run, &*found.role), (run, "lead"));
    assert_eq!(read_head(&store, run).await.unwrap().0.root, root);
}
