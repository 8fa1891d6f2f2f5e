//! Tokens signed again for fresh keys, because the private keys of their holders are gone.

use std::collections::BTreeMap;

use super::chain::Chain;
use super::error::MintError;
use super::held::Held;
use crate::capability::block::Block;
use crate::capability::keys::{Authority, PublicKey};
use crate::capability::scope::{Bounds, Budget};
use crate::capability::value::BudgetKey;

impl Authority {
    /// Mints the first block of `chain` again for another key: same lineage, grants, caveats and
    /// expiry, and the same budgets but for the maximum of those in `more`.
    ///
    /// # Errors
    ///
    /// [`MintError::OtherRoot`] when another root signed it; [`MintError::NoBudget`] when it has no
    /// budget of that kind.
    pub(crate) fn reissue(
        &self,
        chain: &Chain,
        to: PublicKey,
        more: &[Budget],
    ) -> Result<Chain, MintError> {
        let mut block = self.own_block(chain)?.clone();
        let budgets = &mut block.bounds.caveats.budgets;
        for more in more {
            let is_it = |budget: &&mut Budget| {
                budget.kind == more.kind && (more.label.is_none() || more.label == budget.label)
            };
            let budget = budgets
                .iter_mut()
                .find(is_it)
                .ok_or_else(|| MintError::NoBudget {
                    kind: more.kind.clone(),
                })?;
            budget.max = more.max;
        }
        Ok(self.sign(block, to)?.living(chain.whole()))
    }
}

impl Held {
    /// Signs the last hop of `child` again for another key, under this token instead of the token that signed
    /// it. The role, grants, caveats and expiry stay the same.
    ///
    /// A budget is counted under the key of its signer, so a budget that was set by an agent with a new key
    /// gets a new counter. The use counted so far moves to the new counter ([`Moved`]), so the maximum stays
    /// the same.
    ///
    /// # Errors
    ///
    /// [`MintError`] when the hop is not a child of this token, or is wider than it.
    pub(crate) fn reissue(&self, child: &Chain, to: PublicKey) -> Result<Chain, MintError> {
        let Some(Block::Hop(hop)) = child.links().last().map(|link| &link.block) else {
            return Err(MintError::NotAHop);
        };
        let (lineage, depth) = (self.chain.lineage(), self.chain.depth() + 1);
        if (child.lineage(), child.depth()) != (lineage, depth) {
            return Err(MintError::NotAChild);
        }
        let keys = |chain: &Chain| -> Vec<PublicKey> {
            let links = chain.links().iter();
            links.map(|link| link.signed.next_key).collect()
        };
        let moved = Moved(keys(child).into_iter().zip(keys(&self.chain)).collect());
        let bounds = carried(&hop.bounds, &moved);
        let again = self.sign_hop(&hop.role, hop.decision.clone(), bounds, to)?;
        Ok(again.living(child.whole()))
    }
}

/// The keys that were replaced: each old key with the new one.
#[derive(Debug, Default)]
pub(crate) struct Moved(BTreeMap<PublicKey, PublicKey>);

impl Moved {
    pub(crate) fn insert(&mut self, old: PublicKey, new: PublicKey) {
        self.0.insert(old, new);
    }

    /// The old keys.
    pub(crate) fn old(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.keys()
    }

    /// The new counter of a budget that was counted under an old key.
    pub(crate) fn budget(&self, budget: &BudgetKey) -> Option<BudgetKey> {
        let (kind, mut keys) = (budget.kind.clone(), self.0.iter());
        keys.find_map(|(old, new)| {
            let label = budget.id.strip_prefix(&format!("{old}/"))?;
            let id = format!("{new}/{label}");
            Some(BudgetKey {
                kind: kind.clone(),
                id,
            })
        })
    }
}

/// The same bounds, with each budget of a signer whose key was replaced under the new key.
fn carried(bounds: &Bounds, moved: &Moved) -> Bounds {
    let mut bounds = bounds.clone();
    for budget in &mut bounds.caveats.budgets {
        let new = budget.signer.and_then(|signer| moved.0.get(&signer));
        budget.signer = new.copied().or(budget.signer);
    }
    bounds
        .caveats
        .budgets
        .sort_by(|a, b| (&a.kind, a.signer, &a.label).cmp(&(&b.kind, b.signer, &b.label)));
    bounds
}

#[cfg(test)]
mod tests;
