//! A store in one file of SQLite.

mod builder;
mod changes;
mod fault;
mod files;
mod open;
mod query;
mod reader;
mod rows;
mod watched;
mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

pub use self::builder::SqliteBuilder;
use self::fault::StoreFile;
use self::reader::Readers;
use self::writer::Job;
use super::{Batch, Changes, Committed, Entry, Head, Key, LogName, Store, StoreError, Versioned};

/// A store in one file of SQLite, which outlives the process.
///
/// One thread writes. It takes all batches that wait and commits them in one transaction, so that
/// many calls wait for the disk together; each batch is still done or refused by itself. What was
/// answered is on the disk (write-ahead log, `synchronous = FULL`). Two threads read beside it.
///
/// Several processes may have one file open: each commit takes SQLite's lock to write, so a unit is
/// spent once and a log is one chain, whichever process writes. The file must be on a local disk.
///
/// Values are canonical JSON, and the views `audit`, `logs`, `budgets`, `spent_calls`, `revocations`,
/// `clock`, `runs`, `agents`, `conversations` and `calls_of_runs` show them to any tool that reads
/// SQLite.
///
/// ```
/// use bailiwick::store::{Batch, Key, SqliteStore, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("agents.db");
/// let calls = Key::of(["budget", "calls", "lead"]);
/// let store = SqliteStore::open(&path)?;
/// store.commit(Batch::new().add(calls.clone(), 1, Some(10))).await?;
/// drop(store);
///
/// let store = SqliteStore::open(&path)?;
/// assert_eq!(store.counter(&calls).await?, 1);
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    jobs: mpsc::Sender<Job>,
    readers: Readers,
    file: Arc<StoreFile>,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, and makes it, readable to its owner alone, if it
    /// does not exist.
    ///
    /// # Errors
    ///
    /// As [`SqliteBuilder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::builder(path).open()
    }

    /// Begins to open the store in the file at `path`.
    pub fn builder(path: impl AsRef<Path>) -> SqliteBuilder {
        SqliteBuilder::new(path.as_ref())
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.file.path
    }
}

/// Without what is kept, which may be secret.
impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.file.path)
            .finish_non_exhaustive()
    }
}

/// Dropping the store ends its threads, once what waited is written.
#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let (answer, committed) = oneshot::channel();
        let gone = || {
            self.file
                .wrong("has no writer any more; start this process again")
        };
        let job = Job { batch, answer };
        self.jobs.send(job).await.map_err(|_| gone())?;
        committed.await.map_err(|_| gone())?
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        let key = key.clone();
        self.readers
            .read(move |conn| query::value(conn, &key))
            .await
    }

    async fn counter(&self, counter: &Key) -> Result<u64, StoreError> {
        let key = counter.clone();
        self.readers
            .read(move |conn| query::counter(conn, &key))
            .await
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError> {
        let (prefix, after) = (prefix.clone(), after.cloned());
        self.readers
            .read(move |conn| query::scan(conn, &prefix, after.as_ref(), limit))
            .await
    }

    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let log = log.clone();
        self.readers
            .read(move |conn| query::log(conn, &log, after, limit))
            .await
    }

    async fn head(&self, log: &LogName) -> Result<Head, StoreError> {
        let log = log.clone();
        self.readers.read(move |conn| query::head(conn, &log)).await
    }

    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError> {
        let prefix = Changes::asked(prefix);
        let last = self
            .readers
            .watch(move |watched, conn| watched.last(conn, prefix))
            .await?;
        Ok((last > since).then_some(last))
    }

    fn durable(&self) -> bool {
        true
    }
}

/// Starts a thread of the store.
fn thread(
    file: &StoreFile,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<(), StoreError> {
    let started = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    started
        .map(drop)
        .map_err(|error| file.wrong(format_args!("has no thread to work with: {error}")))
}

#[cfg(test)]
mod tests;
