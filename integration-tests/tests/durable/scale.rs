//! What a run leaves behind does not make it slower to go on with: counted, not timed.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder, SealKey};
use bailiwick::capability::{Authority, Grant, Held, Kind, Risk, Scope};
use bailiwick::guard::Effect;
use bailiwick::id::RunId;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::store::{Batch, SqliteStore, StoreError};
use bailiwick::tool::{Declaration, Outcome, RuntimeTool, Situation};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::json;
use tempfile::TempDir;

/// What was asked of a store.
#[derive(Debug, Default)]
struct Asked {
    reads: AtomicUsize,
    rows: AtomicUsize,
    operations: AtomicUsize,
}

impl Asked {
    fn all(&self) -> [usize; 3] {
        [&self.reads, &self.rows, &self.operations].map(|count| count.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Fate for Asked {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        Ok(())
    }

    fn writes(&self, batch: &Batch) {
        self.operations
            .fetch_add(batch.ops().len(), Ordering::SeqCst);
    }

    fn reads(&self, rows: usize) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.rows.fetch_add(rows, Ordering::SeqCst);
    }
}

/// A file, and what processes on it share.
struct Home {
    directory: TempDir,
    authority: Authority,
}

impl Home {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
        }
    }

    fn process(&self, lead: ScriptedModel) -> (OrchestratorBuilder, Arc<Asked>) {
        let asked = Arc::new(Asked::default());
        let store = SqliteStore::open(self.directory.path().join("store")).unwrap();
        let declaration = Declaration::new("note.add", Effect::Write, Risk::Low);
        let schema = json!({ "type": "object" });
        let tool = RuntimeTool::new(declaration, schema, |_, _| async { Ok(json!("noted")) });
        let builder = Orchestrator::builder(&self.authority)
            .store(Arc::new(Fated::new(Arc::new(store), asked.clone())))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(tool)
            .model(ScriptedModel::from_fn(|request| {
                match request.messages.len() {
                    1 => call("note_add", json!({})),
                    _ => say("done"),
                }
            }))
            .model_for("lead", lead);
        (builder, asked)
    }
}

fn scope() -> Scope {
    note().grant(Grant::spawn(["worker"])).max_depth(3)
}

fn note() -> Scope {
    Scope::new().grant(Grant::new("note.add"))
}

async fn worker(parent: &Agent) -> Agent {
    parent.spawn("worker").scope(note()).await.unwrap()
}

/// A run that can go on, beside so many of its agents and so many whole runs that are over; and the
/// token of one of those agents.
async fn begun(home: &Home, finished: usize) -> (RunId, Arc<Held>) {
    // The model of the first agent has no second answer, so its run stops.
    let (process, _) = home.process(ScriptedModel::new([call("note_add", json!({}))]));
    let process = process.build().unwrap();
    let lead = process.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let mut ended = None;
    for _ in 0..finished {
        let child = worker(&lead).await;
        ended = Some(child.held());
        child.run("work").await.unwrap();
        let other = process.agent("other", scope()).await.unwrap();
        worker(&other).await.run("work").await.unwrap();
        other.run("work").await.unwrap();
    }
    lead.run("lead").await.unwrap_err();
    (run, ended.unwrap())
}

#[tokio::test]
async fn what_is_finished_costs_a_resume_nothing() {
    let mut counts = Vec::new();
    for finished in [1, 2, 40] {
        let home = Home::new();
        let (run, ended) = begun(&home, finished).await;
        let (process, asked) = home.process(ScriptedModel::new([say("all is done")]));
        let process = process.build().unwrap();
        let resumed = process.resume(run).await.unwrap();
        counts.push(asked.all());
        // Nothing is less known for it: the token of an agent that ended is worth nothing.
        let situation = Situation::default();
        let gate = process.gate();
        let called = gate.call(&ended, "note.add", "{}", &situation);
        match called.await {
            Outcome::Denied(denial) => assert_eq!(denial.kind(), Kind::Revoked, "{denial}"),
            other => panic!("an agent that ended was heard: {other:?}"),
        }
        let report = resumed.run().await.unwrap();
        assert_eq!(report.text(), "all is done");
    }
    assert!(counts[0].iter().all(|count| *count > 0), "{counts:?}");
    assert_eq!(counts[0], counts[1], "reads, rows, operations: {counts:?}");
    assert_eq!(counts[0], counts[2], "reads, rows, operations: {counts:?}");
}

#[tokio::test]
async fn what_is_finished_costs_a_new_run_nothing() {
    let mut counts = Vec::new();
    for finished in [1, 2, 40] {
        let home = Home::new();
        begun(&home, finished).await;
        let (process, asked) = home.process(ScriptedModel::new([say("all is done")]));
        let process = process.build().unwrap();
        let lead = process.agent("lead", scope()).await.unwrap();
        worker(&lead).await.run("work").await.unwrap();
        lead.run("lead").await.unwrap();
        counts.push(asked.all());
    }
    assert_eq!(counts[0], counts[1], "reads, rows, operations: {counts:?}");
    assert_eq!(counts[0], counts[2], "reads, rows, operations: {counts:?}");
}
