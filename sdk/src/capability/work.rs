//! Counts of work: what untrusted bytes make this thread do, in units that do not depend on a clock.

use std::cell::Cell;
use std::ops::Sub;

/// The work of this room on the calling thread, counted since the thread began.
///
/// The counts bound the cost of hostile bytes without measuring the machine, as a clock would. Call
/// [`work`] before and after, and subtract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Signatures verified, seals included.
    pub signatures: u64,
    /// Patterns compiled.
    pub patterns: u64,
    /// The cost of matching: for each text that is matched against a pattern, the positions of the pattern
    /// times the bytes of the text.
    pub steps: u64,
    /// Values, prefixes, hosts and the like that `narrow` compared.
    pub comparisons: u64,
}

impl Sub for Work {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            signatures: self.signatures.wrapping_sub(before.signatures),
            patterns: self.patterns.wrapping_sub(before.patterns),
            steps: self.steps.wrapping_sub(before.steps),
            comparisons: self.comparisons.wrapping_sub(before.comparisons),
        }
    }
}

thread_local! {
    static DONE: Cell<Work> = const {
        Cell::new(Work { signatures: 0, patterns: 0, steps: 0, comparisons: 0 })
    };
}

/// The work that the calling thread has done so far.
#[must_use]
pub fn work() -> Work {
    DONE.get()
}

fn add(change: impl FnOnce(&mut Work)) {
    let mut done = DONE.get();
    change(&mut done);
    DONE.set(done);
}

/// Counts one signature.
pub(super) fn signature() {
    add(|done| done.signatures = done.signatures.wrapping_add(1));
}

/// Counts one pattern compiled.
pub(super) fn pattern() {
    add(|done| done.patterns = done.patterns.wrapping_add(1));
}

/// Counts one text matched against a pattern.
pub(super) fn steps(positions: usize, bytes: usize) {
    let steps = positions as u64 * bytes as u64;
    add(|done| done.steps = done.steps.wrapping_add(steps));
}

/// Counts this many comparisons.
pub(super) fn comparisons(many: usize) {
    add(|done| done.comparisons = done.comparisons.wrapping_add(many as u64));
}
