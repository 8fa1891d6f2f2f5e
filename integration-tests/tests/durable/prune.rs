//! What is removed from a store that was kept for long, and what must stay since it decides.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]

use std::sync::Arc;

use bailiwick::agent::{Orchestrator, ResumeError, prune};
use bailiwick::capability::{Authority, Budget, minutes};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{AGENTS, Revocable};
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::record::verify_links;
use bailiwick::store::{Head, Key, LogName, Store};
use bailiwick_integration_tests::support::prune::{count, store};
use bailiwick_integration_tests::support::slots::{scope, spawn};
use bailiwick_integration_tests::support::{secs, slots, start};
use tempfile::TempDir;

/// One process on the store of a directory, an hour after the start.
fn process(directory: &TempDir, authority: &Authority, clock: &ManualClock) -> Orchestrator {
    Orchestrator::builder(authority)
        .store(store(directory))
        .clock(Arc::new(clock.clone()))
        .model(ScriptedModel::from_fn(|_| say("done")))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_run_goes_when_it_is_over_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let (authority, clock) = (Authority::generate(), ManualClock::at(start()));
    let orchestrator = process(&directory, &authority, &clock);
    let team = || {
        let budget = Budget::new(AGENTS, 2).shared("team");
        scope().budget(budget).expires_in(minutes(300))
    };
    let going = orchestrator.agent("going", team()).await.unwrap();
    let over = orchestrator.agent("over", team()).await.unwrap();
    let (run, token) = (over.run_id().unwrap(), over.held());
    drop(spawn(&over, scope()).await.unwrap());
    over.run("go").await.unwrap();
    // One whose process was gone before a child had ended.
    let open = orchestrator.agent("open", team()).await.unwrap();
    let left_open = open.run_id().unwrap();
    std::mem::forget(spawn(&open, scope()).await.unwrap());
    open.run("go").await.unwrap();
    let store = store(&directory);
    let audit = LogName::of(["audit"]);
    let entries = store.head(&audit).await.unwrap();

    let pruned = prune(&*store, start()).await.unwrap();
    assert_eq!((pruned.runs, pruned.open.len()), (0, 0), "{pruned:?}");
    clock.advance(secs(3600));
    let pruned = prune(&*store, start().saturating_add(secs(1)))
        .await
        .unwrap();
    assert_eq!((pruned.runs, pruned.open), (1, vec![left_open]));
    let gone = orchestrator.resume(run).await.unwrap_err();
    assert!(matches!(gone, ResumeError::NotFound { .. }), "{gone}");
    // Nothing of it is left but that its token is revoked, and what was recorded.
    let of_run = |key: &Key| key.parts().contains(&run.to_string());
    let values = store.scan(&Key::root(), None, usize::MAX).await.unwrap();
    assert!(!values.iter().any(|(key, _)| of_run(key)));
    let next = process(&directory, &authority, &clock);
    next.guard().resume().await.unwrap();
    let revoked = next.guard().revocations();
    assert!(revoked.contains(&Revocable::Block(token.chain().id())));
    let log = store.log(&audit, 0, usize::MAX).await.unwrap();
    verify_links(&audit, Head::empty(&audit), &log).unwrap();
    assert!(log.len() as u64 >= entries.seq);

    // What was left open holds a place until it is closed; then it goes too.
    let left = || async { next.guard().left(&going.held(), AGENTS).await.unwrap() };
    assert_eq!(left().await, Some(1));
    let pruned = next.prune(start().saturating_add(secs(1))).await.unwrap();
    assert_eq!((pruned.runs, pruned.open.len()), (1, 0), "{pruned:?}");
    assert_eq!(left().await, Some(2));

    // The one that goes on is whole.
    let pruned = next.prune(Timestamp::MAX).await.unwrap();
    assert_eq!(pruned.runs, 0);
    let run = going.run_id().unwrap();
    std::mem::forget(going);
    let resumed = next.resume_with_new_keys(run).await.unwrap();
    assert_eq!(resumed.into_agent().run("go").await.unwrap().text(), "done");
    // It has just ended, and now is not before now.
    assert_eq!(next.prune(Timestamp::MAX).await.unwrap().runs, 0);
    clock.advance(secs(1));
    assert_eq!(next.prune(Timestamp::MAX).await.unwrap().runs, 1);
    assert_eq!(
        (count(&*store, "run").await, count(&*store, "runs").await),
        (0, 0)
    );

    // Tokens of agents that ended early are remembered until the tokens have ended by themselves, and
    // as long as the store has not seen that time: a process whose clock is behind has them refused.
    let revoked = count(&*store, "revoked").await;
    assert!(revoked > 4, "{revoked}");
    let by_hand = Revocable::Task("t".to_owned());
    next.guard().revoke([by_hand]).await.unwrap();
    assert_eq!(next.prune(Timestamp::MAX).await.unwrap().tokens, 0);
    assert_eq!(prune(&*store, Timestamp::MAX).await.unwrap().tokens, 0);
    clock.advance(secs(6 * 3600));
    assert_eq!(prune(&*store, Timestamp::MAX).await.unwrap().tokens, 0);
    // A decision tells the store what time it is.
    let later = next.agent("later", team()).await.unwrap();
    let child = spawn(&later, scope()).await.unwrap();
    child.run("go").await.unwrap();
    let forgotten = next.prune(Timestamp::MAX).await.unwrap().tokens;
    assert_eq!(forgotten, revoked);
    // The agent that was revoked by hand, and the agent that ended just now.
    assert_eq!(count(&*store, "revoked").await, 2);
}

#[tokio::test]
async fn a_store_in_memory_has_nothing_to_prune() {
    let (orchestrator, _lead) = slots::lead(scope()).await;
    let error = orchestrator.prune(Timestamp::MAX).await.unwrap_err();
    let ResumeError::NotDurable = error else {
        panic!("{error}")
    };
}
