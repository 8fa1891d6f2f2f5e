//! Where things are kept: values, counters and logs, written in batches that are all or nothing.
//!
//! Whatever must survive a crash, or must not be done twice, goes through one
//! [`commit`](Store::commit): the call id is spent, the budget is charged and the entry is in the
//! audit, or none of it is. Values, counters and logs are three spaces of names; the same name in
//! two of them is two things.
//!
//! The store is trusted: a program that can write it can reset budgets. Signed checkpoints over its
//! logs, which are kept elsewhere, show that.
//!
//! # A store of your own
//!
//! A store implements [`Store`]. How it reads and keeps rows is its own; what a batch means is not. The store
//! implements [`Rows`] for one of its transactions and passes it to [`apply()`], as [`MemoryStore`] and
//! `SqliteStore` do. The module `conformance` (feature `conformance`, for tests) runs the cases that hold these
//! two against any other store: `conformance::run(async || MyStore::empty())`.

#[cfg(any(test, feature = "conformance"))]
#[cfg_attr(test, macro_use)]
pub mod conformance;

mod apply;
mod batch;
mod changes;
mod key;
mod log;
mod memory;
mod refusal;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;

pub use apply::{Rows, apply};
pub use batch::{Batch, Expected, Op};
pub use changes::Changes;
pub use key::{InvalidKey, Key};
pub use log::{Entry, Head, LogLink, LogName};
pub use memory::MemoryStore;
pub use refusal::StoreError;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteBuilder, SqliteStore};

/// Where things are kept.
///
/// Every read sees the latest commit, and a batch as a whole. A future of [`commit`](Self::commit) that is
/// dropped may or may not have written its batch, and has never written part of it.
///
/// Names are equal if their bytes are, whatever their case, accents or spaces at the end. Values and bodies
/// come back byte by byte as they were put, whether their JSON is canonical or not. Any order is that of the
/// bytes of a name. The module `conformance` holds a store against all of this.
///
/// # Errors
///
/// A read fails with [`StoreError::Unavailable`] where it cannot be answered, and then nothing is
/// decided. What a commit answers with decides, so an implementation keeps
/// to it: see there.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Does every operation of the batch, in its order, or none and says which one was refused.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] where an expectation does not hold: another process has the run now;
    /// [`StoreError::Exceeded`] where a counter would pass its maximum: a budget is used up;
    /// [`StoreError::Short`] where more would be taken from a counter than there is. The key is that of
    /// the first such operation. Anything else is a store that cannot be written, and stops calls.
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError>;

    /// The value under a key.
    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError>;

    /// A counter; one that was never added to is 0.
    async fn counter(&self, counter: &Key) -> Result<u64, StoreError>;

    /// At most `limit` of the values beneath `prefix`, those after the key `after`, in the order of the keys.
    ///
    /// Beneath means more parts: `replay` has `replay/5f0c` beneath it, not `replayed/5f0c`, and
    /// not itself.
    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError>;

    /// At most `limit` entries of a log, those numbered above `after`, in order; 0 is all of it.
    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError>;

    /// How far a log goes; one that was never appended to is empty.
    async fn head(&self, log: &LogName) -> Result<Head, StoreError>;

    /// Whether a value beneath `prefix` was put or removed by a commit after the version `since`, in this process
    /// or in another one that has the store open.
    ///
    /// `Some` has the version of the last such commit, which is the next `since`: read what is beneath `prefix`
    /// after this answer, and no change is missed. `None` is certain: what was read at `since` is still so.
    /// `since` is 0 at first, and then a version that this method or [`commit`](Self::commit) has given. For one that
    /// the store has not reached, as after an older copy was restored, the answer is `None`: begin again with 0.
    ///
    /// `Some` may also say that there is cause to look although nothing changed:
    /// - beneath a prefix of more than two parts the answer is that of its first two parts;
    /// - beneath a prefix that has no values, a store may have forgotten when that was so, in order that its size
    ///   does not grow with names that are gone; it then answers for the latest change that it forgot;
    /// - a commit may have put the same text again, or put a value and removed it.
    ///
    /// Only values count. Removing what is not there changes nothing, and neither does a batch that is refused. A
    /// counter and a log have one number each, which [`counter`](Self::counter) and [`head`](Self::head) read.
    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError>;

    /// Waits until [`changed`](Self::changed) says that a value beneath `prefix` changed after `since`, and gives
    /// the version; the store is asked at once and then after every `pause`.
    ///
    /// It waits for ever where nothing changes: give it a timeout, or drop it. Needs the timers of tokio.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    async fn wait_for_change(
        &self,
        prefix: &Key,
        since: u64,
        pause: Duration,
    ) -> Result<u64, StoreError> {
        loop {
            if let Some(version) = self.changed(prefix, since).await? {
                return Ok(version);
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Whether what was committed is still there after a restart.
    fn durable(&self) -> bool;
}

/// A value and the commit that put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The version of the commit that put the value: it is higher than that of every earlier commit that put
    /// one, and never returns, not after a delete or a restart either.
    pub version: u64,
    /// One line of canonical JSON, as it was put.
    pub value: String,
}

/// What a batch did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The version of every value that the batch put.
    pub version: u64,
    /// The number and link of each entry that the batch appended, in the order of the batch.
    pub appended: Vec<Head>,
}
