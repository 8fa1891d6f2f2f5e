//! Why a store did not do what it was asked.

use super::{Expected, Key};

/// Why a store did not do what it was asked; of the batch, nothing was written.
///
/// `op` is the place of the operation in its batch, counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A key is not as expected: someone else was there before.
    #[error(
        "operation {op}: `{key}` {}, but {} was expected; read it again and decide anew",
        holds(*.found), wanted(*.expected)
    )]
    Conflict {
        /// Which operation.
        op: usize,
        /// The key.
        key: Key,
        /// What was expected of it.
        expected: Expected,
        /// The version that it has, if any.
        found: Option<u64>,
    },
    /// A counter would go over its maximum.
    #[error("operation {op}: `{counter}` is {found} of at most {max}, so {asked} more is too much")]
    Exceeded {
        /// Which operation.
        op: usize,
        /// The counter.
        counter: Key,
        /// The most that it may be.
        max: u64,
        /// What it is.
        found: u64,
        /// How much was to be added.
        asked: u64,
    },
    /// A counter would go below zero.
    #[error("operation {op}: `{counter}` is {found}, so {asked} cannot be taken from it")]
    Short {
        /// Which operation.
        op: usize,
        /// The counter.
        counter: Key,
        /// What it is.
        found: u64,
        /// How much was to be taken.
        asked: u64,
    },
    /// A value or the body of an entry is not one line of JSON.
    #[error("operation {op}: what is to be kept in `{place}` is not JSON on one line")]
    Malformed {
        /// Which operation.
        op: usize,
        /// The key or the log.
        place: String,
    },
    /// There is no room; a batch that leaves the store no larger still passes.
    #[error("the store is full: raise its capacity, or delete what is no longer needed")]
    Full,
    /// The store cannot be read or written.
    ///
    /// After a commit this does not say whether the batch was written: the answer may have been
    /// lost. A batch that must not be done twice expects a key of its own to be absent.
    #[error("the store is unavailable: {what}")]
    Unavailable {
        /// What is wrong with it.
        what: String,
    },
}

impl StoreError {
    /// The place in the batch of the operation that was refused, if it was one operation's fault.
    #[must_use]
    pub const fn op(&self) -> Option<usize> {
        match self {
            Self::Conflict { op, .. }
            | Self::Exceeded { op, .. }
            | Self::Short { op, .. }
            | Self::Malformed { op, .. } => Some(*op),
            Self::Full | Self::Unavailable { .. } => None,
        }
    }

    /// The key or counter that refused the batch, if one did.
    #[must_use]
    pub const fn key(&self) -> Option<&Key> {
        match self {
            Self::Conflict { key, .. } => Some(key),
            Self::Exceeded { counter, .. } | Self::Short { counter, .. } => Some(counter),
            Self::Malformed { .. } | Self::Full | Self::Unavailable { .. } => None,
        }
    }
}

fn holds(found: Option<u64>) -> String {
    found.map_or_else(
        || "holds nothing".to_owned(),
        |version| format!("holds version {version}"),
    )
}

fn wanted(expected: Expected) -> String {
    match expected {
        Expected::Absent => "nothing".to_owned(),
        Expected::Version(version) => format!("version {version}"),
    }
}
