//! Closes the agents that an ended run left open because its process ended before it recorded their end.

use super::error::ResumeError;
use crate::agent::durable::{
    RunHead, RunStore, canonical_line, head_key, lost, read_agents, read_spawning,
};
use crate::agent::orchestrator::Orchestrator;
use crate::id::RunId;
use crate::store::{Batch, Expected};

/// Closes the agents and spawns of a run that is over: the slots that they took of budgets that
/// other runs share are given back. A process that still ends them finds that they have ended.
pub(super) async fn tidy(
    orchestrator: &Orchestrator,
    run: RunId,
    (found, version): (&RunHead, u64),
) -> Result<(), ResumeError> {
    let guard = orchestrator.guard();
    let store = &**guard.store();
    let agents = read_agents(store, run).await?;
    if agents.is_empty() && read_spawning(store, run).await?.is_empty() {
        return Ok(());
    }
    let taken = Batch::new()
        .expect(head_key(run), Expected::Version(version))
        .put(
            head_key(run),
            canonical_line(&RunHead::new(found.root, &found.role, found.since)),
        );
    let owner = store.commit(taken).await?.version;
    // From here on no other process writes.
    let mut batch = RunStore::new(run, owner, None).still_owner();
    for record in read_agents(store, run).await?.into_values() {
        let chain = record.chain(guard)?;
        batch = batch
            .and(lost(run, &record, &chain))
            .and(guard.revoke_ended(&chain));
    }
    for (key, slots) in read_spawning(store, run).await? {
        batch = batch.delete(key).and(slots.give_back());
    }
    store.commit(batch).await?;
    Ok(())
}
