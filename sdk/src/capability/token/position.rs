//! The rules for a block at its position in a chain.

use super::link::Link;
use crate::capability::block::{Block, HopBlock, wire::SignedBlock};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Bounds, Budget, profile_fault};

/// The facts about a block that matter to later blocks.
#[derive(Clone, Copy)]
pub(super) struct PriorBlock<'a> {
    pub(crate) block: &'a Block,
    pub(crate) next_key: PublicKey,
    /// The third party that signed the block as well.
    pub(crate) external: Option<PublicKey>,
}

impl<'a> PriorBlock<'a> {
    pub(crate) fn new<B>(block: &'a Block, signed: &SignedBlock<B>) -> Self {
        Self {
            block,
            next_key: signed.next_key,
            external: signed.external.as_ref().map(|external| external.key),
        }
    }

    pub(crate) fn link(link: &'a Link) -> Self {
        Self::new(&link.block, &link.signed)
    }
}

/// The reason why a block may not stand at its position in a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// An authority block follows another block.
    #[error("an authority block stands only at the start")]
    Authority,
    /// The authority block inherits its grants, but there is no block before it.
    #[error("the authority block must list its grants")]
    AuthorityInherits,
    /// The authority block expires after the end that it sets for its renewals.
    #[error("the authority block outlives its own end")]
    OutlivesEnd,
    /// A hop stands at the start, or follows an approval or a call.
    #[error("the hop of `{role}` does not follow the authority block or a hop")]
    Hop {
        /// The role of the hop.
        role: String,
    },
    /// The role of a hop is too long, is empty or has other characters.
    #[error("the role `{role}` is not 1 to 32 of `a-z`, `0-9`, `_`, `-`")]
    Role {
        /// The role as it was given.
        role: String,
    },
    /// An approval stands at the start.
    #[error("an approval cannot stand at the start")]
    ApprovalAtStart,
    /// The key of an approver is the root's key or the key of a holder of the token.
    #[error("an approver's key is also a holder's or the root's")]
    ApproverHolds,
    /// A call stands at the start.
    #[error("a call cannot stand at the start")]
    CallAtStart,
    /// A block follows a call.
    #[error("nothing may follow a call")]
    AfterCall,
    /// The block names the root's key as the next holder's.
    #[error("a holder's key is the root's")]
    HolderIsRoot,
    /// The block names an approver's key as the next holder's.
    #[error("a holder's key is also an approver's")]
    HolderApproves,
    /// The bounds of the block are not in profile; the text says which part.
    #[error("{0}")]
    Bounds(String),
    /// The block allows another hop and does not grant `agent.spawn`.
    #[error("a block that does not grant `agent.spawn` must not allow another hop")]
    DepthWithoutSpawn,
    /// The block names a budget that neither its signer nor a block before it set.
    #[error("the budget `{kind}` is counted under a key that did not sign it")]
    OtherBudget {
        /// The kind of the budget.
        kind: String,
    },
}

/// Checks that a block may stand at its position in a chain; the error is the detail of `malformed`.
pub(super) fn check_position<B>(
    before: &[PriorBlock<'_>],
    root: &PublicKey,
    signed: &SignedBlock<B>,
    block: &Block,
) -> Result<(), PositionError> {
    let hops_only = before
        .iter()
        .all(|link| matches!(link.block, Block::Authority(_) | Block::Hop(_)));
    let signer = before.last().map_or(root, |link| &link.next_key);
    match block {
        Block::Authority(authority) => {
            if !before.is_empty() {
                return Err(PositionError::Authority);
            }
            if authority.bounds.capabilities().is_none() {
                return Err(PositionError::AuthorityInherits);
            }
            if authority.bounds.caveats.expires > authority.ends {
                return Err(PositionError::OutlivesEnd);
            }
        }
        Block::Hop(hop) if before.is_empty() || !hops_only => {
            return Err(PositionError::Hop {
                role: hop.role.clone(),
            });
        }
        Block::Hop(HopBlock { role, .. }) => {
            if !role_fits(role) {
                return Err(PositionError::Role { role: role.clone() });
            }
        }
        Block::Approval(_) => {
            if before.is_empty() {
                return Err(PositionError::ApprovalAtStart);
            }
            let key = signed.external.as_ref().map(|external| &external.key);
            let holds = |key: &PublicKey| {
                key == root
                    || *key == signed.next_key
                    || before.iter().any(|link| link.next_key == *key)
            };
            if key.is_some_and(holds) {
                return Err(PositionError::ApproverHolds);
            }
        }
        Block::Call(_) if before.is_empty() => {
            return Err(PositionError::CallAtStart);
        }
        Block::Call(_) => {}
    }
    if before
        .last()
        .is_some_and(|link| matches!(link.block, Block::Call(_)))
    {
        return Err(PositionError::AfterCall);
    }
    if signed.next_key == *root {
        return Err(PositionError::HolderIsRoot);
    }
    if approvers(before).any(|key| key == signed.next_key) {
        return Err(PositionError::HolderApproves);
    }
    let Some(bounds) = block.bounds() else {
        return Ok(());
    };
    profile_fault(bounds).map_or(Ok(()), |what| Err(PositionError::Bounds(what)))?;
    let hop = u32::try_from(before.len()).unwrap_or(u32::MAX);
    if !bounds.may_spawn() && bounds.caveats.depth.is_none_or(|depth| depth > hop) {
        return Err(PositionError::DepthWithoutSpawn);
    }
    keys(before, root, &signed.next_key, bounds)?;
    budgets(before, signer, bounds)
}

/// The keys that may approve under the bounds of `before`, and those that have approved.
fn approvers(before: &[PriorBlock<'_>]) -> impl Iterator<Item = PublicKey> {
    before.iter().flat_map(|link| {
        let may = link
            .block
            .bounds()
            .into_iter()
            .flat_map(Bounds::approvers)
            .copied();
        may.chain(link.external)
    })
}

/// An approver must not be a holder or the root; later holders are checked when their blocks are read.
fn keys(
    before: &[PriorBlock<'_>],
    root: &PublicKey,
    next_key: &PublicKey,
    bounds: &Bounds,
) -> Result<(), PositionError> {
    if bounds.approvers().any(|key| key == next_key) {
        return Err(PositionError::HolderApproves);
    }
    let holds = |key: &PublicKey| key == root || before.iter().any(|link| link.next_key == *key);
    if bounds.approvers().any(holds) {
        return Err(PositionError::ApproverHolds);
    }
    Ok(())
}

/// A block may name only budgets of its own signer and budgets that an earlier block named.
fn budgets(
    before: &[PriorBlock<'_>],
    signer: &PublicKey,
    bounds: &Bounds,
) -> Result<(), PositionError> {
    let named = |budget: &Budget| {
        before
            .iter()
            .filter_map(|link| link.block.bounds())
            .flat_map(|bounds| &bounds.caveats.budgets)
            .any(|known| {
                (&known.kind, known.signer, &known.label)
                    == (&budget.kind, budget.signer, &budget.label)
            })
    };
    let stray = bounds
        .caveats
        .budgets
        .iter()
        .find(|budget| budget.signer != Some(*signer) && !named(budget));
    stray.map_or(Ok(()), |budget| {
        Err(PositionError::OtherBudget {
            kind: budget.kind.clone(),
        })
    })
}

/// Role names: 1 to 32 of `a-z`, `0-9`, `_`, `-`.
pub(crate) fn role_fits(role: &str) -> bool {
    (1..=32).contains(&role.len())
        && role.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
        })
}
