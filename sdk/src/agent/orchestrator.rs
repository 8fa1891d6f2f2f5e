//! Where a tree of agents begins: the authority that mints, the tools, and the models.

use std::fmt;
use std::sync::Arc;

use super::core::AgentCore;
use super::durable::RunStore;
use super::handle::Agent;
use super::runtime::Runtime;
use super::spawn::SpawnError;
use crate::capability::{AgentKey, Mandate, Scope};
use crate::guard::Guard;
use crate::id::RunId;
use crate::record::Events;
use crate::store::Batch;
use crate::tool::Gate;

/// Where a tree of agents begins. Cheap to clone; clones are one orchestrator.
#[derive(Clone)]
pub struct Orchestrator {
    pub(super) runtime: Arc<Runtime>,
}

impl fmt::Debug for Orchestrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orchestrator")
            .field("gate", &self.runtime.gate)
            .finish_non_exhaustive()
    }
}

impl Orchestrator {
    /// Mints a token with `scope` for a first agent. For each kind of budget that the scope does not limit,
    /// [`OrchestratorBuilder::default_budgets`](super::OrchestratorBuilder::default_budgets) limits the agent together
    /// with all agents beneath it.
    ///
    /// Instructions for its model belong in the task that it is run on: only helpers have a system prompt
    /// ([`Spawn::system`](super::Spawn::system)) or limits of their own.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] when the scope is at fault or lives longer than
    /// [`OrchestratorBuilder::max_lifetime`](super::OrchestratorBuilder::max_lifetime), the role is not valid, or the record cannot be written.
    pub async fn agent(&self, role: &str, scope: Scope) -> Result<Agent, SpawnError> {
        self.agent_for(role, scope, Mandate::default()).await
    }

    /// As [`Orchestrator::agent`], with the principal and the intent that the token names.
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
        let slot = self.runtime.slots.take();
        let slot = slot.map_err(|refusal| SpawnError::refused(role, refusal))?;
        let resumed = self.guard().load_state().await;
        resumed.map_err(SpawnError::unrecorded)?;
        let now = self.guard().now().map_err(SpawnError::unavailable)?;
        let (scope, key) = (
            self.runtime.with_default_budgets(scope),
            AgentKey::generate(),
        );
        let chain = self.runtime.authority.mint_begun(
            &scope,
            &mandate,
            key.public(),
            now,
            self.guard().begins(now),
        )?;
        let longest = self.guard().max_lifetime();
        if chain.expires() > now.saturating_add(longest) {
            let expires = chain.expires();
            return Err(SpawnError::TooLong { expires, longest });
        }
        let held = chain.held_by(key).map_err(SpawnError::unavailable)?;
        let mut core = AgentCore::first(&self.runtime, role, held, slot, mandate.intent);
        if !self.guard().store().durable() {
            let begun = core.begin(now, Batch::new()).await;
            begun.map_err(SpawnError::unrecorded)?;
            return Ok(Agent::new(core));
        }
        let (run, seal) = (RunId::fresh(), self.runtime.seal.clone());
        let since = self.guard().now().ok();
        let root = (core.record(), &*core.held);
        let kept = RunStore::first(run, root, since, seal.as_deref());
        let committed = core.begin(now, kept).await;
        let committed = committed.map_err(SpawnError::unrecorded)?;
        core.run_store = Some(Arc::new(RunStore::new(run, committed.version, seal)));
        Ok(Agent::new(core))
    }

    /// The guard that decides every call of this tree.
    #[must_use]
    pub fn guard(&self) -> &Arc<Guard> {
        self.runtime.gate.guard()
    }

    /// The one road to a tool.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.runtime.gate
    }

    /// The events of this orchestrator's trees.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.runtime.events
    }

    /// Cancels every agent of this orchestrator, for good: their runs end as cancelled, and so does
    /// every agent that is begun here later.
    pub fn cancel(&self) {
        self.runtime.cancel.cancel();
    }
}
