//! A call whose outcome is not known.

use crate::id::CallId;

/// A call that was in flight when the process ended: it is not known whether it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownOutcome {
    /// The agent that made it.
    pub agent: String,
    /// Its id in the audit.
    pub call: CallId,
    /// The capability.
    pub capability: String,
}

impl UnknownOutcome {
    pub(super) fn of(agent: &str, call: CallId, capability: String) -> Self {
        Self {
            agent: agent.to_owned(),
            call,
            capability,
        }
    }
}
