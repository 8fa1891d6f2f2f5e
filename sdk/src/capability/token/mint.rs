//! Tokens minted and renewed by a root; and what every token made here must fit.

use std::sync::Arc;

use super::chain::Chain;
use super::error::MintError;
use super::lineage::lineage;
use super::link::{Link, append};
use super::position::{PriorBlock, check_position};
use crate::capability::block::{
    AuthorityBlock, Block,
    wire::{MAX_BLOCKS, MAX_BYTES},
};
use crate::capability::keys::{Authority, PublicKey};
use crate::capability::scope::Scope;
use crate::id::Timestamp;

/// For whom and what for a root mints, beside the scope. All of it may be left out.
#[derive(Clone, Debug, Default)]
pub struct Mandate {
    /// Whom the token is minted for; revocable as a whole.
    pub principal: Option<String>,
    /// What it is minted for, in words.
    pub intent: Option<String>,
    /// The moment past which no renewal goes; the token's own expiry where it is left out.
    pub ends: Option<Timestamp>,
}

impl Authority {
    /// Mints a token with `scope` for the holder of `to`.
    ///
    /// # Errors
    ///
    /// [`MintError::Scope`] where the scope is at fault; [`MintError::Position`] where it inherits,
    /// which a root cannot;
    /// [`MintError::HolderIsRoot`] where `to` is the root's own key; one of the others where the token
    /// would be too large or a pattern is at fault.
    pub fn mint(
        &self,
        scope: &Scope,
        mandate: &Mandate,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        self.mint_begun(scope, mandate, to, now, now)
    }

    /// As [`Authority::mint`], where the lineage begins at another moment than the scope's `now`.
    pub(crate) fn mint_begun(
        &self,
        scope: &Scope,
        mandate: &Mandate,
        to: PublicKey,
        now: Timestamp,
        begun: Timestamp,
    ) -> Result<Chain, MintError> {
        fits(scope)?;
        let bounds = scope.at(now)?;
        let expires = bounds.caveats.expires;
        let ends = mandate.ends.map_or(expires, Timestamp::floor_to_second);
        if to == self.public() {
            return Err(MintError::HolderIsRoot);
        }
        let block = AuthorityBlock {
            lineage: lineage(begun),
            ends,
            principal: mandate.principal.clone(),
            intent: mandate.intent.clone(),
            bounds: bounds.placed(0, self.public(), to),
        };
        let chain = self.sign(block, to)?;
        Ok(chain.living(Some(scope.whole(now, None))))
    }

    /// Mints the first block of `chain` again with a later expiry: same lineage, same grants,
    /// caveats and budgets. Hops are renewed by those who signed them
    /// ([`Held::renew`](super::Held::renew)).
    ///
    /// # Errors
    ///
    /// [`MintError::Renewal`] when `expires` is past the chain's [`ends`](Chain::ends);
    /// [`MintError::OtherRoot`] when another root signed it.
    pub fn renew(
        &self,
        chain: &Chain,
        expires: Timestamp,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        let authority = self.own_block(chain)?;
        let mut block = authority.clone();
        block.bounds.caveats.expires =
            later(block.bounds.caveats.expires, expires, authority.ends)?;
        Ok(self.sign(block, to)?.living(chain.whole()))
    }

    /// The first block of a chain that this root signed.
    pub(super) fn own_block<'a>(&self, chain: &'a Chain) -> Result<&'a AuthorityBlock, MintError> {
        let Some(Block::Authority(authority)) = chain.links().first().map(|link| &link.block)
        else {
            return Err(MintError::NoAuthority);
        };
        if chain.root() != self.public() {
            return Err(MintError::OtherRoot { root: chain.root() });
        }
        Ok(authority)
    }

    pub(super) fn sign(&self, block: AuthorityBlock, to: PublicKey) -> Result<Chain, MintError> {
        let link =
            append(None, Block::Authority(block), self.key(), to).map_err(MintError::Patterns)?;
        finish(self.public(), self.key_id(), Vec::new(), link)
    }
}

/// The new expiry, or why it is none.
pub(super) fn later(
    old: Timestamp,
    new: Timestamp,
    limit: Timestamp,
) -> Result<Timestamp, MintError> {
    let new = new.floor_to_second();
    if new <= old || new > limit {
        return Err(MintError::Renewal { old, limit, new });
    }
    Ok(new)
}

/// A chain of `before` and `link`, when it is in profile.
pub(super) fn finish(
    root: PublicKey,
    key_id: Option<u32>,
    before: Vec<Arc<Link>>,
    link: Arc<Link>,
) -> Result<Chain, MintError> {
    let prior: Vec<PriorBlock<'_>> = before.iter().map(|link| PriorBlock::link(link)).collect();
    check_position(&prior, &root, &link.signed, &link.block)?;
    let mut links = before;
    links.push(link);
    if links.len() > MAX_BLOCKS {
        return Err(MintError::TooManyBlocks { max: MAX_BLOCKS });
    }
    let chain = Chain::of(root, key_id, links);
    // Exactly what a reader counts: what is made here can be read back.
    size(chain.length())?;
    Ok(chain)
}

/// Whether the values that a scope lists could fit in one token: looked at before anything is done with
/// them.
pub(super) fn fits(scope: &Scope) -> Result<(), MintError> {
    /// The fewest bytes that a value takes: a term of a set, whose string is there already.
    const VALUE: usize = 4;
    let bytes = scope.values().saturating_mul(VALUE);
    if bytes > MAX_BYTES {
        return Err(MintError::ScopeTooLarge {
            bytes,
            max: MAX_BYTES,
        });
    }
    Ok(())
}

/// Whether so many bytes fit in one token.
pub(super) fn size(bytes: usize) -> Result<(), MintError> {
    if bytes > MAX_BYTES {
        return Err(MintError::TooLarge {
            bytes,
            max: MAX_BYTES,
        });
    }
    Ok(())
}
