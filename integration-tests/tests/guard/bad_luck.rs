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
use bailiwick::capability::{
    AgentKey, Budget, Call, Chain, Grant, Held, Kind, MAX_CALL_LIFE, Risk, Scope, any,
};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{Context, Decision, Effect, Policy, SKEW};
use bailiwick::record::{self, Body};
use bailiwick::store::{Key, MemoryStore, Store, StoreError};
use bailiwick::tool::{Declaration, Gate, Outcome, RuntimeTool, Toolbox};
use bailiwick_integration_tests::support::calls::{
    BANK, asked, bank, context, once, once_by_wire, read, sent, verdict,
};
use bailiwick_integration_tests::support::stores::{Fails, Fate, Fated, Moment};
use bailiwick_integration_tests::support::{Home, call, secs, start};
use bailiwick_integration_tests::value;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// A gate to `fs.read`, whose body counts how often it runs.
fn counting(home: &Home, store: Arc<dyn Store>) -> (Gate, Arc<AtomicUsize>) {
    let ran = Arc::<AtomicUsize>::default();
    let count = ran.clone();
    let tool = RuntimeTool::new(
        Declaration::new("fs.read", Effect::Read, Risk::Low),
        json!({}),
        move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(Value::Null) }
        },
    );
    let toolbox = Toolbox::builder().tool(tool).build().unwrap();
    let guard = home.guard().store(store).build();
    (home.gate_of(guard, toolbox), ran)
}

/// How many attempts were recorded as allowed.
async fn allowed(home: &Home) -> usize {
    let entries = home.entries().await;
    let allowed = |entry: &&record::Entry| {
        matches!(
            entry.body,
            Body::Attempt {
                verdict: record::Verdict::Allowed,
                ..
            }
        )
    };
    entries.iter().filter(allowed).count()
}

/// What was charged to the budget that [`budgeted`] sets.
async fn charged(home: &Home) -> u64 {
    let id = format!("{}/all", home.authority.public());
    let counter = Key::of(["budget", "calls", &id]);
    home.store.counter(&counter).await.unwrap()
}

fn budgeted(home: &Home, calls: u64) -> Held {
    home.held(&read().budget(Budget::new("calls", calls).shared("all")))
}

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

/// Holds one commit up until it is let go.
struct Holds {
    which: (usize, Moment),
    reached: Arc<Notify>,
    go: Arc<Notify>,
}

