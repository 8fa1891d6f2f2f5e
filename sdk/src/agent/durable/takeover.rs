//! Takes a run over from a process that is gone, and says what became of the calls it had begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::found::{Calls, Found};
use super::keeper::Keeper;
use super::keys::Keys;
use super::load::{Kept, read_spawning, read_state};
use super::record::{AgentRecord, CallRecord, Head, digest};
use super::resume::ResumeError;
use super::resumed::Unknown;
use super::tree::{Tree, head, line, lost, over};
use crate::agent::orchestrator::Orchestrator;
use crate::agent::run::{CallOutcome, Run, Step};
use crate::agent::shared::Seat;
use crate::capability::{Chain, SPAWN};
use crate::guard::{Places, give_back};
use crate::id::{AgentId, RunId};
use crate::model::ToolCall;
use crate::store::{Batch, Expected, Key};

/// What is said of a call that may or may not have been made.
const UNKNOWN: &str = "the outcome of this call is not known: the process ended while it was made. \
                       It may have had its effect; find out before you make it again";
/// What is said of a call that is not the one that was begun.
const ALTERED: &str = "the outcome of this call is not known: it was begun as another call, so what \
                       was kept of it was altered; it is not gone on with";
/// What is said of a spawn whose helper ended, and nobody heard it.
const UNHEARD: &str = "the helper that this call made has ended with its process or its token, and \
                       what it would have answered is not known; what it did before may have had its \
                       effect";
/// What is recorded of a call that is made again.
const AGAIN: &str = "not known: the process ended before it did; it is made again";

/// A run that is this process's, with the agents that go on.
pub(super) struct Taken {
    pub(super) tree: Arc<Tree>,
    pub(super) root: AgentId,
    pub(super) agents: BTreeMap<AgentId, TakenAgent>,
    /// A place for each of them.
    pub(super) seats: Vec<Seat>,
}

/// An agent that goes on.
pub(super) struct TakenAgent {
    pub(super) record: AgentRecord,
    pub(super) chain: Chain,
    /// Its run, where it had begun.
    pub(super) kept: Option<Kept>,
    pub(super) unknown: Vec<Unknown>,
}

/// Takes a place for each of so many agents.
fn seat(
    orchestrator: &Orchestrator,
    agents: usize,
    seats: &mut Vec<Seat>,
) -> Result<(), ResumeError> {
    seats.truncate(agents);
    while seats.len() < agents {
        let seat = orchestrator.shared.seat();
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
    let mut takeover = Takeover {
        orchestrator,
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
    })
}

struct Takeover<'a> {
    orchestrator: &'a Orchestrator,
    tree: Arc<Tree>,
    calls: Calls,
    living: BTreeSet<AgentId>,
    batch: Batch,
}

impl Takeover<'_> {
    fn also(&mut self, more: impl FnOnce(Batch) -> Batch) {
        self.batch = more(std::mem::take(&mut self.batch));
    }

    /// An agent that ended while that could not be recorded.
    fn close(&mut self, record: &AgentRecord, chain: &Chain) {
        let lost = lost(self.tree.run, record, chain);
        let guard = self.orchestrator.guard();
        self.also(|batch| guard.ended_too(batch.and(lost), chain));
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

    /// What became of one call of a turn that is not over.
    fn call(&mut self, agent: &mut TakenAgent, call: &ToolCall, run: &mut Run) {
        let id = agent.record.agent;
        let Some(record) = self.calls.remove(&(id.to_string(), call.id.clone())) else {
            return;
        };
        let is_same = record.digest().is_none_or(|kept| *kept == digest(call));
        let outcome = match record {
            CallRecord::Done {
                outcome,
                taint,
                sensitivity,
            } => {
                run.absorb(taint, sensitivity);
                outcome
            }
            CallRecord::Child { agent, .. } if is_same && self.living.contains(&agent) => return,
            CallRecord::Begun {
                call: begun,
                capability,
                ..
            } if is_same && self.may_repeat(&capability) => {
                let lost = self.orchestrator.gate().audit().lost(begun, AGAIN);
                let forgotten = self.tree.forget(id, &call.id);
                let chain = &agent.chain;
                self.also(|batch| give_back(chain, &capability, batch.and(lost).and(forgotten)));
                return;
            }
            CallRecord::Begun {
                call: begun,
                capability,
                ..
            } => {
                let text = if is_same { UNKNOWN } else { ALTERED };
                agent.unknown.push(Unknown {
                    agent: agent.record.path.clone(),
                    call: begun,
                    capability,
                });
                let lost = self.orchestrator.gate().audit().lost(begun, text);
                self.also(|batch| batch.and(lost));
                self.done(id, call, CallOutcome::Failed(text.to_owned()))
            }
            CallRecord::Child { .. } => self.done(id, call, self.unheard(call, is_same)),
        };
        // The machine named the call as open.
        let _ = run.resolved(&call.id, outcome);
    }

    /// What comes of a call whose helper is gone. Whoever handed its task over does not get it back.
    fn unheard(&self, call: &ToolCall, is_same: bool) -> CallOutcome {
        let helper = self.orchestrator.shared.helpers.get(&call.name);
        match (is_same, helper.is_some_and(|helper| helper.takes_over)) {
            (false, _) => CallOutcome::Failed(ALTERED.to_owned()),
            (true, false) => CallOutcome::Failed(UNHEARD.to_owned()),
            (true, true) => CallOutcome::HandedOver {
                answered: false,
                text: UNHEARD.to_owned(),
            },
        }
    }

    fn done(&mut self, agent: AgentId, call: &ToolCall, outcome: CallOutcome) -> CallOutcome {
        let done = CallRecord::Done {
            outcome: outcome.clone(),
            taint: BTreeSet::new(),
            sensitivity: 0,
        };
        let done = self.tree.call(agent, &call.id, &done);
        self.also(|batch| batch.and(done));
        outcome
    }

    /// Whether a call that was begun may be made once more: a spawn that made no child, or a tool
    /// that says so.
    fn may_repeat(&self, capability: &str) -> bool {
        let toolbox = self.orchestrator.gate().toolbox();
        let tool = toolbox.find(capability);
        capability == SPAWN || tool.is_some_and(|tool| tool.declaration.is_idempotent())
    }
}
