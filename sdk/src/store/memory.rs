//! A store in memory, gone with the process.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, Once};

use async_trait::async_trait;

use super::apply::{Rows, apply};
use super::{Batch, Changes, Committed, Entry, Head, Key, LogName, Store, StoreError, Versioned};

/// A store in memory, gone with the process; the first one of a process says so in the log.
pub struct MemoryStore {
    kept: Mutex<Kept>,
    capacity: usize,
}

#[derive(Default)]
struct Kept {
    version: u64,
    values: BTreeMap<Key, Versioned>,
    counters: HashMap<Key, u64>,
    logs: HashMap<LogName, Vec<Entry>>,
    entries: usize,
    changes: Changes,
}

impl MemoryStore {
    /// An empty store that grows as far as memory does.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(usize::MAX)
    }

    /// An empty store of at most so many values, counters and log entries together.
    ///
    /// A counter that is 0 takes no room.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                "the store is in memory: spent calls, budgets, revocations and the audit \
                 are gone when this process ends"
            );
        });
        Self {
            kept: Mutex::default(),
            capacity,
        }
    }

    fn kept(&self) -> Result<MutexGuard<'_, Kept>, StoreError> {
        self.kept.lock().map_err(|_| StoreError::Unavailable {
            what: "a thread panicked while it wrote".to_owned(),
        })
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// Without what is kept, which may be secret.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        let mut kept = self.kept()?;
        let version = kept.version.checked_add(1).ok_or(StoreError::Full)?;
        let mut draft = Draft::of(&kept);
        let committed = apply(batch, version, &mut draft)?;
        let (before, after) = (kept.size(), draft.size());
        if after > self.capacity && after > before {
            return Err(StoreError::Full);
        }
        let written = draft.written;
        kept.take(version, written);
        Ok(committed)
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(self.kept()?.values.get(key).cloned())
    }

    async fn counter(&self, counter: &Key) -> Result<u64, StoreError> {
        Ok(self.kept()?.counters.get(counter).copied().unwrap_or(0))
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError> {
        let beneath = prefix.beneath();
        let after = after.map_or("", Key::as_str).max(&beneath);
        Ok(self
            .kept()?
            .values
            .range::<str, _>((Bound::Excluded(after), Bound::Unbounded))
            .take_while(|(key, _)| key.as_str().starts_with(&beneath))
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }

    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        // Entries are numbered from 1 without gaps, so `after` is how many to leave out.
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        let kept = self.kept()?;
        let entries = kept.logs.get(log).and_then(|entries| entries.get(skip..));
        Ok(entries
            .unwrap_or_default()
            .iter()
            .take(limit)
            .cloned()
            .collect())
    }

    async fn head(&self, log: &LogName) -> Result<Head, StoreError> {
        Ok(self.kept()?.head(log))
    }

    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError> {
        Ok(self.kept()?.changes.after(prefix, since))
    }

    fn durable(&self) -> bool {
        false
    }
}

impl Kept {
    fn head(&self, log: &LogName) -> Head {
        let last = self.logs.get(log).and_then(|entries| entries.last());
        last.map_or_else(|| Head::empty(log), Head::from)
    }

    fn size(&self) -> usize {
        self.values.len() + self.counters.len() + self.entries
    }

    fn take(&mut self, version: u64, written: Written) {
        self.version = version;
        let mut removed = Vec::new();
        for (key, value) in written.values {
            match value {
                Some(value) => {
                    self.changes.put(&key, version);
                    self.values.insert(key, value);
                }
                None => removed.extend(self.values.remove(&key).map(|_| key)),
            }
        }
        for key in removed {
            let values = &self.values;
            self.changes.delete(&key, version, |prefix| {
                first_beneath(values, prefix).is_none()
            });
        }
        for (counter, value) in written.counters {
            match value {
                0 => self.counters.remove(&counter),
                _ => self.counters.insert(counter, value),
            };
        }
        for (log, entry) in written.entries {
            self.entries += 1;
            self.logs.entry(log).or_default().push(entry);
        }
    }
}

