//! What an agent's data is tainted with, and what its task is.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::AgentCore;
use crate::capability::Sensitivity;
use crate::tool::Situation;

/// The taint of an agent that nobody knows the taint of.
const FORGOTTEN: &str = "forgotten";

/// What an agent's data is tainted with; it only grows.
#[derive(Clone, Debug, Default)]
pub(super) struct Exposure {
    pub(super) taint: BTreeSet<String>,
    sensitivity: Option<Sensitivity>,
}

impl AgentCore {
    pub(in crate::agent) fn task(&self) -> Option<String> {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says what the task is, unless a parent's goes on: a model words the tasks of its helpers,
    /// and neither a caveat nor a revocation goes by its words.
    pub(in crate::agent) fn set_task(&self, task: &str) {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| task.to_owned());
    }

    pub(super) fn exposure(&self) -> Exposure {
        self.exposure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes up what something that the agent read is tainted with.
    pub(in crate::agent) fn learn(
        &self,
        taint: &BTreeSet<String>,
        sensitivity: Option<Sensitivity>,
    ) {
        let mut exposure = self.exposure.lock().unwrap_or_else(PoisonError::into_inner);
        exposure.taint.extend(taint.iter().cloned());
        exposure.sensitivity = exposure.sensitivity.max(sensitivity);
    }

    /// What the agent has read is not known any more: it may have been anything. As a label like any
    /// other, so that it is kept, and handed on, like any other.
    pub(in crate::agent) fn forget(&self) {
        let forgotten = BTreeSet::from([FORGOTTEN.to_owned()]);
        self.learn(&forgotten, Some(Sensitivity::Restricted));
    }

    /// Hands what the agent knows to its parent, which is about to read its result.
    pub(in crate::agent) fn teach_parent(&self) {
        if let Some(parent) = &self.parent {
            let exposure = self.exposure();
            parent.learn(&exposure.taint, exposure.sensitivity);
        }
    }

    /// Takes up what its ancestors have learnt since it was spawned: its task may speak of it.
    pub(in crate::agent) fn learn_from_parents(&self) {
        if let Some(parent) = &self.parent {
            parent.learn_from_parents();
            let exposure = parent.exposure();
            self.learn(&exposure.taint, exposure.sensitivity);
        }
    }

    pub(in crate::agent) fn situation(&self) -> Situation {
        let exposure = self.exposure();
        Situation {
            agent: self.path.clone(),
            task: self.task(),
            step: None,
            taint: Some(exposure.taint),
            sensitivity: exposure.sensitivity,
            intent: self.intent.clone(),
        }
    }
}

/// Sensitivity as a run counts it: 0 is nothing known.
pub(in crate::agent) fn level(sensitivity: Option<Sensitivity>) -> u8 {
    sensitivity.map_or(0, |level| level.rank() + 1)
}

/// The sensitivity that a run counts so.
pub(super) fn sensitivity(level: u8) -> Option<Sensitivity> {
    level
        .checked_sub(1)
        .and_then(|rank| Sensitivity::from_rank(i64::from(rank)))
}
