//! Budgets that agents set, in a run whose every key is made anew: what was used of them stays used.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bailiwick::agent::{Agent, Helper, Orchestrator};
use bailiwick::capability::{Authority, Budget, Grant, KeyRing, Scope, from_text, minutes};
use bailiwick::guard::TOKENS;
use bailiwick::id::RunId;
use bailiwick::model::scripted::{ScriptedModel, Turn, call, calls, say};
use bailiwick::model::{Completion, Model, ModelError, Request, Usage};
use bailiwick::store::{Key, SqliteStore};
use serde_json::{Value, json};
use tempfile::TempDir;

fn scope() -> Scope {
    Scope::new()
        .grant(Grant::spawn(["reader"]))
        .max_depth(2)
        .expires_in(minutes(10))
}

fn ask() -> Turn {
    call("reader", json!({ "task": "read" }))
}

fn lead(turns: impl IntoIterator<Item = Turn>) -> ScriptedModel {
    ScriptedModel::new(turns)
}

/// Answers with what it cost, or never.
struct Reads {
    cost: u64,
    asked: Arc<AtomicUsize>,
    waits: bool,
}

#[async_trait]
impl Model for Reads {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.waits {
            std::future::pending::<()>().await;
        }
        let usage = Usage {
            output: self.cost,
            ..Usage::default()
        };
        Ok(Completion::answer("read").with_usage(usage))
    }

    fn name(&self) -> &str {
        "reads"
    }
}

struct Home {
    directory: TempDir,
    authority: Authority,
    asked: Arc<AtomicUsize>,
}

impl Home {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            asked: Arc::default(),
        }
    }

    /// A process whose readers are given so much, shared among them or each, and cost so much a turn.
    fn process(&self, lead: ScriptedModel, budget: Budget, cost: u64, waits: bool) -> Orchestrator {
        let store = SqliteStore::open(self.directory.path().join("store")).unwrap();
        let given = Scope::new().budget(budget);
        let reads = Reads {
            cost,
            asked: self.asked.clone(),
            waits,
        };
        Orchestrator::builder(&self.authority)
            .store(Arc::new(store))
            .helper(Helper::new("reader", "Reads.").scope(given))
            .model_for("lead", lead)
            .model_for("reader", reads)
            .build()
            .unwrap()
    }

    /// The counters of the tokens that living readers may use.
    async fn tokens(&self, orchestrator: &Orchestrator, run: RunId) -> Vec<Key> {
        let place = Key::of(["run", &run.to_string(), "agents"]);
        let agents = orchestrator.guard().store().scan(&place, None, 99).await;
        let mut counters = Vec::new();
        for (_, kept) in agents.unwrap() {
            let record: Value = serde_json::from_str(&kept.value).unwrap();
            let token = from_text(record["token"].as_str().unwrap()).unwrap();
            let chain = KeyRing::new([self.authority.root()]).chain(&token).unwrap();
            let of_tokens = chain.budgets().filter(|(key, ..)| key.kind == TOKENS);
            counters.extend(of_tokens.map(|(key, ..)| Key::of(["budget", &key.kind, &key.id])));
        }
        counters
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn begun(orchestrator: &Orchestrator) -> (Agent, RunId) {
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    (lead, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_21_what_readers_share_is_not_theirs_again_with_new_keys() {
    let home = Home::new();
    let shared = || Budget::new(TOKENS, 10_000).shared("readers");
    // One reader uses most of it and ends; then the lead's model is away, and the run stops.
    let first = home.process(lead([ask()]), shared(), 9_990, false);
    let (agent, run) = begun(&first).await;
    agent.run("go").await.unwrap_err();
    assert_eq!(home.asked(), 1);
    let second = home.process(lead([ask(), say("enough")]), shared(), 9_990, false);
    let resumed = second.resume_with_new_keys(run).await.unwrap();
    assert_eq!(resumed.run().await.unwrap().text(), "enough");
    assert_eq!(home.asked(), 1, "too little is left for another turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_21_a_turn_in_flight_costs_what_it_costs_though_the_keys_are_new() {
    let home = Home::new();
    let each = || Budget::new(TOKENS, 10_000);
    let first = home.process(lead([calls([ask(), ask()])]), each(), 1, true);
    let (agent, run) = begun(&first).await;
    let running = tokio::spawn(agent.run("go"));
    while home.asked() < 2 {
        tokio::task::yield_now().await;
    }
    std::mem::forget((running, first));
    // Twice, so that what was taken is found where it went and not only where it was first.
    let second = home.process(lead([]), each(), 1, false);
    std::mem::forget(second.resume_with_new_keys(run).await.unwrap());
    let third = home.process(lead([say("done")]), each(), 400, false);
    let resumed = third.resume_with_new_keys(run).await.unwrap();
    let counters = home.tokens(&third, run).await;
    let store = third.guard().store();
    assert_eq!(counters.len(), 2);
    for counter in &counters {
        let taken = store.counter(counter).await.unwrap();
        assert!(taken > 4_096, "{counter}: {taken} is taken for the turn");
    }
    assert_eq!(resumed.run().await.unwrap().text(), "done");
    assert_eq!(home.asked(), 4);
    for counter in &counters {
        assert_eq!(store.counter(counter).await.unwrap(), 400, "{counter}");
    }
}
