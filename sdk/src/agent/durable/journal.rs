//! Stores one call of an agent: its beginning, what it was about to change, and its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use serde_json::Value;

use super::call::CallRecord;
use super::run_store::RunStore;
use crate::agent::run::{CallOutcome, cleaned};
use crate::capability::Exposure;
use crate::id::{AgentId, CallId};
use crate::store::{Batch, Store, StoreError};
use crate::tool::{Journal, Look, ToolError};

/// The message for a call that would be made again, if something else changed what the call changes.
const CHANGED: &str = "the outcome of this call is not known: the process ended while it was made, and \
                       what it was about to change is neither as it was nor as the call makes it, so \
                       something else changed it. It was not made again; look at what is there before \
                       you make it again";
/// The message for a call that does not begin, because that cannot be stored.
const UNMADE: &str = "not made: the state of what it is about to change cannot be stored";

/// Stores one call of an agent.
pub(in crate::agent) struct CallJournal {
    pub(in crate::agent) run_store: Arc<RunStore>,
    pub(in crate::agent) store: Arc<dyn Store>,
    pub(in crate::agent) agent: AgentId,
    /// The model's id of the call.
    pub(in crate::agent) id: String,
    pub(in crate::agent) digest: String,
    pub(in crate::agent) capability: String,
    /// The tool of the call.
    pub(in crate::agent) kind: String,
    /// What it was about to change when it was begun before a crash.
    pub(in crate::agent) before: Option<String>,
    pub(in crate::agent) seen: Seen,
    /// The exposure of the tool's results: their taint and their sensitivity.
    pub(in crate::agent) exposure: Exposure,
    /// Bytes of a result that the model is shown.
    pub(in crate::agent) max_bytes: usize,
}

/// The state of the call when it was about to be made.
#[derive(Debug, Default)]
pub(in crate::agent) struct Seen {
    /// The outcome of the call is not known.
    unknown: AtomicBool,
    /// The state of what it is about to change cannot be stored, so the call is not made.
    not_persisted: AtomicBool,
}

impl CallJournal {
    /// Whether it turned out that the outcome of the call is not known.
    pub(in crate::agent) fn is_unknown(&self) -> bool {
        self.seen.unknown.load(Ordering::Acquire)
    }

    fn record(&self, call: CallId, before: Option<&String>) -> Batch {
        let record = CallRecord::Begun {
            call,
            capability: self.capability.clone(),
            digest: self.digest.clone(),
            kind: Some(self.kind.clone()),
            before: before.cloned(),
        };
        self.run_store.call(self.agent, &self.id, &record)
    }
}

#[async_trait]
impl Journal for CallJournal {
    fn begun(&self, call: CallId) -> Batch {
        self.record(call, self.before.as_ref())
    }

    async fn looked(&self, call: CallId, look: &Look) -> Result<(), ToolError> {
        match &self.before {
            Some(before) if look.is_made || *before == look.now => Ok(()),
            Some(_) => {
                self.seen.unknown.store(true, Ordering::Release);
                Err(ToolError::new(CHANGED))
            }
            None => {
                let kept = self.store.commit(self.record(call, Some(&look.now))).await;
                kept.map(drop).map_err(|error| {
                    self.seen.not_persisted.store(true, Ordering::Release);
                    self.run_store.not_persisted(&error);
                    ToolError::new(UNMADE)
                })
            }
        }
    }

    fn ended(&self, _: CallId, result: Result<&Value, &ToolError>) -> Batch {
        // The call was not made, and is made when the run is resumed.
        if self.seen.not_persisted.load(Ordering::Acquire) {
            return Batch::new();
        }
        let record = CallRecord::Done {
            outcome: cleaned(CallOutcome::of(result), self.max_bytes),
            exposure: self.exposure.clone(),
        };
        self.run_store.call(self.agent, &self.id, &record)
    }

    fn not_persisted(&self, error: &StoreError) {
        self.run_store.not_persisted(error);
    }
}
