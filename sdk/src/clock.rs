//! The only source of now, and a guard against clocks that step backwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::id::Timestamp;

/// Where the time comes from.
///
/// A clock that cannot be read is an error, and the caller that needs the time denies.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when the time cannot be told.
    fn now(&self) -> Result<Timestamp, ClockError>;
}

/// Why the time cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClockError {
    /// The clock gives no time, or none between 1970 and 9999.
    #[error("the clock cannot be read: {what}; set the time of this machine")]
    Unreadable {
        /// What is wrong with it.
        what: String,
    },
    /// The clock went backwards by more than [`HighWater::TOLERANCE`] and has not been reset.
    #[error(
        "the clock went backwards: `{highest}` was seen before, it now reads `{read}`; \
         set the time of this machine, then reset the clock"
    )]
    Backwards {
        /// What the clock reads now.
        read: Timestamp,
        /// The highest time seen before it stepped backwards.
        highest: Timestamp,
    },
}

impl ClockError {
    fn unreadable(what: impl Into<String>) -> Self {
        Self::Unreadable { what: what.into() }
    }
}

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let elapsed = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_err(|_| ClockError::unreadable("its time is before 1970"))?;
        u64::try_from(elapsed.as_millis())
            .ok()
            .and_then(Timestamp::from_millis)
            .ok_or_else(|| ClockError::unreadable("its time is after 9999"))
    }
}

/// A clock that is set by hand, for tests and simulation; clones share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicU64>);

/// What a [`ManualClock`] holds while it cannot be read; it is not a timestamp.
const UNREADABLE: u64 = u64::MAX;

