//! A process that was taken over forgets nothing of what the next one did.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bailiwick::agent::{Helper, Orchestrator, OrchestratorBuilder, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Scope, any, minutes};
use bailiwick::model::scripted::{ScriptedModel, call};
use bailiwick::model::{Completion, Model, ModelError, Request};
use bailiwick::store::{Batch, Key, MemoryStore, Op, Store, StoreError};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::json;
use tokio::sync::Notify;

/// Waits before the first commit that forgets a call.
struct Waits {
    forgets: AtomicBool,
    waited: AtomicBool,
    reached: Arc<Notify>,
    go: Arc<Notify>,
}

fn is_call(key: &Key) -> bool {
    key.parts().get(2).is_some_and(|part| part == "calls")
}

#[async_trait]
impl Fate for Waits {
    async fn at(&self, _: usize, moment: Moment) -> Result<(), StoreError> {
        if moment == Moment::Before
            && self.forgets.load(Ordering::SeqCst)
            && !self.waited.swap(true, Ordering::SeqCst)
        {
            self.reached.notify_one();
            self.go.notified().await;
        }
        Ok(())
    }

    fn writes(&self, batch: &Batch) {
        let forgets = |op: &Op| matches!(op, Op::Delete { key } if is_call(key));
        if batch.ops().iter().any(forgets) {
            self.forgets.store(true, Ordering::SeqCst);
        }
    }
}

/// A model that says when it is asked, and answers never.
struct Silent(Arc<Notify>);

#[async_trait]
impl Model for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

fn process(store: impl Store, authority: &Authority, asked: &Arc<Notify>) -> OrchestratorBuilder {
    let grant = Grant::new("fs.read").arg("path", any());
    Orchestrator::builder(authority)
        .store(Arc::new(store))
        .seal_keys(SealKey::from_bytes([7; 32]))
        .helper(Helper::new("reader", "Reads.").scope(Scope::new().grant(grant)))
        .model_for(
            "lead",
            ScriptedModel::from_fn(|_: &Request| call("reader", json!({"task": "read"}))),
        )
        .model_for("reader", Silent(asked.clone()))
}

async fn taken_over(places: bool) {
    let (store, authority) = (Arc::new(MemoryStore::new()), Authority::generate());
    let (reached, go, asked) = (
        Arc::<Notify>::default(),
        Arc::<Notify>::default(),
        Arc::<Notify>::default(),
    );
    let fate = Waits {
        forgets: false.into(),
        waited: false.into(),
        reached: reached.clone(),
        go: go.clone(),
    };
    // There is a seat for the lead alone, so that what it spawns comes to nothing.
    let first = process(
        Fated::new(store.clone(), fate).durable(),
        &authority,
        &asked,
    );
    let first = first.max_agents(1).build().unwrap();
    let mut scope = Scope::new()
        .grant(Grant::new("fs.read").arg("path", any()))
        .grant(Grant::spawn(["reader"]))
        .expires_in(minutes(10));
    if places {
        scope = scope.budget(Budget::new("agents", 5));
    }
    let lead = first.agent("lead", scope).await.unwrap();
    let run = lead.run_id().unwrap();
    let old = tokio::spawn(async move { drop(lead.run("go").await) });
    reached.notified().await;
    // The next process makes the child, which is at work.
    let gone = Arc::<AtomicBool>::default();
    let fate = Goes(gone.clone());
    let second = process(
        Fated::new(store.clone(), fate).durable(),
        &authority,
        &asked,
    );
    let second = second.build().unwrap();
    let going = second.resume(run).await.unwrap();
    let new = tokio::spawn(async move { drop(going.run().await) });
    asked.notified().await;
    let calls = || async {
        let all = Key::of(["run", &run.to_string(), "calls"]);
        store.scan(&all, None, 99).await.unwrap().len()
    };
    assert_eq!(calls().await, 1, "the child of the call is kept");
    go.notify_one();
    old.await.unwrap();
    assert_eq!(calls().await, 1, "and no other process forgets it");
    let all = Key::of(["run", &run.to_string(), "agents"]);
    let agents = || async {
        let found = store.scan(&all, None, 99).await.unwrap();
        found
            .into_iter()
            .map(|(key, _)| key.to_string())
            .collect::<Vec<_>>()
    };
    let before = agents().await;
    // The second process is gone too, and the third finds the child at work.
    gone.store(true, Ordering::SeqCst);
    new.abort();
    let third = process(
        Fated::new(store.clone(), Goes::default()).durable(),
        &authority,
        &asked,
    );
    let third = third.build().unwrap();
    let going = third.resume(run).await.unwrap();
    let last = tokio::spawn(async move { drop(going.run().await) });
    asked.notified().await;
    assert_eq!(agents().await, before, "the child is the same");
    last.abort();
}

#[derive(Default)]
struct Goes(Arc<AtomicBool>);

#[async_trait]
impl Fate for Goes {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        match self.0.load(Ordering::SeqCst) {
            true => std::future::pending().await,
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_process_that_was_taken_over_forgets_no_call_under_no_budget_of_agents() {
    taken_over(false).await;
}

#[tokio::test]
async fn a_process_that_was_taken_over_forgets_no_call_under_a_budget_of_agents() {
    taken_over(true).await;
}
