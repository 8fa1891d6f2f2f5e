//! The reasons why a token cannot be made.

use super::position::PositionError;
use crate::capability::keys::PublicKey;
use crate::capability::narrow::Widens;
use crate::capability::scope::ScopeError;
use crate::id::Timestamp;

/// The reason why a token cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The scope itself is at fault.
    #[error("the scope cannot be used: {0}")]
    Scope(#[from] ScopeError),
    /// The scope is wider than the token that it is derived from; each way is listed.
    #[error("{0}")]
    Widens(Widens),
    /// The new block may not stand at its position in the chain, because of its role, a key, or the contents
    /// of its bounds.
    #[error("no token can be made: {0}")]
    Position(#[from] PositionError),
    /// A pattern of the new block is at fault, or the chain would have too many; the text says which.
    #[error("no token can be made: {0}")]
    Patterns(String),
    /// The first holder's key is the root's own key.
    #[error(
        "no token can be made: the first holder's key is the root's own; make a fresh key for the holder"
    )]
    HolderIsRoot,
    /// The chain to renew does not begin with an authority block.
    #[error("no token can be made: the chain has no authority block")]
    NoAuthority,
    /// The chain to renew was signed by another root.
    #[error("no token can be made: the token was signed by the root {root}, not by this one")]
    OtherRoot {
        /// The root that signed it.
        root: PublicKey,
    },
    /// The hop to renew was signed by another holder.
    #[error(
        "no token can be made: the hop was signed by another holder; only its delegator renews it"
    )]
    OtherDelegator,
    /// The hop to sign again does not follow this token.
    #[error("no token can be made: the hop is not a child of this token")]
    NotAChild,
    /// The chain that a delegator was to renew, or to sign again, does not end in a hop.
    #[error(
        "no token can be made: the chain does not end in a hop, and a delegator renews only a hop"
    )]
    NotAHop,
    /// The new end of a renewal is not after the old one, or past the limit.
    #[error(
        "no token can be made: a renewal ends after {old} and at the latest at {limit}, not at {new}"
    )]
    Renewal {
        /// When the token that is renewed ends.
        old: Timestamp,
        /// When its renewals end at the latest.
        limit: Timestamp,
        /// The end that was asked for.
        new: Timestamp,
    },
    /// The token holds no budget of a kind that was to be raised.
    #[error("no token can be made: the token has no budget of `{kind}`")]
    NoBudget {
        /// The kind that was named.
        kind: String,
    },
    /// The token carries approvals, which are for one call.
    #[error("no token can be made: a token with approvals is for one call and cannot be delegated")]
    HasApprovals,
    /// The approval was made for another token, or for this one before it changed.
    #[error(
        "no token can be made: the approval is not for this token as it is now; ask for it again"
    )]
    OtherApproval,
    /// The block of the approval cannot be read; the text says why.
    #[error("no token can be made: {0}")]
    UnreadableApproval(&'static str),
    /// The facts of a call over the wire do not name an audience.
    #[error("no token can be made: a call over the wire needs the audience that it is meant for")]
    NoAudience,
    /// The scope's values alone have more bytes than a token.
    #[error(
        "no token can be made: the token would have at least {bytes} bytes, more than {max}; list fewer values"
    )]
    ScopeTooLarge {
        /// The bytes of the scope's values.
        bytes: usize,
        /// The most bytes that a token has.
        max: usize,
    },
    /// The token would have more bytes than a token may.
    #[error(
        "no token can be made: the token would have {bytes} bytes, more than {max}; write a shorter scope"
    )]
    TooLarge {
        /// The bytes that it would have.
        bytes: usize,
        /// The most bytes that a token has.
        max: usize,
    },
    /// The token would have more blocks than a token may.
    #[error("no token can be made: the token would have more than {max} blocks")]
    TooManyBlocks {
        /// The most blocks that a token has.
        max: usize,
    },
}

impl From<Widens> for MintError {
    fn from(widens: Widens) -> Self {
        Self::Widens(widens)
    }
}
