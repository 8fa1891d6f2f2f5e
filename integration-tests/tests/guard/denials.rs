//! What a denial leaves behind: a bounded record, a call that may be asked again where something was
//! missing, and no wait that outlasts its token.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bailiwick::capability::{AgentKey, Budget, Call, Facts, Grant, Held, Kind, Risk, Scope, any};
use bailiwick::clock::Clock as _;
use bailiwick::guard::{
    Answer, Decision, Effect, Guard, GuardBuilder, Policy, PolicyError, Presented, Question,
    Revocable, Verdict,
};
use bailiwick::id::Timestamp;
use bailiwick::record::{AuditEntry, Body};
use bailiwick::store::{SqliteStore, Store, StoreError};
use bailiwick::tool::{CancellationToken, Declaration, Gate, Outcome, RuntimeTool, Toolbox};
use bailiwick_integration_tests::support;
use bailiwick_integration_tests::support::calls::{
    BANK, asked, bank, bank_of, context, once, once_by_wire, parent, read, sent, verdict, wire,
};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use bailiwick_integration_tests::support::{Home, secs, start};
use serde_json::{Value, json};

/// A call of `fs.read` with so many bytes of arguments.
fn large(bytes: usize) -> Call {
    asked(&format!("/{}", "a".repeat(bytes)))
}

/// The entries about calls, and the counts of denials.
fn apart(entries: &[AuditEntry]) -> (Vec<&Body>, Vec<(&Kind, u64)>) {
    let (mut attempts, mut counts) = (Vec::new(), Vec::new());
    for entry in entries {
        match &entry.body {
            Body::Denials { refusal, count, .. } => counts.push((refusal, *count)),
            other => attempts.push(other),
        }
    }
    (attempts, counts)
}

#[tokio::test]
async fn five_hundred_large_calls_of_a_revoked_lineage_leave_twenty_entries_and_a_count() {
    let home = Home::new();
    let guard = bank(&home);
    let held = home.held(&read());
    let call = large(100_000);
    let bytes = wire(&home, &held, &call, BANK);
    guard
        .revocations()
        .revoke([Revocable::Lineage(held.chain().lineage())]);
    for _ in 0..500 {
        let wire = guard.receive("http", &bytes).unwrap();
        let said = verdict(&guard, &wire, call.clone()).await;
        assert_eq!(said, Some(Kind::Revoked));
    }
    guard.flush().await.unwrap();
    let entries = home.entries().await;
    let (attempts, counts) = apart(&entries);
    assert_eq!(attempts.len(), 20);
    assert!(counts.iter().all(|(kind, _)| **kind == Kind::Revoked));
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 480);
    assert_eq!(guard.denied(Kind::Revoked), 500);
    // By hand: the digest is over the canonical JSON of the arguments, of which the entry has the start.
    let text = bailiwick::capability::canonical::write(&Value::Object(call.arguments().clone()));
    let hash = bailiwick::capability::canonical::hash(&Value::Object(call.arguments().clone()));
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    for attempt in attempts {
        let Body::Attempt {
            arguments,
            digest,
            cut,
            ..
        } = attempt
        else {
            panic!("{attempt:?}")
        };
        assert_eq!(*arguments, None);
        assert_eq!(digest.as_deref(), Some(&*hash));
        assert_eq!(cut.as_deref(), text.get(..1000));
    }
    let log = home
        .store
        .log(home.audit.log(), 0, usize::MAX)
        .await
        .unwrap();
    let written: usize = log.iter().map(|entry| entry.body.len()).sum();
    assert!(written < 50_000, "{written}");
    for entry in &entries {
        if let Body::Denials {
            holder,
            door,
            capability,
            first,
            last,
            ..
        } = &entry.body
        {
            assert_eq!(*holder, Some(held.chain().holder().to_string()));
            assert_eq!((door, capability.as_deref()), (&None, Some("fs.read")));
            assert_eq!(
                (*first, *last),
                (home.clock.now().unwrap(), home.clock.now().unwrap())
            );
        }
    }
}

