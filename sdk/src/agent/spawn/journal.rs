//! Stores a spawn: that it has begun, which slots it took, and that it made no child.

use std::sync::Arc;

use serde_json::Value;

use crate::agent::core::AgentCore;
use crate::agent::durable::{CallRecord, digest};
use crate::capability::SPAWN;
use crate::guard::BudgetSlots;
use crate::id::{AgentId, CallId};
use crate::model::ToolCall;
use crate::store::{Batch, StoreError};
use crate::tool::{Journal, ToolError};

/// The call of a parent's model that asks for a child.
pub(super) struct AskedBy {
    pub(super) id: String,
    digest: String,
}

impl AskedBy {
    pub(super) fn of(call: &ToolCall) -> Self {
        Self {
            id: call.id.clone(),
            digest: digest(call),
        }
    }
}

/// Stores one spawn.
pub(super) struct SpawnJournal {
    parent: Arc<AgentCore>,
    pub(super) asked: Option<AskedBy>,
    /// The slots that the child takes. They are written with the call itself, so that no slot is taken that is
    /// not given back.
    slots: BudgetSlots,
}

impl SpawnJournal {
    pub(super) fn new(parent: &Arc<AgentCore>, asked: Option<AskedBy>) -> Self {
        Self {
            slots: BudgetSlots::beneath(parent.held.chain()),
            parent: parent.clone(),
            asked,
        }
    }

    /// The batch that stores which child the model's call made.
    pub(super) fn child(&self, agent: AgentId) -> Batch {
        let (Some(run_store), Some(asked)) = (&self.parent.run_store, &self.asked) else {
            return Batch::new();
        };
        let digest = asked.digest.clone();
        let child = CallRecord::Child { agent, digest };
        run_store.call(self.parent.id, &asked.id, &child)
    }

    /// The batch that stores that there is no child. A process that took the run over may have made one.
    fn nothing(&self) -> Batch {
        match (&self.parent.run_store, &self.asked) {
            (Some(run_store), Some(asked)) => run_store
                .still_owner()
                .and(run_store.forget(self.parent.id, &asked.id)),
            _ => Batch::new(),
        }
    }
}

impl Journal for SpawnJournal {
    fn begun(&self, call: CallId) -> Batch {
        let Some(run_store) = &self.parent.run_store else {
            return Batch::new();
        };
        let begun = match &self.asked {
            Some(asked) => {
                let record = CallRecord::Begun {
                    call,
                    capability: SPAWN.to_owned(),
                    digest: asked.digest.clone(),
                    kind: None,
                    before: None,
                };
                run_store.call(self.parent.id, &asked.id, &record)
            }
            None => run_store.still_owner(),
        };
        begun.and(run_store.spawning(call, &self.slots))
    }

    /// A child that was made has the slots from here on; without a child they are given back.
    fn ended(&self, call: CallId, result: Result<&Value, &ToolError>) -> Batch {
        let run_store = self.parent.run_store.as_ref();
        let over = run_store.map(|run_store| run_store.spawned(call, &self.slots));
        let over = over.unwrap_or_default();
        match result {
            Ok(_) => over,
            Err(_) => over.and(self.nothing()).and(self.slots.give_back()),
        }
    }

    fn not_persisted(&self, error: &StoreError) {
        if let Some(run_store) = &self.parent.run_store {
            run_store.not_persisted(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::orchestrator::Orchestrator;
    use crate::capability::{Authority, Budget, Grant, Scope};
    use crate::guard::AGENTS;

    #[tokio::test]
    async fn a_spawn_that_makes_no_child_gives_its_slots_back() {
        let orchestrator = Orchestrator::builder(&Authority::generate())
            .build()
            .unwrap();
        let scope = Scope::new().grant(Grant::spawn(["reader"])).max_depth(1);
        let scope = scope.budget(Budget::new(AGENTS, 3));
        let lead = orchestrator.agent("lead", scope).await.unwrap();
        let asked = AskedBy::of(&ToolCall::new("call", "agent_spawn", "{}"));
        assert_eq!(asked.id, "call");
        let journal = SpawnJournal::new(&lead.core, Some(asked));
        let call = CallId::fresh();
        assert!(!journal.slots.is_empty());
        let failed = ToolError::new("no child");
        assert_eq!(journal.ended(call, Err(&failed)), journal.slots.give_back());
        // A child has them, and the run is not stored, so nothing is written of it.
        let nothing = Batch::new();
        assert_eq!(journal.ended(call, Ok(&Value::Null)), nothing);
        assert_eq!(journal.begun(call), nothing);
        assert_eq!(journal.child(AgentId::fresh()), nothing);
    }
}
