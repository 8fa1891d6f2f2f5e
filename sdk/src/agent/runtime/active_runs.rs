//! Which kept runs this orchestrator is at work on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::agent::core::Member;
use crate::id::RunId;

/// The first agent of each kept run that was begun or taken over here.
#[derive(Default)]
pub(in crate::agent) struct AtWork(Mutex<HashMap<RunId, Weak<Member>>>);

impl AtWork {
    /// Notes the first agent of a run. As many are noted as are alive.
    pub(in crate::agent) fn note(&self, member: &Arc<Member>) {
        let Some(tree) = member.tree.as_ref().filter(|_| member.is_root()) else {
            return;
        };
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|_, first| first.strong_count() > 0);
        runs.insert(tree.run, Arc::downgrade(member));
    }

    /// Whether the task of a run's first agent goes on here.
    pub(in crate::agent) fn has(&self, run: RunId) -> bool {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = runs.get(&run).and_then(Weak::upgrade);
        first.is_some_and(|first| !first.has_ended())
    }
}
