//! The set of calls that were made, so that each call passes once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::verifier::SKEW;
use crate::capability::{Chain, Kind, MAX_CALL_LIFE, PublicKey, Refusal};
use crate::id::Timestamp;

/// How many calls the set remembers; at that number calls are denied until some expire.
pub const REPLAY_CAPACITY: usize = 1_000_000;
/// How many wire calls of one holder the set remembers.
pub const REPLAY_QUOTA: usize = 10_000;
/// The share of the set for one first holder and all holders that it delegated to.
const TREES: usize = 10;

/// The last hop's signature, and the nonce of the call.
pub(super) type ReplayKey = ([u8; 64], [u8; 16]);

/// The quotas that a call counts against: that of its holder, and that of the first holder of its chain, for
/// whom the root minted.
///
/// A holder that may delegate can make any number of keys, each of which is a holder with a share of
/// its own; the first holder is the one key of a chain that only the root chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) first: PublicKey,
    pub(super) last: PublicKey,
    /// Whether it came over the wire.
    pub(super) wire: bool,
    /// Whether the call carries an approval.
    pub(super) approved: bool,
}

impl Quota {
    pub(super) fn of(chain: &Chain, wire: bool) -> Self {
        let last = chain.holder();
        let first = chain.hops().next().map_or(last, |hop| hop.holder);
        let approved = !chain.approvals().is_empty();
        Self {
            first,
            last,
            wire,
            approved,
        }
    }
}

/// A call that is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Taken {
    quota: Quota,
    /// The second until the end of which the call is remembered.
    until: u64,
    /// Its index among the calls that are remembered until the same second.
    at: usize,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    taken: HashMap<ReplayKey, Taken>,
    by_end: BTreeMap<u64, Vec<ReplayKey>>,
    per_holder: HashMap<PublicKey, usize>,
    per_tree: HashMap<PublicKey, usize>,
    /// Calls that were remembered until before this second are forgotten.
    lapsed: u64,
    /// Calls over the wire that are remembered until this second, or an earlier one, could have been made
    /// before the clock was reset.
    reset: u64,
}

/// The calls made so far, each remembered until it could no longer be made again.
#[derive(Debug)]
pub(super) struct ReplaySet {
    inner: Mutex<Inner>,
    capacity: usize,
    holder_limit: usize,
    tree_limit: usize,
}

impl ReplaySet {
    pub(super) fn new(capacity: usize, quota: usize) -> Self {
        Self {
            inner: Mutex::default(),
            capacity,
            holder_limit: quota,
            tree_limit: quota.max(capacity / TREES),
        }
    }

    /// Takes the key once: of many concurrent attempts exactly one succeeds.
    ///
    /// The key is remembered until the end of the second `until`. Over the wire a holder is limited to its
    /// share, and so is a first holder together with all holders that it delegated to.
    pub(super) fn take(
        &self,
        key: ReplayKey,
        quota: Quota,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.lapse(now.secs());
        if inner.may_have_forgotten(&quota, until.secs()) {
            return Err(Refusal::new(
                Kind::Replay,
                "the call could have been made before the clock was reset, when such calls were forgotten",
            ));
        }
        if inner.taken.contains_key(&key) {
            return Err(Refusal::new(Kind::Replay, "this same call was made before"));
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
        let held = count(&inner.per_holder, &quota.last);
        if quota.wire && held >= self.holder_limit {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the holder has made {held} calls that have not lapsed, its share of the replay set"
                ),
            ));
        }
        let held = count(&inner.per_tree, &quota.first);
        if quota.wire && held >= self.tree_limit {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the first holder of the chain and those it delegated to have made {held} calls \
                     that have not lapsed, their share of the replay set"
                ),
            ));
        }
        *inner.per_holder.entry(quota.last).or_default() += 1;
        *inner.per_tree.entry(quota.first).or_default() += 1;
        let until = until.secs();
        let ending = inner.by_end.entry(until).or_default();
        let at = ending.len();
        ending.push(key);
        inner.taken.insert(key, Taken { quota, until, at });
        Ok(())
    }

    /// As [`ReplaySet::take`], and returns the entry: it is removed when the value is dropped, unless
    /// the call was made ([`ReplayEntry::keep`]).
    pub(super) fn enter(
        &self,
        key: ReplayKey,
        quota: Quota,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<ReplayEntry<'_>, Refusal> {
        self.take(key, quota, until, now)?;
        let (set, kept) = (self, false);
        Ok(ReplayEntry { set, key, kept })
    }

    /// Forgets a call that was not made.
    fn free(&self, key: &ReplayKey) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Taken { quota, until, at }) = inner.taken.remove(key) else {
            return;
        };
        forget(&mut inner.per_holder, &quota.last);
        forget(&mut inner.per_tree, &quota.first);
        let Some(ending) = inner.by_end.get_mut(&until) else {
            return;
        };
        // The last call moves to its index.
        ending.swap_remove(at);
        let (moved, is_empty) = (ending.get(at).copied(), ending.is_empty());
        if let Some(moved) = moved.and_then(|moved| inner.taken.get_mut(&moved)) {
            moved.at = at;
        }
        if is_empty {
            inner.by_end.remove(&until);
        }
    }
}

/// The entry of one call in the replay set, while the guard decides the call.
#[derive(Debug)]
pub(super) struct ReplayEntry<'a> {
    set: &'a ReplaySet,
    key: ReplayKey,
    kept: bool,
}

impl ReplayEntry<'_> {
    /// Keeps the entry when this value is dropped: the call was made, or may have been.
    pub(super) const fn keep(&mut self) {
        self.kept = true;
    }

    /// Removes the entry if a refusal of this kind allows the same call to be made later, when what was
    /// missing is there. Any other refusal keeps the entry.
    pub(super) const fn refused(&mut self, kind: Kind) {
        self.kept = !matches!(kind, Kind::Budget | Kind::Approval | Kind::Unavailable);
    }
}

impl Drop for ReplayEntry<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.set.free(&self.key);
        }
    }
}

impl ReplaySet {
    /// Notes that the operator has set the clock back to `now`. While it was ahead, calls may have been
    /// forgotten that can be made again now.
    pub(super) fn reset(&self, now: Timestamp) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // The latest end of a call made until now under a clock that is ahead by the allowed skew,
        // and the time after that for which the call is remembered.
        inner.reset = now.saturating_add(MAX_CALL_LIFE + SKEW + SKEW).secs();
    }
}

fn count(counts: &HashMap<PublicKey, usize>, key: &PublicKey) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

/// Forgets one call of a key, and the key with its last call.
fn forget(counts: &mut HashMap<PublicKey, usize>, key: &PublicKey) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Inner {
    /// Whether the call may have been made and forgotten. This is possible only after a reset: a clock that
    /// was never set back has not passed the end of a call that can still be made.
    ///
    /// A call of this process comes from the holder of the key, which could make another call just as well.
    /// An approval, however, is for one call, so it is not accepted while that call may have been
    /// forgotten.
    fn may_have_forgotten(&self, quota: &Quota, until: u64) -> bool {
        until < self.lapsed && (quota.approved || quota.wire && until <= self.reset)
    }

    fn lapse(&mut self, now: u64) {
        self.lapsed = self.lapsed.max(now);
        while let Some(entry) = self.by_end.first_entry() {
            if *entry.key() >= now {
                break;
            }
            for key in entry.remove() {
                let Some(Taken { quota, .. }) = self.taken.remove(&key) else {
                    continue;
                };
                forget(&mut self.per_holder, &quota.last);
                forget(&mut self.per_tree, &quota.first);
            }
        }
    }
}

#[cfg(test)]
mod tests;