#[tokio::test]
async fn denials_with_small_arguments_have_them_whole_and_allowed_calls_always() {
    let home = Home::new();
    let guard = home.guard().build();
    let (none, held) = (home.held(&Scope::new()), home.held(&read()));
    assert_eq!(once(&guard, &none).await, Some(Kind::Tool));
    assert_eq!(verdict(&guard, &held, large(5000)).await, None);
    let entries = home.entries().await;
    let of = |entry: &AuditEntry| match &entry.body {
        Body::Attempt {
            arguments,
            digest,
            cut,
            ..
        } => (arguments.clone(), digest.is_some(), cut.is_some()),
        other => panic!("{other:?}"),
    };
    let small = asked("/a").arguments().clone();
    assert_eq!(of(&entries[0]), (Some(small), true, false));
    assert_eq!(
        of(&entries[1]),
        (Some(large(5000).arguments().clone()), false, false)
    );
}

#[tokio::test]
async fn counted_denials_are_written_each_second_by_a_task_of_their_own() {
    let home = Home::new();
    let guard = home.guard().build();
    let none = home.held(&Scope::new());
    let counted = async || {
        let entries = home.entries().await;
        let (attempts, counts) = apart(&entries);
        assert_eq!(attempts.len(), 20);
        counts.iter().map(|(_, count)| *count).sum::<u64>()
    };
    for expected in [10, 40] {
        for _ in 0..30 {
            once(&guard, &none).await;
        }
        // By the clock of the guard no time passes.
        for _ in 0..1000 {
            if counted().await == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(counted().await, expected);
    }
    // Or by the guard's clock, with the denial that comes a second later.
    for _ in 0..5 {
        once(&guard, &none).await;
    }
    home.clock.advance(secs(1));
    once(&guard, &none).await;
    assert_eq!(counted().await, 46);
}

#[test]
fn counts_are_written_when_the_guard_goes_away_and_by_a_later_guard_of_any_runtime() {
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let home = Home::new();
    let none = home.held(&Scope::new());
    let first = runtime();
    let guard = {
        let _entered = first.enter();
        let store = Arc::new(SqliteStore::open(&path).unwrap());
        home.guard().store(store).build()
    };
    let deny = |runtime: &tokio::runtime::Runtime, times| {
        runtime.block_on(async {
            for _ in 0..times {
                once(&guard, &none).await;
            }
        });
    };
    deny(&first, 25);
    // The task that writes ends with its runtime; another one goes on.
    drop(first);
    let second = runtime();
    deny(&second, 25);
    drop(second);
    drop(guard);
    let store = SqliteStore::open(&path).unwrap();
    let log = runtime().block_on(store.log(home.audit.log(), 0, usize::MAX));
    let entries: Vec<AuditEntry> = log
        .unwrap()
        .iter()
        .map(|entry| AuditEntry::parse(&entry.body).unwrap())
        .collect();
    let (attempts, counts) = apart(&entries);
    assert_eq!(attempts.len(), 20);
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 30);
}

/// A store that cannot be written while it is said so.
struct Full(Arc<AtomicBool>);

#[async_trait]
impl Fate for Full {
    async fn at(&self, _: usize, moment: Moment) -> Result<(), StoreError> {
        match self.0.load(Ordering::SeqCst) && moment == Moment::Before {
            true => Err(StoreError::Unavailable {
                what: "is full".to_owned(),
            }),
            false => Ok(()),
        }
    }
}

#[tokio::test]
async fn counts_that_a_full_store_refused_are_written_when_there_is_room() {
    let (home, full) = (Home::new(), Arc::new(AtomicBool::new(false)));
    let store = Arc::new(Fated::new(home.store.clone(), Full(full.clone())));
    let guard = home.guard().store(store).build();
    let (none, held) = (home.held(&Scope::new()), home.held(&read()));
    full.store(true, Ordering::SeqCst);
    for _ in 0..50 {
        once(&guard, &none).await;
    }
    guard.flush().await.unwrap_err();
    // The very call may be asked again, since it was not made.
    let call = asked("/a");
    assert_eq!(
        verdict(&guard, &held, call.clone()).await,
        Some(Kind::Unavailable)
    );
    full.store(false, Ordering::SeqCst);
    assert_eq!(verdict(&guard, &held, call.clone()).await, None);
    assert_eq!(verdict(&guard, &held, call).await, Some(Kind::Replay));
    guard.flush().await.unwrap();
    let entries = home.entries().await;
    let (_, counts) = apart(&entries);
    // Those that were to be written in full too.
    let (kinds, counts): (Vec<_>, Vec<_>) = counts.into_iter().unzip();
    assert!(kinds.contains(&&Kind::Unavailable) && kinds.contains(&&Kind::Tool));
    assert_eq!(counts.iter().sum::<u64>(), 51);
}

