//! What all agents of an orchestrator share: its gate and models, the names in its trees, and how many
//! agents are alive.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::at_work::AtWork;
use super::budget::Prices;
use super::durable::SealKey;
use super::helper::Helper;
use super::run::Limits;
use crate::capability::{Authority, Budget, Kind, Refusal, Scope};
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
    pub(super) names: Mutex<HashMap<String, Arc<AtomicU32>>>,
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
    pub(super) fn path(&self, parent: Option<&str>, role: &str) -> String {
        let base = parent.map_or_else(|| role.to_owned(), |parent| format!("{parent}/{role}"));
        let count = self
            .names
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(base.clone())
            .or_default()
            .clone();
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => base,
            // `.` is in no role, so a numbered path is nobody else's first one.
            before => format!("{base}.{}", before + 1),
        }
    }

    /// A path for an agent that another process named: the same one where no other agent of this
    /// orchestrator has had it, since one that ended is revoked by its path.
    pub(super) fn path_again(&self, parent: Option<&str>, named: &str, role: &str) -> String {
        let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
        let number = last.split_once('.').map_or("1", |(_, number)| number);
        let base = parent.map_or_else(|| role.to_owned(), |parent| format!("{parent}/{role}"));
        let path = parent.map_or_else(|| last.to_owned(), |parent| format!("{parent}/{last}"));
        let number: u32 = number.parse().unwrap_or(1);
        let count = {
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.entry(base).or_default().clone()
        };
        if count.fetch_max(number, Ordering::Relaxed) < number {
            return path;
        }
        self.path(parent, role)
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
