//! Takes a run over from a process that is gone, and says what became of the calls it had begun.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::claim::{Taken, TakenAgent};
use super::error::ResumeError;
use super::keys::Keys;
use super::snapshot::{Calls, Found};
use crate::agent::durable::{
    AgentRecord, CallRecord, Head, Keeper, Kept, Tree, head, line, lost, over, read_spawning,
    read_state,
};
use crate::agent::orchestrator::Orchestrator;
use crate::agent::run::Step;
use crate::agent::runtime::Seat;
use crate::agent::unknown::Unknown;
use crate::capability::{Chain, SPAWN};
use crate::guard::Places;
use crate::id::{AgentId, RunId};
use crate::store::{Batch, Expected, Key};

/// What is said of a call that may or may not have been made.
pub(super) const UNKNOWN: &str = "the outcome of this call is not known: the process ended while it was made. \
                       It may have had its effect; find out before you make it again";

/// Takes a place for each of so many agents.
fn seat(
    orchestrator: &Orchestrator,
    agents: usize,
    seats: &mut Vec<Seat>,
) -> Result<(), ResumeError> {
    seats.truncate(agents);
    while seats.len() < agents {
        let seat = orchestrator.shared.slots.take();
        seats.push(seat.map_err(|refusal| ResumeError::TooMany(refusal.to_string()))?);
    }
    Ok(())
}

/// Makes the run this process's, and records what became of what was in flight in the whole tree.
pub(super) async fn take_over(
    orchestrator: &Orchestrator,
    run: RunId,
    (found, version): (&Head, u64),
    keys: &Keys,
) -> Result<Taken, ResumeError> {
    let guard = orchestrator.guard();
    let store = guard.store();
    // Asked before anything is taken over: a wrong key stops nobody.
    let before = Found::read(orchestrator, run, found.root).await?;
    keys.could(orchestrator, run, &before)?;
    let mut seats = Vec::new();
    seat(orchestrator, before.living.len(), &mut seats)?;
    let of_this = Head::new(found.root, &found.role, Some(before.now));
    let taken = Batch::new()
        .expect(over(run), Expected::Absent)
        .expect(head(run), Expected::Version(version))
        .put(head(run), line(&of_this));
    let owner = store.commit(taken).await?.version;
    let tree = Arc::new(Tree::new(run, owner, orchestrator.shared.seal.clone()));
    // From here on nobody else writes.
    let Found {
        agents,
        calls,
        living,
        ..
    } = Found::read(orchestrator, run, found.root).await?;
    let takes_over = agents.values().map(|(record, _)| record);
    let takes_over = takes_over.filter(|record| record.takes_over);
    let mut takeover = Takeover {
        orchestrator,
        takes_over: takes_over.map(|record| record.agent).collect(),
        unknown: Vec::new(),
        batch: tree.mine(),
        tree,
        calls,
        living,
    };
    let mut going = BTreeMap::new();
    for (record, chain) in agents.into_values() {
        match takeover.living.contains(&record.agent) {
            true => {
                let kept = read_state(&**store, run, record.agent).await?;
                let agent = takeover.agent(record, chain, kept);
                going.insert(agent.record.agent, agent);
            }
            false => takeover.close(&record, &chain),
        }
    }
    takeover.give_places_back(read_spawning(&**store, run).await?);
    store.commit(takeover.batch).await?;
    // As many as before, unless the process that had the run was at work until now.
    seat(orchestrator, going.len(), &mut seats)?;
    Ok(Taken {
        seats,
        tree: takeover.tree,
        root: found.root,
        agents: going,
        unknown: takeover.unknown,
    })
}

pub(super) struct Takeover<'a> {
    pub(super) orchestrator: &'a Orchestrator,
    pub(super) tree: Arc<Tree>,
    pub(super) calls: Calls,
    pub(super) living: BTreeSet<AgentId>,
    /// The agents that took their parents' tasks over.
    pub(super) takes_over: BTreeSet<AgentId>,
    /// The open calls of agents that do not go on.
    pub(super) unknown: Vec<Unknown>,
    pub(super) batch: Batch,
}

impl Takeover<'_> {
    pub(super) fn also(&mut self, more: impl FnOnce(Batch) -> Batch) {
        self.batch = more(std::mem::take(&mut self.batch));
    }

    /// An agent that ended while that could not be recorded.
    fn close(&mut self, record: &AgentRecord, chain: &Chain) {
        let lost = lost(self.tree.run, record, chain);
        let guard = self.orchestrator.guard();
        self.also(|batch| guard.ended_too(batch.and(lost), chain));
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
            let forgotten = self.tree.forget(record.agent, &key.1);
            self.also(|batch| batch.and(forgotten));
            // A spawn that made no child did nothing.
            if capability != SPAWN {
                let unknown = Unknown::of(&record.path, call, capability);
                self.unknown.push(unknown);
                let lost = self.orchestrator.gate().audit().lost(call, UNKNOWN);
                self.also(|batch| batch.and(lost));
            }
        }
    }

    /// What spawns took that made no child.
    fn give_places_back(&mut self, spawning: Vec<(Key, Places)>) {
        for (key, places) in spawning {
            self.also(|batch| places.give_back(batch.delete(key)));
        }
    }

    /// An agent that goes on, with what became of the calls of its last turn.
    fn agent(&mut self, record: AgentRecord, chain: Chain, kept: Option<Kept>) -> TakenAgent {
        let mut agent = TakenAgent {
            record,
            chain,
            kept: None,
            unknown: Vec::new(),
            before: HashMap::new(),
        };
        let Some(mut kept) = kept else { return agent };
        if let Step::Dispatch(open) = kept.run.next() {
            for call in &open {
                self.call(&mut agent, call, &mut kept.run);
            }
            if !matches!(kept.run.next(), Step::Dispatch(_)) {
                let id = agent.record.agent;
                let mut keeper = Keeper::new(self.tree.clone(), id, kept.messages);
                let ids = open.iter().map(|call| call.id.as_str());
                let turn = keeper.turn(&mut kept.run, ids);
                kept.messages = kept.run.messages().len();
                self.also(|batch| batch.and(turn));
            }
        }
        agent.kept = Some(kept);
        agent
    }
}
