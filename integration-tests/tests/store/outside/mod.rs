//! A store that is written against the public interface alone, and the cases that hold every store.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a store that fails ends the test"
)]

mod faulty;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bailiwick::store::{
    Batch, Changes, Committed, Entry, Head, Key, LogName, MemoryStore, Rows, SqliteStore, Store,
    StoreError, Versioned, apply, conformance,
};

/// The rows, each table a map.
#[derive(Clone, Default)]
struct Maps {
    version: u64,
    values: BTreeMap<Key, Versioned>,
    counters: BTreeMap<Key, u64>,
    entries: BTreeMap<LogName, Vec<Entry>>,
    changes: Changes,
}

impl Rows for Maps {
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(self.values.get(key).cloned())
    }

    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError> {
        match value {
            Some(value) => {
                self.changes.put(&key, value.version);
                self.values.insert(key, value);
            }
            None if self.values.remove(&key).is_some() => {
                let has_value = |prefix: &Key| self.values.keys().any(|key| key.is_beneath(prefix));
                self.changes
                    .delete(&key, self.version, |prefix| !has_value(prefix));
            }
            None => {}
        }
        Ok(())
    }

    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError> {
        Ok(self.counters.get(counter).copied().unwrap_or(0))
    }

    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError> {
        self.counters.insert(counter, value);
        Ok(())
    }

    fn head(&mut self, log: &LogName) -> Result<Head, StoreError> {
        let last = self.entries.get(log).and_then(|entries| entries.last());
        Ok(last.map_or_else(|| Head::empty(log), Head::from))
    }

    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError> {
        self.entries.entry(log).or_default().push(entry);
        Ok(())
    }
}

/// A store whose transaction is a copy of the rows.
#[derive(Default)]
struct Outside {
    rows: Mutex<Maps>,
}

impl Outside {
    fn rows(&self) -> MutexGuard<'_, Maps> {
        self.rows.lock().unwrap()
    }
}

#[async_trait]
impl Store for Outside {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let mut rows = self.rows();
        let mut draft = rows.clone();
        draft.version += 1;
        let committed = apply(batch, draft.version, &mut draft)?;
        *rows = draft;
        Ok(committed)
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.rows().value(key)
    }

    async fn counter(&self, counter: &Key) -> Result<u64, StoreError> {
        self.rows().counter(counter)
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError> {
        let beneath = prefix.beneath();
        let after = after.map_or("", Key::as_str).max(&beneath);
        let rows = self.rows();
        let found = rows
            .values
            .range::<str, _>((Bound::Excluded(after), Bound::Unbounded));
        let found = found.take_while(|(key, _)| key.is_beneath(prefix));
        let found = found.take(limit);
        Ok(found
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.rows();
        let entries = rows.entries.get(log).map_or(&[][..], Vec::as_slice);
        let page = entries.iter().filter(|entry| entry.seq > after);
        Ok(page.take(limit).cloned().collect())
    }

    async fn head(&self, log: &LogName) -> Result<Head, StoreError> {
        self.rows().head(log)
    }

    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError> {
        Ok(self.rows().changes.after(prefix, since))
    }

    fn durable(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_from_outside_passes_every_case() {
    conformance::run(async || Outside::default()).await;
    // A closure that returns a future is a factory too.
    assert_eq!(
        conformance::failures(|| async { Outside::default() }).await,
        []
    );
}

#[tokio::test]
async fn the_cases_run_on_one_thread_too() {
    conformance::run(async || Outside::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_stores_of_the_crate_pass_every_case() {
    conformance::run(async || MemoryStore::new()).await;
    let directory = tempfile::tempdir().unwrap();
    let files = std::sync::atomic::AtomicUsize::new(0);
    conformance::run(async || {
        let file = files.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        SqliteStore::open(directory.path().join(file.to_string())).unwrap()
    })
    .await;
    let path = directory.path().join("again");
    conformance::run_reopened(async || SqliteStore::open(&path).unwrap()).await;
    let path = directory.path().join("shared");
    conformance::run_shared(async || SqliteStore::open(&path).unwrap()).await;
}

/// Rows behind a pointer are rows too.
#[test]
fn a_batch_applies_to_rows_behind_a_pointer() {
    let mut maps = Maps::default();
    let rows: &mut dyn Rows = &mut maps;
    let key = Key::of(["a"]);
    let batch = Batch::new().put(key.clone(), "1").add(key.clone(), 2, None);
    assert_eq!(apply(batch, 7, rows).unwrap().version, 7);
    assert_eq!(rows.value(&key).unwrap().unwrap().version, 7);
    assert_eq!(rows.counter(&key).unwrap(), 2);
}
