//! Is what a child asks for inside what its parents allow, and what do two sets of bounds both allow?

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

use crate::capability::scope::{Bounds, Grants};
use caveats::meets;
use difference::covers;
pub use meet::{MeetError, meet};
pub use widens::{Excess, Widens};

/// Whether all that `child` states is inside each of `parents`, the blocks of a chain, root first.
///
/// What the child leaves unsaid (`inherit`, a caveat that is not written) it takes from its
/// parents, whose blocks go on holding. So `Ok` means: whatever the chain allows once the child is
/// appended, the chain allowed before, and no statement of the child promises more than that.
///
/// A budget of the child's own, and a further demand for approvals, only add to what the parents
/// ask. Restating a demand for the same capabilities so that the parent's always meets it, and not
/// the other way round, is refused, as a later expiry is.
///
/// # Errors
///
/// [`Widens`] with each way in which the child is wider; past some hundred ways it looks for no more. What cannot be decided (a pattern against
/// another pattern, or a grant whose parts would have to be looked for in too many grants) is refused and
/// says so.
pub fn narrow(parents: &[&Bounds], child: &Bounds) -> Result<(), Widens> {
    let mut excesses = Vec::new();
    let left = Cell::new(grants::MAX_SEARCH);
    if let Grants::Only(grants) = &child.grants {
        let blocks = parents.iter().filter_map(|parent| match &parent.grants {
            Grants::Only(allowed) => Some(allowed.as_slice()),
            Grants::Inherit => None,
        });
        // Blocks often say what the block before says, which is asked once.
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
        caveats::excesses(&child.caveats, &parent.caveats, &mut excesses);
    }
    // Several blocks refuse one place for the same reason. Those that give another are listed too:
    // who mends what the first says meets the next.
    let mut seen = BTreeSet::new();
    excesses.retain(|excess| seen.insert(excess.clone()));
    excesses.extend(
        child
            .caveats
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
