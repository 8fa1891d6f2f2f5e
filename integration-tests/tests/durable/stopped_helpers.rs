//! Helpers that do not come back when their run is resumed: their tokens have ended, or were revoked.
//! The rest of the tree goes on; and a run that cannot be resumed is removed.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick::agent::{Helper, Orchestrator, OrchestratorBuilder, ResumeError, SealKey};
use bailiwick::capability::{
    Authority, Budget, Chain, Grant, KeyRing, Risk, Scope, any, from_text, minutes, path_under,
};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{AGENTS, Effect, Revocable};
use bailiwick::id::{RunId, Timestamp};
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::{Key, SqliteStore, Store, Versioned};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A store, an authority and a clock, which processes share.
struct Home {
    directory: TempDir,
    authority: Authority,
    clock: ManualClock,
    /// What the lead's model was last told of a call.
    told: Arc<Mutex<Vec<String>>>,
    started: Arc<Notify>,
}

fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

/// Two places for agents, of a team that other runs are of too.
fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("wait").arg("path", any()))
        .grant(Grant::new("look.up"))
        .grant(Grant::spawn(["reader", "writer"]))
        .budget(Budget::new(AGENTS, 2).shared("team"))
        .max_depth(2)
        .expires_in(minutes(60))
}

impl Home {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            clock: ManualClock::at(start()),
            told: Arc::default(),
            started: Arc::default(),
        }
    }

    fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.directory.path().join("store")).unwrap())
    }

    /// Another process, as far as anything in it can tell. Its helpers wait in their one call.
    fn process(&self, helper: &str) -> OrchestratorBuilder {
        let (told, started, helper) = (self.told.clone(), self.started.clone(), helper.to_owned());
        let lead = ScriptedModel::from_fn(move |request: &Request| match request.messages.last() {
            // The task `go` is looked at first, and makes a longer conversation.
            Some(Message::User { text }) if text == "go" => call("look_up", json!({})),
            Some(Message::Tool { tool, outcome, .. }) if tool != "look_up" => {
                told.lock().unwrap().push(outcome.clone());
                say("I see")
            }
            _ => call(&helper, json!({ "task": "wait" })),
        });
        let wait = RuntimeTool::new(
            Declaration::new("wait", Effect::Read, Risk::Low),
            json!({ "type": "object" }),
            move |_, _| {
                started.notify_one();
                std::future::pending()
            },
        );
        let scope = || {
            let wait = Grant::new("wait").arg("path", path_under("/srv"));
            Scope::new().grant(wait).expires_in(minutes(5))
        };
        Orchestrator::builder(&self.authority)
            .store(self.store())
            .clock(Arc::new(self.clock.clone()))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(wait)
            .tool(RuntimeTool::new(
                Declaration::new("look.up", Effect::Read, Risk::Low),
                json!({ "type": "object" }),
                |_, _| async { Ok(json!("looked")) },
            ))
            .helper(Helper::new("reader", "Reads.").scope(scope()))
            .helper(
                Helper::new("writer", "Takes over.")
                    .scope(scope())
                    .takes_over(),
            )
            .model_for("lead", lead)
            .model(ScriptedModel::from_fn(|_: &Request| {
                call("wait", json!({ "path": "/srv/a" }))
            }))
    }

    /// A process that is gone while a helper of the lead was at work; its run.
    async fn gone(&self, helper: &str) -> RunId {
        let first = self.process(helper).build().unwrap();
        let lead = first.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap();
        let running = tokio::spawn(lead.run("go"));
        self.started.notified().await;
        // Nothing of it is dropped, as nothing is where a process is killed.
        std::mem::forget((running, first));
        run
    }

    /// The tokens of the agents that have not ended, by their paths.
    async fn agents(&self, run: RunId) -> BTreeMap<String, Chain> {
        let place = Key::of(["run", &run.to_string(), "agents"]);
        let kept = self.store().scan(&place, None, 99).await.unwrap();
        let agent = |(_, kept): &(Key, Versioned)| {
            let record: Value = serde_json::from_str(&kept.value).unwrap();
            let token = from_text(record["token"].as_str().unwrap()).unwrap();
            let chain = KeyRing::new([self.authority.root()]).chain(&token).unwrap();
            (record["path"].as_str().unwrap().to_owned(), chain)
        };
        kept.iter().map(agent).collect()
    }

    fn last_told(&self) -> Option<String> {
        self.told.lock().unwrap().last().cloned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_whose_token_ended_does_not_keep_its_run_from_going_on() {
    for new_keys in [false, true] {
        let home = Home::new();
        let run = home.gone("reader").await;
        home.clock.advance(minutes(5));
        let next = home.process("reader").build().unwrap();
        let resumed = match new_keys {
            true => next.resume_with_new_keys(run).await,
            false => next.resume(run).await,
        };
        assert_eq!(home.agents(run).await.len(), 1);
        let report = resumed.unwrap().run().await.unwrap();
        assert_eq!(report.text(), "I see");
        let told = home.last_told().unwrap();
        assert!(
            told.contains("has ended with its process or its token"),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_06_a_task_is_not_taken_back_because_the_token_of_who_took_it_ended() {
    let home = Home::new();
    let run = home.gone("writer").await;
    home.clock.advance(minutes(5));
    let next = home.process("writer").build().unwrap();
    let failed = next.resume(run).await.unwrap().run().await.unwrap_err();
    assert_eq!(
        failed.report().finished().ended,
        bailiwick::agent::Ended::HandedOver
    );
    // The lead's model was not asked again.
    assert_eq!(home.last_told(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_22_new_keys_do_not_bring_back_an_agent_that_was_revoked() {
    let path = "lead/reader";
    let by: [fn(&Chain) -> Revocable; 4] = [
        |chain| Revocable::Block(chain.id()),
        |chain| Revocable::Key(chain.holder()),
        |_| Revocable::Agent("lead/reader".to_owned()),
        |_| Revocable::Role {
            parent: "lead".to_owned(),
            role: "reader".to_owned(),
        },
    ];
    for by in by {
        let home = Home::new();
        let run = home.gone("reader").await;
        let revoked = by(&home.agents(run).await[path]);
        let next = home.process("reader").build().unwrap();
        next.guard().revoke([revoked.clone()]).await.unwrap();
        let again = home.process("reader").build().unwrap();
        let resumed = again.resume_with_new_keys(run).await.unwrap();
        let left: Vec<_> = home.agents(run).await.into_keys().collect();
        assert_eq!(left, ["lead"], "{revoked:?}");
        assert_eq!(resumed.run().await.unwrap().text(), "I see");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_can_go_on_with_is_closed_and_removed() {
    let home = Home::new();
    let run = home.gone("reader").await;
    home.clock.advance(minutes(60));
    let next = home.process("reader").build().unwrap();
    let ended = next.resume(run).await.unwrap_err().to_string();
    assert!(ended.contains("it ended at"), "{ended}");
    // Another run of the team has not a place beside what was left open.
    let lead = next.agent("lead", scope()).await.unwrap();
    let left = || async { next.guard().left(&lead.held(), AGENTS).await.unwrap() };
    assert_eq!(left().await, Some(1));
    home.clock.advance(Duration::from_secs(1));
    let pruned = next.prune(Timestamp::MAX).await.unwrap();
    assert_eq!((pruned.runs, pruned.open.len()), (1, 0));
    assert_eq!(left().await, Some(2));
    let gone = next.resume(run).await.unwrap_err();
    assert!(matches!(gone, ResumeError::NotFound { .. }), "{gone}");
    let of_run = |key: &Key| key.parts().contains(&run.to_string());
    let values = home
        .store()
        .scan(&Key::root(), None, usize::MAX)
        .await
        .unwrap();
    assert!(!values.iter().any(|(key, _)| of_run(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_taken_over_by_the_orchestrator_that_is_at_work_on_it() {
    let home = Home::new();
    let orchestrator = home.process("reader").build().unwrap();
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    for taken in [
        orchestrator.resume(run).await,
        orchestrator.resume_with_new_keys(run).await,
    ] {
        assert!(matches!(taken.unwrap_err(), ResumeError::AlreadyRunning));
    }
    // The agent still has it, and so does the process that takes the run over.
    let child = lead.spawn("reader").await.unwrap();
    let next = home.process("reader").build().unwrap();
    let mut resumed = next.resume(run).await.unwrap();
    assert_eq!(resumed.children().len(), 1);
    let taken = next.resume(run).await.unwrap_err();
    assert!(matches!(taken, ResumeError::AlreadyRunning), "{taken}");
    drop((lead, child));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stays_with_whoever_has_it_where_there_is_no_place_for_its_agents() {
    let home = Home::new();
    let run = home.gone("reader").await;
    let head = Key::of(["runs", &run.to_string()]);
    let version = || async { home.store().get(&head).await.unwrap().unwrap().version };
    let before = version().await;
    let full = home.process("reader").max_agents(1).build().unwrap();
    let refused = full.resume(run).await.unwrap_err();
    assert!(matches!(refused, ResumeError::TooMany(_)), "{refused}");
    assert_eq!(version().await, before);
    // What was taken meanwhile is given back.
    full.agent("other", Scope::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_in_the_place_of_one_that_goes_no_further_leaves_nothing_of_it() {
    let home = Home::new();
    let run = home.gone("reader").await;
    let next = home.process("reader").build().unwrap();
    let resumed = next.resume(run).await.unwrap();
    assert!(resumed.task().is_some());
    let agent = resumed.into_agent();
    let cancelled = agent.handle();
    let running = tokio::spawn(agent.run("something else"));
    home.started.notified().await;
    // Stopped in its first turn, as the first run was, and gone on with once more.
    std::mem::forget(running);
    let again = home.process("reader").build().unwrap();
    let resumed = again.resume(run).await.unwrap();
    assert_eq!(resumed.task(), Some("something else"));
    assert_eq!(resumed.unknown().len(), 1);
    drop((resumed, cancelled));
}

#[tokio::test]
async fn attack_15_what_code_read_before_a_crash_is_not_forgotten_to_be_tainted() {
    let home = Home::new();
    let clean = || {
        let wait = Grant::new("look").arg("path", any());
        Scope::new()
            .grant(wait)
            .taint(Vec::<String>::new())
            .expires_in(minutes(60))
    };
    let look = || {
        let declared = Declaration::new("look", Effect::Read, Risk::Low).taints(["web"]);
        RuntimeTool::new(declared, json!({ "type": "object" }), |_, _| async {
            Ok(json!(1))
        })
    };
    let first = home.process("reader").tool(look()).build().unwrap();
    let lead = first.agent("lead", clean()).await.unwrap();
    let run = lead.run_id().unwrap();
    let path = json!({ "path": "/a" });
    let value = |outcome| matches!(outcome, bailiwick::tool::Outcome::Value { .. });
    assert!(value(lead.call("look", &path).await));
    assert!(!value(lead.call("look", &path).await), "it is tainted now");
    std::mem::forget(lead);
    let next = home.process("reader").tool(look()).build().unwrap();
    let lead = next.resume(run).await.unwrap().into_agent();
    assert!(!value(lead.call("look", &path).await));
}
