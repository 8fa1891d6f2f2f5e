//! The time at which the inputs that fuzzing found are read.

use bailiwick::id::Timestamp;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}