#[tokio::test]
async fn what_fails_before_possession_is_proven_counts_under_its_door_and_under_no_holder() {
    let (home, stranger) = (Home::new(), Home::new());
    let guard = bank(&home);
    let held = home.held(&read());
    let (call, theirs) = (asked("/a"), asked("/a"));
    let foreign = wire(&stranger, &stranger.held(&read()), &theirs, BANK);
    let mut broken = wire(&home, &held, &call, BANK);
    let at = broken.len() - 1;
    broken[at] ^= 1;
    let chain = held.chain().to_bytes();
    let cases: [(&[u8], Kind); 4] = [
        (b"no token", Kind::Malformed),
        (&broken, Kind::BadSignature),
        (&foreign, Kind::UntrustedRoot),
        (&chain, Kind::NotHolder),
    ];
    for (bytes, kind) in cases {
        for _ in 0..50 {
            assert_eq!(guard.receive("http", bytes).unwrap_err().kind(), kind);
        }
        assert_eq!(
            (guard.denied(kind), guard.denied_at("http", kind)),
            (50, 50)
        );
        assert_eq!(guard.denied_at("mcp", kind), 0);
    }
    // A root that was taken away is not trusted either, with any holder.
    home.ring.remove(&home.authority.public());
    for _ in 0..50 {
        assert_eq!(once(&guard, &held).await, Some(Kind::UntrustedRoot));
    }
    assert_eq!(guard.denied_at("home", Kind::UntrustedRoot), 50);
    guard.flush().await.unwrap();
    let entries = home.entries().await;
    let mut seen = BTreeMap::new();
    for entry in &entries {
        let Body::Denials {
            holder,
            door,
            refusal,
            count,
            ..
        } = &entry.body
        else {
            panic!("{entry:?}")
        };
        assert_eq!(*holder, None);
        *seen
            .entry((door.as_deref().unwrap(), *refusal))
            .or_default() += *count;
    }
    let mut expected = BTreeMap::from([(("home", Kind::UntrustedRoot), 50)]);
    expected.extend(cases.map(|(_, kind)| (("http", kind), 50)));
    assert_eq!(seen, expected);
}

/// A gate with one tool, `fs.read`, which takes any arguments.
fn gate(home: &Home, guard: GuardBuilder) -> Gate {
    let tool = RuntimeTool::new(
        Declaration::new("fs.read", Effect::Read, Risk::Low),
        json!({}),
        |_, _| async { Ok(Value::Null) },
    );
    home.gate_of(guard, Toolbox::builder().tool(tool).build().unwrap())
}

#[tokio::test]
async fn calls_whose_arguments_cannot_be_read_do_not_fill_the_audit_either() {
    let home = Home::new();
    let gate = gate(&home, home.guard());
    let held = home.held(&read());
    for _ in 0..500 {
        support::call(&gate, &held, "fs.read", r#"{"path":"/a","path":"/b"}"#).await;
    }
    gate.guard().flush().await.unwrap();
    let entries = home.entries().await;
    let (attempts, counts) = apart(&entries);
    assert_eq!(attempts.len(), 20);
    assert!(counts.iter().all(|(kind, _)| **kind == Kind::Argument));
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 480);
}

#[tokio::test]
async fn a_call_that_is_cancelled_does_not_wait_for_the_policy() {
    let home = Home::new();
    let gate = gate(&home, home.guard().policy(Arc::new(Silent)));
    let (held, cancel) = (home.held(&read()), CancellationToken::new());
    let situation = support::situation();
    let calling = gate
        .call(&held, "fs.read", r#"{"path":"/a"}"#, &situation)
        .cancelled_by(&cancel);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(calling, stop);
    let Outcome::Denied(denial) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(denial.kind(), Kind::Unavailable);
    assert!(denial.detail().contains("cancelled"), "{denial}");
}

/// Says the same of every call, and counts how often it was asked.
struct Always(Result<Decision, String>, AtomicUsize);

#[async_trait]
impl Policy for Always {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.clone()?.into())
    }
}

