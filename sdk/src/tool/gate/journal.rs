//! What is stored of a call, in the batches of its beginning and its end.

use async_trait::async_trait;
use serde_json::Value;

use crate::id::CallId;
use crate::store::{Batch, StoreError};
use crate::tool::{Look, ToolError};

/// Keeps a call for the process that resumes the run after a crash: what the journal adds to the batches
/// of the call's beginning and end is written with them or not at all.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// What is written in the batch that allows the call.
    fn begun(&self, call: CallId) -> Batch;

    /// Is told what the call is about to change, if the tool looks ([`Tool::look`](crate::tool::Tool::look)).
    /// A call that was begun before, and was about to change something else then, is not made again.
    ///
    /// # Errors
    ///
    /// When the call is not to be made: the body does not run, and the call has failed with this.
    async fn looked(&self, _call: CallId, _look: &Look) -> Result<(), ToolError> {
        Ok(())
    }

    /// What is written in the batch that records the end of the call. Where an expectation in it does not
    /// hold, the end is recorded without it.
    fn ended(&self, call: CallId, result: Result<&Value, &ToolError>) -> Batch;

    /// Is told that the end of the call could not be recorded: the store holds the call as begun, and the
    /// process that resumes the run finds it so. The default does nothing.
    fn not_persisted(&self, _error: &StoreError) {}
}
