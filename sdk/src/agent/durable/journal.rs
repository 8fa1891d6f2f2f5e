//! Keeps one call of an agent: that it was begun, and what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::record::CallRecord;
use super::tree::Tree;
use crate::agent::run::{CallOutcome, cleaned};
use crate::id::{AgentId, CallId};
use crate::store::Batch;
use crate::tool::{Journal, ToolError};

/// Keeps one call of an agent.
pub(in crate::agent) struct CallJournal {
    pub(in crate::agent) tree: Arc<Tree>,
    pub(in crate::agent) agent: AgentId,
    /// The model's id of the call.
    pub(in crate::agent) id: String,
    pub(in crate::agent) digest: String,
    pub(in crate::agent) capability: String,
    /// What the tool's results are tainted with, and how sensitive they are, as a run counts it.
    pub(in crate::agent) taint: BTreeSet<String>,
    pub(in crate::agent) sensitivity: u8,
    /// Bytes of a result that the model is shown.
    pub(in crate::agent) max_bytes: usize,
}

impl Journal for CallJournal {
    fn begun(&self, call: CallId) -> Batch {
        let record = CallRecord::Begun {
            call,
            capability: self.capability.clone(),
            digest: self.digest.clone(),
        };
        self.tree.call(self.agent, &self.id, &record)
    }

    fn ended(&self, result: Result<&Value, &ToolError>) -> Batch {
        let record = CallRecord::Done {
            outcome: cleaned(CallOutcome::of(result), self.max_bytes),
            taint: self.taint.clone(),
            sensitivity: self.sensitivity,
        };
        self.tree.call(self.agent, &self.id, &record)
    }
}
