//! Helpers that do not come back when their run is resumed: their tokens have ended, or were revoked.
//! The rest of the tree goes on; and a run that cannot be resumed is removed.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::Duration;

use bailiwick::agent::ResumeError;
use bailiwick::capability::{Scope, minutes};
use bailiwick::guard::AGENTS;
use bailiwick::id::Timestamp;
use bailiwick::store::{Key, Store};
use bailiwick_integration_tests::support::stopped_helpers::{Home, scope};

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_whose_token_ended_does_not_keep_its_run_from_going_on() {
    for new_keys in [false, true] {
        let home = Home::new();
        let run = home.gone("reader").await;
        home.clock.advance(minutes(5));
        let next = home.process("reader").build().unwrap();
        let resumed = match new_keys {
            true => next.resume_with_new_keys(run).await,
            false => next.resume(run).await,
        };
        assert_eq!(home.agents(run).await.len(), 1);
        let report = resumed.unwrap().run().await.unwrap();
        assert_eq!(report.text(), "I see");
        let told = home.last_told().unwrap();
        assert!(
            told.contains("has ended with its process or its token"),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_can_go_on_with_is_closed_and_removed() {
    let home = Home::new();
    let run = home.gone("reader").await;
    home.clock.advance(minutes(60));
    let next = home.process("reader").build().unwrap();
    let ended = next.resume(run).await.unwrap_err().to_string();
    assert!(ended.contains("it ended at"), "{ended}");
    // Another run of the team has not a place beside what was left open.
    let lead = next.agent("lead", scope()).await.unwrap();
    let left = || async { next.guard().left(&lead.held(), AGENTS).await.unwrap() };
    assert_eq!(left().await, Some(1));
    home.clock.advance(Duration::from_secs(1));
    let pruned = next.prune(Timestamp::MAX).await.unwrap();
    assert_eq!((pruned.runs, pruned.open.len()), (1, 0));
    assert_eq!(left().await, Some(2));
    let gone = next.resume(run).await.unwrap_err();
    assert!(matches!(gone, ResumeError::NotFound { .. }), "{gone}");
    let of_run = |key: &Key| key.parts().contains(&run.to_string());
    let values = home
        .store()
        .scan(&Key::root(), None, usize::MAX)
        .await
        .unwrap();
    assert!(!values.iter().any(|(key, _)| of_run(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_taken_over_by_the_orchestrator_that_is_at_work_on_it() {
    let home = Home::new();
    let orchestrator = home.process("reader").build().unwrap();
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    for taken in [
        orchestrator.resume(run).await,
        orchestrator.resume_with_new_keys(run).await,
    ] {
        assert!(matches!(taken.unwrap_err(), ResumeError::AlreadyRunning));
    }
    // The agent still has it, and so does the process that takes the run over.
    let child = lead.spawn("reader").await.unwrap();
    let next = home.process("reader").build().unwrap();
    let mut resumed = next.resume(run).await.unwrap();
    assert_eq!(resumed.children().len(), 1);
    let taken = next.resume(run).await.unwrap_err();
    assert!(matches!(taken, ResumeError::AlreadyRunning), "{taken}");
    drop((lead, child));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_stays_with_whoever_has_it_where_there_is_no_place_for_its_agents() {
    let home = Home::new();
    let run = home.gone("reader").await;
    let head = Key::of(["runs", &run.to_string()]);
    let version = || async { home.store().get(&head).await.unwrap().unwrap().version };
    let before = version().await;
    let full = home.process("reader").max_agents(1).build().unwrap();
    let refused = full.resume(run).await.unwrap_err();
    assert!(matches!(refused, ResumeError::TooMany(_)), "{refused}");
    assert_eq!(version().await, before);
    // What was taken meanwhile is given back.
    full.agent("other", Scope::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_run_in_the_place_of_one_that_goes_no_further_leaves_nothing_of_it() {
    let home = Home::new();
    let run = home.gone("reader").await;
    let next = home.process("reader").build().unwrap();
    let resumed = next.resume(run).await.unwrap();
    assert!(resumed.task().is_some());
    let agent = resumed.into_agent();
    let cancelled = agent.handle();
    let running = tokio::spawn(agent.run("something else"));
    home.started.notified().await;
    // Stopped in its first turn, as the first run was, and gone on with once more.
    std::mem::forget(running);
    let again = home.process("reader").build().unwrap();
    let resumed = again.resume(run).await.unwrap();
    assert_eq!(resumed.task(), Some("something else"));
    assert_eq!(resumed.unknown().len(), 1);
    drop((resumed, cancelled));
}
