//! What a run asks of its driver, and what the driver tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Finished;
use crate::model::{Request, ToolCall};
use crate::tool::ToolError;

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the model; then [`Run::completed`](super::Run::completed) or
    /// [`Run::failed`](super::Run::failed).
    AskModel(Request),
    /// Make these calls and report each with [`Run::resolved`](super::Run::resolved), in any
    /// order. They are in the model's order, and the driver keeps to it for those that have an
    /// effect: those that only read may be made at the same time, and any other alone.
    ///
    /// They are the calls without an outcome, so asking again names those in flight again. No two
    /// calls of a run have the same id.
    Dispatch(Vec<ToolCall>),
    /// Nothing: the run has ended.
    Done(Finished),
}

/// The outcome of a call. Texts are for the model, which is shown them cleaned and capped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CallOutcome {
    /// The tool returned this.
    Value(String),
    /// The guard refused.
    Denied {
        /// The stable name of the reason.
        kind: String,
        /// The text for the model. It never says what would have been allowed.
        text: String,
        /// A fingerprint: it is the same for calls whose arguments have the same canonical form.
        fingerprint: String,
    },
    /// The guard refused it since its arguments could not be read: they are not JSON, or not what the tool
    /// takes.
    Unreadable {
        /// What the model may know.
        text: String,
        /// As that of [`CallOutcome::Denied`].
        fingerprint: String,
    },
    /// The tool was called and failed, or the call was not made.
    Failed(String),
    /// There is no tool of that name.
    UnknownTool(String),
    /// Another agent took the task over, and has ended: the run ends with it.
    HandedOver {
        /// Whether it answered.
        answered: bool,
        /// Its answer, or the reason why there is no answer.
        text: String,
    },
}

impl CallOutcome {
    /// What a tool gave back, or how it failed.
    pub(in crate::agent) fn of(result: Result<&Value, &ToolError>) -> Self {
        match result {
            Ok(Value::String(text)) => Self::Value(text.clone()),
            Ok(value) => Self::Value(value.to_string()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// The run was given something that it does not wait for; the run is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The run has ended.
    #[error("the run has ended; ask `next` for how")]
    Ended,
    /// A completion or a failure of the model, while calls are open.
    #[error("the run did not ask its model: it waits for the outcomes of {open} calls")]
    NotAsked {
        /// How many calls have no outcome yet.
        open: usize,
    },
    /// No such call was ever made by this run.
    #[error("this run made no call `{id}`; use the id from its `Dispatch` step")]
    UnknownCall {
        /// The id, escaped.
        id: String,
    },
    /// The call has its outcome.
    #[error("call `{id}` already has an outcome, and a second one is not recorded")]
    AlreadyResolved {
        /// The id, escaped.
        id: String,
    },
}