#[tokio::test]
async fn ten_calls_of_a_child_without_a_budget_shut_nobody_out() {
    let home = Home::new();
    let guard = bank_of(&home, home.guard().replay_bounds(100, 10));
    let top = home.held(&parent());
    let none = home.child(&top, &read().budget(Budget::new("calls", 0)));
    let sibling = home.child(&top, &read());
    for _ in 0..100 {
        assert_eq!(once_by_wire(&home, &guard, &none).await, Some(Kind::Budget));
    }
    for held in [&sibling, &top] {
        assert_eq!(once_by_wire(&home, &guard, held).await, None);
    }
}

#[tokio::test]
async fn a_call_that_is_denied_for_a_budget_is_valid_until_its_end() {
    for durable in [false, true] {
        let home = Home::new();
        let store = Fated::new(home.store.clone(), Full(Arc::default()));
        let store = if durable { store.durable() } else { store };
        let guard = home.guard().store(Arc::new(store)).audience(BANK).build();
        guard.resume().await.unwrap();
        home.clock.advance(secs(65));
        // A budget of agents: a place is given back when one ends.
        let scope = Scope::new()
            .grant(Grant::new("agent.spawn").arg("path", any()))
            .max_depth(2)
            .budget(Budget::new("agents", 1));
        let held = home.held(&scope);
        let call = Call::new("agent.spawn", asked("/a").arguments().clone()).unwrap();
        let first = Call::new("agent.spawn", asked("/a").arguments().clone()).unwrap();
        assert_eq!(verdict(&guard, &held, first).await, None);
        let bytes = wire(&home, &held, &call, BANK);
        let sent = guard.receive("http", &bytes).unwrap();
        for _ in 0..30 {
            assert_eq!(
                verdict(&guard, &sent, call.clone()).await,
                Some(Kind::Budget)
            );
        }
        // The place is free again, and the same call with the same id passes, once.
        let (key, _, _) = held.chain().budgets().next().unwrap();
        let counter = bailiwick::store::Key::of(["budget", "agents", &key.id]);
        let back = bailiwick::store::Batch::new().sub(counter, 1);
        home.store.commit(back).await.unwrap();
        assert_eq!(
            verdict(&guard, &sent, call.clone()).await,
            None,
            "{durable}"
        );
        assert_eq!(
            verdict(&guard, &sent, call.clone()).await,
            Some(Kind::Replay)
        );
        home.clock.advance(secs(60));
        assert_eq!(verdict(&guard, &sent, call).await, Some(Kind::Expired));
    }
}

#[tokio::test]
async fn an_approval_and_a_call_id_outlast_a_refusal_for_a_budget_or_an_approval() {
    let home = Home::new();
    let approver = AgentKey::generate();
    let policy = Arc::new(Always(
        Ok(Decision::Ask("who?".to_owned())),
        AtomicUsize::new(0),
    ));
    let guard = home
        .guard()
        .policy(policy)
        .approvers([approver.public()])
        .build();
    let held = home.held(&read().budget(Budget::new("calls", 1)));
    let call = asked("/a");
    let until = start().saturating_add(secs(60));
    let approve = |call: &Call| {
        let request = held.approval_request(call, &context().facts);
        held.with_approval(&request.approve(&approver, until))
            .unwrap()
    };
    // Asked for an approval again and again, it is the same call.
    for _ in 0..3 {
        assert_eq!(
            verdict(&guard, &held, call.clone()).await,
            Some(Kind::Approval)
        );
    }
    let approved = approve(&call);
    let other = asked("/b");
    assert_eq!(verdict(&guard, &approve(&other), other).await, None);
    for _ in 0..3 {
        assert_eq!(
            verdict(&guard, &approved, call.clone()).await,
            Some(Kind::Budget)
        );
    }
    let (key, _, _) = held.chain().budgets().next().unwrap();
    let counter = bailiwick::store::Key::of(["budget", "calls", &key.id]);
    let back = bailiwick::store::Batch::new().sub(counter, 1);
    home.store.commit(back).await.unwrap();
    assert_eq!(verdict(&guard, &approved, call.clone()).await, None);
    assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Replay));
}

