//! Why there is no child.

use crate::capability::{MintError, Refusal, SPAWN, ScopeError, Widens};
use crate::guard::{Denial, Pending};
use crate::store::StoreError;

/// Why there is no child.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The parent may not spawn this role, or may not spawn it now.
    #[error("{0}")]
    Denied(Box<Denial>),
    /// The spawn needs an approval that is missing.
    #[error("the spawn needs an approval: {}", .0.missing)]
    Pending(Box<Pending>),
    /// The scope is wider than the parent's; the error lists each way in which it is.
    #[error("{0}")]
    Widens(Widens),
    /// The scope itself is at fault.
    #[error("the scope cannot be used: {0}")]
    Scope(ScopeError),
    /// The token would not be in profile, so it cannot be made.
    #[error("{0}")]
    Profile(String),
    /// The clock, the keyring or the record cannot be used, so nothing begins.
    #[error("the agent does not begin: {0}")]
    Unavailable(String),
}

impl SpawnError {
    /// A refusal by the library and not by a token.
    pub(in crate::agent) fn refused(agent: &str, refusal: Refusal) -> Self {
        Self::Denied(Box::new(Denial::new(agent, SPAWN, refusal)))
    }

    pub(in crate::agent) fn role(role: &str) -> Self {
        Self::Profile(format!(
            "the role `{}` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`",
            crate::text::printable(role)
        ))
    }

    #[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
    pub(in crate::agent) fn unavailable(refusal: Refusal) -> Self {
        Self::Unavailable(refusal.to_string())
    }

    #[expect(clippy::needless_pass_by_value, reason = "passed to map_err")]
    pub(in crate::agent) fn unrecorded(error: StoreError) -> Self {
        Self::Unavailable(format!("it cannot be recorded: {error}"))
    }
}

impl From<MintError> for SpawnError {
    fn from(error: MintError) -> Self {
        match error {
            MintError::Scope(error) => Self::Scope(error),
            MintError::Widens(widens) => Self::Widens(widens),
            other => Self::Profile(other.to_string()),
        }
    }
}
