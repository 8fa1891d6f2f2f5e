//! The handle of an agent: its owner spawns from it, runs it, cancels it and drops it.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Waker};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::core::AgentCore;
use super::durable::PreviousRun;
use crate::capability::Held;
use crate::id::{AgentId, RunId};
use crate::record::EventKind;
use crate::tool::Outcome;

/// An agent: a token that only narrows, a key that never leaves, and a task that ends.
///
/// Dropping it ends its task. Children are made from it alone ([`Agent::spawn`]).
pub struct Agent {
    pub(super) core: Arc<AgentCore>,
    /// The agent that stepped back for this one, which ends after it.
    behind: Option<Box<Agent>>,
    /// How its task ends when it is dropped.
    how: &'static str,
    /// The stored run that it had in an earlier process.
    pub(super) previous_run: Option<PreviousRun>,
}

impl Agent {
    pub(super) fn new(core: AgentCore) -> Self {
        let core = Arc::new(core);
        core.note_active();
        Self {
            core,
            behind: None,
            how: "dropped",
            previous_run: None,
        }
    }

    /// The agent's path from the root, such as `lead/reader`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.core.path
    }

    /// The agent's id.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.core.id
    }

    /// The run that the agent belongs to, by which it is resumed; `None` where the store is not
    /// durable.
    #[must_use]
    pub fn run_id(&self) -> Option<RunId> {
        self.core.run_store.as_ref().map(|run_store| run_store.run)
    }

    /// The agent's token and key.
    #[must_use]
    pub fn held(&self) -> Arc<Held> {
        self.core.held.clone()
    }

    /// Steps back for `to`, a child of this agent (a handoff): this one does nothing more, and ends when
    /// `to` ends. `to` has the scope that it was spawned with.
    ///
    /// # Errors
    ///
    /// [`NotAChild`], with both agents, when `to` was not spawned by this one.
    pub fn hand_over(mut self, mut to: Self) -> Result<Self, NotAChild> {
        if !to.core.is_child_of(&self.core) {
            return Err(NotAChild(Box::new((self, to))));
        }
        self.core.emit(EventKind::HandedOver {
            to: to.path().to_owned(),
        });
        self.how = "handed over";
        to.behind = Some(Box::new(self));
        Ok(to)
    }

    /// Ends the agents that stepped back for this agent, which has ended.
    pub(super) async fn end_behind(&mut self) {
        let mut behind = self.behind.take();
        while let Some(mut agent) = behind {
            if agent.core.end(agent.how) {
                agent.core.record_end(agent.how, None).await;
            }
            behind = agent.behind.take();
        }
    }

    /// Calls a tool as this agent, without a model.
    pub async fn call(&self, tool: &str, arguments: &Value) -> Outcome {
        self.core.absorb_from_parents();
        let found = self.core.runtime.gate.toolbox().find(tool).ok_or(tool);
        let outcome = self.core.call(found, &arguments.to_string(), None).await;
        // The caller has the result of the call, and may tell the parent.
        self.core.expose_parent();
        outcome
    }

    /// A handle to cancel the agent and its subtree with.
    #[must_use]
    pub fn handle(&self) -> AgentHandle {
        AgentHandle {
            cancel: self.core.cancel.clone(),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.core.end(self.how)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (core, how) = (self.core.clone(), self.how);
            let mut ending = Box::pin(async move { core.record_end(how, None).await });
            // The store has it before the next request to the store, such as a spawn in its place.
            let mut context = Context::from_waker(Waker::noop());
            if ending.as_mut().poll(&mut context).is_pending() {
                runtime.spawn(ending);
            }
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({}, {:?})", self.core.path, self.core.held.chain())
    }
}

/// A task can be handed over only to a child: the token of another agent may be wider.
#[derive(Debug, thiserror::Error)]
#[error("`{}` is not a child of `{}`, so it cannot take the task over", .0.1.path(), .0.0.path())]
pub struct NotAChild(Box<(Agent, Agent)>);

impl NotAChild {
    /// The agent that wanted to step back, and the one that was to take over.
    #[must_use]
    pub fn into_agents(self) -> (Agent, Agent) {
        *self.0
    }
}

/// Cancels an agent and its subtree.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    cancel: CancellationToken,
}

impl AgentHandle {
    /// Cancels: calls in progress are stopped, and the runs end as cancelled.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }
}
