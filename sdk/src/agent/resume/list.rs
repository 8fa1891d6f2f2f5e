//! The runs that a store keeps, for a reader without an orchestrator.

use super::error::ResumeError;
use crate::agent::durable::{
    CallRecord, agents_key, read_agents, read_calls, read_head, read_heads, read_outline, read_over,
};
use crate::id::{AgentId, RunId, Timestamp};
use crate::store::{Store, StoreError};

/// A run that a durable store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredRun {
    /// Its id, by which it is resumed.
    pub run: RunId,
    /// The role of its first agent.
    pub role: String,
    /// The time at which a process began the run or last took it over.
    pub since: Option<Timestamp>,
    /// How it ended; `None` where it can be resumed.
    pub ended: Option<String>,
}

/// An agent of a stored run whose task has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredAgent {
    /// Its id.
    pub agent: AgentId,
    /// Its path from the root.
    pub path: String,
    /// Its task; `None` where it does not run yet.
    pub task: Option<String>,
    /// The number of completions of its model.
    pub turns: u32,
    /// Whether its private key is stored, sealed.
    pub sealed: bool,
    /// The capabilities of calls that have begun and not ended.
    pub in_flight: Vec<String>,
}

/// The runs that a store keeps, including those that are over, in the order in which they began.
///
/// # Errors
///
/// When the store cannot be read, or keeps a value that this build does not know.
pub async fn stored_runs(store: &dyn Store) -> Result<Vec<StoredRun>, ResumeError> {
    let heads = read_heads(store).await?;
    let kept = heads.into_iter().map(|(run, head, ended)| StoredRun {
        run,
        role: head.role,
        since: head.since,
        ended,
    });
    Ok(kept.collect())
}

/// One of the runs that a store keeps.
///
/// # Errors
///
/// [`ResumeError::NotFound`] when it keeps no such run; otherwise as [`stored_runs`].
pub async fn stored_run(store: &dyn Store, run: RunId) -> Result<StoredRun, ResumeError> {
    let (head, _) = read_head(store, run).await?;
    Ok(StoredRun {
        run,
        role: head.role,
        since: head.since,
        ended: read_over(store, run).await?,
    })
}

/// Whether something that is stored of the agents of a run changed after the version `since`, in this process or in
/// another one.
///
/// The answer is the version of the last change, which is the next `since`; 0 is the first. A watcher asks this, and
/// reads [`stored_agents`] when there is a version. It costs one indexed read: see [`Store::changed`].
///
/// # Errors
///
/// When the store cannot be read.
pub async fn stored_run_changed(
    store: &dyn Store,
    run: RunId,
    since: u64,
) -> Result<Option<u64>, StoreError> {
    store.changed(&agents_key(run), since).await
}

/// The agents of a stored run whose tasks have not ended, by their paths.
///
/// Another process may be running it: the state of each agent is that of the moment in which it is read.
///
/// # Errors
///
/// As [`stored_runs`].
pub async fn stored_agents(store: &dyn Store, run: RunId) -> Result<Vec<StoredAgent>, ResumeError> {
    let calls = read_calls(store, run).await?;
    let mut agents = Vec::new();
    for record in read_agents(store, run).await?.into_values() {
        let outline = read_outline(store, run, record.agent).await?;
        let begun = calls.iter().filter_map(|((agent, _), call)| match call {
            CallRecord::Begun { capability, .. } if *agent == record.agent.to_string() => {
                Some(capability.clone())
            }
            _ => None,
        });
        agents.push(StoredAgent {
            agent: record.agent,
            in_flight: begun.collect(),
            path: record.path,
            turns: outline.as_ref().map_or(0, |outline| outline.turns),
            task: outline.map(|outline| outline.task),
            sealed: record.key.is_some(),
        });
    }
    agents.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(agents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Batch, MemoryStore};

    #[tokio::test]
    async fn a_change_of_another_run_is_not_one_of_this_run() {
        let store = MemoryStore::new();
        let (run, other) = (RunId::fresh(), RunId::fresh());
        let put = async |run: RunId, kind: &str| {
            let batch = Batch::new().put(agents_key(run).child(kind).child("a"), "1");
            store.commit(batch).await.unwrap().version
        };
        let changed = async |since| stored_run_changed(&store, run, since).await.unwrap();
        assert_eq!(changed(0).await, None);
        let agent = put(run, "agents").await;
        assert_eq!(changed(0).await, Some(agent));
        put(other, "agents").await;
        assert_eq!(changed(agent).await, None);
        let call = put(run, "calls").await;
        assert_eq!(changed(agent).await, Some(call));
    }
}
