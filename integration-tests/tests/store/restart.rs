//! What outlives a process whose store is a file: budgets, spent calls, revocations, the time.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use bailiwick::capability::{Kind, MAX_CALL_LIFE};
use bailiwick::guard::SKEW;
use bailiwick::store::MemoryStore;
use bailiwick_integration_tests::support::calls::{
    asked, context, once, once_by_wire, read, sent, verdict,
};
use bailiwick_integration_tests::support::restart::FileHome;
use bailiwick_integration_tests::support::{secs, start};

#[tokio::test]
async fn a_clock_that_is_set_to_when_calls_were_kept_shuts_nothing_out_after_a_restart() {
    let place = FileHome::new();
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
    let place = FileHome::new();
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
