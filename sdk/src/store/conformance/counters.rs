//! Counters: their bounds.

use super::key;
use crate::store::{Batch, Store, StoreError};

pub(crate) async fn counters_stop_at_their_bounds<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let add = |amount, max| Batch::new().add(key("n"), amount, Some(max));
    let exceeded = |max, found, asked| StoreError::Exceeded {
        op: 0,
        counter: key("n"),
        max,
        found,
        asked,
    };
    assert_eq!(store.commit(add(1, 0)).await, Err(exceeded(0, 0, 1)));
    store.commit(add(0, 0)).await.unwrap();
    store.commit(add(10, 10)).await.unwrap();
    assert_eq!(store.commit(add(1, 10)).await, Err(exceeded(10, 10, 1)));
    // The maximum was lowered below what is there.
    assert_eq!(store.commit(add(0, 9)).await, Err(exceeded(9, 10, 0)));

    let short = StoreError::Short {
        op: 0,
        counter: key("n"),
        found: 10,
        asked: 11,
    };
    assert_eq!(
        store.commit(Batch::new().sub(key("n"), 11)).await,
        Err(short)
    );
    store.commit(Batch::new().sub(key("n"), 10)).await.unwrap();
    assert!(store.commit(Batch::new().sub(key("n"), 1)).await.is_err());
    assert_eq!(store.counter(&key("n")).await.unwrap(), 0);
}

pub(crate) async fn counters_do_not_overflow<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let add = |amount| Batch::new().add(key("n"), amount, None);
    store.commit(add(u64::MAX)).await.unwrap();
    for amount in [1, u64::MAX] {
        let error = store.commit(add(amount)).await.unwrap_err();
        assert!(matches!(error, StoreError::Exceeded { max: u64::MAX, .. }));
    }
    assert_eq!(store.counter(&key("n")).await.unwrap(), u64::MAX);
    store
        .commit(Batch::new().sub(key("n"), u64::MAX))
        .await
        .unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 0);
}

pub(crate) async fn a_raised_counter_ends_at_the_highest<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let raise = |to| Batch::new().raise(key("n"), to);
    for (to, expected) in [
        (0, 0),
        (5, 5),
        (3, 5),
        (5, 5),
        (u64::MAX, u64::MAX),
        (7, u64::MAX),
    ] {
        store.commit(raise(to)).await.unwrap();
        assert_eq!(store.counter(&key("n")).await.unwrap(), expected);
    }
    let refused = Batch::new().raise(key("m"), 5).sub(key("m"), 6);
    assert_eq!(store.commit(refused).await.unwrap_err().op(), Some(1));
    assert_eq!(store.counter(&key("m")).await.unwrap(), 0);
    let in_order = raise(0)
        .sub(key("n"), u64::MAX - 2)
        .and(raise(1))
        .and(raise(4));
    store.commit(in_order).await.unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 4);
}
