//! Are the bounds of a child inside those of its parents, and what is the intersection of two bounds?

mod caveats;
mod cover;
mod cut;
mod difference;
mod grants;
mod meet;
mod parts;
mod same;
mod search;
#[cfg(test)]
mod tests;
mod union;
mod widens;

use std::cell::Cell;
use std::collections::BTreeSet;

use crate::capability::scope::{Bounds, Caveats, Grants};
use caveats::meets;
use difference::covers;
pub use meet::{MeetError, meet};
pub use widens::{Excess, Widens};

/// Checks that all that `child` states is inside each of `parents`, the blocks of a chain, root first.
///
/// A part that the child does not state (`inherit`, a caveat that is not written) comes from its parents,
/// whose blocks stay in force. So `Ok` means that every call that the chain allows once the child is
/// appended was allowed before, and that no statement of the child promises more than that.
///
/// A new budget of the child and a further demand for approvals only add to the limits of the parents. A
/// restated demand for the same capabilities is refused, as a later expiry is, if it is weaker than the
/// parent's: if approvals that meet the parent's demand always meet it, and not the other way round.
///
/// # Errors
///
/// [`Widens`] with each way in which the child is wider; the search stops after about a hundred ways. A case
/// that cannot be decided (a pattern against another pattern, or a grant whose parts would have to be
/// searched for in too many grants) is refused, and the error says so.
pub fn narrow(parents: &[&Bounds], child: &Bounds) -> Result<(), Widens> {
    narrow_parts(parents, &child.grants, &child.caveats)
}

/// As [`narrow`], of bounds whose grants and caveats are not in one place.
pub(crate) fn narrow_parts(
    parents: &[&Bounds],
    grants: &Grants,
    caveats: &Caveats,
) -> Result<(), Widens> {
    let mut excesses = Vec::new();
    let left = Cell::new(grants::MAX_SEARCH);
    if let Grants::Only(grants) = grants {
        let blocks = parents.iter().filter_map(|parent| match &parent.grants {
            Grants::Only(allowed) => Some(allowed.as_slice()),
            Grants::Inherit => None,
        });
        // Blocks often repeat the block before, which is compared once.
        let mut blocks: Vec<_> = blocks.collect();
        blocks.dedup();
        let mut blocks: Vec<_> = blocks.into_iter().map(grants::Allowed::new).collect();
        for (index, grant) in grants.iter().enumerate() {
            for allowed in &mut blocks {
                let place = || format!("grants[{index}]");
                grants::excesses(place, grant, allowed, &left, &mut excesses);
            }
        }
    }
    let is_cut = excesses.len() >= grants::MAX_WAYS;
    for parent in parents {
        caveats::excesses(caveats, &parent.caveats, &mut excesses);
    }
    // Several blocks refuse one place for the same reason. Blocks that give another reason are listed
    // too, since an author who fixes the first meets the next.
    let mut seen = BTreeSet::new();
    excesses.retain(|excess| seen.insert(excess.clone()));
    excesses.extend(
        caveats
            .budgets
            .iter()
            .filter_map(|budget| caveats::budget_excess(budget, parents)),
    );
    if excesses.is_empty() {
        Ok(())
    } else {
        Err(Widens::new(excesses, is_cut))
    }
}