#[tokio::test]
async fn replay_is_asked_before_the_policy_and_a_policys_refusal_keeps_the_place() {
    for durable in [false, true] {
        let home = Home::new();
        let decisions = [
            Ok(Decision::Permit),
            Ok(Decision::Deny("no".to_owned())),
            Err("broken".to_owned()),
        ];
        for decision in decisions {
            let refused = decision != Ok(Decision::Permit);
            let policy = Arc::new(Always(decision, AtomicUsize::new(0)));
            let build = |home: &Home| {
                let store = Fated::new(home.store.clone(), Full(Arc::default()));
                let store = if durable { store.durable() } else { store };
                home.guard()
                    .store(Arc::new(store))
                    .policy(policy.clone())
                    .build()
            };
            let guard = build(&home);
            let (held, call) = (home.held(&read()), asked("/a"));
            let expected = refused.then_some(Kind::Policy);
            assert_eq!(verdict(&guard, &held, call.clone()).await, expected);
            for _ in 0..5 {
                assert_eq!(
                    verdict(&guard, &held, call.clone()).await,
                    Some(Kind::Replay)
                );
            }
            assert_eq!(policy.1.load(Ordering::SeqCst), 1);
            if durable && !refused {
                // Another process knows of it from the store, and asks its policy no more than this one.
                let next = build(&home);
                assert_eq!(verdict(&next, &held, call).await, Some(Kind::Replay));
                assert_eq!(policy.1.load(Ordering::SeqCst), 1);
            }
        }
    }
}

/// Never answers, or panics.
struct Silent;

