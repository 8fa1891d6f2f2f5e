//! Places of agents whose process is gone in the middle of a spawn, or before an end was recorded.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the functions that tests share are test code too"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

use async_trait::async_trait;
use bailiwick::agent::{Agent, Orchestrator, ResumeError, SealKey};
use bailiwick::capability::{Authority, Budget, Scope};
use bailiwick::guard::AGENTS;
use bailiwick::id::RunId;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::store::{SqliteStore, StoreError};
use bailiwick_integration_tests::support::slots::{scope, spawn};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use tokio::sync::{Notify, Semaphore};

/// Where a process stops, and whether it goes on.
struct Stop {
    reached: Notify,
    /// Closed when it goes on.
    gate: Semaphore,
}

/// Stops before or after one of the commits, with all that come after.
struct Stopping {
    /// How many steps there are until then.
    left: AtomicIsize,
    stop: Arc<Stop>,
}

impl Stopping {
    async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            self.stop.reached.notify_one();
            assert!(self.stop.gate.acquire().await.is_err());
        }
    }
}

#[async_trait]
impl Fate for Stopping {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        self.step().await;
        Ok(())
    }
}

/// One process on the store of a directory, which stops after so many steps.
fn process(directory: &Path, authority: &Authority, steps: isize) -> (Orchestrator, Arc<Stop>) {
    let stop = Arc::new(Stop {
        reached: Notify::new(),
        gate: Semaphore::new(0),
    });
    let file = SqliteStore::open(directory.join("store")).unwrap();
    let stopping = Stopping {
        left: AtomicIsize::new(steps),
        stop: stop.clone(),
    };
    let orchestrator = Orchestrator::builder(authority)
        .store(Arc::new(Fated::new(Arc::new(file), stopping)))
        .seal_keys(SealKey::from_bytes([7; 32]))
        .model(ScriptedModel::from_fn(|_| say("done")));
    (orchestrator.build().unwrap(), stop)
}

/// Two agents beneath it at once, by a counter that outlives it.
fn team() -> Scope {
    scope().budget(Budget::new(AGENTS, 2).shared("team"))
}

async fn left(orchestrator: &Orchestrator, of: &Agent) -> u64 {
    let left = orchestrator.guard().left(&of.held(), AGENTS).await;
    left.unwrap().unwrap()
}

/// Spawns a child, one that is too wide, and drops the first: all by code.
async fn work(lead: &Agent) {
    let child = spawn(lead, scope()).await.unwrap();
    assert!(spawn(lead, scope().max_depth(99)).await.is_err());
    drop(child);
    assert!(spawn(lead, scope().max_depth(99)).await.is_err());
}

#[tokio::test]
async fn attack_21_a_process_that_is_gone_in_the_middle_of_a_spawn_holds_no_place() {
    let (mut steps, mut held, mut free) = (0, 0, 0);
    loop {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::generate();
        // The first agent is made in peace; a process of its own is stopped.
        let (first, _) = process(directory.path(), &authority, isize::MAX);
        let lead = first.agent("lead", team()).await.unwrap();
        let run = lead.run_id().unwrap();
        std::mem::forget(lead);
        let (second, stop) = process(directory.path(), &authority, 4 + steps);
        let lead = second.resume(run).await.unwrap().into_agent();
        let done = tokio::select! {
            biased;
            () = work(&lead) => true,
            () = stop.reached.notified() => false,
        };
        std::mem::forget(lead);
        if done {
            break;
        }
        let (third, _) = process(directory.path(), &authority, isize::MAX);
        let mut resumed = third.resume(run).await.unwrap();
        let children = resumed.children();
        let lead = resumed.into_agent();
        let alive = children.len() as u64;
        assert_eq!(left(&third, &lead).await, 2 - alive, "step {steps}");
        held += alive;
        free += 1 - alive;
        drop(children);
        drop(lead);
        steps += 1;
    }
    // Before, in and after each spawn; and there is a child in some of it.
    assert!(steps >= 12, "only {steps} steps");
    assert!(held > 0 && free > 0, "{held} {free}");
}

/// A process that was thought gone goes on in the middle of a spawn that comes to nothing.
#[tokio::test]
async fn a_place_that_another_process_gave_back_is_not_given_back_again() {
    // Before and after the call is allowed, and before and after it has failed.
    for steps in 0..4 {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::generate();
        let (first, _) = process(directory.path(), &authority, isize::MAX);
        let lead = first.agent("lead", team()).await.unwrap();
        let run = lead.run_id().unwrap();
        let child = spawn(&lead, scope()).await.unwrap();
        std::mem::forget((lead, child));
        let (second, stop) = process(directory.path(), &authority, 4 + steps);
        let mut resumed = second.resume(run).await.unwrap();
        let (_child, lead) = (resumed.children(), resumed.into_agent());
        let spawning = tokio::spawn(spawn_wide(lead));
        stop.reached.notified().await;
        let (third, _) = process(directory.path(), &authority, isize::MAX);
        let mut resumed = third.resume(run).await.unwrap();
        let (children, lead) = (resumed.children(), resumed.into_agent());
        assert_eq!(
            (children.len(), left(&third, &lead).await),
            (1, 1),
            "step {steps}"
        );
        stop.gate.close();
        std::mem::forget(spawning.await.unwrap());
        assert_eq!(left(&third, &lead).await, 1, "step {steps}");
    }
}

async fn spawn_wide(lead: Agent) -> Agent {
    assert!(spawn(&lead, scope().max_depth(99)).await.is_err());
    lead
}

/// The run is over, and its process was gone before a child's end was recorded.
#[tokio::test]
async fn a_place_of_a_run_that_is_over_is_given_back_when_it_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::generate();
    let (first, _) = process(directory.path(), &authority, isize::MAX);
    let lead = first.agent("lead", team()).await.unwrap();
    let other = first.agent("lead", team()).await.unwrap();
    let run = lead.run_id().unwrap();
    std::mem::forget(spawn(&lead, scope()).await.unwrap());
    lead.run("go").await.unwrap();
    assert_eq!(left(&first, &other).await, 1);
    for _ in 0..2 {
        let (second, _) = process(directory.path(), &authority, isize::MAX);
        over(&second, run).await;
        assert_eq!(left(&second, &other).await, 2);
    }
}

async fn over(orchestrator: &Orchestrator, run: RunId) {
    match orchestrator.resume(run).await {
        Err(ResumeError::Ended { how, .. }) => assert_eq!(how, "answer"),
        other => panic!("{other:?}"),
    }
}