/// The first key beneath a prefix.
fn first_beneath<'v>(values: &'v BTreeMap<Key, Versioned>, prefix: &Key) -> Option<&'v Key> {
    let beneath = prefix.beneath();
    let after = (Bound::Excluded(&*beneath), Bound::Unbounded);
    let (first, _) = values.range::<str, _>(after).next()?;
    first.as_str().starts_with(&beneath).then_some(first)
}

/// What a batch changes, laid over what is kept until every operation has passed.
struct Draft<'a> {
    kept: &'a Kept,
    written: Written,
}

#[derive(Default)]
struct Written {
    values: HashMap<Key, Option<Versioned>>,
    counters: HashMap<Key, u64>,
    heads: HashMap<LogName, Head>,
    entries: Vec<(LogName, Entry)>,
}

impl<'a> Draft<'a> {
    fn of(kept: &'a Kept) -> Self {
        let written = Written::default();
        Self { kept, written }
    }

    /// How much would be kept.
    fn size(&self) -> usize {
        let (mut more, mut less) = (self.written.entries.len(), 0);
        let mut count = |was: bool, is: bool| {
            more += usize::from(is && !was);
            less += usize::from(was && !is);
        };
        for (key, value) in &self.written.values {
            count(self.kept.values.contains_key(key), value.is_some());
        }
        for (counter, value) in &self.written.counters {
            count(self.kept.counters.contains_key(counter), *value != 0);
        }
        self.kept.size().saturating_add(more).saturating_sub(less)
    }
}

impl Rows for Draft<'_> {
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        Ok(match self.written.values.get(key) {
            Some(value) => value.clone(),
            None => self.kept.values.get(key).cloned(),
        })
    }

    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError> {
        self.written.values.insert(key, value);
        Ok(())
    }

    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError> {
        let kept = self.kept.counters.get(counter);
        let value = self.written.counters.get(counter).or(kept);
        Ok(value.copied().unwrap_or(0))
    }

    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError> {
        self.written.counters.insert(counter, value);
        Ok(())
    }

    fn head(&mut self, log: &LogName) -> Result<Head, StoreError> {
        let head = self.written.heads.get(log).copied();
        Ok(head.unwrap_or_else(|| self.kept.head(log)))
    }

    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError> {
        self.written.heads.insert(log.clone(), Head::from(&entry));
        self.written.entries.push((log, entry));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    store_suite!(async || MemoryStore::new());

    #[tokio::test]
    async fn a_full_store_still_lets_go() {
        let store = MemoryStore::with_capacity(3);
        let [one, two] = ["one", "two"].map(|part| Key::of([part]));
        let log = LogName::of(["log"]);
        let full = Batch::new()
            .put(one.clone(), "1")
            .add(two.clone(), 1, None)
            .append(log.clone(), "1");
        store.commit(full).await.unwrap();

        let more = Batch::new().put(two.clone(), "2");
        assert_eq!(store.commit(more.clone()).await, Err(StoreError::Full));
        assert_eq!(store.get(&two).await.unwrap(), None);
        let more_and_less = more.sub(two.clone(), 1).delete(one.clone());
        store.commit(more_and_less).await.unwrap();
        let replaced = Batch::new().put(two.clone(), "3").delete(one.clone());
        store.commit(replaced).await.unwrap();
        let entry = Batch::new().append(log.clone(), "2");
        store.commit(entry.clone()).await.unwrap();
        assert_eq!(store.commit(entry).await, Err(StoreError::Full));
        assert_eq!(store.head(&log).await.unwrap().seq, 2);
    }

    #[tokio::test]
    async fn debug_shows_no_values() {
        let store = MemoryStore::new();
        let batch = Batch::new().put(Key::of(["k"]), r#""hidden""#);
        store.commit(batch).await.unwrap();
        assert!(!format!("{store:?}").contains("hidden"));
        assert!(!store.durable());
    }
}
