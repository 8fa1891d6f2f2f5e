//! Takes a run over from a process that is gone, and says what became of the calls it had begun.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::found::{Calls, Found};
use super::keeper::Keeper;
use super::keys::Keys;
use super::load::{Kept, read_spawning, read_state};
use super::record::{AgentRecord, CallRecord, Head, digest};
use super::resume::ResumeError;
use super::resumed::Unknown;
use super::tree::{Tree, head, line, lost, over};
use crate::agent::driver::is_spawn;
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
/// What is said of a spawn that made no helper, where this build knows none by that name.
const NO_HELPER: &str = "not made: the process ended before the helper that this call asked for was \
                         there, and no helper is called so any more";
/// What is recorded of a call that is made again.
const AGAIN: &str = "not known: the process ended before it did; it is made again";

/// A run that is this process's, with the agents that go on.
pub(super) struct Taken {
    pub(super) tree: Arc<Tree>,
    pub(super) root: AgentId,
    pub(super) agents: BTreeMap<AgentId, TakenAgent>,
    /// A place for each of them.
    pub(super) seats: Vec<Seat>,
    /// The calls of agents that do not go on, of which nobody knows whether they were made.
    pub(super) unknown: Vec<Unknown>,
}

/// An agent that goes on.
pub(super) struct TakenAgent {
    pub(super) record: AgentRecord,
    pub(super) chain: Chain,
    /// Its run, where it had begun.
    pub(super) kept: Option<Kept>,
    pub(super) unknown: Vec<Unknown>,
    /// What calls that are made again were about to change when they were first begun.
    pub(super) before: HashMap<String, String>,
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

struct Takeover<'a> {
    orchestrator: &'a Orchestrator,
    tree: Arc<Tree>,
    calls: Calls,
    living: BTreeSet<AgentId>,
    /// The agents that took their parents' tasks over.
    takes_over: BTreeSet<AgentId>,
    /// The open calls of agents that do not go on.
    unknown: Vec<Unknown>,
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
                kind,
                before,
                digest,
            } if is_same && self.may_repeat(call, &capability, kind.as_deref()) => {
                let lost = self.orchestrator.gate().audit().lost(begun, AGAIN);
                let again = match (kind, before) {
                    (Some(kind), Some(before)) => {
                        agent.before.insert(call.id.clone(), before.clone());
                        let again = CallRecord::Again {
                            digest,
                            kind,
                            before,
                        };
                        self.tree.call(id, &call.id, &again)
                    }
                    _ => self.tree.forget(id, &call.id),
                };
                let chain = &agent.chain;
                self.also(|batch| give_back(chain, &capability, batch.and(lost).and(again)));
                return;
            }
            CallRecord::Again { kind, before, .. }
                if is_same && self.is_tool(call, None, Some(&kind)) =>
            {
                agent.before.insert(call.id.clone(), before);
                return;
            }
            // What it was made for the first time has an entry, and is among those that are not known.
            CallRecord::Again { .. } => {
                let text = if is_same { UNKNOWN } else { ALTERED };
                self.done(id, call, CallOutcome::Failed(text.to_owned()))
            }
            CallRecord::Begun { capability, .. } if is_same && capability == SPAWN => {
                self.done(id, call, CallOutcome::Failed(NO_HELPER.to_owned()))
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
            CallRecord::Child { agent, .. } => {
                self.done(id, call, self.unheard(call, agent, is_same))
            }
        };
        // The machine named the call as open.
        let _ = run.resolved(&call.id, outcome);
    }

    /// What comes of a call whose helper is gone. Whoever handed its task over does not get it back.
    fn unheard(&self, call: &ToolCall, child: AgentId, is_same: bool) -> CallOutcome {
        let helper = self.orchestrator.shared.helpers.get(&call.name);
        let takes_over =
            self.takes_over.contains(&child) || helper.is_some_and(|helper| helper.takes_over);
        match (is_same, takes_over) {
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

    /// Whether a call that was begun may be made once more: a spawn that made no child, where it still
    /// is one, or a call of the same tool, if that says so.
    fn may_repeat(&self, call: &ToolCall, capability: &str, kind: Option<&str>) -> bool {
        match capability == SPAWN {
            true => is_spawn(&self.orchestrator.shared, &call.name),
            false => self.is_tool(call, Some(capability), kind),
        }
    }

    /// Whether what the call names is the tool that it was begun with, and may be called again. A build
    /// that changed may have another tool of that name, a helper, or nothing.
    fn is_tool(&self, call: &ToolCall, capability: Option<&str>, kind: Option<&str>) -> bool {
        if is_spawn(&self.orchestrator.shared, &call.name) {
            return false;
        }
        let toolbox = self.orchestrator.gate().toolbox();
        toolbox.find(&call.name).is_some_and(|tool| {
            tool.declaration.is_idempotent()
                && kind == Some(&*tool.kind)
                && capability.is_none_or(|capability| capability == tool.declaration.capability())
        })
    }
}
