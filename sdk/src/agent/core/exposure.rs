//! What an agent has read, and what its task is.

use std::sync::PoisonError;

use super::AgentCore;
use crate::capability::{Exposure, Risk, SPAWN, Sensitivity};
use crate::guard::{Context, Effect};
use crate::id::Timestamp;
use crate::tool::{Declaration, Situation};

/// The taint of an agent if it is not known what the agent has read.
const UNKNOWN: &str = "unknown";

impl AgentCore {
    pub(in crate::agent) fn task(&self) -> Option<String> {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sets the task, unless the agent continues a parent's task: a model words the tasks of its helpers,
    /// and neither a caveat nor a revocation may depend on its words.
    pub(in crate::agent) fn set_task(&self, task: &str) {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| task.to_owned());
    }

    /// What the agent has read so far.
    pub(in crate::agent) fn exposure(&self) -> Exposure {
        self.exposure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds the exposure of something that the agent read.
    pub(in crate::agent) fn absorb(&self, read: &Exposure) {
        let mut exposure = self.exposure.lock().unwrap_or_else(PoisonError::into_inner);
        exposure.absorb(read);
    }

    /// Adds the exposure of something that the agent read and that is no longer known: it may have been anything.
    /// The taint is a label like any other, so it is stored and passed on like any other.
    pub(in crate::agent) fn absorb_unknown(&self) {
        self.absorb(&Exposure::new([UNKNOWN], Some(Sensitivity::Restricted)));
    }

    /// Adds the agent's exposure to its parent's, which is about to read its result.
    pub(in crate::agent) fn expose_parent(&self) {
        if let Some(parent) = &self.parent {
            parent.absorb(&self.exposure());
        }
    }

    /// Adds what its ancestors have read since it was spawned: its task may mention it.
    pub(in crate::agent) fn absorb_from_parents(&self) {
        if let Some(parent) = &self.parent {
            parent.absorb_from_parents();
            self.absorb(&parent.exposure());
        }
    }

    pub(in crate::agent) fn situation(&self) -> Situation {
        Situation {
            agent: self.path.clone(),
            task: self.task(),
            step: None,
            exposure: Some(self.exposure()),
            intent: self.intent.clone(),
        }
    }

    /// The context of a spawn, as of a call of any other tool. A spawn touches only data that the agent has read
    /// and may tell the child.
    pub(in crate::agent) fn spawn_context(&self, now: Timestamp) -> Context {
        let declaration = Declaration::new(SPAWN, Effect::Spawn, Risk::Low)
            .touches([""; 0])
            .sensitivity(Sensitivity::Public);
        self.situation().context(&declaration, now)
    }
}
