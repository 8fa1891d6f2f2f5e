//! Bad luck: stores that refuse, callers that go away, clocks that jump. Denials, never a wrong
//! allow, never a crash.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bailiwick::capability::{Budget, Held, Kind};
use bailiwick::store::{MemoryStore, StoreError};
use bailiwick::tool::{Gate, Outcome};
use bailiwick_integration_tests::support::bad_luck::{allowed, budgeted, charged, counting};
use bailiwick_integration_tests::support::calls::read;
use bailiwick_integration_tests::support::stores::{Fails, Fate, Fated, Moment};
use bailiwick_integration_tests::support::{Home, call};
use bailiwick_integration_tests::value;

/// Two calls that are allowed, one that is not, and one too many for the budget.
async fn run_of_calls(gate: &Gate, held: &Held) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (tool, raw) in [
        ("fs.read", r#"{"path":"/a"}"#),
        ("fs.read", r#"{"other":1}"#),
        ("fs.read", r#"{"path":"/b"}"#),
        ("fs.read", r#"{"path":"/c"}"#),
    ] {
        outcomes.push(call(gate, held, tool, raw).await);
    }
    outcomes
}

/// What holds in spite of every fault of the store: no body ran that was not recorded and charged before.
async fn nothing_ran_unrecorded(home: &Home, ran: usize, outcomes: &[Outcome], what: &str) {
    let values = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Outcome::Value { .. }));
    assert_eq!(values.count(), ran, "{what}: {outcomes:?}");
    let recorded = allowed(home).await;
    assert!(ran <= recorded, "{what}: {ran} ran, {recorded} recorded");
    assert_eq!(charged(home).await, recorded as u64, "{what}");
    assert!(recorded <= 2, "{what}: more than the budget");
}

#[tokio::test]
async fn a_store_that_refuses_any_one_commit_lets_nothing_run_unrecorded() {
    let quiet = Home::new();
    let store = Arc::new(Fated::new(
        quiet.store.clone(),
        Fails(usize::MAX, Moment::Before),
    ));
    let (gate, _) = counting(&quiet, store.clone());
    run_of_calls(&gate, &budgeted(&quiet, 2)).await;
    // Two attempts with their outcomes, and two denials.
    let commits = store.commits();
    assert!(commits >= 6, "{commits}");
    for moment in [Moment::Before, Moment::After] {
        let mut denied = 0;
        for number in 0..commits {
            let home = Home::new();
            let store = Fated::new(home.store.clone(), Fails(number, moment));
            let (gate, ran) = counting(&home, Arc::new(store));
            let held = budgeted(&home, 2);
            let outcomes = run_of_calls(&gate, &held).await;
            let what = format!("commit {number}, {moment:?}");
            let ran = ran.load(Ordering::SeqCst);
            nothing_ran_unrecorded(&home, ran, &outcomes, &what).await;
            let unavailable = |outcome: &&Outcome| matches!(outcome, Outcome::Denied(denial) if denial.kind() == Kind::Unavailable);
            denied += outcomes.iter().filter(unavailable).count();
            // Refused once is not refused for ever: what was not charged can still be spent.
            let rest = 2 - charged(&home).await;
            let mut more = 0;
            for _ in 0..4 {
                let outcome = call(&gate, &held, "fs.read", r#"{"path":"/d"}"#).await;
                more += u64::from(matches!(outcome, Outcome::Value { .. }));
            }
            assert_eq!(more, rest, "{what}");
        }
        assert!(denied >= 2, "{moment:?}: {denied}");
    }
}

#[tokio::test]
async fn a_store_that_fills_up_lets_nothing_run_unrecorded() {
    let (mut some, mut all) = (0, 0);
    for capacity in 0..12 {
        let home = Home::on(MemoryStore::with_capacity(capacity));
        let (gate, ran) = counting(&home, home.store.clone());
        let outcomes = run_of_calls(&gate, &budgeted(&home, 2)).await;
        let ran = ran.load(Ordering::SeqCst);
        nothing_ran_unrecorded(&home, ran, &outcomes, &format!("room for {capacity}")).await;
        some += usize::from(ran == 1);
        all += usize::from(ran == 2);
    }
    assert!(some > 0 && all > 0, "{some} {all}");
}

/// Fails everything while it is broken.
struct Broken(Arc<AtomicUsize>);

#[async_trait]
impl Fate for Broken {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        match self.0.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(StoreError::Full),
        }
    }
}

#[tokio::test]
async fn a_store_that_refuses_everything_denies_everything_until_it_is_back() {
    let home = Home::new();
    let broken = Arc::new(AtomicUsize::new(1));
    let store = Fated::new(home.store.clone(), Broken(broken.clone()));
    let (gate, ran) = counting(&home, Arc::new(store));
    let held = budgeted(&home, 2);
    for _ in 0..3 {
        for outcome in run_of_calls(&gate, &held).await {
            let Outcome::Denied(denial) = outcome else {
                panic!("{outcome:?}")
            };
            assert!(matches!(denial.kind(), Kind::Unavailable | Kind::Argument));
        }
        let turns = home.held(&read().budget(Budget::new("turns", 5)));
        assert!(
            gate.guard()
                .charge(&turns, "lead", &[("turns", 1)])
                .await
                .is_err()
        );
    }
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    assert!(home.entries().await.is_empty());
    broken.store(0, Ordering::SeqCst);
    value!(call(&gate, &held, "fs.read", r#"{"path":"/a"}"#).await);
}
