//! Budgets over many calls. A call charges every budget that its chain names, which are those of the
//! agent and of each ancestor, in one batch.

use std::collections::{BTreeMap, BTreeSet};

use super::denial::Denial;
use super::verifier::Guard;
use crate::capability::{BudgetKey, Chain, Held, Kind, Moved, Refusal, SPAWN, by_how_much};
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

/// What was taken from the budgets of a token before a turn, to be settled after it.
///
/// If it is dropped, all of it stays taken: the cost of a turn that was not waited for is not known.
#[derive(Debug)]
#[must_use = "amounts that are not settled stay taken"]
pub struct Charged(Vec<(Key, String, u64)>);

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

impl Charged {
    /// The amounts that were taken, each as counter, kind and amount, to be stored until they are settled.
    pub(crate) fn parts(&self) -> Vec<(String, String, u64)> {
        let part = |(counter, kind, amount): &(Key, String, u64)| {
            (counter.as_str().to_owned(), kind.clone(), *amount)
        };
        self.0.iter().map(part).collect()
    }

    /// The same amounts, for counters that have moved as `moved` says.
    pub(crate) fn moved(self, moved: &Moved) -> Self {
        let there = |(old, kind, amount): (Key, String, u64)| {
            let budget = match old.parts().as_slice() {
                [_, _, id] => moved.budget(&BudgetKey {
                    kind: kind.clone(),
                    id: id.clone(),
                }),
                _ => None,
            };
            (budget.as_ref().map_or(old, counter), kind, amount)
        };
        Self(self.0.into_iter().map(there).collect())
    }

    /// The amounts that were taken, as they were stored; `None` if a counter is not valid.
    pub(crate) fn of_parts(parts: Vec<(String, String, u64)>) -> Option<Self> {
        let part = |(counter, kind, amount): (String, String, u64)| {
            Some((counter.parse().ok()?, kind, amount))
        };
        parts.into_iter().map(part).collect::<Option<_>>().map(Self)
    }
}

