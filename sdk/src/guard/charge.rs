//! What a turn of the model takes from budgets before it, and how its real cost replaces that.

use std::collections::BTreeSet;
use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;

use super::denial::Denial;
use super::ledger::{Amounts, amount, counter, exceeded, limits, take};
use super::verifier::Guard;
use crate::capability::{BudgetKey, Chain, Held, Kind, Moved, Refusal, by_how_much};
use crate::store::{Batch, Key, StoreError};

/// What was taken from the budgets of a token before a turn, to be settled after it.
///
/// If it is dropped, all of it stays taken: the cost of a turn that was not waited for is not known.
#[derive(Debug)]
#[must_use = "amounts that are not settled stay taken"]
pub struct Charged(Vec<(Key, String, u64)>);

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

/// What is written with a charge.
type Extra<'a> = Box<dyn FnOnce(&Charged) -> Batch + Send + 'a>;

/// Amounts that are about to be taken from budgets; await it to take them.
#[must_use = "nothing is taken until it is awaited"]
pub struct Charge<'a> {
    guard: &'a Guard,
    held: &'a Held,
    agent: &'a str,
    task: Option<&'a str>,
    amounts: &'a [(&'a str, u64)],
    extra: Option<Extra<'a>>,
}

impl fmt::Debug for Charge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge({:?} by {})", self.amounts, self.agent)
    }
}

impl<'a> Charge<'a> {
    /// The task that the agent runs: if it is revoked, nothing is taken and the denial is
    /// [`Kind::Revoked`].
    pub fn task(mut self, task: Option<&'a str>) -> Self {
        self.task = task;
        self
    }

    /// Writes more in the same batch. Nothing of it is written for a token without budgets.
    pub fn and(mut self, extra: impl FnOnce(&Charged) -> Batch + Send + 'a) -> Self {
        self.extra = Some(Box::new(extra));
        self
    }

    async fn take(self) -> Result<Charged, Denial> {
        let (guard, agent) = (self.guard, self.agent);
        let taken = self.taken().await;
        taken.map_err(|refusal| guard.no_turn(agent, refusal))
    }

    async fn taken(self) -> Result<Charged, Refusal> {
        let (guard, chain) = (self.guard, self.held.chain());
        guard.thinks(chain, self.agent, self.task).await?;
        let batch = take(chain, self.amounts)?;
        let taken = limits(chain).into_keys().map(|key| {
            let amount = amount(self.amounts, &key.kind);
            (counter(key), key.kind.clone(), amount)
        });
        let charged = Charged(taken.collect());
        if !batch.ops().is_empty() {
            let extra = self.extra.map(|extra| extra(&charged));
            let written = guard.write(batch.and(extra.unwrap_or_default())).await;
            written.map_err(|error| {
                exceeded(chain, &error).unwrap_or_else(|| super::authorize::store_refusal(&error))
            })?;
        }
        Ok(charged)
    }
}

impl<'a> IntoFuture for Charge<'a> {
    type Output = Result<Charged, Denial>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.take())
    }
}

/// Amounts that are about to be replaced by a real cost; await it to replace them.
#[derive(Debug)]
#[must_use = "the amounts stay taken until it is awaited"]
pub struct Settle<'a> {
    guard: &'a Guard,
    charged: Charged,
    cost: &'a [(&'a str, u64)],
    extra: Batch,
}

impl<'a> Settle<'a> {
    /// Writes more in the same batch.
    pub fn and(mut self, extra: Batch) -> Self {
        self.extra = self.extra.and(extra);
        self
    }

    async fn replace(self) -> Result<(), StoreError> {
        let Charged(taken) = self.charged;
        let mut full = BTreeSet::new();
        loop {
            let batch = settled(&taken, self.cost, &full).and(self.extra.clone());
            if batch.ops().is_empty() {
                return Ok(());
            }
            match self.guard.write(batch).await {
                // The sum is more than a counter can hold. This happens at most once for each counter.
                Err(StoreError::Exceeded { counter, .. })
                    if taken.iter().any(|(taken, ..)| *taken == counter)
                        && full.insert(counter.clone()) => {}
                written => return written.map(drop),
            }
        }
    }
}

impl<'a> IntoFuture for Settle<'a> {
    type Output = Result<(), StoreError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.replace())
    }
}

impl Guard {
    /// Takes amounts from the budgets of an agent and of its ancestors, by kind, all of them or none.
    ///
    /// The amounts are the most that a turn of the model may cost: afterwards [`Guard::settle`] gives back
    /// the part that the turn did not cost. [`Charge::task`] names the task of the agent, and [`Charge::and`]
    /// writes more in the same batch.
    ///
    /// # Errors
    ///
    /// The denial when a budget has too little left, the token has ended or is revoked, or the store
    /// cannot be written.
    pub const fn charge<'a>(
        &'a self,
        held: &'a Held,
        agent: &'a str,
        amounts: &'a [(&'a str, u64)],
    ) -> Charge<'a> {
        Charge {
            guard: self,
            held,
            agent,
            task: None,
            amounts,
            extra: None,
        }
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
        self.ready_for(chain).await?;
        let now = self.now()?;
        self.check_not_revoked(chain, agent, task, now)?;
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
    /// keeps the amount that was taken. [`Settle::and`] writes more in the same batch.
    ///
    /// A turn that cost more than was taken is charged in full, past the maximum if necessary: the turn has
    /// happened, and the next one is refused. A counter stops at `u64::MAX`, and amounts of one kind are
    /// added up.
    ///
    /// # Errors
    ///
    /// When the store cannot be written; the amounts stay taken.
    pub fn settle<'a>(&'a self, charged: Charged, cost: &'a [(&'a str, u64)]) -> Settle<'a> {
        Settle {
            guard: self,
            charged,
            cost,
            extra: Batch::new(),
        }
    }
}

/// The batch that replaces the amounts that were taken by `cost`; the counters in `full` are raised to their
/// maximum.
fn settled(taken: &[(Key, String, u64)], cost: &Amounts<'_>, full: &BTreeSet<Key>) -> Batch {
    let counted = taken
        .iter()
        .filter(|(_, kind, _)| cost.iter().any(|(counted, _)| counted == kind));
    counted.fold(Batch::new(), |batch, (counter, kind, taken)| {
        let (counter, cost) = (counter.clone(), amount(cost, kind));
        match cost.checked_sub(*taken) {
            Some(0) => batch,
            Some(_) if full.contains(&counter) => batch.raise(counter, u64::MAX),
            Some(more) => batch.add(counter, more, None),
            None => batch.sub(counter, taken.saturating_sub(cost)),
        }
    })
}
