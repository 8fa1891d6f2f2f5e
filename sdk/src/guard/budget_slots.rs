//! The slots of agents in budgets that limit how many agents are alive at once: a slot is taken with the
//! call that spawns the agent, and given back when the agent's task ends.

use std::collections::BTreeSet;

use super::ledger::{AGENTS, counter};
use crate::capability::Chain;
use crate::store::{Batch, Key};

/// The slot that one agent has in each budget of [`AGENTS`] of its ancestors.
///
/// It follows from the chain, so no other record of an agent is needed to give it back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BudgetSlots(BTreeSet<Key>);

impl BudgetSlots {
    /// The slots that a child of this chain's holder takes.
    pub(crate) fn beneath(chain: &Chain) -> Self {
        Self::named(chain, chain.depth())
    }

    /// The slots that this chain's holder has taken: those of the budgets that the blocks before its own
    /// name.
    pub(crate) fn of(chain: &Chain) -> Self {
        match chain.depth().checked_sub(1) {
            Some(parent) => Self::named(chain, parent),
            // The first agent has no parent.
            None => Self::default(),
        }
    }

    fn named(chain: &Chain, last: u32) -> Self {
        let named = chain.budgets();
        let named = named.filter(|(key, _, hop)| key.kind == AGENTS && *hop <= last);
        Self(named.map(|(key, ..)| counter(key)).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The batch that gives them back.
    pub(crate) fn give_back(&self) -> Batch {
        let counters = self.0.iter().cloned();
        counters.fold(Batch::new(), |batch, counter| batch.sub(counter, 1))
    }

    /// The batch that takes over slots that other counters held, without regard to the maximum, since the
    /// agent is alive.
    pub(crate) fn take_over(&self) -> Batch {
        let counters = self.0.iter().cloned();
        counters.fold(Batch::new(), |batch, counter| batch.add(counter, 1, None))
    }

    /// The counters, to be kept.
    pub(crate) fn parts(&self) -> Vec<String> {
        self.0.iter().map(|key| key.as_str().to_owned()).collect()
    }

    /// The counters as they were stored; `None` if one of them is not a valid counter.
    pub(crate) fn of_parts(parts: &[String]) -> Option<Self> {
        let keys = parts.iter().map(|part| part.parse().ok());
        keys.collect::<Option<_>>().map(Self)
    }
}