/// Takes these amounts from the budgets of `chain`, those of its ancestors among them.
///
/// A budget of a kind that this guard does not count is refused, since its use is not known.
pub(super) fn charge(chain: &Chain, amounts: &Amounts<'_>, batch: Batch) -> Result<Batch, Refusal> {
    limits(chain)
        .into_iter()
        .try_fold(batch, |batch, (key, (max, hop))| {
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

fn amount(amounts: &Amounts<'_>, kind: &str) -> u64 {
    let of_kind = amounts.iter().filter(|(counted, _)| *counted == kind);
    of_kind.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

/// What a call of `capability` takes: one of all calls, one of the calls of its tool, and a slot if the
/// call makes an agent.
pub(super) fn call(chain: &Chain, capability: &str, batch: Batch) -> Result<Batch, Refusal> {
    let own = format!("{CALLS}.{capability}");
    let agents = u64::from(capability == SPAWN);
    charge(chain, &[(CALLS, 1), (&own, 1), (AGENTS, agents)], batch)
}

/// Gives back what a call of `capability` took: the call was begun and is about to be made again. The
/// slot of a child is given back separately ([`BudgetSlots`]).
pub(crate) fn give_back(chain: &Chain, capability: &str, batch: Batch) -> Batch {
    let own = format!("{CALLS}.{capability}");
    limits(chain).into_keys().fold(batch, |batch, key| {
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

    /// Moves a budget to another counter: the use counted so far is moved there, and the old counter
    /// becomes zero.
    ///
    /// The number of agents alive is not moved, since the slot of each is given back and taken again.
    pub(crate) async fn move_budget(
        &self,
        from: &BudgetKey,
        to: &BudgetKey,
        batch: Batch,
    ) -> Result<Batch, StoreError> {
        let used = match from.kind == AGENTS {
            true => 0,
            false => self.store.counter(&counter(from)).await?,
        };
        Ok(match used {
            0 => batch,
            used => batch.sub(counter(from), used).add(counter(to), used, None),
        })
    }

    /// Takes amounts from the budgets of an agent and of its ancestors, by kind, all of them or none.
    ///
    /// The amounts are the most that a turn of the model may cost: afterwards [`Guard::settle`] gives back
    /// the part that the turn did not cost.
    ///
    /// # Errors
    ///
    /// The denial when a budget has too little left, the token has ended or is revoked, or the store
    /// cannot be written.
    pub async fn charge(
        &self,
        held: &Held,
        agent: &str,
        amounts: &[(&str, u64)],
    ) -> Result<Charged, Denial> {
        self.charge_with(held, (agent, None), amounts, |_| Batch::new())
            .await
    }

    /// As [`Guard::charge`], for an agent that runs a task: if the task is revoked, nothing is taken.
    ///
    /// # Errors
    ///
    /// As [`Guard::charge`], and [`Kind::Revoked`] when the task is revoked.
    pub async fn charge_for(
        &self,
        held: &Held,
        agent: &str,
        task: &str,
        amounts: &[(&str, u64)],
    ) -> Result<Charged, Denial> {
        self.charge_with(held, (agent, Some(task)), amounts, |_| Batch::new())
            .await
    }

    /// As [`Guard::charge`] for an agent and its task, with more to be written in the same batch.
    pub(crate) async fn charge_with(
        &self,
        held: &Held,
        (agent, task): (&str, Option<&str>),
        amounts: &[(&str, u64)],
        also: impl FnOnce(&Charged) -> Batch + Send,
    ) -> Result<Charged, Denial> {
        let chain = held.chain();
        let charged = async {
            self.thinks(chain, agent, task).await?;
            let batch = charge(chain, amounts, Batch::new())?;
            let taken = limits(chain).into_keys().map(|key| {
                let amount = amount(amounts, &key.kind);
                (counter(key), key.kind.clone(), amount)
            });
            let charged = Charged(taken.collect());
            if !batch.ops().is_empty() {
                let batch = batch.and(also(&charged));
                self.write(batch).await.map_err(|error| {
                    exceeded(chain, &error)
                        .unwrap_or_else(|| super::authorize::store_refusal(&error))
                })?;
            }
            Ok(charged)
        };
        charged
            .await
            .map_err(|refusal| self.no_turn(agent, refusal))
    }

    /// Checks that an agent that runs a task may have a turn of its model, for which its budgets were charged
    /// before.
    ///
    /// # Errors
    ///
    /// The denial when the token has ended, or the token, the agent or the task is revoked.
    pub(crate) async fn may_think(
        &self,
        held: &Held,
        agent: &str,
        task: Option<&str>,
    ) -> Result<(), Denial> {
        let thinks = self.thinks(held.chain(), agent, task).await;
        thinks.map_err(|refusal| self.no_turn(agent, refusal))
    }

    /// A turn is not a call, but an agent that may make no call needs no turn.
    async fn thinks(&self, chain: &Chain, agent: &str, task: Option<&str>) -> Result<(), Refusal> {
        self.awake(chain).await?;
        let now = self.now()?;
        self.standing(chain, agent, task, now)?;
        if now.secs() >= chain.expires().secs() {
            let (end, late) = (chain.expires(), by_how_much(chain.expires(), now));
            let what = format!("the token ended at {end}, now is {now}: {late} too late");
            return Err(Refusal::new(Kind::Expired, what));
        }
        Ok(())
    }

    fn no_turn(&self, agent: &str, refusal: Refusal) -> Denial {
        self.count_only(refusal.kind());
        Denial::new(agent, "a turn of the model", refusal)
    }

    /// Replaces the amounts that were taken for a turn by its real cost, by kind. A kind that is not named
    /// keeps the amount that was taken.
    ///
    /// A turn that cost more than was taken is charged in full, past the maximum if necessary: the turn has
    /// happened, and the next one is refused. A counter stops at `u64::MAX`, and amounts of one kind are
    /// added up.
    ///
    /// # Errors
    ///
    /// When the store cannot be written; the amounts stay taken.
    pub async fn settle(&self, charged: Charged, cost: &[(&str, u64)]) -> Result<(), StoreError> {
        self.settle_with(charged, cost, Batch::new()).await
    }

    /// As [`Guard::settle`], with more to be written in the same batch.
    pub(crate) async fn settle_with(
        &self,
        charged: Charged,
        cost: &[(&str, u64)],
        also: Batch,
    ) -> Result<(), StoreError> {
        let mut full = BTreeSet::new();
        loop {
            let batch = settled(&charged.0, cost, &full, also.clone());
            if batch.ops().is_empty() {
                return Ok(());
            }
            match self.write(batch).await {
                // The sum is more than a counter can hold. This happens at most once for each counter.
                Err(StoreError::Exceeded { counter, .. })
                    if charged.0.iter().any(|(taken, ..)| *taken == counter)
                        && full.insert(counter.clone()) => {}
                written => return written.map(drop),
            }
        }
    }
}

/// Replaces the amounts that were taken by `cost`; the counters in `full` are raised to their maximum.
fn settled(
    taken: &[(Key, String, u64)],
    cost: &Amounts<'_>,
    full: &BTreeSet<Key>,
    batch: Batch,
) -> Batch {
    taken.iter().fold(batch, |batch, (counter, kind, taken)| {
        if !cost.iter().any(|(counted, _)| counted == kind) {
            return batch;
        }
        let (counter, cost) = (counter.clone(), amount(cost, kind));
        match cost.checked_sub(*taken) {
            Some(0) => batch,
            Some(_) if full.contains(&counter) => batch.raise(counter, u64::MAX),
            Some(more) => batch.add(counter, more, None),
            None => batch.sub(counter, taken.saturating_sub(cost)),
        }
    })
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
