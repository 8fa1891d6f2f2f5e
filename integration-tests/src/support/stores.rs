//! A store in front of another one, which fails or waits where a test says so.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bailiwick::store::{
    Batch, Committed, Entry, Head, Key, LogName, MemoryStore, Store, StoreError, Versioned,
};

/// Where a commit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

/// What happens to a commit.
#[async_trait]
pub trait Fate: Send + Sync + 'static {
    /// Asked before and after each commit, which are numbered from 0.
    async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError>;

    /// Told of each batch, and of how many rows each reading gave.
    fn writes(&self, _: &Batch) {}
    fn reads(&self, _: usize) {}

    /// Asked before each value is read by its key.
    fn gets(&self, _: &Key) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl<F: Fate> Fate for Arc<F> {
    async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
        (**self).at(commit, moment).await
    }

    fn writes(&self, batch: &Batch) {
        (**self).writes(batch);
    }

    fn reads(&self, rows: usize) {
        (**self).reads(rows);
    }

    fn gets(&self, key: &Key) -> Result<(), StoreError> {
        (**self).gets(key)
    }
}

/// A store, of memory unless said otherwise, with a fate, and with what it says of itself.
pub struct Fated<F, S = MemoryStore> {
    pub inner: Arc<S>,
    pub fate: F,
    pub durable: bool,
    commits: AtomicUsize,
}

impl<F: Fate, S: Store> Fated<F, S> {
    pub fn new(inner: Arc<S>, fate: F) -> Self {
        Self {
            durable: inner.durable(),
            inner,
            fate,
            commits: AtomicUsize::new(0),
        }
    }

    /// Says that what it keeps outlives the process, so that spent calls are kept in it too.
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    pub fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl<F: Fate, S: Store> Store for Fated<F, S> {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        self.fate.writes(&batch);
        self.fate.at(number, Moment::Before).await?;
        let committed = self.inner.commit(batch).await?;
        self.fate.at(number, Moment::After).await?;
        Ok(committed)
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.fate.reads(1);
        self.fate.gets(key)?;
        self.inner.get(key).await
    }

    async fn counter(&self, counter: &Key) -> Result<u64, StoreError> {
        self.fate.reads(1);
        self.inner.counter(counter).await
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError> {
        let found = self.inner.scan(prefix, after, limit).await?;
        self.fate.reads(found.len());
        Ok(found)
    }

    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let found = self.inner.log(log, after, limit).await?;
        self.fate.reads(found.len());
        Ok(found)
    }

    async fn head(&self, log: &LogName) -> Result<Head, StoreError> {
        self.fate.reads(1);
        self.inner.head(log).await
    }

    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError> {
        self.fate.reads(1);
        self.inner.changed(prefix, since).await
    }

    fn durable(&self) -> bool {
        self.durable
    }
}

/// Fails one commit, before it is written or after.
pub struct Fails(pub usize, pub Moment);

#[async_trait]
impl Fate for Fails {
    async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
        if (commit, moment) == (self.0, self.1) {
            return Err(StoreError::Unavailable {
                what: "the disk went away".to_owned(),
            });
        }
        Ok(())
    }
}

/// Lets everyone else go first, once before each commit and once after.
pub struct Yields;

#[async_trait]
impl Fate for Yields {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        Yield(false).await;
        Ok(())
    }
}

/// Pending once.
pub struct Yield(pub bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        // No task is woken: the test polls these futures by hand.
        match std::mem::replace(&mut self.0, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}
