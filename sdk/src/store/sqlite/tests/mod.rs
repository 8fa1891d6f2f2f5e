//! The suite of every store, and what is of this one alone.

use std::collections::HashSet;
use std::task::{Context, Waker};
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::{Expected, LogLink};

store_suite!({
    let directory = directory();
    async move || {
        let name = crate::id::CallId::fresh().to_string();
        SqliteStore::open(directory.path().join(name)).unwrap()
    }
});

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn key(text: &str) -> Key {
    Key::of(text.split('/'))
}

fn log(text: &str) -> LogName {
    LogName::from(key(text))
}

/// The file as another tool opens it.
fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

mod changes;
mod faults;
mod group;
mod migration;
mod opening;

/// What is wrong with a store that cannot be used.
fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer.unwrap_err() {
        StoreError::Unavailable { what } => what,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_store_that_was_opened_again_keeps_everything() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    let batch = Batch::new()
        .put(key("a"), r#"{"one":1}"#)
        .put(key("b"), "2")
        .add(key("n"), 7, None)
        .add(key("max"), u64::MAX, None)
        .append(log("l"), "1")
        .append(log("l"), "2");
    let first = store.commit(batch).await.unwrap();
    let last = store.commit(Batch::new().delete(key("b"))).await.unwrap();
    drop(store);

    let store = SqliteStore::builder(&path).must_exist().open().unwrap();
    let value = Versioned {
        version: first.version,
        value: r#"{"one":1}"#.to_owned(),
    };
    let everything = store.scan(&Key::root(), None, 99).await.unwrap();
    assert_eq!(everything, [(key("a"), value)]);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 7);
    assert_eq!(store.counter(&key("max")).await.unwrap(), u64::MAX);
    assert_eq!(store.head(&log("l")).await.unwrap(), first.appended[1]);
    let entries = store.log(&log("l"), 0, 99).await.unwrap();
    assert_eq!(entries[0].link, LogLink::start(&log("l")).then(1, "1"));

    // A version does not return, that of a deleted value either.
    let again = store.commit(Batch::new().put(key("b"), "3")).await.unwrap();
    assert!(again.version > last.version);
    let stale = Batch::new().expect(key("b"), Expected::Version(first.version));
    assert!(store.commit(stale).await.is_err());
    let sub = Batch::new().sub(key("max"), u64::MAX - 1).sub(key("n"), 7);
    store.commit(sub).await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.counter(&key("max")).await.unwrap(), 1);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 0);
}

#[tokio::test]
async fn batches_of_one_transaction_are_done_or_refused_each_by_itself() {
    let directory = directory();
    let store = SqliteStore::open(directory.path().join("store")).unwrap();
    // On one thread, so that all of them wait in the queue before one is answered.
    let mut tasks = tokio::task::JoinSet::new();
    let store = std::sync::Arc::new(store);
    for number in 0..500_u64 {
        let store = store.clone();
        tasks.spawn(async move {
            let batch = Batch::new()
                .append(log("l"), number.to_string())
                .put(key("last"), number.to_string())
                .add(key("even"), 1, None);
            let odd = Batch::new().expect(key("never"), Expected::Version(1));
            let batch = if number % 2 == 0 {
                batch
            } else {
                batch.and(odd)
            };
            (number, store.commit(batch).await)
        });
    }
    let (mut versions, mut last) = (HashSet::new(), (0, 0));
    for (number, answer) in tasks.join_all().await {
        if number % 2 == 0 {
            let version = answer.unwrap().version;
            assert!(versions.insert(version), "{version} twice");
            last = last.max((version, number));
        } else {
            assert_eq!(answer.unwrap_err().op(), Some(3));
        }
    }
    assert_eq!(store.counter(&key("even")).await.unwrap(), 250);
    let entries = store.log(&log("l"), 0, 999).await.unwrap();
    assert_eq!(entries.len(), 250);
    assert!(
        entries
            .iter()
            .all(|entry| entry.body.parse::<u64>().unwrap() % 2 == 0)
    );
    let found = store.get(&key("last")).await.unwrap().unwrap();
    assert_eq!((found.version, found.value), (last.0, last.1.to_string()));
}

#[tokio::test]
async fn what_was_queued_is_written_though_the_store_is_dropped() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..100 {
        let batch = Batch::new().append(log("l"), number.to_string());
        let mut commit = Box::pin(store.commit(batch));
        // Polled once it is in the queue, and then no caller waits for it.
        let mut context = Context::from_waker(Waker::noop());
        let _ = commit.as_mut().poll(&mut context);
    }
    drop(store);
    wait_for_the_end(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.head(&log("l")).await.unwrap().seq, 100);
}

#[test]
fn debug_shows_no_values() {
    let directory = directory();
    let path = directory.path().join("store");
    let shown = format!("{:?}", SqliteStore::open(&path).unwrap());
    assert_eq!(shown, format!("SqliteStore {{ path: {path:?}, .. }}"));
}

/// Waits until the threads of a store that was dropped have ended: the last to close the file takes
/// the write-ahead log away.
fn wait_for_the_end(path: &Path) {
    let wal = path.with_file_name("store-wal");
    for _ in 0..2000 {
        if !wal.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the threads have not ended");
}
