//! An agent that continues the run that it had in a process that is gone.

use std::collections::HashMap;

use super::super::durable::{Keeper, OpenTurn};
use super::super::handle::Agent;
use super::super::run::Run;
use super::super::unknown::UnknownOutcome;

/// An agent with everything that it needs to continue its run, and the same of its children.
pub(in crate::agent) struct Continuation {
    pub(in crate::agent) agent: Agent,
    /// Its run after the last step that was recorded, where it had begun.
    pub(in crate::agent) run: Option<Run>,
    pub(in crate::agent) keeper: Keeper,
    /// The amounts that were taken from budgets for the turn that the model is asked for.
    pub(in crate::agent) open_turn: Option<OpenTurn>,
    /// Children that an open call of the model waits for.
    pub(in crate::agent) awaited: HashMap<String, Continuation>,
    /// The state of what open calls of tools were about to change, at the time when they were first begun.
    pub(in crate::agent) before: HashMap<String, String>,
    /// Children that code spawned.
    pub(in crate::agent) children: Vec<Continuation>,
    /// The calls of this agent whose outcome is not known.
    pub(in crate::agent) unknown: Vec<UnknownOutcome>,
}

impl Continuation {
    /// The calls of this agent and of those beneath it whose outcome is not known.
    pub(in crate::agent) fn all_unknown(&self) -> Vec<UnknownOutcome> {
        let beneath = self.awaited.values().chain(&self.children);
        let mut all = self.unknown.clone();
        all.extend(beneath.flat_map(Self::all_unknown));
        all
    }
}
