//! The agents of a run that was taken over, before they run again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::claim::{Claim, ClaimedAgent};
use crate::agent::core::AgentCore;
use crate::agent::driver::{Continuation, go_on};
use crate::agent::durable::{Keeper, PreviousRun, RunStore};
use crate::agent::handle::Agent;
use crate::agent::orchestrator::Orchestrator;
use crate::agent::report::{Report, RunFailed};
use crate::agent::run::{Limits, Run};
use crate::agent::runtime::AgentSlot;
use crate::agent::unknown::UnknownOutcome;
use crate::capability::Held;
use crate::id::AgentId;
use crate::record::EventKind;

/// An agent that was taken over from a process that is gone, with its children: its token, and its
/// run after the last step that was recorded.
pub struct Resumed(pub(in crate::agent) Continuation);

impl std::fmt::Debug for Resumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resumed({:?})", self.0.agent)
    }
}

impl Resumed {
    /// The agent's path from the root.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.agent.path()
    }

    /// What the agent was asked to do; `None` where it was not running.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.0.run.as_ref().map(Run::task)
    }

    /// The calls of this agent and of those beneath it that may or may not have been made. The models of
    /// these agents are told the same.
    #[must_use]
    pub fn unknown(&self) -> Vec<UnknownOutcome> {
        self.0.all_unknown()
    }

    /// The children that code spawned and that have not ended, to be run or dropped. Those that a
    /// model spawned go on with the run of their parent.
    pub fn children(&mut self) -> Vec<Self> {
        let children = std::mem::take(&mut self.0.children);
        children.into_iter().map(Self).collect()
    }

    /// The same run with other limits: a run that stopped at its limit of turns can go on with more turns.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.run = self.0.run.map(|run| run.with_limits(limits));
        self
    }

    /// Resumes the run until the model answers, as [`Agent::run`]. An agent that was not running
    /// ([`Resumed::task`] is `None`) has nothing to go on with: run [`Resumed::into_agent`] on a task.
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no answer.
    pub async fn run(self) -> Result<Report, RunFailed> {
        go_on(self.0, "", None).await
    }

    /// The agent, for code that drives it: its run, if it had one, goes no further.
    ///
    /// Reads by your own code are not recorded, so an agent that had no run resumes with the taint `unknown`
    /// and the highest sensitivity.
    #[must_use]
    pub fn into_agent(self) -> Agent {
        let mut agent = self.0.agent;
        agent.previous_run = self.0.run.as_ref().map(PreviousRun::of);
        agent
    }
}

/// The agents of a run with what each needs to go on.
pub(super) struct Rebuilding<'a> {
    orchestrator: &'a Orchestrator,
    run_store: Arc<RunStore>,
    root: AgentId,
    agents: BTreeMap<AgentId, ClaimedAgent>,
    held: BTreeMap<AgentId, Held>,
    slots: Vec<AgentSlot>,
    unknown: Vec<UnknownOutcome>,
}

impl<'a> Rebuilding<'a> {
    pub(super) fn new(
        orchestrator: &'a Orchestrator,
        claim: Claim,
        held: BTreeMap<AgentId, Held>,
    ) -> Self {
        let Claim {
            run_store,
            root,
            agents,
            slots,
            unknown,
        } = claim;
        Self {
            orchestrator,
            run_store,
            root,
            agents,
            held,
            slots,
            unknown,
        }
    }

    /// The first agent with its whole tree; `None` where one of them lacks something.
    pub(super) fn rebuilt(mut self) -> Option<Continuation> {
        let mut first = self.agent(self.root, None)?;
        // The calls of all agents that do not go on.
        first.unknown.append(&mut self.unknown);
        Some(first)
    }

    /// An agent and everything beneath it.
    fn agent(&mut self, id: AgentId, parent: Option<&Arc<AgentCore>>) -> Option<Continuation> {
        let ClaimedAgent {
            record,
            state,
            unknown,
            before,
            ..
        } = self.agents.remove(&id)?;
        let authority = (self.held.remove(&id)?, self.slots.pop()?);
        let runtime = &self.orchestrator.runtime;
        let core = AgentCore::resumed(runtime, parent, &self.run_store, &record, authority);
        let agent = Agent::new(core);
        let written = state.as_ref().map_or(0, |state| state.messages);
        let (run, open_turn) =
            state.map_or((None, None), |state| (Some(state.run), state.open_turn));
        match &run {
            Some(run) => agent.core.take_up(run),
            // Reads by the caller's own code are not recorded.
            None if record.call.is_none() => agent.core.absorb_unknown(),
            None => {}
        }
        let mut resumed = Continuation {
            keeper: Keeper::new(self.run_store.clone(), id, written),
            agent,
            run,
            open_turn,
            awaited: HashMap::new(),
            before,
            children: Vec::new(),
            unknown,
        };
        let core = resumed.agent.core.clone();
        let is_child = |it: &&ClaimedAgent| it.record.parent == Some(id);
        let children: Vec<_> = self.agents.values().filter(is_child).collect();
        let children: Vec<_> = children
            .iter()
            .map(|it| (it.record.agent, it.record.call.clone()))
            .collect();
        for (child, call) in children {
            let child = self.agent(child, Some(&core))?;
            match call {
                Some(call) => drop(resumed.awaited.insert(call, child)),
                None => resumed.children.push(child),
            }
        }
        Some(resumed)
    }
}

/// Reports the resumed agents and their unknown calls in events.
pub(super) fn announce(resumed: &Continuation) {
    let core = &resumed.agent.core;
    core.emit(EventKind::Resumed {});
    for unknown in &resumed.unknown {
        core.emit(EventKind::Unknown {
            call: unknown.call,
            capability: unknown.capability.clone(),
        });
    }
    let beneath = resumed.awaited.values().chain(&resumed.children);
    beneath.for_each(announce);
}
