//! How a call ended.

use serde_json::Value;

use crate::capability::Exposure;
use crate::guard::{Denial, Pending};
use crate::id::CallId;
use crate::tool::ToolError;

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// The body ran and gave this back.
    Value {
        /// Which call.
        call: CallId,
        /// What it gave back.
        value: Value,
        /// What the value may carry instructions from, and how sensitive it is.
        exposure: Exposure,
    },
    /// The body did not run.
    Denied(Denial),
    /// The body did not run; an approval is missing.
    Pending(Box<Pending>),
    /// There is no tool of that name.
    UnknownTool(String),
    /// The body ran and failed, panicked, or was cancelled.
    Failed {
        /// Which call.
        call: CallId,
        /// What went wrong, for the model.
        error: ToolError,
    },
}