#[async_trait]
impl Policy for Silent {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        if question.call().arguments().get("path") == Some(&json!("/panic")) {
            panic!("the policy is broken");
        }
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_policy_that_never_answers_or_panics_is_a_denial() {
    let home = Home::new();
    let limit = Duration::from_millis(120);
    let guard = home
        .guard()
        .policy(Arc::new(Silent))
        .policy_timeout(limit)
        .build();
    let held = home.held(&read());
    let denial = |verdict| match verdict {
        Verdict::Denied(denial) => denial,
        other => panic!("{other:?}"),
    };
    let silent = denial(
        guard
            .authorize((&held).into(), asked("/a"), context())
            .await,
    );
    assert_eq!(silent.kind(), Kind::Policy);
    assert!(silent.detail().contains("0.12 s"), "{silent}");
    let panicked = denial(
        guard
            .authorize((&held).into(), asked("/panic"), context())
            .await,
    );
    assert_eq!(panicked.kind(), Kind::Unavailable);
    assert!(panicked.detail().contains("panicked"), "{panicked}");
    assert_eq!(
        [Kind::Policy, Kind::Unavailable].map(|kind| guard.denied(kind)),
        [1, 1]
    );
}

#[tokio::test]
async fn the_end_of_a_token_and_a_revocation_end_the_wait_for_a_policy() {
    type Change = fn(&Home, &Guard, &Held);
    let changes: [(Change, Kind); 4] = [
        (|home, _, _| home.clock.advance(secs(600)), Kind::Expired),
        (
            |_, guard, held| {
                guard
                    .revocations()
                    .revoke([Revocable::Block(held.chain().id())])
            },
            Kind::Revoked,
        ),
        (
            |_, guard, _| {
                guard
                    .revocations()
                    .revoke([Revocable::Agent("lead".to_owned())])
            },
            Kind::Revoked,
        ),
        (|home, _, _| home.clock.fail(), Kind::Unavailable),
    ];
    for (change, kind) in changes {
        let home = Home::new();
        let guard = Arc::new(home.guard().policy(Arc::new(Silent)).build());
        let held = Arc::new(home.held(&read().expires_in(secs(600))));
        let waiting = tokio::spawn({
            let (guard, held) = (guard.clone(), held.clone());
            async move { once(&guard, &held).await }
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(!waiting.is_finished());
        change(&home, &guard, &held);
        assert_eq!(waiting.await.unwrap(), Some(kind));
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_while_the_policy_thinks_leaves_the_call_as_it_was() {
    let home = Home::new();
    let guard = home
        .guard()
        .policy(Arc::new(Silent))
        .replay_bounds(1, 1)
        .build();
    let held = home.held(&read());
    for _ in 0..5 {
        let waiting = guard.authorize(Presented::Held(&held), asked("/a"), context());
        let waited = tokio::time::timeout(Duration::from_millis(5), waiting).await;
        assert!(waited.is_err());
    }
    // There is room for one, and no holder has it.
    assert_eq!(
        verdict(&guard, &held, asked("/panic")).await,
        Some(Kind::Unavailable)
    );
}

#[tokio::test]
async fn a_wire_call_of_any_life_made_at_any_moment_lives_two_whole_seconds() {
    let home = Home::new();
    let guard = bank(&home);
    let held = home.held(&read());
    for (moment, life, later) in [
        (900, 99, 0),
        (900, 99, 2000),
        (999, 0, 2000),
        (1, 1, 1999),
        (500, 60_000, 59_000),
    ] {
        home.clock.advance(secs(100));
        let now = home.clock.now().unwrap().floor_to_second();
        home.clock
            .set(now.saturating_add(Duration::from_millis(1000 + moment)));
        let call = asked("/a");
        let mut facts = Facts::at(home.clock.now().unwrap());
        facts.audience = Some(BANK.to_owned());
        let bytes = held
            .wire_call(&call, &facts, Duration::from_millis(life))
            .unwrap();
        let sent = guard.receive("http", &bytes).unwrap();
        home.clock.advance(Duration::from_millis(later));
        assert_eq!(
            verdict(&guard, &sent, call).await,
            None,
            "{moment} {life} {later}"
        );
    }
}

#[tokio::test]
async fn a_denial_for_a_time_says_by_how_much() {
    let home = Home::new();
    let guard = bank(&home);
    let denied =
        async |held: &Held| match guard.authorize(held.into(), asked("/a"), context()).await {
            Verdict::Denied(denial) => (denial.kind(), denial.detail().to_owned()),
            other => panic!("{other:?}"),
        };
    let at = |secs: u64| Timestamp::from_secs(1_800_000_000 + secs).unwrap();
    home.clock
        .set(at(100).saturating_add(Duration::from_millis(250)));
    let late = denied(&home.held(&read().expires_at(at(97)))).await;
    assert_eq!(late.0, Kind::Expired);
    assert!(late.1.contains("3.250 s too late"), "{late:?}");
    let early = denied(&home.held(&read().not_before(at(107)))).await;
    assert_eq!(early.0, Kind::NotYetValid);
    assert!(early.1.contains("6.750 s too early"), "{early:?}");
    let held = home.held(&read().expires_at(at(97)));
    let turn = guard
        .charge(&held, "lead", &[("turns", 1)])
        .await
        .unwrap_err();
    assert!(turn.detail().contains("3.250 s too late"), "{turn}");
    // A call over the wire: one that is over, and one from a clock that is ahead.
    let held = home.held(&read());
    let (sent, call) = sent(&home, &guard, &held);
    home.clock.advance(secs(70));
    let Verdict::Denied(over) = guard.authorize((&sent).into(), call, context()).await else {
        panic!()
    };
    assert!(over.detail().contains("10.250 s too late"), "{over}");
    let mut ahead = Facts::at(home.clock.now().unwrap().saturating_add(secs(100)));
    ahead.audience = Some(BANK.to_owned());
    let call = asked("/a");
    let bytes = held.wire_call(&call, &ahead, secs(60)).unwrap();
    let sent = guard.receive("http", &bytes).unwrap();
    let Verdict::Denied(ahead) = guard.authorize((&sent).into(), call, context()).await else {
        panic!()
    };
    assert_eq!(ahead.kind(), Kind::Expired);
    assert!(ahead.detail().contains("94.750 s later"), "{ahead}");
}
