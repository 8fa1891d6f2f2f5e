//! The stored runs that this orchestrator is running.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::id::RunId;

/// Each kept run that was begun or taken over here, with whether the task of its first agent is over;
/// that is dropped with the agent.
#[derive(Default)]
pub(in crate::agent) struct ActiveRuns(Mutex<HashMap<RunId, Weak<AtomicBool>>>);

impl ActiveRuns {
    /// Notes a run by its first agent. As many are noted as are alive.
    pub(in crate::agent) fn note(&self, run: RunId, ended: &Arc<AtomicBool>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|_, ended| ended.strong_count() > 0);
        runs.insert(run, Arc::downgrade(ended));
    }

    /// Whether the task of a run's first agent goes on here.
    pub(in crate::agent) fn has(&self, run: RunId) -> bool {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = runs.get(&run).and_then(Weak::upgrade);
        ended.is_some_and(|ended| !ended.load(Ordering::Acquire))
    }
}
