//! Goes on with a run that another process began.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::keeper::{Asking, Keeper};
use super::load::{
    Kept, damaged, living, read_agents, read_calls, read_head, read_heads, read_state,
};
use super::record::{AgentRecord, CallRecord, Head, digest};
use super::tree::{Tree, beneath, head, line};
use crate::agent::handle::Agent;
use crate::agent::member::Member;
use crate::agent::orchestrator::Orchestrator;
use crate::agent::report::{Report, RunFailed};
use crate::agent::run::{CallOutcome, Limits, Run, Step};
use crate::capability::{Chain, Held, SPAWN, from_text};
use crate::guard::give_back;
use crate::id::{AgentId, CallId, RunId, Timestamp};
use crate::model::ToolCall;
use crate::record::EventKind;
use crate::store::{Batch, Expected, StoreError};

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The store keeps no such run.
    #[error("the store keeps no run {run}; was it begun with another store?")]
    NotFound {
        /// The run.
        run: RunId,
    },
    /// The store is in memory.
    #[error("the store keeps nothing beyond its process; give the orchestrator a durable one")]
    NotDurable,
    /// The run is over, and how.
    #[error("the run is over: {how}")]
    Ended {
        /// How its first agent's task ended.
        how: String,
        /// What it did, with its answer if it has one; none where it never ran.
        report: Option<Box<Result<Report, RunFailed>>>,
    },
    /// Agents whose private keys were not kept, or sealed under another key. Their tokens are of no
    /// use to anyone any more.
    #[error(
        "needs authority: the keys of {} cannot be had; give the orchestrator the sealing key that \
         the run was begun with", .agents.join(", ")
    )]
    NeedsAuthority {
        /// Their paths.
        agents: Vec<String>,
    },
    /// A token is not accepted any more: it has ended, or its root is not trusted here.
    #[error("the token of `{agent}` is not accepted: {why}")]
    Token {
        /// The agent's path.
        agent: String,
        /// Why.
        why: String,
    },
    /// Another process took the run over at the same time.
    #[error("another process took the run over")]
    TakenOver,
    /// There is no place for its agents.
    #[error("{0}")]
    TooMany(String),
    /// What is kept cannot be read.
    #[error("what is kept of the run is damaged: {what}")]
    Damaged {
        /// Which value, and what is wrong with it.
        what: String,
    },
    /// The store cannot be read or written.
    #[error("the run cannot be read or written: {0}")]
    Store(StoreError),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::TakenOver,
            other => Self::Store(other),
        }
    }
}

/// A call that was in flight when the process ended, of which nobody knows whether it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unknown {
    /// The agent that made it.
    pub agent: String,
    /// Its id in the audit.
    pub call: CallId,
    /// The capability.
    pub capability: String,
}

/// An agent that was taken over from a process that is gone, with its children: its token, and its
/// run after the last step that was recorded.
pub struct Resumed {
    pub(in crate::agent) agent: Agent,
    pub(in crate::agent) run: Option<Run>,
    pub(in crate::agent) keeper: Keeper,
    pub(in crate::agent) asking: Option<Asking>,
    /// Children that an open call of the model waits for.
    pub(in crate::agent) awaited: HashMap<String, Resumed>,
    children: Vec<Resumed>,
    unknown: Vec<Unknown>,
}

impl std::fmt::Debug for Resumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resumed({:?})", self.agent)
    }
}

impl Resumed {
    /// The agent's path from the root.
    #[must_use]
    pub fn path(&self) -> &str {
        self.agent.path()
    }

    /// What the agent was asked to do; `None` where it was not running.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.run.as_ref().map(Run::task)
    }

    /// The calls of this agent and of those beneath it that may or may not have been made. Its models
    /// are told the same.
    #[must_use]
    pub fn unknown(&self) -> Vec<Unknown> {
        let beneath = self.awaited.values().chain(&self.children);
        let mut all = self.unknown.clone();
        all.extend(beneath.flat_map(Self::unknown));
        all
    }

    /// The children that code spawned and that have not ended, to be run or dropped. Those that a
    /// model spawned go on with the run of their parent.
    pub fn children(&mut self) -> Vec<Self> {
        std::mem::take(&mut self.children)
    }

    /// The same run with other limits: one that stopped at its last turn goes on with more.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.run = self.run.map(|run| run.with_limits(limits));
        self
    }

    /// Goes on until the model answers, as [`Agent::run`].
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no answer.
    pub async fn run(self) -> Result<Report, RunFailed> {
        crate::agent::driver::go_on(self, "").await
    }

    /// The agent, of one that code drives: its run, if it had one, goes no further.
    #[must_use]
    pub fn into_agent(self) -> Agent {
        self.agent
    }
}

