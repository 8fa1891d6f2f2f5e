//! What every store must do: the same tests for each, run with `store_suite!`.

use std::sync::Arc;

use super::{Batch, Entry, Expected, Head, Key, LogName, Store, StoreError, Versioned};

/// Makes a test of each of these for the store that an async closure makes, empty every time.
macro_rules! store_suite {
    ($make:expr) => {
        store_suite!(
            @ $make,
            reads_what_was_written,
            a_refused_batch_leaves_nothing,
            operations_take_effect_in_order,
            a_version_is_expected_once,
            a_version_does_not_return_after_a_delete,
            counters_stop_at_their_bounds,
            counters_do_not_overflow,
            a_raised_counter_ends_at_the_highest,
            one_of_fifty_gets_the_last_unit,
            one_of_fifty_spends_a_call,
            logs_are_numbered_and_linked,
            racing_appends_make_one_chain,
            logs_are_read_in_pages,
            scans_are_in_order_and_in_pages,
            only_one_line_of_json_is_kept,
        );
    };
    (@ $make:expr, $($case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::store::suite::$case($make).await;
            }
        )+
    };
}

fn key(text: &str) -> Key {
    Key::of(text.split('/'))
}

fn log(text: &str) -> LogName {
    LogName::from(key(text))
}

async fn text(store: &impl Store, key: &Key) -> Option<String> {
    store.get(key).await.unwrap().map(|found| found.value)
}

pub(super) async fn reads_what_was_written<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn a_refused_batch_leaves_nothing<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn operations_take_effect_in_order<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn a_version_is_expected_once<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let first = store.commit(Batch::new().put(key("a"), "1")).await.unwrap();
    let next = Batch::new()
        .expect(key("a"), Expected::Version(first.version))
        .put(key("a"), "2");
    let second = store.commit(next.clone()).await.unwrap();
    let conflict = StoreError::Conflict {
        op: 0,
        key: key("a"),
        expected: Expected::Version(first.version),
        found: Some(second.version),
    };
    assert_eq!(store.commit(next).await, Err(conflict));
    assert_eq!(text(&store, &key("a")).await.as_deref(), Some("2"));
}

pub(super) async fn a_version_does_not_return_after_a_delete<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let put = Batch::new().put(key("a"), "1");
    let old = store.commit(put.clone()).await.unwrap().version;
    store.commit(Batch::new().delete(key("a"))).await.unwrap();
    store.commit(put.clone()).await.unwrap();
    let stale = Batch::new().expect(key("a"), Expected::Version(old));
    assert!(store.commit(stale.clone()).await.is_err());
    // In one batch as well.
    store
        .commit(Batch::new().delete(key("a")).and(put))
        .await
        .unwrap();
    assert!(store.commit(stale).await.is_err());
    let other = store.commit(Batch::new().put(key("b"), "1")).await.unwrap();
    let here = store.get(&key("a")).await.unwrap().unwrap();
    assert!(old < here.version && here.version < other.version);
}

pub(super) async fn counters_stop_at_their_bounds<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn counters_do_not_overflow<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn a_raised_counter_ends_at_the_highest<S: Store>(make: impl AsyncFn() -> S) {
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

/// How many of fifty tasks that commit the same batch at once succeed.
async fn race(store: &Arc<impl Store>, batch: Batch) -> usize {
    let start = Arc::new(tokio::sync::Barrier::new(50));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (store, batch, start) = (Arc::clone(store), batch.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                store.commit(batch).await
            })
        })
        .collect();
    let mut passed = 0;
    for task in tasks {
        passed += usize::from(task.await.unwrap().is_ok());
    }
    passed
}

pub(super) async fn one_of_fifty_gets_the_last_unit<S: Store>(make: impl AsyncFn() -> S) {
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

pub(super) async fn one_of_fifty_spends_a_call<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    let batch = Batch::new()
        .expect(key("replay/5f"), Expected::Absent)
        .put(key("replay/5f"), "1");
    assert_eq!(race(&store, batch).await, 1);
}

/// Holds the links against their definition, written out once more.
fn assert_linked(name: &LogName, entries: &[Entry]) {
    use sha2::{Digest, Sha256};
    let mut prev = Sha256::digest(format!("bailiwick/log-start/1\0{name}")).to_vec();
    for (entry, seq) in entries.iter().zip(1_u64..) {
        let mut bytes = b"bailiwick/log/1\0".to_vec();
        bytes.extend(&prev);
        bytes.extend(seq.to_be_bytes());
        bytes.extend(entry.body.as_bytes());
        prev = Sha256::digest(&bytes).to_vec();
        assert_eq!((entry.seq, &entry.link.as_bytes()[..]), (seq, &prev[..]));
    }
}