#[async_trait]
impl Fate for Holds {
    async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
        if (commit, moment) == self.which {
            self.reached.notify_one();
            self.go.notified().await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn attack_21_a_caller_that_goes_away_at_any_commit_leaves_a_settled_call() {
    let mut bodies = Vec::new();
    for which in [
        (0, Moment::Before),
        (0, Moment::After),
        (1, Moment::Before),
        (1, Moment::After),
    ] {
        let home = Home::new();
        let (reached, go) = (Arc::<Notify>::default(), Arc::<Notify>::default());
        let holds = Holds {
            which,
            reached: reached.clone(),
            go: go.clone(),
        };
        let store = Arc::new(Fated::new(home.store.clone(), holds));
        let (gate, ran) = counting(&home, store.clone());
        let held = budgeted(&home, 5);
        tokio::select! {
            outcome = call(&gate, &held, "fs.read", r#"{"path":"/a"}"#) => panic!("{outcome:?}"),
            () = reached.notified() => {}
        }
        // The caller is gone; the store goes on.
        go.notify_one();
        for _ in 0..2000 {
            if home.outcomes().await.len() == 1 && store.commits() == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(home.outcomes().await.len(), 1, "{which:?}");
        assert_eq!(allowed(&home).await, 1, "{which:?}");
        assert_eq!(charged(&home).await, 1, "{which:?}");
        bodies.push(ran.load(Ordering::SeqCst));
    }
    // Gone before the body began, it never begins; gone while the outcome is written, it has run.
    assert_eq!(bodies, [0, 0, 1, 1]);
}

/// Turns the clock while the guard waits for it.
struct Turns(ManualClock, i64);

#[async_trait]
impl Policy for Turns {
    async fn decide(&self, _: &Chain, _: &Call, _: &Context) -> Result<Decision, String> {
        let by = secs(self.1.unsigned_abs());
        match self.1 {
            0 => self.0.fail(),
            1.. => self.0.advance(by),
            _ => self.0.set(start()),
        }
        Ok(Decision::Permit)
    }
}

#[tokio::test]
async fn attack_20_a_clock_that_turns_while_the_policy_thinks_is_seen() {
    for (by, expected) in [
        (0, Some(Kind::Unavailable)),
        (10, None),
        (3600, Some(Kind::Expired)),
        (-1, Some(Kind::Unavailable)),
    ] {
        let home = Home::new();
        let turns = Turns(home.clock.clone(), by);
        let guard = home.guard().policy(Arc::new(turns)).build();
        let held = home.held(&read().expires_in(secs(1800)));
        home.clock.advance(secs(900));
        assert_eq!(once(&guard, &held).await, expected, "{by}");
    }
}

#[tokio::test]
async fn attack_20_a_clock_that_leapt_ahead_and_was_set_right_replays_nothing() {
    let home = Home::new();
    let guard = bank(&home);
    let approver = AgentKey::generate();
    let held = home.held(&read());
    let approving = Scope::new().grant(
        Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public()]),
    );
    let careful = home.held(&approving);
    let (wire, made) = sent(&home, &guard, &held);
    let (unused, later) = sent(&home, &guard, &held);
    let call = asked("/a");
    let mut facts = context().facts;
    facts.audience = Some(BANK.to_owned());
    let request = careful.approval_request(&call, &facts);
    let until = start().saturating_add(secs(900));
    let approved = careful
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    assert_eq!(verdict(&guard, &wire, made.clone()).await, None);
    assert_eq!(verdict(&guard, &approved, call.clone()).await, None);

    // An hour too late, and back: the time is not known until the operator sets it.
    let now = start().saturating_add(MAX_CALL_LIFE + SKEW);
    home.clock.advance(secs(3600));
    assert!(verdict(&guard, &wire, made.clone()).await.is_some());
    let long = home.held(&read().expires_in(secs(20_000)));
    assert_eq!(once(&guard, &long).await, None, "what was kept has lapsed");
    home.clock.set(now);
    assert_eq!(once(&guard, &long).await, Some(Kind::Unavailable));
    guard.reset_clock(now).await.unwrap();

    let replayed = Some(Kind::Replay);
    assert_eq!(verdict(&guard, &wire, made).await, replayed);
    assert_eq!(verdict(&guard, &approved, call).await, replayed);
    assert_eq!(
        verdict(&guard, &unused, later).await,
        replayed,
        "it could have been made before"
    );
    // At home calls go on, and over the wire those that cannot have been made before.
    assert_eq!(once(&guard, &held).await, None);
    home.clock.advance(SKEW + secs(1));
    assert_eq!(once_by_wire(&home, &guard, &held).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_20_once_a_step_backwards_was_seen_nothing_passes_until_the_reset() {
    let home = Home::new();
    let guard = Arc::new(home.guard().build());
    let held = Arc::new(home.held(&read()));
    home.clock.advance(secs(600));
    assert_eq!(once(&guard, &held).await, None);
    let mut tasks = tokio::task::JoinSet::new();
    let seen = Arc::<AtomicUsize>::default();
    for number in 0..8 {
        let (guard, held, seen) = (guard.clone(), held.clone(), seen.clone());
        let clock = home.clock.clone();
        tasks.spawn(async move {
            let (mut passed, mut refused) = (0, 0);
            for turn in 0..200 {
                if number == 0 && turn == 50 {
                    clock.set(start());
                }
                // Forwards again, which the guard must not take for a repaired clock.
                if number == 1 && turn % 20 == 0 {
                    clock.advance(secs(300));
                }
                let before = seen.load(Ordering::SeqCst);
                match once(&guard, &held).await {
                    None => {
                        assert_eq!(before, 0, "after someone was refused for the clock");
                        passed += 1;
                    }
                    Some(Kind::Unavailable) => {
                        seen.fetch_add(1, Ordering::SeqCst);
                        refused += 1;
                    }
                    // The clock only leapt far ahead.
                    Some(Kind::Expired) => {}
                    other => panic!("{other:?}"),
                }
            }
            (passed, refused)
        });
    }
    let counts = tasks.join_all().await;
    let refused: usize = counts.iter().map(|(_, refused)| refused).sum();
    assert!(refused > 0, "{counts:?}");
    guard.reset_clock(start()).await.unwrap();
    home.clock.set(start());
    assert_eq!(once(&guard, &held).await, None);
}
