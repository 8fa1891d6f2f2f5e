//! A batch: all of it or nothing, in order.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::{key, log, text};
use crate::store::{Batch, Expected, Head, Key, Store, StoreError, Versioned};

pub(crate) async fn reads_what_was_written<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    assert_eq!(store.get(&key("a")).await.unwrap(), None);
    assert_eq!(store.counter(&key("a")).await.unwrap(), 0);
    assert_eq!(store.head(&log("a")).await.unwrap(), Head::empty(&log("a")));

    let batch = Batch::new()
        .put(key("a"), r#"{"one":1}"#)
        .add(key("a"), 7, None);
    let committed = store.commit(batch.append(log("a"), "null")).await.unwrap();
    let value = Versioned {
        version: committed.version,
        value: r#"{"one":1}"#.to_owned(),
    };
    assert_eq!(store.get(&key("a")).await.unwrap(), Some(value));
    assert_eq!(store.counter(&key("a")).await.unwrap(), 7);
    let head = store.head(&log("a")).await.unwrap();
    assert_eq!(committed.appended, [head]);

    let empty = store.commit(Batch::new()).await.unwrap();
    assert_eq!(empty.appended, []);
}

pub(crate) async fn a_refused_batch_leaves_nothing<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let start = Batch::new()
        .put(key("kept"), "1")
        .put(key("gone"), "1")
        .add(key("count"), 5, None)
        .append(log("log"), "1");
    store.commit(start).await.unwrap();
    let everything = async || {
        (
            store.scan(&Key::root(), None, 99).await.unwrap(),
            store.counter(&key("count")).await.unwrap(),
            store.counter(&key("new")).await.unwrap(),
            store.log(&log("log"), 0, 99).await.unwrap(),
            store.head(&log("new")).await.unwrap(),
        )
    };
    let before = everything().await;
    let writes = || {
        Batch::new()
            .put(key("kept"), "2")
            .put(key("new"), "2")
            .delete(key("gone"))
            .add(key("count"), 1, None)
            .add(key("new"), 1, None)
            .append(log("log"), "2")
            .append(log("new"), "2")
    };
    let refused = [
        Batch::new().expect(key("other"), Expected::Version(1)),
        Batch::new().expect(key("kept"), Expected::Absent),
        Batch::new().add(key("count"), 1, Some(5)),
        Batch::new().sub(key("count"), 7),
        Batch::new().put(key("other"), "{"),
        Batch::new().append(log("other"), "{"),
    ];
    for bad in refused {
        let last = writes().ops().len();
        let error = store.commit(writes().and(bad.clone())).await.unwrap_err();
        assert_eq!(error.op(), Some(last), "{error}");
        assert_eq!(everything().await, before, "{error}");
        let error = store.commit(bad.and(writes())).await.unwrap_err();
        assert_eq!(error.op(), Some(0), "{error}");
        assert_eq!(everything().await, before, "{error}");
    }
    store.commit(writes()).await.unwrap();
    assert_ne!(everything().await, before);
}

pub(crate) async fn operations_take_effect_in_order<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let batch = Batch::new()
        .expect(key("a"), Expected::Absent)
        .put(key("a"), "1")
        .delete(key("a"))
        .expect(key("a"), Expected::Absent)
        .put(key("a"), "2")
        .put(key("b"), "1")
        .delete(key("b"))
        .add(key("a"), 10, Some(10))
        .sub(key("a"), 4)
        .add(key("a"), 4, Some(10));
    store.commit(batch).await.unwrap();
    assert_eq!(text(&store, &key("a")).await.as_deref(), Some("2"));
    assert_eq!(text(&store, &key("b")).await, None);
    assert_eq!(store.counter(&key("a")).await.unwrap(), 10);

    let twice = Batch::new()
        .expect(key("c"), Expected::Absent)
        .put(key("c"), "1");
    let error = store.commit(twice.clone().and(twice)).await.unwrap_err();
    assert_eq!((error.op(), error.key()), (Some(2), Some(&key("c"))));
    let late = Batch::new().sub(key("c"), 1).add(key("c"), 1, None);
    assert_eq!(store.commit(late).await.unwrap_err().op(), Some(0));
}

