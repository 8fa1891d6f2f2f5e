//! Which calls were made: each passes once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::verifier::SKEW;
use crate::capability::{Chain, Kind, MAX_CALL_LIFE, PublicKey, Refusal};
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
    /// Whether it came over the wire.
    pub(super) wire: bool,
    /// Whether someone approved it.
    pub(super) approved: bool,
}

impl Whose {
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
    whose: Whose,
    /// The second until the end of which it is.
    until: u64,
    /// Where it stands among those that are remembered as long.
    at: usize,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    taken: HashMap<ReplayKey, Taken>,
    by_end: BTreeMap<u64, Vec<ReplayKey>>,
    per_holder: HashMap<PublicKey, usize>,
    per_tree: HashMap<PublicKey, usize>,
    /// What was kept to before this second is forgotten.
    lapsed: u64,
    /// Calls over the wire that are kept to this second, or to one before it, could have been made
    /// before the clock was reset.
    reset: u64,
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
    /// Kept to the end of the second `until`. Over the wire a holder is held to its share, and a
    /// first holder with all that it delegated to.
    pub(super) fn take(
        &self,
        key: ReplayKey,
        whose: Whose,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.lapse(now.secs());
        if inner.may_have_forgotten(&whose, until.secs()) {
            return Err(Refusal::new(
                Kind::Replay,
                "the call could have been made before the clock was reset, when such calls were forgotten",
            ));
        }
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
        if whose.wire && held >= self.quota {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the holder has made {held} calls that have not lapsed, its share of the replay set"
                ),
            ));
        }
        let held = count(&inner.per_tree, &whose.first);
        if whose.wire && held >= self.tree {
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
        let until = until.secs();
        let ending = inner.by_end.entry(until).or_default();
        let at = ending.len();
        ending.push(key);
        inner.taken.insert(key, Taken { whose, until, at });
        Ok(())
    }

    /// As [`ReplaySet::take`], with the place in hand: it is given back when that is dropped, unless
    /// the call was made ([`Place::keep`]).
    pub(super) fn place(
        &self,
        key: ReplayKey,
        whose: Whose,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Place<'_>, Refusal> {
        self.take(key, whose, until, now)?;
        let (set, kept) = (self, false);
        Ok(Place { set, key, kept })
    }

    /// Forgets a call that was not made.
    fn free(&self, key: &ReplayKey) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Taken { whose, until, at }) = inner.taken.remove(key) else {
            return;
        };
        forget(&mut inner.per_holder, &whose.last);
        forget(&mut inner.per_tree, &whose.first);
        let Some(ending) = inner.by_end.get_mut(&until) else {
            return;
        };
        // The last one takes its place.
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

/// The place of one call in the replay set, while it is decided about.
#[derive(Debug)]
pub(super) struct Place<'a> {
    set: &'a ReplaySet,
    key: ReplayKey,
    kept: bool,
}

impl Place<'_> {
    /// Keeps the place though this is dropped: the call was made, or may have been.
    pub(super) const fn keep(&mut self) {
        self.kept = true;
    }

    /// Gives the place back where a refusal of this kind leaves the call as it was: what was missing
    /// may be there the next time, and then the same call may be made. Any other refusal keeps it.
    pub(super) const fn refused(&mut self, kind: Kind) {
        self.kept = !matches!(kind, Kind::Budget | Kind::Approval | Kind::Unavailable);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.set.free(&self.key);
        }
    }
}

impl ReplaySet {
    /// The clock was set back to `now` by hand. While it was ahead, calls may have been forgotten
    /// that can be made again now.
    pub(super) fn reset(&self, now: Timestamp) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        // The latest end of a call made until now by a clock that is ahead as far as is allowed,
        // and as long after that as it is kept.
        inner.reset = now.saturating_add(MAX_CALL_LIFE + SKEW + SKEW).secs();
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
    /// Whether the call may have been made and forgotten. Only after a reset: the time of a clock
    /// that was never set back is past no call that can still be made.
    ///
    /// A call of this process is asked by whoever holds the key, who could as well ask another one;
    /// an approval, however, is for one call, so while a call may have been forgotten its approval
    /// is no good.
    fn may_have_forgotten(&self, whose: &Whose, until: u64) -> bool {
        until < self.lapsed && (whose.approved || whose.wire && until <= self.reset)
    }

    fn lapse(&mut self, now: u64) {
        self.lapsed = self.lapsed.max(now);
        while let Some(entry) = self.by_end.first_entry() {
            if *entry.key() >= now {
                break;
            }
            for key in entry.remove() {
                let Some(Taken { whose, .. }) = self.taken.remove(&key) else {
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
