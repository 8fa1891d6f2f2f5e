//! What the guard decides, at its own interface: replay, revocation, policy, approvals, time and
//! budgets.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use bailiwick::capability::{AgentKey, Budget, Grant, Kind, Scope, eq};
use bailiwick::guard::{Decision, Verdict};
use bailiwick::store::{Batch, Expected, Key};
use bailiwick_integration_tests::support::calls::{asked, context, once, read, verdict};
use bailiwick_integration_tests::support::decisions::{Always, pending};
use bailiwick_integration_tests::support::{Home, secs, start};

#[tokio::test]
async fn a_policy_that_asks_is_answered_by_the_guards_approvers() {
    let home = Home::new();
    let approver = AgentKey::generate();
    let asks = || {
        home.guard()
            .policy(Arc::new(Always(Ok(Decision::Ask("large".to_owned())))))
    };
    let guard = asks().approvers([approver.public()]).build();
    let held = home.held(&read());
    let (request, call) = pending(&guard, &held, asked("/a")).await;
    let until = start().saturating_add(secs(60));
    let approved = held
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    // For this call and no other, and once.
    assert_eq!(
        verdict(&guard, &approved, asked("/a")).await,
        Some(Kind::Approval)
    );
    assert_eq!(verdict(&guard, &approved, call.clone()).await, None);
    assert_eq!(
        verdict(&guard, &approved, call.clone()).await,
        Some(Kind::Replay)
    );
    // A guard without approvers accepts no approval.
    assert_eq!(
        verdict(&asks().build(), &approved, call).await,
        Some(Kind::Approval)
    );
}

#[tokio::test]
async fn a_token_that_lives_too_long_is_refused() {
    let home = Home::new();
    let hour = Duration::from_secs(3600);
    let guard = home.guard().max_lifetime(hour).build();
    let long = home.held(&read().expires_in(2 * hour));
    assert_eq!(once(&guard, &long).await, Some(Kind::Expired));
    let short = home.held(&read().expires_in(hour));
    assert_eq!(once(&guard, &short).await, None);
    home.clock.advance(hour);
    assert_eq!(once(&guard, &long).await, None, "what is left of it counts");
    // A day, unless told otherwise.
    let home = Home::new();
    let guard = home.guard().build();
    for (life, kind) in [
        (24 * hour, None),
        (24 * hour + secs(1), Some(Kind::Expired)),
    ] {
        let held = home.held(&read().expires_in(life));
        assert_eq!(once(&guard, &held).await, kind, "{life:?}");
    }
}

#[tokio::test]
async fn check_finds_what_authorize_finds_and_spends_nothing() {
    let home = Home::new();
    let guard = home.guard().build();
    let grant = Grant::new("fs.read").arg("path", eq("/a"));
    let held = home.held(&Scope::new().grant(grant).budget(Budget::new("calls", 1)));
    let mut here = context();
    here.facts.time = start();
    for _ in 0..10 {
        assert!(guard.check((&held).into(), &asked("/a"), &here).is_ok());
    }
    let denial = guard
        .check((&held).into(), &asked("/b"), &here)
        .unwrap_err();
    assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(0)));
    assert_eq!(once(&guard, &held).await, None);
    assert!(home.outcomes().await.is_empty());
}

#[tokio::test]
async fn what_a_caller_expects_in_vain_refuses_the_call_and_is_no_replay() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read().budget(Budget::new("calls", 1)));
    let also = |_| Batch::new().expect(Key::of(["mine"]), Expected::Version(1));
    let verdict = guard
        .authorize((&held).into(), asked("/a"), context())
        .and(also);
    let Verdict::Denied(denial) = verdict.await else {
        panic!("it was not refused")
    };
    assert_eq!(denial.kind(), Kind::Unavailable);
    assert_eq!(once(&guard, &held).await, None, "nothing was taken");
}

#[tokio::test]
async fn what_a_turn_did_not_cost_is_given_back_and_what_is_not_named_stays_taken() {
    let home = Home::new();
    let guard = home.guard().build();
    let scope = read().budget(Budget::new("turns", 2));
    let held = home.held(&scope.budget(Budget::new("tokens", 100)));
    let most = [("turns", 1), ("tokens", 80)];
    let charged = guard.charge(&held, "lead", &most).await.unwrap();
    guard.settle(charged, &[("tokens", 30)]).await.unwrap();
    assert_eq!(guard.left(&held, "tokens").await.unwrap(), Some(70));
    assert_eq!(guard.left(&held, "turns").await.unwrap(), Some(1));
}
