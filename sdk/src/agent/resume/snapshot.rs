//! The stored state of a run that is not over, and which of its agents go on.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ResumeError, now};
use crate::agent::durable::{AgentRecord, CallRecord, read_agents, read_calls};
use crate::agent::orchestrator::Orchestrator;
use crate::capability::Chain;
use crate::id::{AgentId, RunId, Timestamp};

/// Calls that were begun, by the agent and the model's id of the call.
pub(super) type Calls = BTreeMap<(String, String), CallRecord>;

/// The stored state of a run that is not over.
pub(super) struct Snapshot {
    pub(super) now: Timestamp,
    pub(super) agents: BTreeMap<AgentId, (AgentRecord, Chain)>,
    pub(super) calls: Calls,
    pub(super) living: BTreeSet<AgentId>,
    /// Whether the first agent was revoked.
    pub(super) revoked: bool,
}

impl Snapshot {
    pub(super) async fn read(
        orchestrator: &Orchestrator,
        run: RunId,
        root: AgentId,
    ) -> Result<Self, ResumeError> {
        let guard = orchestrator.guard();
        let now = now(guard)?;
        let records = read_agents(&**guard.store(), run).await?;
        let calls = read_calls(&**guard.store(), run).await?;
        let (mut chains, mut revoked) = (BTreeMap::new(), BTreeSet::new());
        for record in records.values() {
            let chain = record.chain(guard)?;
            if guard
                .revoked_by_hand(&chain, &record.path, record.task.as_deref(), now)
                .await?
            {
                revoked.insert(record.agent);
            }
            chains.insert(record.agent, chain);
        }
        let living = living(root, &records, &calls, |agent| {
            let holds = chains.get(&agent).is_some_and(|chain| holds(chain, now));
            holds && !revoked.contains(&agent)
        });
        let agents = records.into_iter().zip(chains.into_values());
        let agents = agents.map(|((agent, record), chain)| (agent, (record, chain)));
        Ok(Self {
            now,
            agents: agents.collect(),
            calls,
            living,
            revoked: revoked.contains(&root),
        })
    }

    /// The agents that go on, with their tokens.
    pub(super) fn going(&self) -> impl Iterator<Item = &(AgentRecord, Chain)> {
        let is_living = |(agent, _): &(&AgentId, _)| self.living.contains(agent);
        self.agents.iter().filter(is_living).map(|(_, found)| found)
    }
}

/// Whether a token has not expired.
pub(super) fn holds(chain: &Chain, now: Timestamp) -> bool {
    now.secs() < chain.expires().secs()
}

/// Those of `agents` that go on: the first agent, and in turn the children of each that goes on, if their tokens
/// hold and code spawned them or an open call waits for them. The others ended, but their end was not recorded.
fn living(
    root: AgentId,
    agents: &BTreeMap<AgentId, AgentRecord>,
    calls: &Calls,
    holds: impl Fn(AgentId) -> bool,
) -> BTreeSet<AgentId> {
    let is_awaited = |record: &AgentRecord, parent: AgentId| match &record.call {
        None => true,
        Some(call) => matches!(
            calls.get(&(parent.to_string(), call.clone())),
            Some(CallRecord::Child { agent, .. }) if *agent == record.agent
        ),
    };
    let mut living: BTreeSet<AgentId> = agents
        .contains_key(&root)
        .then_some(root)
        .into_iter()
        .collect();
    loop {
        let more: Vec<AgentId> = agents
            .values()
            .filter(|record| !living.contains(&record.agent) && holds(record.agent))
            .filter(|record| {
                record
                    .parent
                    .is_some_and(|parent| living.contains(&parent) && is_awaited(record, parent))
            })
            .map(|record| record.agent)
            .collect();
        if more.is_empty() {
            return living;
        }
        living.extend(more);
    }
}
