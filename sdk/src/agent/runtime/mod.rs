//! What all agents of an orchestrator share: its gate and models, the names in its trees, and how many
//! agents are alive.

mod active_runs;
mod names;
mod slots;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub(super) use self::active_runs::ActiveRuns;
pub(super) use self::names::Named;
use self::names::Names;
pub(super) use self::slots::{AgentSlot, AgentSlots};
use super::durable::SealKey;
use super::helper::{Helper, SPAWN_TOOL};
use super::prices::Prices;
use super::run::Limits;
use crate::capability::{Authority, Budget, Chain, SPAWN, Scope};
use crate::id::Timestamp;
use crate::model::Model;
use crate::record::Events;
use crate::tool::Gate;

/// The state that all agents of an orchestrator share.
pub(super) struct Runtime {
    pub(super) authority: Authority,
    pub(super) gate: Gate,
    pub(super) models: HashMap<String, Arc<dyn Model>>,
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) limits: Limits,
    pub(super) prices: HashMap<String, Prices>,
    pub(super) events: Events,
    /// Whether the text of models is reported in events as it streams.
    pub(super) words: bool,
    /// Helpers that models call by name.
    pub(super) helpers: BTreeMap<String, Helper>,
    pub(super) cancel: CancellationToken,
    pub(super) names: Arc<Names>,
    pub(super) slots: AgentSlots,
    /// The budgets of a first agent whose scope does not have one of their kind.
    pub(super) default_budgets: Vec<Budget>,
    /// The stored runs that this orchestrator is running.
    pub(super) active_runs: ActiveRuns,
    /// The key that seals agents' keys in a durable store.
    pub(super) seal: Option<Arc<SealKey>>,
}

impl Runtime {
    /// A path that no other agent of this orchestrator has: `lead/reader`, `lead/reader.2`, ….
    /// `above` is the path of its parent, and the end of the parent's token, after which no agent is beneath it.
    pub(super) fn name(
        &self,
        above: Option<(&str, Timestamp)>,
        role: &str,
        chain: &Chain,
    ) -> Named {
        let (parent, until) = path_and_end(above, chain);
        self.names.give(parent, role, until, self.now())
    }

    /// A path for an agent that another process named: the same one where no other agent of this
    /// orchestrator has had it, since one that ended is revoked by its path.
    pub(super) fn name_again(
        &self,
        above: Option<(&str, Timestamp)>,
        named: (&str, &str),
        chain: &Chain,
    ) -> Named {
        let (parent, until) = path_and_end(above, chain);
        self.names.give_again(parent, named, until, self.now())
    }

    fn now(&self) -> Timestamp {
        // If the clock cannot be read, every token counts as valid.
        self.gate.guard().now().unwrap_or_default()
    }

    /// A first agent's scope, with a budget of each kind that is limited where it says nothing.
    pub(super) fn with_default_budgets(&self, scope: Scope) -> Scope {
        let is_said = |kind: &str| scope.budgets.iter().any(|said| said.kind() == kind);
        let unsaid = self
            .default_budgets
            .iter()
            .filter(|budget| !is_said(budget.kind()));
        let unsaid: Vec<Budget> = unsaid.cloned().collect();
        unsaid.into_iter().fold(scope, Scope::budget)
    }

    /// The model for a role.
    pub(super) fn model(&self, role: &str) -> Option<Arc<dyn Model>> {
        self.models.get(role).or(self.model.as_ref()).cloned()
    }

    /// Whether a call of this name asks for a helper.
    pub(super) fn is_spawn(&self, name: &str) -> bool {
        name == SPAWN_TOOL || name == SPAWN || self.helpers.contains_key(name)
    }
}

/// The path above an agent, and when no agent can be beneath it any more.
fn path_and_end<'a>(
    above: Option<(&'a str, Timestamp)>,
    chain: &Chain,
) -> (Option<&'a str>, Timestamp) {
    match above {
        Some((path, until)) => (Some(path), until),
        None => (None, chain.expires()),
    }
}
