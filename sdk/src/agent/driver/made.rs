//! What came of making a call.

use super::super::run::{CallOutcome, fingerprint};
use super::super::unknown::Unknown;
use crate::capability::Kind;
use crate::guard::Denial;

/// What came of making a call.
pub(super) struct MadeCall {
    pub(super) outcome: CallOutcome,
    /// Why it was refused, where it was.
    pub(super) denial: Option<Denial>,
    /// The calls whose outcome turned out not to be known.
    pub(super) unknown: Vec<Unknown>,
}

impl From<CallOutcome> for MadeCall {
    fn from(outcome: CallOutcome) -> Self {
        Self {
            outcome,
            denial: None,
            unknown: Vec::new(),
        }
    }
}

/// A call that was refused, as the run and the model are told of it.
pub(super) fn refused(denial: Denial, arguments: &str) -> MadeCall {
    let text = denial.for_model();
    let fingerprint = fingerprint(denial.capability(), arguments);
    // No block of the token spoke: what was written is no value of the tool's arguments.
    let is_unreadable = denial.kind() == Kind::Argument && denial.hop().is_none();
    let outcome = match is_unreadable {
        true => CallOutcome::Unreadable { text, fingerprint },
        false => CallOutcome::Denied {
            kind: denial.kind().name().to_owned(),
            text,
            fingerprint,
        },
    };
    MadeCall {
        denial: Some(denial),
        ..MadeCall::from(outcome)
    }
}
