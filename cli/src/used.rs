//! What budgets would stand at after a call, in the form in which people write it.
//!
//! A counter's id holds the key of the signer who set it, which is long, and in `simulate` is not known
//! before the run: so a count is given for every counter of a kind, or by the label.

use std::collections::BTreeMap;

use bailiwick::capability::{BudgetKey, Chain, Facts};

/// Counts by kind, and by kind and label (or whole id), which go first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Used {
    kinds: BTreeMap<String, u64>,
    counters: BTreeMap<(String, String), u64>,
}

impl Used {
    /// Every counter of `kind` stands at `n`.
    pub(crate) fn kind(&mut self, kind: &str, n: u64) {
        self.kinds.insert(kind.to_owned(), n);
    }

    /// The counter of `kind` with that label or id stands at `n`.
    pub(crate) fn counter(&mut self, kind: &str, label: &str, n: u64) {
        self.counters.insert((kind.to_owned(), label.to_owned()), n);
    }

    /// Adds the facts for the budgets that the chain sets. A budget without a count is not known.
    pub(crate) fn count(&self, chain: &Chain, facts: &mut Facts) {
        for (key, _, _) in chain.budgets() {
            if let Some(n) = self.of(key) {
                facts.used.insert(key.clone(), n);
            }
        }
    }

    fn of(&self, key: &BudgetKey) -> Option<u64> {
        let label = key.id.rsplit('/').next().unwrap_or_default();
        let counter = |name: &str| {
            self.counters
                .get(&(key.kind.clone(), name.to_owned()))
                .copied()
        };
        counter(&key.id)
            .or_else(|| counter(label))
            .or_else(|| self.kinds.get(&key.kind).copied())
    }
}
