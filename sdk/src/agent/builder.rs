//! Sets up an orchestrator.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::durable::SealKey;
use super::helper::{Helper, SPAWN_TOOL};
use super::orchestrator::Orchestrator;
use super::prices::Prices;
use super::run::Limits;
use super::runtime::{ActiveRuns, AgentSlots, Runtime};
use crate::capability::{Authority, Budget, KeyRing, PublicKey};
use crate::clock::Clock;
use crate::guard::{CALLS, Guard, Policy, Revocations, TURNS};
use crate::model::Model;
use crate::record::{Audit, Events};
use crate::store::Store;
use crate::tool::{Gate, Tool, Toolbox, ToolboxBuilder, ToolboxError};

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
    default_budgets: Vec<Budget>,
    seal: Option<Arc<SealKey>>,
    words: bool,
    helpers: Vec<Helper>,
}

/// How many agents are alive at once, unless said otherwise.
const MAX_AGENTS: usize = 100;

/// What a tree uses up at most, unless said otherwise.
const DEFAULT_BUDGETS: [(&str, u64); 2] = [(TURNS, 1_000), (CALLS, 10_000)];

/// Why an orchestrator cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The tools do not fit together.
    #[error(transparent)]
    Toolbox(#[from] ToolboxError),
    /// The role of a helper is not a valid role.
    #[error("the helper `{0}` cannot be called: a role is 1 to 32 of `a-z`, `0-9`, `_`, `-`")]
    HelperRole(String),
    /// Two tools or helpers have one name, so a model's call would be ambiguous.
    #[error("a tool or another helper is called `{0}` too; rename one")]
    HelperName(String),
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

    /// Adds a helper that models call by its role, like a tool.
    #[must_use]
    pub fn helper(mut self, helper: Helper) -> Self {
        self.helpers.push(helper);
        self
    }

    /// Reports the text of models as it streams, in events ([`EventKind::Said`](crate::record::EventKind)).
    /// These are many events, so a watcher must not lag behind.
    #[must_use]
    pub const fn stream_words(mut self) -> Self {
        self.words = true;
        self
    }

    /// The model of every agent whose role has no model of its own.
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

    /// The limits of a run whose spawn does not set them.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What the tokens of a model cost, by the model's name ([`Model::name`]). Budgets of `cost` need
    /// it: an agent under such a budget gets no turn without a price.
    #[must_use]
    pub fn prices(mut self, model: impl Into<String>, prices: Prices) -> Self {
        self.prices.insert(model.into(), prices);
        self
    }

    /// How many agents may be alive at once, 100 unless said otherwise: beyond it every spawn is
    /// denied.
    #[must_use]
    pub const fn max_agents(mut self, agents: usize) -> Self {
        self.max_agents = agents;
        self
    }

    /// The budgets that a first agent may use up together with all agents beneath it, of each kind that its scope
    /// does not limit: 1,000 `turns` and 10,000 `calls` unless said otherwise.
    ///
    /// These take the place of those. With an empty list a tree is limited only by its scopes, by its
    /// expiry, and by the limits of each run.
    #[must_use]
    pub fn default_budgets(mut self, budgets: impl IntoIterator<Item = Budget>) -> Self {
        self.default_budgets = budgets.into_iter().collect();
        self
    }

    /// The longest life left in a token that is accepted, so the longest that a first agent may have;
    /// 24 hours unless set.
    #[must_use]
    pub fn max_lifetime(mut self, life: Duration) -> Self {
        self.guard = self.guard.max_lifetime(life);
        self
    }

    /// Keeps the private keys of agents in a durable store, sealed under `key`, so that a run can be resumed
    /// after a crash ([`Orchestrator::resume`]). Without it no private key is ever written, and a run
    /// whose process is gone needs new keys ([`Orchestrator::resume_with_new_keys`]).
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn seal_keys(mut self, key: SealKey) -> Self {
        self.seal = Some(Arc::new(key));
        self
    }

    /// Where budgets, spent calls and the record are kept; in memory unless set. In one that is
    /// [durable](Store::durable) every step of every run is stored too.
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

    /// How long the policy may think about one call, 30 seconds unless set: a call that it has not
    /// decided in that time is denied.
    #[must_use]
    pub fn policy_timeout(mut self, limit: Duration) -> Self {
        self.guard = self.guard.policy_timeout(limit);
        self
    }

    /// The keys whose approval counts where the policy asks for one.
    #[must_use]
    pub fn approvers(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.guard = self.guard.approvers(keys);
        self
    }

    /// The revocations that hold beside those of agents whose tasks ended.
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
    /// When two tools share a capability, a tool's state is missing, or a helper's name is not valid or is
    /// taken.
    pub fn build(self) -> Result<Orchestrator, BuildError> {
        let guard = self.guard.build_recorded(Audit::new());
        let toolbox = self.tools.build()?;
        let helpers = named(self.helpers, &toolbox)?;
        Ok(Orchestrator {
            runtime: Arc::new(Runtime {
                authority: self.authority,
                gate: Gate::new(guard, toolbox),
                models: self.models,
                model: self.model,
                limits: self.limits,
                prices: self.prices,
                events: Events::new(),
                words: self.words,
                helpers,
                cancel: CancellationToken::new(),
                names: Arc::default(),
                slots: AgentSlots::at_most(self.max_agents),
                default_budgets: self.default_budgets,
                active_runs: ActiveRuns::default(),
                seal: self.seal,
            }),
        })
    }
}

impl Orchestrator {
    /// Starts an orchestrator whose tokens `authority` signs and whose guard trusts it.
    #[must_use]
    pub fn builder(authority: &Authority) -> OrchestratorBuilder {
        OrchestratorBuilder::new(authority)
    }
}

impl OrchestratorBuilder {
    fn new(authority: &Authority) -> Self {
        Self {
            authority: authority.share(),
            tools: Toolbox::builder(),
            guard: Guard::builder(KeyRing::new([authority.root()])),
            models: HashMap::new(),
            model: None,
            limits: Limits::default(),
            prices: HashMap::new(),
            max_agents: MAX_AGENTS,
            default_budgets: DEFAULT_BUDGETS
                .map(|(kind, max)| Budget::new(kind, max))
                .into(),
            seal: None,
            words: false,
            helpers: Vec::new(),
        }
    }
}

/// Helpers by name; a name that a tool or another helper has is an error.
fn named(helpers: Vec<Helper>, toolbox: &Toolbox) -> Result<BTreeMap<String, Helper>, BuildError> {
    let mut named = BTreeMap::new();
    for helper in helpers {
        let role = helper.role().to_owned();
        if !crate::capability::is_role(&role) {
            return Err(BuildError::HelperRole(crate::text::printable(&role)));
        }
        let is_taken = role == SPAWN_TOOL || toolbox.find(&role).is_some();
        if is_taken || named.insert(role.clone(), helper).is_some() {
            return Err(BuildError::HelperName(role));
        }
    }
    Ok(named)
}
