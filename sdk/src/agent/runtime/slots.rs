//! How many agents are alive at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::capability::{Kind, Refusal};

/// The limit of agents that are alive at once.
#[derive(Debug)]
pub(in crate::agent) struct AgentSlots {
    alive: Arc<AtomicUsize>,
    max: usize,
}

/// The slot of one live agent; given back when its task ends.
#[derive(Debug)]
pub(in crate::agent) struct AgentSlot(Arc<AtomicUsize>);

impl Drop for AgentSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl AgentSlots {
    /// A limit of `max` live agents.
    pub(in crate::agent) fn at_most(max: usize) -> Self {
        Self {
            alive: Arc::default(),
            max,
        }
    }

    /// Takes a slot for one more agent.
    pub(in crate::agent) fn take(&self) -> Result<AgentSlot, Refusal> {
        let taken = self.alive.fetch_add(1, Ordering::AcqRel);
        // Counted before it is asked, so that many at once cannot all be the last.
        let slot = AgentSlot(self.alive.clone());
        if taken < self.max {
            return Ok(slot);
        }
        let most = self.max;
        let what = format!(
            "the limit of {most} live agents is reached; wait for one to end, or raise `max_agents`"
        );
        Err(Refusal::new(Kind::Budget, what).passing())
    }
}
