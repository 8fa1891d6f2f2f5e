//! Stores that outlive their process.

use super::{key, log};
use crate::store::{Batch, Expected, Key, Store};

pub(super) async fn a_store_that_is_opened_again_keeps_everything<S: Store>(
    open: impl AsyncFn() -> S,
) {
    let store = open().await;
    assert!(store.durable(), "a store that is opened again is durable");
    let everything = async |store: &S| {
        (
            store.scan(&Key::root(), None, 99).await.unwrap(),
            store.counter(&key("n")).await.unwrap(),
            store.counter(&key("max")).await.unwrap(),
            store.log(&log("l"), 0, 99).await.unwrap(),
            store.head(&log("l")).await.unwrap(),
            store.changed(&key("box"), 0).await.unwrap(),
        )
    };
    let empty = everything(&store).await;
    assert!(empty.0.is_empty() && empty.3.is_empty() && (empty.1, empty.2) == (0, 0));
    let batch = Batch::new()
        .put(key("a"), r#"{"one":1}"#)
        .put(key("b"), "2")
        .put(key("box/1"), "1")
        .put(key("box/2"), "2")
        .add(key("n"), 7, None)
        .add(key("max"), u64::MAX, None)
        .append(log("l"), "1")
        .append(log("l"), "2");
    let first = store.commit(batch).await.unwrap();
    let gone = Batch::new().delete(key("b")).delete(key("box/2"));
    let last = store.commit(gone).await.unwrap();
    let before = everything(&store).await;
    drop(store);

    let store = open().await;
    assert_eq!(everything(&store).await, before);
    assert_eq!(before.5, Some(last.version));
    let since = first.version;
    for (since, seen) in [(since, Some(last.version)), (last.version, None)] {
        assert_eq!(store.changed(&key("box"), since).await.unwrap(), seen);
    }
    // A version does not return, not that of a deleted value either.
    let again = store.commit(Batch::new().put(key("b"), "2")).await.unwrap();
    assert!(again.version > last.version && again.version > first.version);
    let stale = Batch::new().expect(key("b"), Expected::Version(first.version));
    assert!(store.commit(stale).await.is_err());
    let entry = Batch::new().append(log("l"), "3").sub(key("n"), 7);
    let third = store.commit(entry).await.unwrap().appended;
    let follows = before.4.then("3".to_owned()).unwrap();
    assert_eq!((third[0].seq, third[0].link), (follows.seq, follows.link));
    let before = everything(&store).await;
    drop(store);

    let store = open().await;
    assert_eq!(everything(&store).await, before);
    assert_eq!(store.counter(&key("n")).await.unwrap(), 0);
}
