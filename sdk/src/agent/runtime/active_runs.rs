//! The stored runs that this orchestrator is running.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::id::RunId;

/// Each stored run that this orchestrator began or took over, with a flag that says whether the task of its first
/// agent is over; the flag is dropped with the agent.
#[derive(Default)]
pub(in crate::agent) struct ActiveRuns(Mutex<HashMap<RunId, Weak<AtomicBool>>>);

impl ActiveRuns {
    /// Notes a run by its first agent. Only runs whose first agents are alive are noted.
    pub(in crate::agent) fn note(&self, run: RunId, ended: &Arc<AtomicBool>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|_, ended| ended.strong_count() > 0);
        runs.insert(run, Arc::downgrade(ended));
    }

    /// Whether the task of a run's first agent is still running in this orchestrator.
    pub(in crate::agent) fn has(&self, run: RunId) -> bool {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = runs.get(&run).and_then(Weak::upgrade);
        ended.is_some_and(|ended| !ended.load(Ordering::Acquire))
    }
}
