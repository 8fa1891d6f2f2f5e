//! Tokens minted and renewed by a root, and the limits that every token made here must meet.

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

/// The principal, the purpose and the last end of a token, beside its scope. Each may be left out.
#[derive(Clone, Debug, Default)]
pub struct Mandate {
    /// The principal for whom the token is minted; all its tokens can be revoked together.
    pub principal: Option<String>,
    /// The purpose of the token, in words.
    pub intent: Option<String>,
    /// The moment past which no renewal extends the token; if it is left out, the token's own expiry.
    pub ends: Option<Timestamp>,
}

impl Authority {
    /// Mints a token with `scope` for the holder of `to`.
    ///
    /// # Errors
    ///
    /// [`MintError::Scope`] when the scope is at fault; [`MintError::Position`] when it inherits, which a
    /// root cannot; [`MintError::HolderIsRoot`] when `to` is the root's own key; one of the others when the
    /// token would be too large or a pattern is at fault.
    pub fn mint(
        &self,
        scope: &Scope,
        mandate: &Mandate,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        self.mint_begun(scope, mandate, to, now, now)
    }

    /// As [`Authority::mint`], with a lineage that begins at another moment than the scope's `now`.
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
    /// caveats and budgets. A hop is renewed by the holder that signed it
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

/// The new expiry, or the error if it is not allowed.
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

/// A chain of `before` and `link`, if it is in profile.
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
    // This is exactly what a reader counts, so every token made here can be read back.
    size(chain.length())?;
    Ok(chain)
}

/// Checks that the values that a scope lists could fit in one token, before any work is done on them.
pub(super) fn fits(scope: &Scope) -> Result<(), MintError> {
    /// The least number of bytes that a value takes: a term of a set, whose string is already known.
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

/// Checks that this many bytes fit in one token.
pub(super) fn size(bytes: usize) -> Result<(), MintError> {
    if bytes > MAX_BYTES {
        return Err(MintError::TooLarge {
            bytes,
            max: MAX_BYTES,
        });
    }
    Ok(())
}
