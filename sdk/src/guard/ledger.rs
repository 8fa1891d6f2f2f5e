//! Budgets over many calls. A call charges every budget that its chain names, which are those of the
//! agent and of each ancestor, in one batch.

use std::collections::BTreeMap;

use super::verifier::Guard;
use crate::capability::{BudgetKey, Chain, Held, Kind, Refusal, SPAWN};
use crate::store::{Batch, Key, StoreError};

/// The kind of budget that counts tool calls, spawns among them. `calls.` and a capability counts the
/// calls of one tool, so `calls.agent.spawn` limits the number of children.
pub const CALLS: &str = "calls";
/// The kind of budget that counts turns of the model.
pub const TURNS: &str = "turns";
/// The kind of budget that counts the tokens a model reads, from its cache too, and writes.
pub const TOKENS: &str = "tokens";
/// The kind of budget that counts money, in millionths of a unit of it: prices are in the same
/// millionths, for a million tokens.
pub const COST: &str = "cost";
/// The kind of budget that counts the agents that are alive at once beneath its holder, the holder not
/// among them. A slot is taken with the call that spawns a child, and given back with the record of the
/// child's end.
pub const AGENTS: &str = "agents";

/// What a call or a turn takes from budgets, by their kind.
pub(super) type Amounts<'a> = [(&'a str, u64)];

fn is_counted(kind: &str) -> bool {
    [CALLS, TURNS, TOKENS, COST, AGENTS].contains(&kind) || of_one_tool(kind).is_some()
}

/// The capability whose calls a budget of this kind counts.
fn of_one_tool(kind: &str) -> Option<&str> {
    kind.strip_prefix(CALLS)?.strip_prefix('.')
}

/// The counter of a budget.
pub(super) fn counter(key: &BudgetKey) -> Key {
    Key::of(["budget", key.kind.as_str(), key.id.as_str()])
}

/// Each counter of the chain once, with its lowest maximum and the hop that set it: a hop may
/// restate a counter of a block before it, and a call is still one call.
pub(super) fn limits(chain: &Chain) -> BTreeMap<&BudgetKey, (u64, u32)> {
    let mut limits = BTreeMap::new();
    for (key, max, hop) in chain.budgets() {
        let limit = limits.entry(key).or_insert((max, hop));
        *limit = (max, hop).min(*limit);
    }
    limits
}

/// The batch that takes these amounts from the budgets of `chain`, those of its ancestors among them.
///
/// A budget of a kind that this guard does not count is refused, since its use is not known.
pub(super) fn take(chain: &Chain, amounts: &Amounts<'_>) -> Result<Batch, Refusal> {
    limits(chain)
        .into_iter()
        .try_fold(Batch::new(), |batch, (key, (max, hop))| {
            if !is_counted(&key.kind) {
                let what = format!(
                    "this guard does not count `{}`, so its use is not known",
                    key.kind
                );
                return Err(Refusal::at(Kind::Budget, hop, what));
            }
            // If the amount is zero, the counter is read by adding zero, which is refused if the counter
            // is past the maximum.
            Ok(batch.add(counter(key), amount(amounts, &key.kind), Some(max)))
        })
}

/// How much of one kind the amounts are in all.
pub(super) fn amount(amounts: &Amounts<'_>, kind: &str) -> u64 {
    let of_kind = amounts.iter().filter(|(counted, _)| *counted == kind);
    of_kind.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

/// The batch of what a call of `capability` takes: one of all calls, one of the calls of its tool, and a slot if the
/// call makes an agent.
pub(super) fn call(chain: &Chain, capability: &str) -> Result<Batch, Refusal> {
    let own = format!("{CALLS}.{capability}");
    let agents = u64::from(capability == SPAWN);
    take(chain, &[(CALLS, 1), (&own, 1), (AGENTS, agents)])
}

/// The batch that gives back what a call of `capability` took: the call was begun and is about to be made again. The
/// slot of a child is given back separately ([`BudgetSlots`]).
pub(crate) fn give_back(chain: &Chain, capability: &str) -> Batch {
    let own = format!("{CALLS}.{capability}");
    let counters = limits(chain).into_keys();
    counters.fold(Batch::new(), |batch, key| {
        match amount(&[(CALLS, 1), (&own, 1)], &key.kind) {
            0 => batch,
            taken => batch.sub(counter(key), taken),
        }
    })
}

impl Guard {
    /// What is left of the budgets of a kind that limit a token, its ancestors' among them: the least
    /// remainder; `None` if no budget of the kind limits it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn left(&self, held: &Held, kind: &str) -> Result<Option<u64>, StoreError> {
        let mut least: Option<u64> = None;
        for (key, (max, _)) in limits(held.chain()) {
            if key.kind == kind {
                let left = max.saturating_sub(self.store.counter(&counter(key)).await?);
                least = Some(least.map_or(left, |least| least.min(left)));
            }
        }
        Ok(least)
    }

    /// The batch that moves a budget to another counter: the use counted so far is moved there, and the old counter
    /// becomes zero.
    ///
    /// The number of agents alive is not moved, since the slot of each is given back and taken again.
    pub(crate) async fn move_budget(
        &self,
        from: &BudgetKey,
        to: &BudgetKey,
    ) -> Result<Batch, StoreError> {
        let used = match from.kind == AGENTS {
            true => 0,
            false => self.store.counter(&counter(from)).await?,
        };
        Ok(match used {
            0 => Batch::new(),
            used => Batch::new()
                .sub(counter(from), used)
                .add(counter(to), used, None),
        })
    }
}

/// The refusal for the budget that a batch exceeded.
pub(super) fn exceeded(chain: &Chain, error: &StoreError) -> Option<Refusal> {
    let StoreError::Exceeded { .. } = error else {
        return None;
    };
    let key = error.key()?;
    let (budget, (max, hop)) = limits(chain)
        .into_iter()
        .find(|(budget, _)| counter(budget) == *key)?;
    let what = format!(
        "the budget of `{}` has too little left: the maximum is {max} ({})",
        budget.kind, budget.id
    );
    let refusal = Refusal::at(Kind::Budget, hop, what);
    Some(match budget.kind == AGENTS {
        true => refusal.passing(),
        false => refusal,
    })
}
