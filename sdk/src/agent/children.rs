//! Several children at the same time, up to a limit; the others wait in a queue.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;

use super::report::{Report, RunFailed};
use super::spawn::{Spawn, SpawnError};

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChildFailed {
    /// It was not spawned.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It ran, and ended without an answer.
    #[error(transparent)]
    Run(#[from] RunFailed),
    /// Its model, or other code of it that is not a tool, panicked. Its task has ended.
    #[error("the child panicked")]
    Panicked,
    /// It had not begun when another child answered.
    #[error("the child was not begun: another one answered first")]
    NotBegun,
}

/// Children that run at the same time, up to a limit; the next is spawned when one ends.
///
/// Each level of a tree has a limit of its own, so that a child with children never waits for a place
/// that its parent holds. [`OrchestratorBuilder::max_agents`](super::OrchestratorBuilder::max_agents) limits how many
/// agents are alive in all: past it a spawn is denied.
///
/// Dropping it ends the tasks of all of them.
///
/// ```
/// # use bailiwick::agent::{Agent, Children};
/// # use bailiwick::capability::Scope;
/// # async fn read(lead: &Agent, documents: Scope, paths: Vec<String>) -> Vec<String> {
/// let mut children = Children::at_most(4);
/// for path in paths {
///     let reader = lead.spawn("reader").scope(documents.clone());
///     children.run(reader, format!("summarise {path}"));
/// }
/// let summaries = children.join().await.into_iter().flatten();
/// summaries.map(|report| report.text().to_owned()).collect()
/// # }
/// ```
pub struct Children {
    running: JoinSet<Result<Report, ChildFailed>>,
    places: Arc<Semaphore>,
    numbers: HashMap<Id, usize>,
    stop: CancellationToken,
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Children({} running or waiting)", self.running.len())
    }
}

impl Children {
    /// An empty set of children, of which at most `at_once` run at the same time; 0 counts as 1.
    #[must_use]
    pub fn at_most(at_once: usize) -> Self {
        Self {
            running: JoinSet::new(),
            places: Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))),
            numbers: HashMap::new(),
            stop: CancellationToken::new(),
        }
    }

    /// Spawns a child as soon as there is a place, and runs it on a task.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn run(&mut self, child: Spawn, task: impl Into<String>) {
        let (places, stop, task) = (self.places.clone(), self.stop.clone(), task.into());
        let number = self.numbers.len();
        let begun = self.running.spawn(async move {
            let place = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(ChildFailed::NotBegun),
                place = places.acquire_owned() => place,
            };
            let child = child.await?;
            let handle = child.handle();
            let mut run = std::pin::pin!(child.run(task));
            let ran = tokio::select! {
                biased;
                // Checked first: a child that need not begin does not ask its model.
                () = stop.cancelled() => {
                    handle.cancel();
                    // Waited for until it has ended by itself, with its own children and their events.
                    run.await
                }
                ran = &mut run => ran,
            };
            drop(place);
            Ok(ran?)
        });
        self.numbers.insert(begun.id(), number);
    }

    /// The next child that ends, with its place in the order in which they were run; `None` after the
    /// last.
    pub async fn next(&mut self) -> Option<(usize, Result<Report, ChildFailed>)> {
        let (id, ended) = match self.running.join_next_with_id().await? {
            Ok((id, ended)) => (id, ended),
            // Only dropping the whole set aborts them.
            Err(error) => (error.id(), Err(ChildFailed::Panicked)),
        };
        let number = self.numbers.get(&id).copied().unwrap_or_default();
        Some((number, ended))
    }

    /// Waits for all of them. Returns the result of each, in the order in which they were run.
    pub async fn join(mut self) -> Vec<Result<Report, ChildFailed>> {
        let mut ended = Vec::with_capacity(self.numbers.len());
        while let Some(next) = self.next().await {
            ended.push(next);
        }
        ended.sort_by_key(|(number, _)| *number);
        ended.into_iter().map(|(_, ended)| ended).collect()
    }

    /// The first answer; the others are cancelled, and waited for until they have ended.
    ///
    /// # Errors
    ///
    /// When no child answers: the reason of each, in the order in which they ended.
    pub async fn first(mut self) -> Result<Report, Vec<ChildFailed>> {
        let (mut first, mut failed) = (None, Vec::new());
        while let Some((_, ended)) = self.next().await {
            match ended {
                Ok(report) if first.is_none() => {
                    self.stop.cancel();
                    first = Some(report);
                }
                // It answered before the cancellation reached it.
                Ok(_) => {}
                Err(error) => failed.push(error),
            }
        }
        first.ok_or(failed)
    }
}
