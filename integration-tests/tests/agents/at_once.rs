//! Budgets of agents that are alive at once: a place is taken with the spawn and given back with the end.

use std::sync::Arc;

use bailiwick::agent::Ended;
use bailiwick::capability::{Budget, Kind, Scope};
use bailiwick::guard::AGENTS;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Completion, Message, Model, ModelError, Request};
use bailiwick::store::{MemoryStore, StoreError};
use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support::at_once::denied;
use bailiwick_integration_tests::support::slots;
use bailiwick_integration_tests::support::slots::{at_most, build, lead, left, scope, spawn, used};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::json;

#[tokio::test]
async fn a_place_is_taken_from_every_ancestor_and_given_back() {
    let (orchestrator, lead) = lead(at_most(3)).await;
    let one = spawn(&lead, at_most(1)).await.unwrap();
    assert_eq!(
        (
            left(&orchestrator, &lead).await,
            left(&orchestrator, &one).await
        ),
        (2, 1)
    );
    let two = spawn(&one, scope()).await.unwrap();
    assert_eq!(
        (
            left(&orchestrator, &lead).await,
            left(&orchestrator, &one).await
        ),
        (1, 0)
    );
    // Its own is used up first, and it is its parent's block that says so.
    let denial = denied(spawn(&one, scope()).await);
    assert_eq!(
        (denial.kind(), denial.hop()),
        (Kind::Budget, Some(1)),
        "{denial}"
    );
    assert!(denial.detail().contains("`agents`"), "{denial}");
    assert!(
        denial.for_model().contains("wait for helpers to end"),
        "{}",
        denial.for_model()
    );
    // A grandchild has no budget of its own, and takes of both above.
    let denial = denied(spawn(&two, scope()).await);
    assert_eq!(denial.hop(), Some(1), "{denial}");
    let three = spawn(&lead, scope()).await.unwrap();
    let denial = denied(spawn(&lead, scope()).await);
    assert_eq!(
        (denial.kind(), denial.hop()),
        (Kind::Budget, Some(0)),
        "{denial}"
    );
    // Other calls are not touched by it.
    let called = lead.call("a", &json!({})).await;
    assert!(matches!(called, Outcome::Value { .. }), "{called:?}");
    drop(three);
    assert_eq!(left(&orchestrator, &lead).await, 1);
    two.run("go").await.unwrap();
    assert_eq!(
        (
            left(&orchestrator, &lead).await,
            left(&orchestrator, &one).await
        ),
        (2, 1)
    );
    one.run("go").await.unwrap();
    assert_eq!(used(&orchestrator, &lead).await, 0);
}

/// Lets others go first before and after each commit, and each turn.
struct Slow;

#[async_trait::async_trait]
impl Fate for Slow {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Model for Slow {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Ok(Completion::answer("helped"))
    }

    fn name(&self) -> &str {
        "slow"
    }
}

#[tokio::test]
async fn a_spawn_that_nobody_waits_for_any_more_gives_its_place_back() {
    for polls in 0..12 {
        let (orchestrator, lead) = build(at_most(1), |builder| {
            let store = Fated::new(Arc::new(MemoryStore::new()), Slow);
            builder.store(Arc::new(store))
        })
        .await;
        let mut spawning = Box::pin(spawn(&lead, scope()));
        for _ in 0..polls {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            if spawning.as_mut().poll(&mut context).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(spawning);
        // Every call that had begun comes to its end.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(used(&orchestrator, &lead).await, 0, "after {polls} polls");
        assert!(spawn(&lead, scope()).await.is_ok());
    }
}

#[tokio::test]
async fn a_cancelled_child_gives_its_place_back_when_its_run_has_ended() {
    let (orchestrator, lead) = build(at_most(1), |builder| builder.model(slots::Thinks)).await;
    let child = spawn(&lead, scope()).await.unwrap();
    let handle = child.handle();
    let running = tokio::spawn(child.run("think"));
    handle.cancel();
    let failed = running.await.unwrap().unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Cancelled);
    assert_eq!(used(&orchestrator, &lead).await, 0);
    // And so does an agent whose run no task waits for.
    let child = spawn(&lead, scope()).await.unwrap();
    let running = tokio::spawn(child.run("think"));
    tokio::task::yield_now().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(used(&orchestrator, &lead).await, 0);
}

/// A model that asks for two helpers at once under a budget of one: it is told to wait, and does.
#[tokio::test]
async fn a_model_is_told_to_wait_and_may_ask_again_once_helpers_have_ended() {
    let helper = || {
        let scope = Scope::new().to_json();
        call(
            "agent_spawn",
            json!({ "role": "worker", "task": "help", "scope": scope }),
        )
    };
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = told.clone();
    let model = ScriptedModel::from_fn(move |request| {
        let results = request.messages.iter().filter_map(|message| match message {
            Message::Tool { outcome, .. } => Some(outcome.clone()),
            _ => None,
        });
        *seen.lock().unwrap() = results.collect::<Vec<_>>();
        match request.messages.len() {
            1 => calls([helper(), helper()]),
            4 => helper(),
            _ => say("done"),
        }
    });
    let (orchestrator, lead) = build(at_most(1), |builder| {
        builder.model(model).model_for("worker", Slow)
    })
    .await;
    let held = lead.held();
    let report = lead.run("go").await.unwrap();
    assert_eq!(report.denials().len(), 1);
    assert_eq!(report.denials()[0].kind(), Kind::Budget);
    let mut told = told.lock().unwrap().clone();
    told.sort();
    assert_eq!(
        told.iter().filter(|told| *told == "helped").count(),
        2,
        "{told:?}"
    );
    assert!(
        told.iter()
            .any(|told| told.contains("wait for helpers to end")),
        "{told:?}"
    );
    let left = orchestrator.guard().left(&held, AGENTS).await.unwrap();
    assert_eq!(left, Some(1));
}

/// One counter for the trees of one authority, and one that a child restates lower.
#[tokio::test]
async fn a_counter_that_is_shared_counts_the_agents_of_all_that_name_it() {
    let team = || scope().budget(Budget::new(AGENTS, 2).shared("team"));
    let (orchestrator, first) = lead(team()).await;
    let second = orchestrator.agent("lead", team()).await.unwrap();
    let one = spawn(&first, scope()).await.unwrap();
    let two = spawn(&second, scope()).await.unwrap();
    assert_eq!(denied(spawn(&first, scope()).await).kind(), Kind::Budget);
    drop(one);
    let three = spawn(&second, scope()).await.unwrap();
    assert_eq!(left(&orchestrator, &first).await, 0);
    drop((two, three));
    // Lower beneath one child: that child and all others count.
    let authority = first.held();
    let root = authority.chain().budgets().next().unwrap().0.id.clone();
    let key = root.split_once("/team").unwrap().0.parse().unwrap();
    let lower = scope().budget(Budget::new(AGENTS, 1).shared("team").set_by(key));
    let child = spawn(&first, lower).await.unwrap();
    assert_eq!(denied(spawn(&child, scope()).await).hop(), Some(1));
    let other = spawn(&first, scope()).await.unwrap();
    drop((child, other));
    assert_eq!(left(&orchestrator, &first).await, 2);
}
