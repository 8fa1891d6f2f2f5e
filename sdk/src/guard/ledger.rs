//! Budgets over many calls. A call charges every budget that its chain names, so an agent's and
//! each of its ancestors', in one batch.

use std::collections::{BTreeMap, BTreeSet};

use super::denial::Denial;
use super::verifier::Guard;
use crate::capability::{BudgetKey, Chain, Held, Kind, Moved, Refusal, SPAWN, by_how_much};
use crate::store::{Batch, Key, StoreError};

/// The kind of budget that counts tool calls, spawns among them; `calls.` and a capability counts
/// those of one tool, so `calls.agent.spawn` how many children there may be.
pub const CALLS: &str = "calls";
/// The kind of budget that counts turns of the model.
pub const TURNS: &str = "turns";
/// The kind of budget that counts the tokens a model reads, from its cache too, and writes.
pub const TOKENS: &str = "tokens";
/// The kind of budget that counts money, in millionths of a unit of it: prices are in the same
/// millionths, for a million tokens.
pub const COST: &str = "cost";
/// The kind of budget that counts agents that are alive at once beneath whoever has it, itself not
/// among them: taken with the call that spawns a child, given back with the record of its end.
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
/// If it is dropped all of it stays taken: what a turn costs that nobody waited for is not known.
#[derive(Debug)]
#[must_use = "what is not settled stays taken"]
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
    /// What was taken, each as counter, kind and amount, to be kept until it is settled.
    pub(crate) fn parts(&self) -> Vec<(String, String, u64)> {
        let part = |(counter, kind, amount): &(Key, String, u64)| {
            (counter.as_str().to_owned(), kind.clone(), *amount)
        };
        self.0.iter().map(part).collect()
    }

    /// The same where `moved` says where else the counters are now.
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

    /// What was taken, as it was kept; `None` where a counter is none.
    pub(crate) fn of_parts(parts: Vec<(String, String, u64)>) -> Option<Self> {
        let part = |(counter, kind, amount): (String, String, u64)| {
            Some((counter.parse().ok()?, kind, amount))
        };
        parts.into_iter().map(part).collect::<Option<_>>().map(Self)
    }
}

/// Takes these amounts from the budgets of `chain`, those of its ancestors among them.
///
/// A budget of a kind that nothing here counts is refused: what is not known is no leave.
pub(super) fn charge(chain: &Chain, amounts: &Amounts<'_>, batch: Batch) -> Result<Batch, Refusal> {
    limits(chain)
        .into_iter()
        .try_fold(batch, |batch, (key, (max, hop))| {
            if !is_counted(&key.kind) {
                let what = format!(
                    "nothing here counts `{}`, so what is used of it is not known",
                    key.kind
                );
                return Err(Refusal::at(Kind::Budget, hop, what));
            }
            // Where nothing is taken it is read with an addition of nothing: it is refused where the
            // counter is past the maximum.
            Ok(batch.add(counter(key), amount(amounts, &key.kind), Some(max)))
        })
}

fn amount(amounts: &Amounts<'_>, kind: &str) -> u64 {
    let of_kind = amounts.iter().filter(|(counted, _)| *counted == kind);
    of_kind.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

/// What a call of `capability` takes: of all calls, of those of its tool, and a place if it makes an
/// agent.
pub(super) fn call(chain: &Chain, capability: &str, batch: Batch) -> Result<Batch, Refusal> {
    let own = format!("{CALLS}.{capability}");
    let agents = u64::from(capability == SPAWN);
    charge(chain, &[(CALLS, 1), (&own, 1), (AGENTS, agents)], batch)
}

/// Gives back what a call of `capability` took: it was begun, and is about to be made anew. The place
/// of a child is apart ([`BudgetSlots`]).
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
    /// What is left of the budgets of a kind that a token is under: the least of them, its
    /// ancestors' among them; `None` where it is under none.
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

    /// Lets a budget be counted elsewhere from here on: what is used of it is used there,
    /// and of the old counter nothing.
    ///
    /// How many agents are alive is no part of it, since each has its place given back and taken.
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
    /// For what a turn of the model may cost at most: afterwards [`Guard::settle`] gives back what it
    /// did not cost.
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

    /// As [`Guard::charge`], for an agent that is at work on a task: where that is revoked nothing is
    /// taken.
    ///
    /// # Errors
    ///
    /// As [`Guard::charge`], and [`Kind::Revoked`] where the task is revoked.
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

    /// Whether an agent that is at work on a task may have a turn of its model, for which its budgets were
    /// charged before.
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

    /// A turn is no call, but an agent that may make no call has nothing to think about.
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

    /// Puts what a turn really cost, by kind, in the place of what was taken for it. A kind that is
    /// not named keeps what was taken.
    ///
    /// A turn that cost more than was taken is charged in full, past the maximum if need be: it
    /// happened, and the next one is refused. A counter stops at the largest number there is, and amounts
    /// of one kind are added up.
    ///
    /// # Errors
    ///
    /// When the store cannot be written; what was taken stays taken.
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
                // The sum is more than a counter can hold. Once for each counter.
                Err(StoreError::Exceeded { counter, .. })
                    if charged.0.iter().any(|(taken, ..)| *taken == counter)
                        && full.insert(counter.clone()) => {}
                written => return written.map(drop),
            }
        }
    }
}

/// Puts `cost` in the place of what was taken; the counters in `full` are raised as far as they go.
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

/// The refusal of the budget that a batch ran into.
pub(super) fn exceeded(chain: &Chain, error: &StoreError) -> Option<Refusal> {
    let StoreError::Exceeded { .. } = error else {
        return None;
    };
    let key = error.key()?;
    let (budget, (max, hop)) = limits(chain)
        .into_iter()
        .find(|(budget, _)| counter(budget) == *key)?;
    let what = format!(
        "of `{}` too little is left: {max} in all ({})",
        budget.kind, budget.id
    );
    let refusal = Refusal::at(Kind::Budget, hop, what);
    Some(match budget.kind == AGENTS {
        true => refusal.passing(),
        false => refusal,
    })
}
