//! Budgets over many calls. A call charges every budget that its chain names, so an agent's and
//! each of its ancestors', in one batch.

use std::collections::BTreeMap;

use crate::capability::{BudgetKey, Chain, Kind, Refusal};
use crate::store::{Batch, Key, StoreError};

/// The kind of budget that counts tool calls.
pub const CALLS: &str = "calls";
/// The kind of budget that counts turns of the model.
pub const TURNS: &str = "turns";

/// The counter of a budget.
pub(super) fn counter(key: &BudgetKey) -> Key {
    Key::of(["budget", key.kind.as_str(), key.id.as_str()])
}

/// Each counter of the chain once, with its lowest maximum and the hop that set it: a hop may
/// restate a counter of a block before it, and a call is still one call.
fn limits(chain: &Chain) -> BTreeMap<&BudgetKey, (u64, u32)> {
    let mut limits = BTreeMap::new();
    for (key, max, hop) in chain.budgets() {
        let limit = limits.entry(key).or_insert((max, hop));
        *limit = (max, hop).min(*limit);
    }
    limits
}

/// What a call, or a turn, adds to each budget of `chain`.
///
/// A budget of a kind that nothing here counts is refused: what is not known is no leave.
pub(super) fn charge(chain: &Chain, kind: &str, batch: Batch) -> Result<Batch, Refusal> {
    limits(chain)
        .into_iter()
        .try_fold(batch, |batch, (key, (max, hop))| match key.kind.as_str() {
            counted if counted == kind => Ok(batch.add(counter(key), 1, Some(max))),
            // Read with an addition of nothing: it is refused where the counter is past the maximum.
            CALLS | TURNS => Ok(batch.add(counter(key), 0, Some(max))),
            other => Err(Refusal::at(
                Kind::Budget,
                hop,
                format!("nothing here counts `{other}`, so what is used of it is not known"),
            )),
        })
}

/// The refusal of the budget that a batch ran into.
pub(super) fn exceeded(chain: &Chain, error: &StoreError) -> Option<Refusal> {
    let StoreError::Exceeded { .. } = error else {
        return None;
    };
    let key = error.key()?;
    let (budget, (max, hop)) = limits(chain)
        .into_iter()
        .find(|(budget, _)| counter(budget) == *key)?;
    Some(Refusal::at(
        Kind::Budget,
        hop,
        format!("`{}` is used up: {max} in all ({})", budget.kind, budget.id),
    ))
}
