//! The guards that have looked up a block.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One guard, as blocks remember it. It lives as long as the guard.
#[derive(Debug)]
pub(crate) struct Looker(u64);

impl Looker {
    /// A guard that no block knows yet.
    pub(crate) fn new() -> Arc<Self> {
        static LOOKERS: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self(LOOKERS.fetch_add(1, Ordering::Relaxed)))
    }
}

/// The guards that have looked up a block. Guards that share a keyring share its verified blocks, so
/// a block remembers every one of them; it holds no more entries than there are guards alive.
#[derive(Debug, Default)]
pub(crate) struct LookedUp {
    /// The guard that asked last, which is compared without a lock; 0 means that no guard has asked.
    last: AtomicU64,
    by: Mutex<Vec<Weak<Looker>>>,
}

impl LookedUp {
    /// Whether this guard has looked the block up.
    pub(super) fn is_by(&self, looker: &Arc<Looker>) -> bool {
        if self.last.load(Ordering::Acquire) == looker.0 {
            return true;
        }
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        let known = by.iter().any(|other| is(other, looker));
        if known {
            self.last.store(looker.0, Ordering::Release);
        }
        known
    }

    /// Notes that this guard has looked the block up.
    pub(crate) fn note(&self, looker: &Arc<Looker>) {
        let mut by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        by.retain(|other| other.strong_count() > 0 && !is(other, looker));
        by.push(Arc::downgrade(looker));
        self.last.store(looker.0, Ordering::Release);
    }
}

fn is(other: &Weak<Looker>, looker: &Arc<Looker>) -> bool {
    std::ptr::eq(other.as_ptr(), Arc::as_ptr(looker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guard_is_remembered_and_one_that_is_gone_is_forgotten() {
        let block = LookedUp::default();
        let guards: Vec<_> = (0..3).map(|_| Looker::new()).collect();
        for (number, guard) in guards.iter().enumerate() {
            assert!(!block.is_by(guard));
            block.note(guard);
            block.note(guard);
            assert_eq!(block.by.lock().unwrap().len(), number + 1);
            for (other, guard) in guards.iter().enumerate() {
                assert_eq!(block.is_by(guard), other <= number);
            }
        }
        drop(guards);
        let next = Looker::new();
        assert!(!block.is_by(&next));
        block.note(&next);
        assert_eq!(block.by.lock().unwrap().len(), 1);
    }
}
