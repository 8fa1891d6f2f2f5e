//! Processes that store their runs, and are left in the middle of a call.

use std::sync::{Arc, Mutex};

use bailiwick::agent::{Orchestrator, OrchestratorBuilder, SealKey};
use bailiwick::capability::{Authority, Grant, Risk, Scope, any, minutes, path_under};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, Turn, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::SqliteStore;
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

/// A store, an authority and a sealing key, which processes share.
pub struct Home {
    pub directory: TempDir,
    pub authority: Authority,
    pub seal: [u8; 32],
    pub clock: ManualClock,
    pub made: Arc<Mutex<Vec<String>>>,
}

pub fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

impl Home {
    pub fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            seal: [7; 32],
            clock: ManualClock::at(start()),
            made: Arc::default(),
        }
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("store")
    }

    /// Another process, as far as anything in it can tell.
    pub fn process(&self, model: ScriptedModel) -> OrchestratorBuilder {
        self.process_of(&self.authority, model)
    }

    pub fn process_of(&self, authority: &Authority, model: ScriptedModel) -> OrchestratorBuilder {
        let store = SqliteStore::open(self.path()).unwrap();
        Orchestrator::builder(authority)
            .store(Arc::new(store))
            .clock(Arc::new(self.clock.clone()))
            .seal_keys(SealKey::from_bytes(self.seal))
            .tool(self.tool("fs.read", None))
            .model(model)
    }

    /// A tool that notes its argument, and then waits, if there is something to wait for.
    pub fn tool(&self, capability: &str, wait: Option<Arc<Notify>>) -> RuntimeTool {
        let made = self.made.clone();
        let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
        let declaration = declaration.taints(["file"]);
        RuntimeTool::new(declaration, json!({ "type": "object" }), move |args, _| {
            let (made, wait) = (made.clone(), wait.clone());
            async move {
                let path = args["path"].as_str().unwrap().to_owned();
                made.lock().unwrap().push(path);
                if let Some(wait) = wait {
                    wait.notified().await;
                }
                Ok(json!("read"))
            }
        })
    }

    pub fn made(&self) -> Vec<String> {
        self.made.lock().unwrap().clone()
    }
}

pub fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::new("slow").arg("path", any()))
        .grant(Grant::spawn(["reader"]))
        .max_depth(2)
        .expires_in(minutes(10))
}

pub fn read(path: &str) -> Turn {
    call("fs_read", json!({ "path": path }))
}

/// A model that keeps what it was asked.
pub fn listening(
    turns: impl IntoIterator<Item = Turn>,
) -> (ScriptedModel, Arc<Mutex<Vec<Request>>>) {
    let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
    let (heard, mut turns) = (
        asked.clone(),
        turns.into_iter().collect::<Vec<_>>().into_iter(),
    );
    let model = ScriptedModel::from_fn(move |request: &Request| {
        heard.lock().unwrap().push(request.clone());
        turns.next().unwrap_or_else(|| say("there is no more"))
    });
    (model, asked)
}

/// What the model was told last of a call.
pub fn told(request: &Request) -> String {
    match request.messages.last() {
        Some(Message::Tool { outcome, .. }) => outcome.clone(),
        other => panic!("{other:?}"),
    }
}

/// Begins a run whose call of a slow tool is in flight; gives its id, and what lets the call end.
pub async fn in_flight(
    home: &Home,
    turns: Vec<Turn>,
) -> (
    Orchestrator,
    bailiwick::id::RunId,
    Arc<Notify>,
    tokio::task::JoinHandle<String>,
) {
    let wait = Arc::new(Notify::new());
    let first = home.process(ScriptedModel::new(turns));
    let first = first
        .tool(home.tool("slow", Some(wait.clone())))
        .build()
        .unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let running = tokio::spawn(async move {
        match lead.run("read").await {
            Ok(report) => report.text().to_owned(),
            Err(failed) => failed.to_string(),
        }
    });
    while home.made().is_empty() {
        tokio::task::yield_now().await;
    }
    (first, run, wait, running)
}

pub fn slow(path: &str) -> Turn {
    call("slow", json!({ "path": path }))
}
