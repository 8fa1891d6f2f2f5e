//! Commits at the same time.

use std::collections::HashSet;
use std::sync::Arc;

use super::logs::assert_linked;
use super::{key, log};
use crate::store::{Batch, Committed, Expected, Store, StoreError};

/// What fifty tasks are answered that commit at once; the batch of each is made from its number.
async fn all_at_once(
    store: &Arc<impl Store>,
    batch: impl Fn(usize) -> Batch,
) -> Vec<Result<Committed, StoreError>> {
    let start = Arc::new(tokio::sync::Barrier::new(50));
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (store, start) = (Arc::clone(store), Arc::clone(&start));
            let batch = batch(number);
            tokio::spawn(async move {
                start.wait().await;
                store.commit(batch).await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

/// How many of fifty tasks that commit the same batch at once succeed.
async fn race(store: &Arc<impl Store>, batch: Batch) -> usize {
    let answers = all_at_once(store, |_| batch.clone()).await;
    answers.iter().filter(|answer| answer.is_ok()).count()
}

pub(crate) async fn one_of_fifty_gets_the_last_unit<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let calls = key("calls");
    store
        .commit(Batch::new().add(calls.clone(), 9, Some(10)))
        .await
        .unwrap();
    let batch = Batch::new()
        .append(log("asked"), "1")
        .add(calls.clone(), 1, Some(10));
    assert_eq!(race(&store, batch).await, 1);
    assert_eq!(store.counter(&calls).await.unwrap(), 10);
    assert_eq!(store.head(&log("asked")).await.unwrap().seq, 1);
}

pub(crate) async fn one_of_fifty_spends_a_call<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let batch = Batch::new()
        .expect(key("replay/5f"), Expected::Absent)
        .put(key("replay/5f"), "1");
    assert_eq!(race(&store, batch).await, 1);
}

pub(crate) async fn racing_appends_make_one_chain<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    assert_eq!(race(&store, Batch::new().append(log("a"), "1")).await, 50);
    let entries = store.log(&log("a"), 0, 99).await.unwrap();
    assert_eq!(entries.len(), 50);
    assert_linked(&log("a"), &entries);
}

pub(crate) async fn racing_additions_are_all_counted<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let batch = Batch::new().add(key("n"), 3, None).raise(key("m"), 7);
    assert_eq!(race(&store, batch).await, 50);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 150);
    assert_eq!(store.counter(&key("m")).await.unwrap(), 7);
    assert_eq!(race(&store, Batch::new().sub(key("n"), 5)).await, 30);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 0);
}

pub(crate) async fn racing_puts_have_versions_of_their_own<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let batch = |number: usize| {
        let body = number.to_string();
        Batch::new()
            .put(key("last"), body.clone())
            .put(key(&format!("each/{number}")), body)
    };
    let answers = all_at_once(&store, batch).await;
    let versions = answers.into_iter().map(|answer| answer.unwrap().version);
    let versions: Vec<_> = versions.collect();
    assert_eq!(versions.iter().collect::<HashSet<_>>().len(), 50);
    for (number, version) in versions.iter().enumerate() {
        let each = store.get(&key(&format!("each/{number}"))).await.unwrap();
        assert_eq!(each.unwrap().version, *version);
    }
    // The order of the versions is the order of the commits.
    let last = store.get(&key("last")).await.unwrap().unwrap();
    let highest = versions.iter().max().unwrap();
    assert_eq!(last.version, *highest);
    assert_eq!(versions[last.value.parse::<usize>().unwrap()], *highest);
}