impl ManualClock {
    /// A clock that stands still at `time`.
    #[must_use]
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(AtomicU64::new(time.millis())))
    }

    /// Sets the clock to `time`, forwards or backwards; an unreadable clock is readable again.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    /// Moves the clock forwards, as far as [`Timestamp::MAX`]; an unreadable clock stays so.
    pub fn advance(&self, by: Duration) {
        // An update that changes nothing is an `Err`, which is right for an unreadable clock.
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |millis| {
                Timestamp::from_millis(millis).map(|time| time.saturating_add(by).millis())
            });
    }

    /// Makes the clock unreadable until it is [set](Self::set).
    pub fn fail(&self) {
        self.0.store(UNREADABLE, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Result<Timestamp, ClockError> {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
            .ok_or_else(|| ClockError::unreadable("it was made to fail"))
    }
}

/// The highest time seen, which is the time now.
///
/// An expiry that has passed must not come back, so a clock that steps backwards is an error that
/// stays until [`reset`](Self::reset), even if the clock moves forwards again: between the two steps
/// the true time is not known. A clock that leaps forwards is believed; setting it right afterwards is
/// a step backwards like any other.
///
/// It uses no locks: the highest time and whether the clock has stepped back are one atomic word.
#[derive(Debug, Default)]
pub struct HighWater(AtomicU64);

/// Set in the word of a [`HighWater`] from a step backwards until a reset; far above any timestamp.
const STEPPED: u64 = 1 << 63;

impl HighWater {
    /// How far a clock may fall behind the highest time seen and still count as standing still at it.
    ///
    /// Time daemons slew rather than step, and the clocks of one machine's cores differ by less.
    pub const TOLERANCE: Duration = Duration::from_secs(2);

    /// A guard that has seen no time yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what the clock reads and gives the highest time seen so far, this one included.
    ///
    /// # Errors
    ///
    /// [`ClockError::Backwards`] when `read` is behind the highest time by more than
    /// [`TOLERANCE`](Self::TOLERANCE), or an earlier reading was, until [`reset`](Self::reset).
    pub fn observe(&self, read: Timestamp) -> Result<Timestamp, ClockError> {
        let next = |word: u64| {
            let highest = highest(word);
            if word & STEPPED != 0 {
                word
            } else if highest.since(read) > Self::TOLERANCE {
                word | STEPPED
            } else {
                highest.max(read).millis()
            }
        };
        let word = self.update(next);
        if word & STEPPED == 0 {
            Ok(highest(word))
        } else {
            let highest = highest(word);
            Err(ClockError::Backwards { read, highest })
        }
    }

    /// Raises the highest time seen to `time`, as kept by a store before a restart.
    ///
    /// Never lowers it, and does not undo a step backwards.
    pub fn seed(&self, time: Timestamp) {
        self.update(|word| highest(word).max(time).millis() | (word & STEPPED));
    }

    /// Makes `time` the highest time seen after a step backwards, even if it is lower.
    ///
    /// Only the operator should use it: tokens that expired after `time` become valid again.
    pub fn reset(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    /// The highest time seen, to be kept with the store; 1970 if no time has been seen.
    #[must_use]
    pub fn highest(&self) -> Timestamp {
        highest(self.0.load(Ordering::SeqCst))
    }

    /// Applies `next` until no other thread interferes, and returns the word that it stored.
    fn update(&self, next: impl Fn(u64) -> u64) -> u64 {
        let mut word = self.0.load(Ordering::SeqCst);
        loop {
            let new = next(word);
            match self
                .0
                .compare_exchange_weak(word, new, Ordering::SeqCst, Ordering::SeqCst)
            {
                Ok(_) => return new,
                Err(now) => word = now,
            }
        }
    }
}

/// The time in a word of a [`HighWater`], which only ever holds times.
fn highest(word: u64) -> Timestamp {
    Timestamp::from_millis(word & !STEPPED).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis).unwrap()
    }

    #[test]
    fn the_system_clock_is_after_2020() {
        assert!(SystemClock.now().unwrap() > "2020-01-01T00:00:00Z".parse().unwrap());
    }

    #[test]
    fn clones_of_a_manual_clock_share_its_time() {
        let clock = ManualClock::at(ms(5));
        let other = clock.clone();
        clock.advance(Duration::from_millis(3));
        assert_eq!(other.now(), Ok(ms(8)));
        other.advance(Duration::MAX);
        assert_eq!(clock.now(), Ok(Timestamp::MAX));
    }

    #[test]
    fn a_failed_clock_is_unreadable_until_it_is_set() {
        let clock = ManualClock::at(ms(5));
        clock.fail();
        clock.advance(Duration::from_secs(1));
        assert!(matches!(clock.now(), Err(ClockError::Unreadable { .. })));
        clock.set(ms(1));
        assert_eq!(clock.now(), Ok(ms(1)));
    }

    #[test]
    fn within_the_tolerance_the_highest_time_stands() {
        let seen = HighWater::new();
        assert_eq!(seen.observe(ms(10_000)), Ok(ms(10_000)));
        assert_eq!(seen.observe(ms(8_000)), Ok(ms(10_000)));
        assert_eq!(seen.observe(ms(10_001)), Ok(ms(10_001)));
        // Small steps do not add up: the tolerance is counted from the highest time.
        assert!(seen.observe(ms(8_000)).is_err());
    }

    #[test]
    fn a_step_backwards_lasts_until_the_reset() {
        let seen = HighWater::new();
        seen.seed(ms(10_000));
        let stepped = |read| {
            Err(ClockError::Backwards {
                read: ms(read),
                highest: ms(10_000),
            })
        };
        assert_eq!(seen.observe(ms(7_999)), stepped(7_999));
        assert_eq!(seen.observe(ms(20_000)), stepped(20_000));
        seen.seed(ms(1));
        assert_eq!(seen.observe(ms(10_000)), stepped(10_000));
        seen.reset(ms(7_000));
        assert_eq!(seen.observe(ms(7_001)), Ok(ms(7_001)));
    }

    #[test]
    fn a_seed_never_lowers_the_highest_time() {
        let seen = HighWater::new();
        seen.seed(ms(10_000));
        seen.seed(ms(5_000));
        assert_eq!(seen.highest(), ms(10_000));
        seen.seed(Timestamp::MAX);
        assert_eq!(seen.observe(Timestamp::MAX), Ok(Timestamp::MAX));
    }

    #[test]
    fn threads_never_see_time_go_backwards() {
        let seen = HighWater::new();
        std::thread::scope(|threads| {
            for offset in 0..4 {
                let seen = &seen;
                threads.spawn(move || {
                    let mut last = ms(0);
                    for step in 0..1_000 {
                        let now = seen.observe(ms(offset + step)).unwrap();
                        assert!(now >= last && now >= ms(offset + step));
                        last = now;
                    }
                });
            }
        });
        assert_eq!(seen.highest(), ms(1_002));
    }
}
