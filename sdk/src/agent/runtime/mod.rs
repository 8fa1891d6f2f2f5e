//! What all agents of an orchestrator share: its gate and models, the names in its trees, and how many
//! agents are alive.

mod active_runs;
mod names;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

pub(super) use self::active_runs::AtWork;
pub(super) use self::names::Named;
use self::names::Names;
use super::core::Member;
use super::driver::Prices;
use super::durable::SealKey;
use super::helper::Helper;
use super::run::Limits;
use crate::capability::{Authority, Budget, Chain, Kind, Refusal, Scope};
use crate::id::Timestamp;
use crate::model::Model;
use crate::record::Events;
use crate::tool::Gate;

/// What all agents of an orchestrator share.
pub(super) struct Shared {
    pub(super) authority: Authority,
    pub(super) gate: Gate,
    pub(super) models: HashMap<String, Arc<dyn Model>>,
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) limits: Limits,
    pub(super) prices: HashMap<String, Prices>,
    pub(super) events: Events,
    /// Whether the words of models are told as they come.
    pub(super) words: bool,
    /// Helpers that models call by name.
    pub(super) helpers: BTreeMap<String, Helper>,
    pub(super) cancel: CancellationToken,
    pub(super) names: Arc<Names>,
    pub(super) alive: Arc<AtomicUsize>,
    pub(super) max_agents: usize,
    /// The budgets of a first agent whose scope does not have one of their kind.
    pub(super) first: Vec<Budget>,
    /// The kept runs that go on here.
    pub(super) at_work: AtWork,
    /// What agents' keys are sealed under in a durable store.
    pub(super) seal: Option<Arc<SealKey>>,
}

/// The place of one agent among those that are alive at once; given back when its task ends.
#[derive(Debug)]
pub(super) struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    /// A path that no other agent of this orchestrator has: `lead/reader`, `lead/reader.2`, ….
    pub(super) fn name(&self, parent: Option<&Member>, role: &str, chain: &Chain) -> Named {
        let (above, until) = Self::above(parent, chain);
        self.names.give(above, role, until, self.now())
    }

    /// A path for an agent that another process named: the same one where no other agent of this
    /// orchestrator has had it, since one that ended is revoked by its path.
    pub(super) fn name_again(
        &self,
        parent: Option<&Member>,
        named: (&str, &str),
        chain: &Chain,
    ) -> Named {
        let (above, until) = Self::above(parent, chain);
        self.names.give_again(above, named, until, self.now())
    }

    /// The path above an agent, and when no agent can be beneath it any more.
    fn above<'a>(parent: Option<&'a Member>, chain: &Chain) -> (Option<&'a str>, Timestamp) {
        let above = parent.map(|parent| (parent.path.as_str(), parent.held.chain().expires()));
        match above {
            Some((path, until)) => (Some(path), until),
            None => (None, chain.expires()),
        }
    }

    fn now(&self) -> Timestamp {
        // By a clock that cannot be read no token has ended.
        self.gate.guard().now().unwrap_or_default()
    }

    /// A place for one more agent.
    pub(super) fn seat(&self) -> Result<Seat, Refusal> {
        let taken = self.alive.fetch_add(1, Ordering::AcqRel);
        // Counted before it is asked, so that many at once cannot all be the last.
        let seat = Seat(self.alive.clone());
        if taken < self.max_agents {
            return Ok(seat);
        }
        let most = self.max_agents;
        let what = format!("{most} agents are alive, and no more run at once; see `max_agents`");
        Err(Refusal::new(Kind::Budget, what).passing())
    }

    /// A first agent's scope, with a budget of each kind that is limited where it says nothing.
    pub(super) fn first(&self, scope: Scope) -> Scope {
        let is_said = |kind: &str| scope.budgets.iter().any(|said| said.kind() == kind);
        let unsaid = self.first.iter().filter(|budget| !is_said(budget.kind()));
        let unsaid: Vec<Budget> = unsaid.cloned().collect();
        unsaid.into_iter().fold(scope, Scope::budget)
    }

    /// The model for a role.
    pub(super) fn model(&self, role: &str) -> Option<Arc<dyn Model>> {
        self.models.get(role).or(self.model.as_ref()).cloned()
    }
}
