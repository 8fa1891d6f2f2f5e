//! The outcome of a call that was made.

use super::super::run::{CallOutcome, fingerprint};
use super::super::unknown::UnknownOutcome;
use crate::capability::Kind;
use crate::guard::Denial;

/// The outcome of a call that was made.
pub(super) struct MadeCall {
    pub(super) outcome: CallOutcome,
    /// Why it was refused, if it was refused.
    pub(super) denial: Option<Denial>,
    /// The calls whose outcome turned out not to be known.
    pub(super) unknown: Vec<UnknownOutcome>,
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
    // No block of the token was checked: the text is not a value of the tool's arguments.
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
