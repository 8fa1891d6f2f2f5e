//! Why there is no child.

use std::time::Duration;

use crate::capability::{MintError, Refusal, SPAWN, ScopeError, Widens};
use crate::guard::{Denial, Pending};
use crate::id::Timestamp;
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
    /// The role has another length or other characters than a role has.
    #[error(
        "the role `{}` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`; choose another name for the role",
        crate::text::printable(.role)
    )]
    Role {
        /// The role as it was given.
        role: String,
    },
    /// The scope of a first agent lives longer than the guard accepts, so that every call of it would be refused.
    #[error(
        "the scope lives until {expires}, and the guard accepts {} s at most; set an earlier end with \
         `Scope::expires_in`, or a longer life with `OrchestratorBuilder::max_lifetime`",
        .longest.as_secs()
    )]
    TooLong {
        /// The end of the scope.
        expires: Timestamp,
        /// The longest life that the guard accepts, from now on.
        longest: Duration,
    },
    /// The token cannot be made for another reason than its scope.
    #[error("{0}")]
    Token(Box<MintError>),
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
        Self::Role {
            role: role.to_owned(),
        }
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
            other => Self::Token(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::{PositionError, Scope};

    #[test]
    fn each_text_says_what_was_wrong_and_what_to_do() {
        let role = SpawnError::role("a\nb");
        assert_eq!(
            role.to_string(),
            "the role `a\\nb` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`; choose another name for the role"
        );
        let long = SpawnError::TooLong {
            expires: "2026-03-01T12:00:00Z".parse().unwrap(),
            longest: Duration::from_secs(86_400),
        };
        assert_eq!(
            long.to_string(),
            "the scope lives until 2026-03-01T12:00:00Z, and the guard accepts 86400 s at most; set an earlier \
             end with `Scope::expires_in`, or a longer life with `OrchestratorBuilder::max_lifetime`"
        );
    }

    #[test]
    fn a_reason_not_to_make_a_token_keeps_its_fields() {
        let bytes = MintError::TooLarge {
            bytes: 70_000,
            max: 65_536,
        };
        let SpawnError::Token(kept) = SpawnError::from(bytes.clone()) else {
            panic!("the token is at fault, and not the scope")
        };
        assert_eq!(*kept, bytes);
        assert_eq!(
            SpawnError::from(bytes.clone()).to_string(),
            bytes.to_string()
        );
        let position = MintError::Position(PositionError::HolderIsRoot);
        assert!(matches!(SpawnError::from(position), SpawnError::Token(_)));
        let scope = Scope::from_json("[]").unwrap_err();
        assert!(matches!(
            SpawnError::from(MintError::Scope(scope)),
            SpawnError::Scope(_)
        ));
    }
}
