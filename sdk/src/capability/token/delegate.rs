//! A chain delegated and renewed by its holder.

use std::sync::Arc;

use super::chain::Chain;
use super::error::MintError;
use super::held::Held;
use super::link::{Draft, Link};
use super::mint::{finish, fits, later, size};
use super::position::{PositionError, role_fits};
use crate::capability::block::{Block, HopBlock};
use crate::capability::keys::PublicKey;
use crate::capability::narrow::{Widens, narrow_parts};
use crate::capability::scope::{Bounds, Scope};
use crate::id::Timestamp;

impl Held {
    /// Derives a token for the holder of `to`: the same authority or less, in the role `role`.
    ///
    /// A scope without an expiry ends with this token, at the latest after
    /// [`DEFAULT_LIFETIME`](crate::capability::DEFAULT_LIFETIME). A scope with a lifetime no longer than that
    /// of this token's own scope ends with this token too, however much of its lifetime has passed. A token
    /// that was read from bytes does not state the lifetime of its scope, so the time from the beginning of
    /// its lineage to its end is used instead. A longer lifetime that goes past the end is wider, and so is
    /// a later moment.
    ///
    /// # Errors
    ///
    /// [`MintError::Widens`] lists each way in which `scope` is wider than this token; no other part is
    /// narrowed silently. The other errors are those of [`Authority::mint`](crate::capability::Authority::mint).
    pub fn delegate(
        &self,
        role: &str,
        scope: &Scope,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        fits(scope)?;
        let whole = self.chain.whole();
        let bounds = scope.at_within(now, self.chain.expires(), whole)?;
        let hop = self.chain.depth() + 1;
        let parents: Vec<&Bounds> = self.chain.bounds().collect();
        let depths = parents.iter().filter_map(|parent| parent.caveats.depth);
        let most = depths.min().filter(|most| *most < hop);
        let deeper = most.map(|most| Widens::depth(most, hop));
        // The caveats as they are before they are placed; the grants stay the same.
        let caveats = bounds.caveats.clone();
        let placed = bounds.placed(hop, self.key.public(), to);
        let draft = self.draft(role, None, placed)?;
        let narrowed = narrow_parts(&parents, draft.grants(), &caveats);
        match (narrowed, deeper) {
            (Ok(()), None) => {}
            (Ok(()), Some(widens)) | (Err(widens), None) => return Err(widens.into()),
            (Err(widens), Some(deeper)) => return Err(widens.and(deeper).into()),
        }
        let chain = self.append(draft, to)?;
        Ok(chain.living(Some(scope.whole(now, whole))))
    }

    /// Appends a hop without checking that it is narrower, as foreign software could.
    ///
    /// It does not widen the token, because verification evaluates every block; it exists so that tests and
    /// `simulate --raw` can show that.
    ///
    /// # Errors
    ///
    /// [`MintError`] when the token would not be in profile; never [`MintError::Widens`].
    pub fn danger_append(
        &self,
        role: &str,
        scope: &Scope,
        to: PublicKey,
        now: Timestamp,
    ) -> Result<Chain, MintError> {
        fits(scope)?;
        let bounds = scope
            .at(now)?
            .placed(self.chain.depth() + 1, self.key.public(), to);
        self.append(self.draft(role, None, bounds)?, to)
    }

    /// Signs the last hop of `child` again with a later expiry, for a fresh key of the child.
    ///
    /// `decision` names the decision that allowed it and stays in the token. The old chain must be
    /// revoked once the new one is stored.
    ///
    /// # Errors
    ///
    /// [`MintError::OtherDelegator`] when this token did not sign that hop; [`MintError::Renewal`] when
    /// `expires` is past this token's own expiry or the chain's end.
    pub fn renew(
        &self,
        child: &Chain,
        expires: Timestamp,
        decision: &str,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        let (last, before) = child
            .links()
            .split_last()
            .map_or((None, child.links()), |(last, before)| (Some(last), before));
        let Some(Block::Hop(hop)) = last.map(|link| &link.block) else {
            return Err(MintError::NotAHop);
        };
        let theirs = before.last().map(|link| link.signed.next_key);
        let (lineage, depth) = (
            child.lineage() == self.chain.lineage(),
            child.depth() == self.chain.depth() + 1,
        );
        // If this token was renewed itself, its key is new, so the hop is recognised by its position.
        if !lineage || !depth || (theirs != Some(self.key.public()) && !self.succeeds(before)) {
            return Err(MintError::OtherDelegator);
        }
        let mut bounds = hop.bounds.clone();
        let limit = self.chain.expires().min(self.chain.ends());
        bounds.caveats.expires = later(bounds.caveats.expires, expires, limit)?;
        let renewed = self.sign_hop(&hop.role, Some(decision.to_owned()), bounds, to)?;
        Ok(renewed.living(child.whole()))
    }

    /// Signs a hop that was signed before, if it is no wider than this token.
    pub(super) fn sign_hop(
        &self,
        role: &str,
        decision: Option<String>,
        bounds: Bounds,
        to: PublicKey,
    ) -> Result<Chain, MintError> {
        let parents: Vec<&Bounds> = self.chain.bounds().collect();
        let mut caveats = bounds.caveats.clone();
        for budget in &mut caveats.budgets {
            // A budget of its own cannot be wider; `narrow` recognises it by the missing signer.
            budget.signer = budget.signer.filter(|signer| *signer != self.key.public());
        }
        let draft = self.draft(role, decision, bounds)?;
        narrow_parts(&parents, draft.grants(), &caveats)?;
        self.append(draft, to)
    }

    /// Whether this token is `before` with later expiries: its renewal.
    fn succeeds(&self, before: &[Arc<Link>]) -> bool {
        let mine = self.chain.links();
        mine.len() == before.len()
            && mine
                .iter()
                .zip(before)
                .all(|(mine, theirs)| match (&mine.block, &theirs.block) {
                    (Block::Authority(mine), Block::Authority(theirs)) => {
                        mine.lineage == theirs.lineage
                    }
                    (Block::Hop(mine), Block::Hop(theirs)) => {
                        let mut same = mine.bounds.clone();
                        same.caveats.expires = theirs.bounds.caveats.expires;
                        mine.role == theirs.role && same == theirs.bounds
                    }
                    _ => false,
                })
    }

    /// The hop as it would be written. Its size is checked before the hop is compared, so a hop that is too
    /// large for a token costs only its writing.
    fn draft(
        &self,
        role: &str,
        decision: Option<String>,
        bounds: Bounds,
    ) -> Result<Draft, MintError> {
        if !role_fits(role) {
            return Err(PositionError::Role {
                role: role.to_owned(),
            }
            .into());
        }
        if !self.chain.approvals().is_empty() {
            return Err(MintError::HasApprovals);
        }
        let block = Block::Hop(HopBlock {
            role: role.to_owned(),
            decision,
            bounds,
        });
        let draft = Draft::after(Some(self.chain.last()), block);
        size(self.chain.length() + draft.size())?;
        Ok(draft)
    }

    fn append(&self, draft: Draft, to: PublicKey) -> Result<Chain, MintError> {
        let signed = draft.sign(Some(self.chain.last()), &self.key, to);
        let link = signed.map_err(MintError::Patterns)?;
        finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )
    }
}
