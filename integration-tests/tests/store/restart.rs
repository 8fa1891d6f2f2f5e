//! What outlives a process whose store is a file: budgets, spent calls, revocations, the time.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use bailiwick::agent::Orchestrator;
use bailiwick::capability::{
    AgentKey, Budget, Facts, Grant, Held, Kind, MAX_CALL_LIFE, Mandate, Scope, any, minutes,
};
use bailiwick::guard::{Guard, Revocable, SKEW};
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::store::{Batch, Key, MemoryStore, SqliteStore, StoreError};
use bailiwick_integration_tests::support::calls::{
    BANK, asked, context, once, once_by_wire, parent, read, sent, verdict,
};
use bailiwick_integration_tests::support::{Home, secs, start};
use tempfile::TempDir;

/// A process on one file: each look at it is a process of its own, with new stores and guards.
struct Place {
    home: Home,
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            home: Home::new(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> Arc<SqliteStore> {
        let path = self.directory.path().join("store");
        Arc::new(SqliteStore::open(path).unwrap())
    }

    fn guard(&self) -> Guard {
        self.home.guard().audience(BANK).store(self.store()).build()
    }

    /// A guard whose store has kept every call that can still be made.
    async fn settled(&self) -> Guard {
        let guard = self.guard();
        guard.resume().await.unwrap();
        self.home.clock.advance(MAX_CALL_LIFE + SKEW);
        guard
    }
}

#[tokio::test]
async fn attack_21_a_budget_is_not_reset_by_a_restart() {
    let place = Place::new();
    let held = place
        .home
        .held(&read().budget(Budget::new("calls", 3).shared("all")));
    for expected in [None, None, None, Some(Kind::Budget), Some(Kind::Budget)] {
        assert_eq!(once(&place.guard(), &held).await, expected);
    }
}

#[tokio::test]
async fn attack_13_a_call_is_not_made_again_after_a_restart() {
    let place = Place::new();
    let guard = place.settled().await;
    let held = place.home.held(&read());
    let call = asked("/a");
    let (wire, made) = sent(&place.home, &guard, &held);
    assert_eq!(verdict(&guard, &held, call.clone()).await, None);
    assert_eq!(verdict(&guard, &wire, made.clone()).await, None);
    let beside = place.guard();
    drop(guard);
    for guard in [beside, place.guard()] {
        assert_eq!(
            verdict(&guard, &held, call.clone()).await,
            Some(Kind::Replay)
        );
        assert_eq!(
            verdict(&guard, &wire, made.clone()).await,
            Some(Kind::Replay)
        );
        // What was made before the start and not sent can be: whether it was is known.
        assert_eq!(once_by_wire(&place.home, &guard, &held).await, None);
    }
}

#[tokio::test]
async fn attack_13_a_store_that_is_new_knows_nothing_of_calls_before_it() {
    let place = Place::new();
    let held = place.home.held(&read());
    let (wire, made) = sent(
        &place.home,
        &place.home.guard().audience(BANK).build(),
        &held,
    );
    // Nor does it once it was opened again: what came before its first use is not in it.
    for _ in 0..2 {
        let guard = place.guard();
        assert_eq!(
            verdict(&guard, &wire, made.clone()).await,
            Some(Kind::Replay)
        );
        place.home.clock.advance(secs(1));
    }
    place.home.clock.advance(SKEW + secs(5));
    assert_eq!(once_by_wire(&place.home, &place.guard(), &held).await, None);
}

#[tokio::test]
async fn attack_24_an_approved_call_is_not_signed_again_after_a_restart() {
    let place = Place::new();
    let guard = place.settled().await;
    let approver = AgentKey::generate();
    let grant = Grant::new("fs.read")
        .arg("path", any())
        .approved_by([approver.public()]);
    let held = place.home.held(&Scope::new().grant(grant));
    let call = asked("/a");
    let facts = |place: &Place| {
        let mut facts = Facts::at(bailiwick::clock::Clock::now(&place.home.clock).unwrap());
        facts.audience = Some(BANK.to_owned());
        facts
    };
    let request = held.approval_request(&call, &facts(&place));
    let approval = request.approve(&approver, start().saturating_add(secs(1800)));
    let held = held.with_approval(&approval).unwrap();
    let mut passed = 0;
    drop(guard);
    for _ in 0..3 {
        let guard = place.guard();
        let bytes = held
            .wire_call(&call, &facts(&place), MAX_CALL_LIFE)
            .unwrap();
        let wire = guard.ring().wire_call(&bytes).unwrap();
        passed += usize::from(verdict(&guard, &wire, call.clone()).await.is_none());
        place.home.clock.advance(MAX_CALL_LIFE + SKEW + secs(2));
    }
    assert_eq!(passed, 1);
}

#[tokio::test]
async fn attack_22_what_was_revoked_stays_so_after_a_restart() {
    let mandate = Mandate {
        principal: Some("eve".to_owned()),
        ..Mandate::default()
    };
    for number in 0..7 {
        let place = Place::new();
        let above = place.home.minted(&parent(), &mandate);
        let held = place.home.child(&above, &read());
        let what = [
            Revocable::Block(above.chain().id()),
            Revocable::Key(above.chain().holder()),
            Revocable::Lineage(held.chain().lineage()),
            Revocable::Principal("eve".to_owned()),
            Revocable::Task("sum up".to_owned()),
            Revocable::Agent("lead".to_owned()),
            Revocable::Role {
                parent: "lead".to_owned(),
                role: "reader".to_owned(),
            },
        ][number]
            .clone();
        let mut task = context();
        task.facts.task = Some("sum up".to_owned());
        let ask = async |guard: &Guard| {
            let verdict = guard.authorize((&held).into(), asked("/a"), task.clone());
            match verdict.await {
                bailiwick::guard::Verdict::Denied(denial) => Some(denial.kind()),
                _ => None,
            }
        };
        let guard = place.guard();
        assert_eq!(ask(&guard).await, None);
        guard.revoke([what.clone()]).await.unwrap();
        assert_eq!(ask(&guard).await, Some(Kind::Revoked), "{what:?}");
        drop(guard);
        let guard = place.guard();
        assert_eq!(ask(&guard).await, Some(Kind::Revoked), "{what:?}");
        assert!(guard.revocations().contains(&what));
    }
}

#[tokio::test]
async fn attack_22_many_revocations_and_what_is_none() {
    let place = Place::new();
    let name = |number: usize| Revocable::Principal(format!("p/{number}"));
    place.guard().revoke((0..2500).map(name)).await.unwrap();
    let guard = place.guard();
    guard.resume().await.unwrap();
    assert_eq!(guard.revocations().len(), 2500);
    // A later build wrote a kind that this one does not know: better nothing than half of it.
    let later = Batch::new().put(Key::of(["revoked", "moon", "1"]), "{}");
    guard.store().commit(later).await.unwrap();
    let guard = place.guard();
    assert!(
        matches!(guard.resume().await, Err(StoreError::Unavailable { what }) if what.contains("moon"))
    );
    let held = place.home.held(&read());
    assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
}

#[tokio::test]
async fn attack_23_an_agent_that_ended_stays_so_after_a_restart() {
    let place = Place::new();
    let orchestrator = Orchestrator::builder(&place.home.authority)
        .clock(Arc::new(place.home.clock.clone()))
        .store(place.store());
    let orchestrator = orchestrator.build().unwrap();
    let scope = read().expires_in(minutes(30));
    let lead = orchestrator.agent("lead", scope.clone()).await.unwrap();
    let held = lead.held();
    drop(lead);
    let block = Revocable::Block(held.chain().id());
    let mut kept = false;
    for _ in 0..2000 {
        let guard = place.guard();
        guard.resume().await.unwrap();
        kept = guard.revocations().contains(&block);
        if kept {
            assert_eq!(once(&guard, &held).await, Some(Kind::Revoked));
            assert_eq!(guard.revocations().len(), 1, "the path is for the next one");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(kept);
}

#[tokio::test]
async fn attack_23_an_agent_that_ended_is_looked_up_when_something_of_it_is_asked() {
    let place = Place::new();
    let orchestrator = Orchestrator::builder(&place.home.authority)
        .clock(Arc::new(place.home.clock.clone()))
        .model(ScriptedModel::from_fn(|_| say("done")))
        .store(place.store());
    let orchestrator = orchestrator.build().unwrap();
    let scope = parent().expires_in(minutes(30));
    let lead = orchestrator.agent("lead", scope.clone()).await.unwrap();
    let one = lead.spawn("child").scope(scope.clone().max_depth(2)).await;
    let (one, two) = (one.unwrap(), lead.spawn("child").scope(read()).await);
    let (ended, going) = (one.held(), two.unwrap());
    let beneath = place.home.child(&ended, &read());
    one.run("end").await.unwrap();

    // No guard here has read more than it needs.
    for held in [&*ended, &beneath] {
        let guard = place.guard();
        assert_eq!(once(&guard, held).await, Some(Kind::Revoked));
        assert_eq!(guard.revocations().len(), 1);
        let guard = place.guard();
        let charged = guard.charge(held, "lead/child", &[("turns", 1)]).await;
        assert_eq!(charged.unwrap_err().kind(), Kind::Revoked);
        let guard = place.guard();
        assert_eq!(
            once_by_wire(&place.home, &guard, held).await,
            Some(Kind::Revoked)
        );
    }
    // Who shares nothing but the parent with it goes on.
    let guard = place.guard();
    for held in [&lead.held(), &going.held()] {
        assert_eq!(once(&guard, held).await, None);
    }
    // What does not wait for the store decides nothing that was not looked up.
    let mut at = context();
    at.facts.time = start();
    let check = |held: &Held| {
        let checked = guard.check(held.into(), &asked("/a"), &at);
        checked.map(drop).map_err(|denial| denial.kind())
    };
    assert_eq!(check(&going.held()), Ok(()));
    for held in [&*ended, &beneath] {
        assert_eq!(check(held), Err(Kind::Unavailable));
    }
    guard.resume().await.unwrap();
    assert_eq!(check(&going.held()), Ok(()));
    for held in [&*ended, &beneath] {
        assert_eq!(check(held), Err(Kind::Revoked));
    }
    // Another guard has not heard of it because this one has.
    let other = place.guard();
    assert_eq!(once(&other, &place.home.held(&read())).await, None);
    let early = other
        .check((&*ended).into(), &asked("/a"), &at)
        .unwrap_err();
    assert_eq!(early.kind(), Kind::Unavailable);
}

#[tokio::test]
async fn attack_23_where_it_cannot_be_looked_up_whether_an_agent_ended_nothing_is_decided() {
    let place = Place::new();
    let orchestrator = Orchestrator::builder(&place.home.authority)
        .clock(Arc::new(place.home.clock.clone()))
        .model(ScriptedModel::from_fn(|_| say("done")))
        .store(place.store());
    let orchestrator = orchestrator.build().unwrap();
    let lead = orchestrator.agent("lead", read()).await.unwrap();
    let ended = lead.held();
    lead.run("end").await.unwrap();

    let guard = place.guard();
    assert_eq!(once(&guard, &place.home.held(&read())).await, None);
    let rename = |from: &str, to: &str| {
        let file = rusqlite::Connection::open(place.directory.path().join("store")).unwrap();
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        file.execute_batch(&sql).unwrap();
    };
    rename("value", "elsewhere");
    let mut at = context();
    at.facts.time = start();
    for _ in 0..2 {
        assert_eq!(once(&guard, &ended).await, Some(Kind::Unavailable));
        let checked = guard.check((&*ended).into(), &asked("/a"), &at);
        assert_eq!(checked.unwrap_err().kind(), Kind::Unavailable);
    }
    rename("elsewhere", "value");
    assert_eq!(once(&guard, &ended).await, Some(Kind::Revoked));
}

#[tokio::test]
async fn attack_20_a_clock_that_was_set_back_before_a_restart_revives_nothing() {
    let place = Place::new();
    let held = place.home.held(&read().expires_in(secs(900)));
    let long = place.home.held(&read().expires_in(secs(7200)));
    place.home.clock.advance(secs(1000));
    // The guard stores the time with every decision.
    assert_eq!(once(&place.guard(), &held).await, Some(Kind::Expired));
    place.home.clock.set(start());
    for _ in 0..2 {
        let guard = place.guard();
        for held in [&held, &long] {
            assert_eq!(once(&guard, held).await, Some(Kind::Unavailable));
        }
    }
    let guard = place.guard();
    guard.reset_clock(start()).await.unwrap();
    assert_eq!(once(&guard, &long).await, None);
    drop(guard);
    // The reset is kept too, and an older process does not undo it by what it saw later.
    assert_eq!(once(&place.guard(), &long).await, None);
    place.home.clock.advance(secs(3600));
    assert_eq!(once(&place.guard(), &long).await, None);
    place.home.clock.set(start());
    assert_eq!(once(&place.guard(), &long).await, Some(Kind::Unavailable));
}

#[tokio::test]
async fn attack_20_a_clock_that_was_ahead_at_the_first_start_shuts_nothing_out_for_ever() {
    let place = Place::new();
    let held = place.home.held(&read());
    place
        .home
        .clock
        .set(start().saturating_add(secs(1_000_000)));
    place.guard().resume().await.unwrap();
    place.home.clock.set(start());
    let guard = place.guard();
    guard.reset_clock(start()).await.unwrap();
    drop(guard);
    assert_eq!(once(&place.guard(), &held).await, None);
    place.home.clock.advance(SKEW + secs(1));
    assert_eq!(once_by_wire(&place.home, &place.guard(), &held).await, None);
}

#[tokio::test]
async fn a_clock_that_is_set_to_when_calls_were_kept_shuts_nothing_out_after_a_restart() {
    let place = Place::new();
    let held = place.home.held(&read());
    let guard = place.settled().await;
    let now = start().saturating_add(MAX_CALL_LIFE + SKEW);
    let (wire, made) = sent(&place.home, &guard, &held);
    assert_eq!(verdict(&guard, &wire, made.clone()).await, None);
    place.home.clock.advance(secs(3600));
    once(&guard, &held).await;
    place.home.clock.set(now);
    guard.reset_clock(now).await.unwrap();
    drop(guard);
    // What was made before is in the file.
    let guard = place.guard();
    assert_eq!(verdict(&guard, &wire, made).await, Some(Kind::Replay));
    assert_eq!(once_by_wire(&place.home, &guard, &held).await, None);
}

#[tokio::test]
async fn nothing_is_decided_before_what_was_kept_is_read() {
    let place = Place::new();
    let held = place.home.held(&read());
    place.guard().resume().await.unwrap();
    let guard = place.guard();
    assert_eq!(guard.now().unwrap_err().kind(), Kind::Unavailable);
    let mut at = context();
    at.facts.time = start();
    let early = guard.check((&held).into(), &asked("/a"), &at).unwrap_err();
    assert_eq!(early.kind(), Kind::Unavailable);
    assert!(early.detail().contains("Guard::resume"), "{early}");
    guard.resume().await.unwrap();
    guard.check((&held).into(), &asked("/a"), &at).unwrap();
    // A store that forgets has nothing to read.
    let guard = place
        .home
        .guard()
        .store(Arc::new(MemoryStore::new()))
        .build();
    guard.check((&held).into(), &asked("/a"), &at).unwrap();
}
