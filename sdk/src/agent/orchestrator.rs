//! Where a tree of agents begins: the authority that mints, the tools, and the models.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::budget::Prices;
use super::durable::{SealKey, Tree};
use super::handle::Agent;
use super::member::Member;
use super::run::Limits;
use super::spawn::SpawnError;
use crate::capability::{AgentKey, Authority, KeyRing, Kind, Mandate, PublicKey, Refusal, Scope};
use crate::clock::Clock;
use crate::guard::{Guard, Policy, Revocations};
use crate::id::RunId;
use crate::model::Model;
use crate::record::{Audit, Events};
use crate::store::{Batch, Store};
use crate::tool::{Gate, Tool, Toolbox, ToolboxBuilder, ToolboxError};

/// Where a tree of agents begins. Cheap to clone; clones are one orchestrator.
#[derive(Clone)]
pub struct Orchestrator {
    pub(super) shared: Arc<Shared>,
}

/// What all agents of an orchestrator share.
pub(super) struct Shared {
    pub(super) authority: Authority,
    pub(super) gate: Gate,
    pub(super) models: HashMap<String, Arc<dyn Model>>,
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) limits: Limits,
    pub(super) prices: HashMap<String, Prices>,
    pub(super) events: Events,
    pub(super) cancel: CancellationToken,
    names: Mutex<HashMap<String, Arc<AtomicU32>>>,
    alive: Arc<AtomicUsize>,
    max_agents: usize,
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
    /// A path that no other agent of this orchestrator has: `lead/reader`, `lead/reader-2`, ….
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

    /// The model for a role.
    pub(super) fn model(&self, role: &str) -> Option<Arc<dyn Model>> {
        self.models.get(role).or(self.model.as_ref()).cloned()
    }
}

/// Sets up an [`Orchestrator`].
pub struct OrchestratorBuilder {
    authority: Authority,
    tools: ToolboxBuilder,
    guard: crate::guard::GuardBuilder,
    models: HashMap<String, Arc<dyn Model>>,
    model: Option<Arc<dyn Model>>,
    limits: Limits,
    prices: HashMap<String, Prices>,
    max_agents: usize,
    seal: Option<Arc<SealKey>>,
}

/// How many agents are alive at once, unless said otherwise.
const MAX_AGENTS: usize = 100;

/// Why an orchestrator cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The tools do not fit together.
    #[error(transparent)]
    Toolbox(#[from] ToolboxError),
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("gate", &self.shared.gate)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OrchestratorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestratorBuilder")
            .field("tools", &self.tools)
            .finish_non_exhaustive()
    }
}

impl OrchestratorBuilder {
    /// Adds a tool.
    #[must_use]
    pub fn tool(mut self, tool: impl Tool) -> Self {
        self.tools = self.tools.tool(tool);
        self
    }