/// A run that a durable store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptRun {
    /// Its id, by which it is resumed.
    pub run: RunId,
    /// The role of its first agent.
    pub role: String,
    /// When a process last began with it or took it over.
    pub since: Option<Timestamp>,
    /// How it ended; `None` where it can go on.
    pub ended: Option<String>,
}

impl Orchestrator {
    /// The runs that the store keeps, those that are over among them, in the order in which they
    /// began. Whether a process works on one cannot be seen.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or keeps what this build does not know.
    pub async fn runs(&self) -> Result<Vec<KeptRun>, ResumeError> {
        let heads = read_heads(&**self.guard().store()).await?;
        let kept = heads.into_iter().map(|(run, head)| KeptRun {
            run,
            role: head.role,
            since: head.since,
            ended: head.ended,
        });
        Ok(kept.collect())
    }

    /// Takes over a run whose process is gone, with every agent in it: [`Resumed::run`] goes on.
    ///
    /// What was recorded as done is not done again, and no model is asked again for a turn that it
    /// has answered. A call that was in flight is made again if its tool says that it is
    /// [idempotent](crate::tool::Declaration::idempotent), or if it is a spawn that made no child;
    /// otherwise its outcome is unknown, to the model and to the operator ([`Resumed::unknown`]).
    /// Budgets are as they were. The tokens are those that the agents had.
    ///
    /// A process that still works on the run gets no further call allowed and nothing recorded from
    /// here on.
    ///
    /// # Errors
    ///
    /// [`ResumeError`]; until [`ResumeError::TakenOver`] or a fault of the store, the run stays with
    /// whoever has it.
    pub async fn resume(&self, run: RunId) -> Result<Resumed, ResumeError> {
        let shared = &self.shared;
        let guard = self.guard();
        let store = guard.store().clone();
        if !store.durable() {
            return Err(ResumeError::NotDurable);
        }
        guard.resume().await?;
        let (found, version) = read_head(&*store, run).await?;
        if let Some(how) = found.ended {
            let report = self.report(run, found.root).await?;
            return Err(ResumeError::Ended { how, report });
        }
        // Asked before anything is taken over: a wrong key stops nobody.
        self.held(run, &read_agents(&*store, run).await?)?;
        let since = guard.now().ok();
        let taken = Batch::new()
            .expect(head(run), Expected::Version(version))
            .put(head(run), line(&Head::new(found.root, &found.role, since)));
        let owner = store.commit(taken).await?.version;
        let tree = Arc::new(Tree::new(run, owner, shared.seal.clone()));
        // From here on nobody else writes.
        let agents = read_agents(&*store, run).await?;
        let calls = read_calls(&*store, run).await?;
        let held = self.held(run, &agents)?;
        let living = living(found.root, &agents, &calls);
        let mut takeover = Takeover {
            orchestrator: self,
            tree,
            agents,
            calls,
            held,
            batch: Batch::new(),
        };
        takeover.batch = takeover.tree.mine();
        for lost in takeover
            .agents
            .values()
            .filter(|it| !living.contains(&it.agent))
        {
            takeover.batch = std::mem::take(&mut takeover.batch).and(takeover.close(lost));
        }
        takeover.agents.retain(|id, _| living.contains(id));
        let resumed = takeover.agent(found.root, None).await?;
        store.commit(takeover.batch).await?;
        resumed.announce();
        Ok(resumed)
    }

    /// What a run that is over did.
    async fn report(
        &self,
        run: RunId,
        root: AgentId,
    ) -> Result<Option<Box<Result<Report, RunFailed>>>, ResumeError> {
        let kept = read_state(&**self.guard().store(), run, root).await?;
        Ok(kept.and_then(|kept| match kept.run.next() {
            Step::Done(finished) => {
                let agent = kept.run.agent().to_owned();
                Some(Box::new(Report::new(agent, finished, Vec::new())))
            }
            _ => None,
        }))
    }

