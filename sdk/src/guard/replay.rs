//! Which calls were made: each passes once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crate::capability::{Kind, PublicKey, Refusal};
use crate::id::Timestamp;

/// How many calls the set remembers; at that number calls are denied until some lapse.
pub const REPLAY_CAPACITY: usize = 1_000_000;
/// How many wire calls of one holder the set remembers.
pub const REPLAY_QUOTA: usize = 10_000;

/// The last hop's signature, and the nonce of the call.
pub(super) type ReplayKey = ([u8; 64], [u8; 16]);

#[derive(Debug, Default)]
struct Inner {
    taken: HashMap<ReplayKey, PublicKey>,
    by_end: BTreeMap<u64, Vec<ReplayKey>>,
    per_holder: HashMap<PublicKey, usize>,
}

/// The calls made so far, each until it could not be made again anyway.
#[derive(Debug)]
pub(super) struct ReplaySet {
    inner: Mutex<Inner>,
    capacity: usize,
    quota: usize,
}

impl ReplaySet {
    pub(super) fn new(capacity: usize, quota: usize) -> Self {
        Self {
            inner: Mutex::default(),
            capacity,
            quota,
        }
    }

    /// Takes the key, once: of many at the same time exactly one succeeds.
    ///
    /// Kept to the end of the second `until`. `quota` holds a holder to its share.
    pub(super) fn take(
        &self,
        key: ReplayKey,
        holder: PublicKey,
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
        let count = inner.per_holder.entry(holder).or_default();
        if quota && *count >= self.quota {
            return Err(Refusal::new(
                Kind::Replay,
                format!(
                    "the holder has made {} calls that have not lapsed, its share of the replay set",
                    self.quota
                ),
            ));
        }
        *count += 1;
        inner.taken.insert(key, holder);
        inner.by_end.entry(until.secs()).or_default().push(key);
        Ok(())
    }
}

impl Inner {
    fn lapse(&mut self, now: u64) {
        while let Some(entry) = self.by_end.first_entry() {
            if *entry.key() >= now {
                break;
            }
            for key in entry.remove() {
                let Some(holder) = self.taken.remove(&key) else {
                    continue;
                };
                if let Some(count) = self.per_holder.get_mut(&holder) {
                    *count -= 1;
                    if *count == 0 {
                        self.per_holder.remove(&holder);
                    }
                }
            }
        }
    }
}
