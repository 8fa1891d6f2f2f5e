//! Processes whose helpers have stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bailiwick::agent::{Helper, Orchestrator, OrchestratorBuilder, SealKey};
use bailiwick::capability::{
    Authority, Budget, Chain, Grant, KeyRing, Risk, Scope, any, from_text, minutes, path_under,
};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{AGENTS, Effect};
use bailiwick::id::{RunId, Timestamp};
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::{Key, SqliteStore, Store, Versioned};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A store, an authority and a clock, which processes share.
pub struct Home {
    pub directory: TempDir,
    pub authority: Authority,
    pub clock: ManualClock,
    /// What the lead's model was last told of a call.
    pub told: Arc<Mutex<Vec<String>>>,
    pub started: Arc<Notify>,
}

pub fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

/// Two places for agents, of a team that other runs are of too.
pub fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("wait").arg("path", any()))
        .grant(Grant::new("look.up"))
        .grant(Grant::spawn(["reader", "writer"]))
        .budget(Budget::new(AGENTS, 2).shared("team"))
        .max_depth(2)
        .expires_in(minutes(60))
}

impl Home {
    pub fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            clock: ManualClock::at(start()),
            told: Arc::default(),
            started: Arc::default(),
        }
    }

    pub fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.directory.path().join("store")).unwrap())
    }

    /// Another process, as far as anything in it can tell. Its helpers wait in their one call.
    pub fn process(&self, helper: &str) -> OrchestratorBuilder {
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
    pub async fn gone(&self, helper: &str) -> RunId {
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
    pub async fn agents(&self, run: RunId) -> BTreeMap<String, Chain> {
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

    pub fn last_told(&self) -> Option<String> {
        self.told.lock().unwrap().last().cloned()
    }
}
