//! Why what is stored of a run cannot be read back.

use crate::id::RunId;
use crate::store::StoreError;

/// Why what is stored of a run cannot be read back.
#[derive(Debug)]
pub(in crate::agent) enum LoadError {
    /// The store holds no such run.
    NotFound {
        /// The run.
        run: RunId,
    },
    /// A value is of a version that this build does not read.
    Version {
        /// Which value, its version, and the versions that are read.
        what: String,
    },
    /// A value is not what this build writes.
    Damaged {
        /// Which value, and what is wrong with it.
        what: String,
    },
    /// The store cannot be read.
    Store(StoreError),
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