pub(super) async fn logs_are_numbered_and_linked<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let both = Batch::new()
        .append(log("a"), r#""first""#)
        .append(log("b/c"), r#""first""#)
        .append(log("a"), r#""second""#);
    let committed = store.commit(both).await.unwrap();
    store
        .commit(Batch::new().append(log("a"), "3"))
        .await
        .unwrap();

    let (a, b) = (
        store.log(&log("a"), 0, 99).await.unwrap(),
        store.log(&log("b/c"), 0, 99).await.unwrap(),
    );
    assert_linked(&log("a"), &a);
    assert_linked(&log("b/c"), &b);
    let bodies: Vec<_> = a.iter().map(|entry| entry.body.as_str()).collect();
    assert_eq!(bodies, [r#""first""#, r#""second""#, "3"]);
    assert_eq!(committed.appended, [&a[0], &b[0], &a[1]].map(Head::from));
    assert_eq!(store.head(&log("a")).await.unwrap(), Head::from(&a[2]));
    assert_ne!(a[0].link, b[0].link, "a link is of one log");
}

pub(super) async fn racing_appends_make_one_chain<S: Store>(make: impl AsyncFn() -> S) {
    let store = Arc::new(make().await);
    assert_eq!(race(&store, Batch::new().append(log("a"), "1")).await, 50);
    let entries = store.log(&log("a"), 0, 99).await.unwrap();
    assert_eq!(entries.len(), 50);
    assert_linked(&log("a"), &entries);
}

pub(super) async fn logs_are_read_in_pages<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let batch = (1..=5).fold(Batch::new(), |batch, n| {
        batch.append(log("a"), n.to_string())
    });
    store.commit(batch).await.unwrap();
    for (after, limit, expected) in [
        (0, 2, vec![1, 2]),
        (2, 2, vec![3, 4]),
        (4, 2, vec![5]),
        (5, 2, vec![]),
        (u64::MAX, usize::MAX, vec![]),
        (0, 0, vec![]),
        (0, usize::MAX, vec![1, 2, 3, 4, 5]),
    ] {
        let page = store.log(&log("a"), after, limit).await.unwrap();
        let seqs: Vec<_> = page.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, expected, "after {after}");
    }
}

pub(super) async fn scans_are_in_order_and_in_pages<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let texts = [
        "a", "a!", "a!/x", "a-b/c", "a/2", "a/1/x", "a/1", "a/é", "a0", "b", "ab/1",
    ];
    let batch = texts
        .iter()
        .fold(Batch::new(), |batch, text| batch.put(key(text), "1"));
    store.commit(batch).await.unwrap();
    let scan = async |prefix: &Key, after: Option<&Key>, limit| {
        let found = store.scan(prefix, after, limit).await.unwrap();
        let texts = found.into_iter().map(|(key, _)| key.to_string());
        texts.collect::<Vec<_>>()
    };
    let beneath = ["a/1", "a/1/x", "a/2", "a/é"];
    assert_eq!(scan(&key("a"), None, usize::MAX).await, beneath);
    assert_eq!(scan(&key("a"), None, 2).await, beneath[..2]);
    assert_eq!(scan(&key("a"), Some(&key("a/1/x")), 99).await, beneath[2..]);
    assert_eq!(scan(&key("a"), Some(&key("a/11")), 99).await, beneath[2..]);
    assert_eq!(scan(&key("a"), Some(&key("Z")), 99).await, beneath);
    assert_eq!(scan(&key("a"), Some(&key("b")), 99).await, [""; 0]);
    assert_eq!(scan(&key("a"), None, 0).await, [""; 0]);
    assert_eq!(scan(&key("a/1"), None, 99).await, ["a/1/x"]);
    let mut all = texts;
    all.sort_unstable();
    assert_eq!(scan(&Key::root(), None, 99).await, all);
    let odd = Key::of(["odd", "a/b\n%"]);
    store
        .commit(Batch::new().put(odd.clone(), "1"))
        .await
        .unwrap();
    let found = store.scan(&key("odd"), None, 99).await.unwrap();
    assert_eq!(found[0].0, odd);
}

pub(super) async fn only_one_line_of_json_is_kept<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    for bad in [
        "",
        "{",
        "1 2",
        "{}\n",
        "{\n}",
        "\"a\nb\"",
        "\"a\u{1b}\"",
        "'a'",
        "NaN",
    ] {
        for batch in [
            Batch::new().put(key("a"), bad),
            Batch::new().append(log("a"), bad),
        ] {
            let error = store.commit(batch).await.unwrap_err();
            assert!(
                matches!(error, StoreError::Malformed { op: 0, .. }),
                "{bad}"
            );
        }
    }
    for good in [
        "null",
        "\"\\n\u{2028}\"",
        r#"{"a":[1,2.5,"x"]}"#,
        "18446744073709551615",
    ] {
        let batch = Batch::new().put(key("a"), good).append(log("a"), good);
        store.commit(batch).await.unwrap();
        assert_eq!(text(&store, &key("a")).await.as_deref(), Some(good));
        let last = store.log(&log("a"), 0, 99).await.unwrap().pop().unwrap();
        assert_eq!(last.body, good);
    }
}
