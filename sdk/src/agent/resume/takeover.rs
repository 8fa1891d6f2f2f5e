//! Takes a run over from a process that is gone, and determines the state of the calls that it had begun.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::claim::{Claim, ClaimedAgent};
use super::error::ResumeError;
use super::keys::Keys;
use super::snapshot::{Calls, Snapshot};
use crate::agent::durable::{
    AgentRecord, CallRecord, Keeper, RunHead, RunStore, StoredState, canonical_line, head_key,
    lost, over_key, read_spawning, read_state,
};
use crate::agent::orchestrator::Orchestrator;
use crate::agent::run::{Step, Waiting};
use crate::agent::runtime::AgentSlot;
use crate::agent::unknown::UnknownOutcome;
use crate::capability::{Chain, SPAWN};
use crate::guard::BudgetSlots;
use crate::id::{AgentId, RunId};
use crate::store::{Batch, Expected, Key};

/// The message for a call that may or may not have been made.
pub(super) const UNKNOWN: &str = "the outcome of this call is not known: the process ended while it was made. \
                       It may have had its effect; find out before you make it again";

/// Takes a slot for each of `agents` agents.
fn slot(
    orchestrator: &Orchestrator,
    agents: usize,
    slots: &mut Vec<AgentSlot>,
) -> Result<(), ResumeError> {
    slots.truncate(agents);
    while slots.len() < agents {
        let slot = orchestrator.runtime.slots.take();
        slots.push(slot.map_err(|refusal| ResumeError::TooMany(refusal.to_string()))?);
    }
    Ok(())
}

/// Makes this process the owner of the run, and records the state of everything that was in flight in the tree.
pub(super) async fn take_over(
    orchestrator: &Orchestrator,
    run: RunId,
    (found, version): (&RunHead, u64),
    keys: &Keys,
) -> Result<Claim, ResumeError> {
    let guard = orchestrator.guard();
    let store = guard.store();
    // Checked before anything is taken over: a wrong key does not stop the process that has the run.
    let before = Snapshot::read(orchestrator, run, found.root).await?;
    keys.could(orchestrator, run, &before)?;
    let mut slots = Vec::new();
    slot(orchestrator, before.living.len(), &mut slots)?;
    let of_this = RunHead::new(found.root, &found.role, Some(before.now));
    let taken = Batch::new()
        .expect(over_key(run), Expected::Absent)
        .expect(head_key(run), Expected::Version(version))
        .put(head_key(run), canonical_line(&of_this));
    let owner = store.commit(taken).await?.version;
    let run_store = Arc::new(RunStore::new(run, owner, orchestrator.runtime.seal.clone()));
    // From here on no other process writes.
    let Snapshot {
        agents,
        calls,
        living,
        ..
    } = Snapshot::read(orchestrator, run, found.root).await?;
    let takes_over = agents.values().map(|(record, _)| record);
    let takes_over = takes_over.filter(|record| record.takes_over);
    let mut takeover = Takeover {
        orchestrator,
        takes_over: takes_over.map(|record| record.agent).collect(),
        unknown: Vec::new(),
        batch: run_store.still_owner(),
        run_store,
        calls,
        living,
    };
    let mut going = BTreeMap::new();
    for (record, chain) in agents.into_values() {
        match takeover.living.contains(&record.agent) {
            true => {
                let state = read_state(&**store, run, record.agent).await?;
                let agent = takeover.agent(record, chain, state);
                going.insert(agent.record.agent, agent);
            }
            false => takeover.close(&record, &chain),
        }
    }
    takeover.give_slots_back(read_spawning(&**store, run).await?);
    store.commit(takeover.batch).await?;
    // As many as before, unless the process that had the run was at work until now.
    slot(orchestrator, going.len(), &mut slots)?;
    Ok(Claim {
        slots,
        run_store: takeover.run_store,
        root: found.root,
        agents: going,
        unknown: takeover.unknown,
    })
}

pub(super) struct Takeover<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) run_store: Arc<RunStore>,
    pub(super) calls: Calls,
    pub(super) living: BTreeSet<AgentId>,
    /// The agents that took their parents' tasks over.
    pub(super) takes_over: BTreeSet<AgentId>,
    /// The open calls of agents that do not go on.
    pub(super) unknown: Vec<UnknownOutcome>,
    pub(super) batch: Batch,
}

impl Takeover<'_> {
    /// Writes more in the batch that takes the run over.
    pub(super) fn write(&mut self, more: Batch) {
        self.batch = std::mem::take(&mut self.batch).and(more);
    }

    /// Closes an agent that ended while its end could not be recorded.
    fn close(&mut self, record: &AgentRecord, chain: &Chain) {
        let lost = lost(self.run_store.run, record, chain);
        let guard = self.orchestrator.guard();
        self.write(lost.and(guard.revoke_ended(chain)));
        let id = record.agent.to_string();
        let own = |(agent, _): &(String, String)| *agent == id;
        let open: Vec<_> = self.calls.keys().filter(|key| own(key)).cloned().collect();
        for key in open {
            let Some(CallRecord::Begun {
                call, capability, ..
            }) = self.calls.remove(&key)
            else {
                continue;
            };
            let forgotten = self.run_store.forget(record.agent, &key.1);
            self.write(forgotten);
            // A spawn that made no child did nothing.
            if capability != SPAWN {
                let unknown = UnknownOutcome::of(&record.path, call, capability);
                self.unknown.push(unknown);
                let lost = self.orchestrator.gate().audit().lost(call, UNKNOWN);
                self.write(lost);
            }
        }
    }

    /// The slots of spawns that made no child.
    fn give_slots_back(&mut self, spawning: Vec<(Key, BudgetSlots)>) {
        for (key, slots) in spawning {
            self.write(Batch::new().delete(key).and(slots.give_back()));
        }
    }

    /// An agent that goes on, with the state of the calls of its last turn.
    fn agent(
        &mut self,
        record: AgentRecord,
        chain: Chain,
        state: Option<StoredState>,
    ) -> ClaimedAgent {
        let mut agent = ClaimedAgent {
            record,
            chain,
            state: None,
            unknown: Vec::new(),
            before: HashMap::new(),
        };
        let Some(mut state) = state else { return agent };
        if let Waiting::Calls(calls, mut open) = state.run.waiting() {
            let ids: Vec<_> = calls.iter().map(|open| open.call().id.clone()).collect();
            for call in calls {
                self.call(&mut agent, call, &mut open);
            }
            if !matches!(state.run.next(), Step::Dispatch(_)) {
                let id = agent.record.agent;
                let mut keeper = Keeper::new(self.run_store.clone(), id, state.messages);
                let ids = ids.iter().map(String::as_str);
                let turn = keeper.turn(&mut state.run, ids);
                state.messages = state.run.messages().len();
                self.write(turn);
            }
        }
        agent.state = Some(state);
        agent
    }
}