    /// The tokens of agents with their keys.
    fn held(
        &self,
        run: RunId,
        agents: &BTreeMap<AgentId, AgentRecord>,
    ) -> Result<BTreeMap<AgentId, Held>, ResumeError> {
        let now = self.guard().now();
        let (mut held, mut without) = (BTreeMap::new(), Vec::new());
        for (id, record) in agents {
            let refused = |why: String| ResumeError::Token {
                agent: record.path.clone(),
                why,
            };
            let bytes = from_text(&record.token).map_err(refused)?;
            let chain = self.guard().ring().chain(&bytes);
            let chain = chain.map_err(|refusal| refused(refusal.to_string()))?;
            let now = now
                .as_ref()
                .map_err(|refusal| refused(refusal.to_string()))?;
            ends(&chain, *now).map_err(refused)?;
            match self.opened(run, *id, record, chain) {
                Some(opened) => drop(held.insert(*id, opened)),
                None => without.push(record.path.clone()),
            }
        }
        match without.is_empty() {
            true => Ok(held),
            false => Err(ResumeError::NeedsAuthority { agents: without }),
        }
    }

    fn opened(&self, run: RunId, id: AgentId, record: &AgentRecord, chain: Chain) -> Option<Held> {
        let seal = self.shared.seal.as_ref()?;
        let key = seal.open((run, id, chain.holder()), record.key.as_deref()?);
        chain.held_by(key.ok()?).ok()
    }
}

/// Whether a token has ended.
fn ends(chain: &Chain, now: Timestamp) -> Result<(), String> {
    match now.secs() >= chain.expires().secs() {
        true => Err(format!("it ended at {}, now is {now}", chain.expires())),
        false => Ok(()),
    }
}

/// What is put together of a run while it is taken over.
struct Takeover<'a> {
    orchestrator: &'a Orchestrator,
    tree: Arc<Tree>,
    agents: BTreeMap<AgentId, AgentRecord>,
    calls: BTreeMap<(String, String), CallRecord>,
    held: BTreeMap<AgentId, Held>,
    batch: Batch,
}

