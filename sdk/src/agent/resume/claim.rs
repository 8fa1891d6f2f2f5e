//! A run that was taken over, before its agents have their keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::agent::durable::{AgentRecord, RunStore, StoredState};
use crate::agent::runtime::AgentSlot;
use crate::agent::unknown::UnknownOutcome;
use crate::capability::Chain;
use crate::id::AgentId;

/// A run that this process owns, with the agents that go on.
pub(super) struct Claim {
    pub(super) run_store: Arc<RunStore>,
    pub(super) root: AgentId,
    pub(super) agents: BTreeMap<AgentId, ClaimedAgent>,
    /// A slot for each of them.
    pub(super) slots: Vec<AgentSlot>,
    /// The calls of agents that do not go on, if it is not known whether the calls were made.
    pub(super) unknown: Vec<UnknownOutcome>,
}

/// An agent that goes on.
pub(super) struct ClaimedAgent {
    pub(super) record: AgentRecord,
    pub(super) chain: Chain,
    /// Its run, where it had begun.
    pub(super) state: Option<StoredState>,
    pub(super) unknown: Vec<UnknownOutcome>,
    /// The state of what repeated calls were about to change, at the time when they were first begun.
    pub(super) before: HashMap<String, String>,
}
