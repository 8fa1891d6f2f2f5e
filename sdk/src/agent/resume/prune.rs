//! Removes the stored data of runs and calls that are long over.

use super::error::{ResumeError, now};
use super::tidy::tidy;
use crate::agent::durable::{
    LoadError, Over, RunHead, canonical_line, head_key, over_key, read_agents, read_ended,
    read_head, read_heads, read_spawning, scan,
};
use crate::agent::orchestrator::Orchestrator;
use crate::guard::prune_state;
use crate::id::{RunId, Timestamp};
use crate::store::{Batch, Expected, Key, Store, StoreError};

/// What [`prune`] removed, and which runs it could not remove.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// The number of removed runs, with their agents and conversations.
    pub runs: usize,
    /// The number of removed ids of calls.
    pub calls: usize,
    /// The number of removed ids of tokens whose agents ended before the tokens expired.
    pub tokens: usize,
    /// Runs that are over and stay, because their process was gone before all of their agents had
    /// ended: these may hold slots in budgets. [`Orchestrator::prune`] closes them first.
    pub open: Vec<RunId>,
}

/// Removes from a store the runs that ended before a time, with their agents and conversations, and
/// the ids of calls and of ended agents' tokens that have lapsed since then.
///
/// Data that decisions depend on stays: runs that can be resumed, calls that have not ended by the highest time
/// that the store has seen, the revocations of an operator, and budgets. The audit stays, since each entry is
/// linked to the one before.
///
/// `ended_before` must not be later than now by a correct clock: if an operator sets the clock of a store back
/// to before that time, calls whose ids were removed can be made again.
///
/// # Errors
///
/// When the store cannot be read or written, or keeps a value that this build does not know. What was removed
/// before the error stays removed.
pub async fn prune(store: &dyn Store, ended_before: Timestamp) -> Result<Pruned, ResumeError> {
    let mut pruned = Pruned::default();
    for (run, versions) in read_ended(store, ended_before).await? {
        if is_open(store, run).await? {
            pruned.open.push(run);
        } else if remove(store, run, versions).await? {
            pruned.runs += 1;
        }
    }
    let removed = prune_state(store, ended_before).await?;
    (pruned.calls, pruned.tokens) = (removed.calls, removed.tokens);
    Ok(pruned)
}

async fn is_open(store: &dyn Store, run: RunId) -> Result<bool, ResumeError> {
    let agents = read_agents(store, run).await?;
    Ok(!agents.is_empty() || !read_spawning(store, run).await?.is_empty())
}

/// Removes a run, whole or not at all. Returns whether the run was still there as it was read.
async fn remove(
    store: &dyn Store,
    run: RunId,
    [begun, ended]: [u64; 2],
) -> Result<bool, ResumeError> {
    let all = scan(store, &Key::of(["run", &run.to_string()])).await?;
    let batch = Batch::new()
        .expect(head_key(run), Expected::Version(begun))
        .expect(over_key(run), Expected::Version(ended))
        .delete(head_key(run))
        .delete(over_key(run));
    let batch = all
        .into_iter()
        .fold(batch, |batch, (key, _)| batch.delete(key));
    match store.commit(batch).await {
        Err(StoreError::Conflict { .. }) => Ok(false),
        written => Ok(written.map(|_| true)?),
    }
}

/// The head of a run, with its version; `None` where another process prunes too.
async fn still_there(store: &dyn Store, run: RunId) -> Result<Option<(RunHead, u64)>, ResumeError> {
    match read_head(store, run).await {
        Err(LoadError::NotFound { .. }) => Ok(None),
        read => Ok(read.map(Some)?),
    }
}

impl Orchestrator {
    /// As [`prune`], for the orchestrator's own store; a time later than now counts as now. Runs that were left open
    /// by a process that is gone are closed first, so that they go too; so are those that cannot be resumed,
    /// since the token of their first agent ended before that time.
    ///
    /// # Errors
    ///
    /// As [`prune`]; [`ResumeError::NotDurable`] where the store is in memory.
    pub async fn prune(&self, ended_before: Timestamp) -> Result<Pruned, ResumeError> {
        let guard = self.guard();
        let store = &**guard.store();
        if !store.durable() {
            return Err(ResumeError::NotDurable);
        }
        guard.load_state().await?;
        let ended_before = ended_before.min(now(guard)?);
        self.close_lapsed(ended_before).await?;
        for (run, _) in read_ended(store, ended_before).await? {
            let Some((found, version)) = still_there(store, run).await? else {
                continue;
            };
            // A run that cannot be closed stays, and is reported as open.
            if let Err(error) = tidy(self, run, (&found, version)).await {
                tracing::warn!(%error, %run, "what a run left open could not be closed");
            }
        }
        prune(store, ended_before).await
    }

    /// Records the end of each run whose first agent's token ended before a time.
    async fn close_lapsed(&self, before: Timestamp) -> Result<(), ResumeError> {
        let guard = self.guard();
        let store = &**guard.store();
        for (run, found, how) in read_heads(store).await? {
            let agents = match how {
                None => read_agents(store, run).await?,
                Some(_) => continue,
            };
            let first = agents.get(&found.root).map(|first| first.chain(guard));
            // A run that another root signed belongs to another orchestrator.
            let Some(Ok(first)) = first else { continue };
            if first.expires() < before {
                let Some((found, version)) = still_there(store, run).await? else {
                    continue;
                };
                let ended = Over::new("expired", Some(first.expires()));
                let batch = Batch::new()
                    .expect(head_key(run), Expected::Version(version))
                    .expect(over_key(run), Expected::Absent)
                    .put(head_key(run), canonical_line(&found))
                    .put(over_key(run), canonical_line(&ended));
                match store.commit(batch).await {
                    // Another process has just ended or resumed it.
                    Ok(_) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}