pub(crate) async fn a_refusal_says_what_was_found<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let put = Batch::new().put(key("a"), "1").add(key("n"), 2, None);
    let version = store.commit(put).await.unwrap().version;
    let conflict = |op, expected, found| StoreError::Conflict {
        op,
        key: key("a"),
        expected,
        found,
    };
    let present = Batch::new().expect(key("a"), Expected::Absent);
    let refused = conflict(0, Expected::Absent, Some(version));
    assert_eq!(store.commit(present).await, Err(refused));
    // An expectation is of its place in the batch: here the value is gone, there it is another.
    let wanted = Expected::Version(version);
    let gone = Batch::new().delete(key("a")).expect(key("a"), wanted);
    assert_eq!(store.commit(gone).await, Err(conflict(1, wanted, None)));
    let again = Batch::new().put(key("a"), "1").expect(key("a"), wanted);
    match store.commit(again).await {
        Err(StoreError::Conflict {
            op: 1,
            found: Some(found),
            ..
        }) => assert!(found > version, "{found} is the version of this batch"),
        other => panic!("a value that the batch itself put has its old version: {other:?}"),
    }
    let twice = Batch::new()
        .add(key("n"), 6, Some(10))
        .add(key("n"), 6, Some(10));
    let exceeded = StoreError::Exceeded {
        op: 1,
        counter: key("n"),
        max: 10,
        found: 8,
        asked: 6,
    };
    assert_eq!(store.commit(twice).await, Err(exceeded));
    let twice = Batch::new().sub(key("n"), 2).sub(key("n"), 1);
    let short = StoreError::Short {
        op: 1,
        counter: key("n"),
        found: 0,
        asked: 1,
    };
    assert_eq!(store.commit(twice).await, Err(short));
    // The first that is refused is named, whatever comes after it.
    let many = Batch::new()
        .put(key("b"), "1")
        .sub(key("n"), 3)
        .expect(key("a"), Expected::Absent)
        .put(key("b"), "{");
    assert_eq!(store.commit(many).await.unwrap_err().op(), Some(1));
    assert_eq!(text(&store, &key("b")).await, None);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 2);
}

/// Puts two values and appends two entries; a read of either sees both or neither.
fn pair(number: u64) -> Batch {
    Batch::new()
        .put(key("pair/1"), number.to_string())
        .append(log("pairs"), number.to_string())
        .put(key("pair/2"), number.to_string())
        .append(log("pairs"), number.to_string())
}

/// Holds that what two reads see of the pairs is whole.
async fn assert_pairs_are_whole(store: &impl Store) {
    let values = store.scan(&key("pair"), None, 99).await.unwrap();
    match &values[..] {
        [] => {}
        [(_, one), (_, two)] => assert_eq!(one, two, "a scan sees a part of a batch"),
        part => panic!("a scan sees a part of a batch: {part:?}"),
    }
    let entries = store.log(&log("pairs"), 0, usize::MAX).await.unwrap();
    let bodies: Vec<_> = entries.iter().map(|entry| &entry.body).collect();
    let whole = bodies
        .chunks(2)
        .all(|two| two.len() == 2 && two[0] == two[1]);
    assert!(whole, "a log has a part of a batch: {bodies:?}");
}

pub(crate) async fn a_dropped_commit_is_whole_or_absent<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    for number in 1..=50_u64 {
        let mut commit = Box::pin(store.commit(pair(number)));
        // The future is polled a few times at most, and dropped before it may have ended.
        for _ in 0..number % 5 {
            let ended = poll_fn(|context| Poll::Ready(commit.as_mut().poll(context).is_ready()));
            if ended.await {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(commit);
        assert_pairs_are_whole(&store).await;
    }
    store.commit(pair(0)).await.unwrap();
    assert_pairs_are_whole(&store).await;
    assert_eq!(text(&store, &key("pair/2")).await.as_deref(), Some("0"));
}

pub(crate) async fn a_read_sees_whole_batches<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 0..100 {
                store.commit(pair(number)).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        assert_pairs_are_whole(&*store).await;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    assert_pairs_are_whole(&*store).await;
    assert_eq!(store.head(&log("pairs")).await.unwrap().seq, 200);
}