impl Takeover<'_> {
    /// An agent that ended while that could not be recorded.
    fn close(&self, record: &AgentRecord) -> Batch {
        let id = record.agent.to_string();
        let ended = record.clone().ended("lost");
        let batch = Batch::new()
            .delete(beneath(self.tree.run, "agents").child(&id))
            .put(beneath(self.tree.run, "ended").child(&id), line(&ended));
        match self.held.get(&record.agent) {
            Some(held) => self.orchestrator.guard().revoked_too(batch, held.chain()),
            None => batch,
        }
    }

    /// An agent and everything beneath it.
    async fn agent(
        &mut self,
        id: AgentId,
        parent: Option<&Arc<Member>>,
    ) -> Result<Resumed, ResumeError> {
        let place = beneath(self.tree.run, "agents").child(&id.to_string());
        let missing = || damaged(&place, "there is no such agent");
        let record = self.agents.remove(&id).ok_or_else(missing)?;
        let held = self.held.remove(&id).ok_or_else(missing)?;
        let shared = &self.orchestrator.shared;
        let seat = shared.seat();
        let seat = seat.map_err(|refusal| ResumeError::TooMany(refusal.to_string()))?;
        let member = Member::resumed(shared, parent, &self.tree, &record, (held, seat));
        let agent = Agent::new(member);
        let store = self.orchestrator.guard().store().clone();
        let kept = read_state(&*store, self.tree.run, id).await?;
        let written = kept.as_ref().map_or(0, |kept| kept.messages);
        let mut resumed = Resumed {
            keeper: Keeper::new(self.tree.clone(), id, written),
            agent,
            run: None,
            asking: None,
            awaited: HashMap::new(),
            children: Vec::new(),
            unknown: Vec::new(),
        };
        if let Some(Kept { run, asking, .. }) = kept {
            resumed.agent.member.take_up(&run);
            resumed.asking = asking;
            self.calls_of(&mut resumed, run);
        }
        let mine = |record: &&AgentRecord| record.parent == Some(id);
        let children: Vec<_> = self
            .agents
            .values()
            .filter(mine)
            .map(|it| (it.agent, it.call.clone()))
            .collect();
        for (child, call) in children {
            let member = resumed.agent.member.clone();
            let child = Box::pin(self.agent(child, Some(&member))).await?;
            match call {
                Some(call) => drop(resumed.awaited.insert(call, child)),
                None => resumed.children.push(child),
            }
        }
        Ok(resumed)
    }

    /// What became of the calls that the last turn of a run made.
    fn calls_of(&mut self, resumed: &mut Resumed, mut run: Run) {
        let member = resumed.agent.member.clone();
        if let Step::Dispatch(open) = run.next() {
            for call in &open {
                let place = (member.id.to_string(), call.id.clone());
                let Some(record) = self.calls.remove(&place) else {
                    continue;
                };
                if let Some((outcome, unknown)) = self.call(&member, call, record, &mut run) {
                    resumed.unknown.extend(unknown);
                    // The machine named the call as open.
                    let _ = run.resolved(&call.id, outcome);
                }
            }
            if !matches!(run.next(), Step::Dispatch(_)) {
                let ids = open.iter().map(|call| call.id.as_str());
                let turn = resumed.keeper.turn(&mut run, ids);
                self.batch = std::mem::take(&mut self.batch).and(turn);
            }
        }
        resumed.run = Some(run);
    }

    /// What became of one call, where that is over.
    fn call(
        &mut self,
        member: &Member,
        call: &ToolCall,
        record: CallRecord,
        run: &mut Run,
    ) -> Option<(CallOutcome, Option<Unknown>)> {
        let same = digest(call);
        let batch = std::mem::take(&mut self.batch);
        let gate = &self.orchestrator.shared.gate;
        let idempotent = |tool: &str| {
            let found = gate.toolbox().find(tool);
            found.is_some_and(|entry| entry.declaration.is_idempotent())
        };
        let (batch, outcome) = match record {
            CallRecord::Done {
                outcome,
                taint,
                sensitivity,
            } => {
                run.absorb(taint, sensitivity);
                member.take_up(run);
                (batch, Some((outcome, None)))
            }
            CallRecord::Child { agent, digest }
                if digest == same && self.agents.contains_key(&agent) =>
            {
                (batch, None)
            }
            CallRecord::Begun {
                call: id,
                capability,
                digest,
            } if digest == same && (capability == SPAWN || idempotent(&call.name)) => {
                let again = "not known: the process ended before it did; it is made again";
                let batch = batch
                    .and(gate.audit().lost(id, again))
                    .and(self.tree.forget(member.id, &call.id));
                (give_back(member.held.chain(), &capability, batch), None)
            }
            CallRecord::Begun {
                call: id,
                capability,
                digest,
            } => {
                let text = match digest == same {
                    true => UNKNOWN,
                    false => ALTERED,
                };
                let outcome = CallOutcome::Failed(text.to_owned());
                let done = CallRecord::Done {
                    outcome: outcome.clone(),
                    taint: Default::default(),
                    sensitivity: 0,
                };
                let batch = batch
                    .and(gate.audit().lost(id, text))
                    .and(self.tree.call(member.id, &call.id, &done));
                let unknown = Unknown {
                    agent: member.path.clone(),
                    call: id,
                    capability,
                };
                (batch, Some((outcome, Some(unknown))))
            }
            CallRecord::Child { .. } => {
                let outcome = CallOutcome::Failed(ALTERED.to_owned());
                (batch, Some((outcome, None)))
            }
        };
        self.batch = batch;
        outcome
    }
}

/// What is said of a call that may or may not have been made.
const UNKNOWN: &str = "the outcome of this call is not known: the process ended while it was made. \
                       It may have had its effect; find out before you make it again";
/// What is said of a call that is not the one that was begun.
const ALTERED: &str = "this call was begun as another one, so it is not gone on with; what was kept \
                       of it was altered";

impl Resumed {
    /// Tells whoever watches.
    fn announce(&self) {
        let member = &self.agent.member;
        member.emit(EventKind::Resumed {});
        for unknown in &self.unknown {
            member.emit(EventKind::Unknown {
                call: unknown.call,
                capability: unknown.capability.clone(),
            });
        }
        self.awaited
            .values()
            .chain(&self.children)
            .for_each(Self::announce);
    }
}
