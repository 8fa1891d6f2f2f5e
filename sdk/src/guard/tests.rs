//! What is written with a decision, a charge and a settlement, and who records it.

use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::capability::{
    AgentKey, Authority, Budget, Call, Facts, Grant, Held, KeyRing, Kind, MAX_CALL_LIFE, Mandate,
    Risk, Scope,
};
use crate::clock::ManualClock;
use crate::id::Timestamp;
use crate::store::{Batch, Key, LogName, MemoryStore};

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

fn scope() -> Scope {
    Scope::new().grant(Grant::new("a"))
}

/// A guard under construction, and a token that it accepts.
fn world(scope: &Scope) -> (GuardBuilder, Held) {
    let authority = Authority::generate();
    let guard = Guard::builder(KeyRing::new([authority.root()]))
        .store(Arc::new(MemoryStore::new()))
        .clock(Arc::new(ManualClock::at(now())));
    let key = AgentKey::generate();
    let chain = authority.mint(scope, &Mandate::default(), key.public(), now());
    (guard, chain.unwrap().held_by(key).unwrap())
}

fn call() -> Call {
    Call::parse("a", "{}").unwrap()
}

fn context() -> Context {
    Context::new("lead", Effect::Read, Risk::Low, now())
}

fn key() -> Key {
    Key::of(["extra"])
}

fn put(value: &str) -> Batch {
    Batch::new().put(key(), value)
}

async fn stored(guard: &Guard) -> Option<String> {
    let stored = guard.store().get(&key()).await.unwrap();
    stored.map(|stored| stored.value)
}

#[tokio::test]
async fn more_is_written_with_a_call_that_is_allowed_and_not_with_another() {
    let (guard, held) = world(&scope().budget(Budget::new("calls", 1)));
    let guard = guard.build();
    let asked = || guard.authorize((&held).into(), call(), context());
    let allowed = asked().and(|id| put(&format!("\"{id}\""))).await;
    let Verdict::Permit(_, reservation) = allowed else {
        panic!("{allowed:?}")
    };
    let first = Some(format!("\"{}\"", reservation.id()));
    assert_eq!(stored(&guard).await, first);
    let denied = asked().and(|_| put("2")).await;
    assert!(matches!(&denied, Verdict::Denied(denial) if denial.kind() == Kind::Budget));
    assert_eq!(stored(&guard).await, first);
}

#[test]
fn a_guard_on_a_store_that_is_not_durable_checks_at_once() {
    let (guard, held) = world(&scope());
    let guard = guard.build();
    assert!(!guard.store().durable());
    let checked = guard.check((&held).into(), &call(), &context());
    assert!(checked.is_ok(), "{checked:?}");
}

struct Silent;

#[async_trait]
impl Policy for Silent {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_caller_that_is_gone_does_not_wait_for_the_policy() {
    let (guard, held) = world(&scope());
    let guard = guard.policy(Arc::new(Silent)).build();
    let asked = guard.authorize((&held).into(), call(), context());
    let Verdict::Denied(denial) = asked.until(ready(())).await else {
        panic!("the policy was not asked")
    };
    assert_eq!(denial.kind(), Kind::Unavailable);
    assert!(denial.detail().contains("cancelled"), "{denial}");
}

#[tokio::test]
async fn a_charge_and_its_settlement_write_more_in_the_same_batch() {
    let (guard, held) = world(&scope().budget(Budget::new("tokens", 10)));
    let guard = guard.build();
    let charge = guard.charge(&held, "lead", &[("tokens", 8)]);
    let charged = charge.and(|charged| put(&charged.parts().len().to_string()));
    let charged = charged.await.unwrap();
    assert_eq!(stored(&guard).await.as_deref(), Some("1"));
    // Denied, so nothing of it is written.
    let denied = guard.charge(&held, "lead", &[("tokens", 8)]);
    let denied = denied.and(|_| put("2")).await.unwrap_err();
    assert_eq!(denied.kind(), Kind::Budget);
    assert_eq!(stored(&guard).await.as_deref(), Some("1"));
    let settle = guard.settle(charged, &[("tokens", 3)]);
    settle.and(put("3")).and(Batch::new()).await.unwrap();
    assert_eq!(stored(&guard).await.as_deref(), Some("3"));
    assert_eq!(guard.left(&held, "tokens").await.unwrap(), Some(7));
    // A token without budgets has nothing to be charged, and more is written with a settlement all the same.
    let (other, held) = world(&scope());
    let other = other.build();
    let charge = other.charge(&held, "lead", &[("tokens", 8)]);
    let charged = charge.and(|_| put("4")).await.unwrap();
    assert_eq!(stored(&other).await, None);
    other.settle(charged, &[]).and(put("5")).await.unwrap();
    assert_eq!(stored(&other).await.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_charge_for_a_revoked_task_takes_nothing() {
    let (guard, held) = world(&scope().budget(Budget::new("turns", 2)));
    let guard = guard.build();
    guard
        .revoke([Revocable::Task("sum up".to_owned())])
        .await
        .unwrap();
    for (task, revoked) in [
        (Some("sum up"), true),
        (Some("other"), false),
        (None, false),
    ] {
        let charge = guard.charge(&held, "lead", &[("turns", 1)]);
        let charged = charge.task(task).await.map_err(|denial| denial.kind());
        assert_eq!(charged.err(), revoked.then_some(Kind::Revoked), "{task:?}");
    }
    assert_eq!(guard.left(&held, "turns").await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_wire_call_is_the_call_that_its_holder_made_and_a_held_token_makes_a_new_one() {
    let (guard, held) = world(&scope());
    let guard = guard.audience("bank").build();
    let (made, mut facts) = (call(), Facts::at(now()));
    facts.audience = Some("bank".to_owned());
    let bytes = held.wire_call(&made, &facts, MAX_CALL_LIFE).unwrap();
    let wire = guard.receive("http", &bytes).unwrap();
    let arguments = made.arguments().clone();
    let asked = Presented::from(&wire).call("a", arguments.clone()).unwrap();
    assert_eq!(asked.nonce(), made.nonce());
    let shared = Presented::from(&wire).share();
    let again = shared.presented().call("a", arguments.clone()).unwrap();
    assert_eq!(again.nonce(), made.nonce());
    let held = Arc::new(held);
    let shared = Presented::from(&held).share();
    assert_eq!(shared.presented().chain().id(), held.chain().id());
    let own = shared.presented().call("a", arguments).unwrap();
    assert_ne!(own.nonce(), made.nonce());
}

/// Writes a line for each attempt into a log of this name.
struct Log(&'static str);

impl Recorder for Log {
    fn attempt(&self, _: &Attempt<'_>) -> Batch {
        Batch::new().append(LogName::of([self.0]), "true")
    }
}

#[tokio::test]
async fn a_recorded_guard_writes_with_the_recorder_that_it_names() {
    let (guard, held) = world(&scope());
    let recorded = guard
        .recorder(Arc::new(Log("before")))
        .build_recorded(Log("after"));
    let guard = recorded.clone().guard().clone();
    let verdict = guard.authorize((&held).into(), call(), context()).await;
    assert!(matches!(verdict, Verdict::Permit(..)));
    assert_eq!(recorded.recorder().0, "after");
    for (log, lines) in [("before", 0), ("after", 1)] {
        let log = LogName::of([log]);
        let written = guard.store().log(&log, 0, 10).await.unwrap();
        assert_eq!(written.len(), lines);
    }
}
