//! Which calls were made: each passes once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::capability::{Chain, Kind, PublicKey, Refusal};
use crate::id::Timestamp;

/// How many calls the set remembers; at that number calls are denied until some lapse.
pub const REPLAY_CAPACITY: usize = 1_000_000;
/// How many wire calls of one holder the set remembers.
pub const REPLAY_QUOTA: usize = 10_000;
/// The part of the set that is for one first holder with all that it delegated to.
const TREES: usize = 10;

/// The last hop's signature, and the nonce of the call.
pub(super) type ReplayKey = ([u8; 64], [u8; 16]);

/// Whose call it is: the holder, and the first holder of its chain, for whom the root minted.
///
/// A holder that may delegate makes itself as many keys as it likes, each a holder with a share of
/// its own; the first holder is the one key of a chain that nobody but the root chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) first: PublicKey,
    pub(super) last: PublicKey,
}

impl Whose {
    pub(super) fn of(chain: &Chain) -> Self {
        let last = chain.holder();
        let first = chain.hops().next().map_or(last, |hop| hop.holder);
        Self { first, last }
    }
}

#[derive(Clone, Debug, Default)]
struct Inner {
    taken: HashMap<ReplayKey, Whose>,
    by_end: BTreeMap<u64, Vec<ReplayKey>>,
    per_holder: HashMap<PublicKey, usize>,
    per_tree: HashMap<PublicKey, usize>,
}

/// The calls made so far, each until it could not be made again anyway.
#[derive(Debug)]
pub(super) struct ReplaySet {
    inner: Mutex<Inner>,
    capacity: usize,
    quota: usize,
    tree: usize,
}

impl ReplaySet {
    pub(super) fn new(capacity: usize, quota: usize) -> Self {
        Self {
            inner: Mutex::default(),
            capacity,
            quota,
            tree: quota.max(capacity / TREES),
        }
    }

    /// Takes the key, once: of many at the same time exactly one succeeds.
    ///
    /// Kept to the end of the second `until`. `quota` holds a holder to its share, and a first
    /// holder with all that it delegated to.
    pub(super) fn take(
        &self,
        key: ReplayKey,
        whose: Whose,
        until: Timestamp,
        now: Timestamp,
        quota: bool,
    ) -> Result<(), Refusal> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.lapse(now.secs());
        if inner.taken.contains_key(&key) {
            return Err(Refusal::new(Kind::Replay, "this very call was made before"));
        }
        if inner.taken.len() >= self.capacity {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the replay set is full ({} calls); try later, or raise its capacity",
                    self.capacity
                ),
            ));
        }
        let held = count(&inner.per_holder, &whose.last);
        if quota && held >= self.quota {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the holder has made {held} calls that have not lapsed, its share of the replay set"
                ),
            ));
        }
        let held = count(&inner.per_tree, &whose.first);
        if quota && held >= self.tree {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the first holder of the chain and those it delegated to have made {held} calls \
                     that have not lapsed, their share of the replay set"
                ),
            ));
        }
        *inner.per_holder.entry(whose.last).or_default() += 1;
        *inner.per_tree.entry(whose.first).or_default() += 1;
        inner.taken.insert(key, whose);
        inner.by_end.entry(until.secs()).or_default().push(key);
        Ok(())
    }
}

fn count(counts: &HashMap<PublicKey, usize>, key: &PublicKey) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

/// Forgets one call of a key, and the key with its last.
fn forget(counts: &mut HashMap<PublicKey, usize>, key: &PublicKey) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Inner {
    fn lapse(&mut self, now: u64) {
        while let Some(entry) = self.by_end.first_entry() {
            if *entry.key() >= now {
                break;
            }
            for key in entry.remove() {
                let Some(whose) = self.taken.remove(&key) else {
                    continue;
                };
                forget(&mut self.per_holder, &whose.last);
                forget(&mut self.per_tree, &whose.first);
            }
        }
    }
}

#[cfg(test)]
mod tests;
