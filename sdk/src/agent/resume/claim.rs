//! A run that was taken over, before its agents have their keys.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::agent::durable::{AgentRecord, Kept, Tree};
use crate::agent::runtime::Seat;
use crate::agent::unknown::Unknown;
use crate::capability::Chain;
use crate::id::AgentId;

/// A run that is this process's, with the agents that go on.
pub(super) struct Taken {
    pub(super) tree: Arc<Tree>,
    pub(super) root: AgentId,
    pub(super) agents: BTreeMap<AgentId, TakenAgent>,
    /// A place for each of them.
    pub(super) seats: Vec<Seat>,
    /// The calls of agents that do not go on, of which nobody knows whether they were made.
    pub(super) unknown: Vec<Unknown>,
}

/// An agent that goes on.
pub(super) struct TakenAgent {
    pub(super) record: AgentRecord,
    pub(super) chain: Chain,
    /// Its run, where it had begun.
    pub(super) kept: Option<Kept>,
    pub(super) unknown: Vec<Unknown>,
    /// What calls that are made again were about to change when they were first begun.
    pub(super) before: HashMap<String, String>,
}