    /// Provides state of a type, for the tools that ask for it.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        self.tools = self.tools.state(state);
        self
    }

    /// The model of every agent whose role has none of its own.
    #[must_use]
    pub fn model(mut self, model: impl Model) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    /// The model of every agent with this role.
    #[must_use]
    pub fn model_for(mut self, role: impl Into<String>, model: impl Model) -> Self {
        self.models.insert(role.into(), Arc::new(model));
        self
    }

    /// How far a run goes unless its spawn says otherwise.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the tokens of a model cost, by the model's name ([`Model::name`]). Budgets of `cost` need
    /// it: without a price the agents under one get no turn.
    #[must_use]
    pub fn prices(mut self, model: impl Into<String>, prices: Prices) -> Self {
        self.prices.insert(model.into(), prices);
        self
    }

    /// How many agents may be alive at once, 100 unless said otherwise: a model that spawns helpers
    /// that spawn helpers is refused from there on.
    #[must_use]
    pub const fn max_agents(mut self, agents: usize) -> Self {
        self.max_agents = agents;
        self
    }

    /// Keeps the private keys of agents in a durable store, sealed under `key`, so that a run goes on
    /// after a crash ([`Orchestrator::resume`]). Without it no private key is ever written, and a run
    /// whose process is gone needs authority anew.
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn seal_keys(mut self, key: SealKey) -> Self {
        self.seal = Some(Arc::new(key));
        self
    }

    /// Where budgets, spent calls and the record are kept; in memory unless set. In one that is
    /// [durable](Store::durable) every step of every run is kept too.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.guard = self.guard.store(store);
        self
    }

    /// The source of now; the system's clock unless set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.guard = self.guard.clock(clock);
        self
    }

    /// A policy that every call and every spawn must pass too.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.guard = self.guard.policy(policy);
        self
    }

    /// Denies every call and every spawn while no policy is set.
    #[must_use]
    pub fn require_policy(mut self) -> Self {
        self.guard = self.guard.require_policy();
        self
    }

    /// The keys whose approval counts where the policy asks for one.
    #[must_use]
    pub fn approvers(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.guard = self.guard.approvers(keys);
        self
    }

    /// What is revoked beside the agents whose tasks ended.
    #[must_use]
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.guard = self.guard.revocations(revocations);
        self
    }

    /// The name of this process, which tokens may be bound to.
    #[must_use]
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.guard = self.guard.audience(name);
        self
    }

    /// The orchestrator.
    ///
    /// # Errors
    ///
    /// When two tools share a capability, or a tool's state is missing.
    pub fn build(self) -> Result<Orchestrator, BuildError> {
        let audit = Audit::new();
        let guard = self.guard.recorder(Arc::new(audit.clone())).build();
        Ok(Orchestrator {
            shared: Arc::new(Shared {
                authority: self.authority,
                gate: Gate::new(Arc::new(guard), self.tools.build()?, audit),
                models: self.models,
                model: self.model,
                limits: self.limits,
                prices: self.prices,
                events: Events::new(),
                cancel: CancellationToken::new(),
                names: Mutex::default(),
                alive: Arc::default(),
                max_agents: self.max_agents,
                seal: self.seal,
            }),
        })
    }
}

impl Orchestrator {
    /// Starts an orchestrator whose tokens `authority` signs and whose guard trusts it.
    #[must_use]
    pub fn builder(authority: &Authority) -> OrchestratorBuilder {
        OrchestratorBuilder {
            authority: authority.share(),
            tools: Toolbox::builder(),
            guard: Guard::builder(KeyRing::new([authority.root()])),
            models: HashMap::new(),
            model: None,
            limits: Limits::default(),
            prices: HashMap::new(),
            max_agents: MAX_AGENTS,
            seal: None,
        }
    }

    /// Mints a token with `scope` for a first agent.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] when the scope is at fault, the role is none, or the record cannot be written.
    pub async fn agent(&self, role: &str, scope: Scope) -> Result<Agent, SpawnError> {
        self.agent_for(role, scope, Mandate::default()).await
    }

    /// As [`Orchestrator::agent`], saying for whom and what for.
    ///
    /// # Errors
    ///
    /// As [`Orchestrator::agent`].
    pub async fn agent_for(
        &self,
        role: &str,
        scope: Scope,
        mandate: Mandate,
    ) -> Result<Agent, SpawnError> {
        if !crate::capability::is_role(role) {
            return Err(SpawnError::role(role));
        }
        let seat = self.shared.seat();
        let seat = seat.map_err(|refusal| SpawnError::refused(role, refusal))?;
        let resumed = self.guard().resume().await;
        resumed.map_err(SpawnError::unrecorded)?;
        let now = self.guard().now().map_err(SpawnError::unavailable)?;
        let key = AgentKey::generate();
        let chain = self
            .shared
            .authority
            .mint(&scope, &mandate, key.public(), now)?;
        let held = chain.held_by(key).map_err(SpawnError::unavailable)?;
        let mut member = Member::first(&self.shared, role, held, seat, mandate.intent);
        if !self.guard().store().durable() {
            member.begin(now, Batch::new()).await?;
            return Ok(Agent::new(member));
        }
        let (run, seal) = (RunId::fresh(), self.shared.seal.clone());
        let kept = Tree::first(run, &member, seal.as_deref());
        let committed = member.begin(now, kept).await?;
        member.tree = Some(Arc::new(Tree::new(run, committed.version, seal)));
        Ok(Agent::new(member))
    }

    /// The guard that decides every call of this tree.
    #[must_use]
    pub fn guard(&self) -> &Arc<Guard> {
        self.shared.gate.guard()
    }

    /// The one road to a tool.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.shared.gate
    }

    /// The news of this tree.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.shared.events
    }

    /// Cancels every agent of this orchestrator.
    pub fn cancel(&self) {
        self.shared.cancel.cancel();
    }
}
