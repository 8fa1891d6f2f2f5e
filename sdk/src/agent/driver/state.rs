//! The state of a driver, and how the run is stored.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::core::AgentCore;
use super::super::durable::{Keeper, OpenTurn};
use super::super::run::Run;
use super::super::typed::AnswerFormat;
use super::super::unknown::UnknownOutcome;
use super::continuation::Continuation;
use crate::guard::Denial;
use crate::store::Batch;

/// One agent at its task.
pub(super) struct Driver {
    /// What is done next.
    pub(super) machine: Run,
    pub(super) work: Work,
}

/// What a driver does its steps with. It is apart from the run, which is borrowed while a step is done.
pub(super) struct Work {
    pub(super) core: Arc<AgentCore>,
    pub(super) denials: Vec<Denial>,
    /// The keeper that stores its steps, if the run is stored.
    pub(super) keeper: Option<Keeper>,
    /// The amounts that were taken from budgets for the current turn before a crash.
    pub(super) open_turn: Option<OpenTurn>,
    /// Children that open calls wait for and that were taken over after a crash.
    pub(super) awaited: HashMap<String, Continuation>,
    /// The state of what calls that were begun before a crash were about to change.
    pub(super) before: HashMap<String, String>,
    /// The calls, of it and of those beneath it, whose outcome is not known.
    pub(super) unknown: Vec<UnknownOutcome>,
    /// What the answer must look like.
    pub(super) format: Option<AnswerFormat>,
}

impl Work {
    /// Stores the run as it stands.
    pub(super) async fn keep(&mut self, run: &mut Run) {
        if self.keeper.is_some() {
            let batch = self.state(run);
            self.commit(batch).await;
        }
    }

    /// Checks that this process still owns the run, if it is stored: otherwise no call begins.
    pub(super) async fn expect_still_owner(&self) {
        if let (Some(_), Some(run_store)) = (&self.keeper, &self.core.run_store) {
            self.commit(run_store.still_owner()).await;
        }
    }

    /// Stores the run after a turn whose calls have all ended.
    pub(super) async fn keep_turn(&mut self, run: &mut Run, calls: &[String]) {
        if let Some(keeper) = &mut self.keeper {
            let ids = calls.iter().map(String::as_str);
            let batch = keeper.turn(run, ids);
            self.commit(batch).await;
        }
    }

    /// Writes a step of the run. If it cannot be stored, the whole tree stops.
    pub(super) async fn commit(&self, batch: Batch) {
        let store = self.core.runtime.gate.guard().store();
        if let Err(error) = store.commit(batch).await
            && let Some(run_store) = &self.core.run_store
        {
            run_store.not_persisted(&error);
        }
    }

    /// Notes calls whose outcome is not known, each once.
    pub(super) fn add_unknown(&mut self, unknown: Vec<UnknownOutcome>) {
        for unknown in unknown {
            if !self.unknown.contains(&unknown) {
                self.unknown.push(unknown);
            }
        }
    }

    /// Whether the run can be resumed later, so that a passing fault does not end it.
    pub(super) fn may_stop(&self) -> bool {
        self.keeper.is_some() && self.core.is_root()
    }

    /// The batch that stores the run as it stands, if the run is stored.
    pub(super) fn state(&mut self, run: &mut Run) -> Batch {
        match &mut self.keeper {
            Some(keeper) => keeper.state(run, None),
            None => Batch::new(),
        }
    }
}
