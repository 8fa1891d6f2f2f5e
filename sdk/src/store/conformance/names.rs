//! Names: which of them are the same, and what they are names of.

use super::{key, log, text};
use crate::store::{Batch, Head, Key, LogName, Store};

/// Names that a collation, a file system or a pattern takes for one another.
fn alike() -> Vec<Key> {
    let long = "x".repeat(200);
    let parts: [&[&str]; 20] = [
        &["name"],
        &["Name"],
        &["NAME"],
        &["name "],
        &[" name"],
        &["name", ""],
        &["", "name"],
        &["name", "", ""],
        &["name%"],
        &["nam_"],
        &["nam\\"],
        &["name\0"],
        &["na", "me"],
        &["na/me"],
        &["na%2Fme"],
        // One letter, and a letter with an accent after it.
        &["nam\u{e9}"],
        &["name\u{301}"],
        // The long s and the sharp s, which some comparisons fold.
        &["\u{17f}\u{df}"],
        &[&long],
        &[&long, &long],
    ];
    let mut keys: Vec<_> = parts.into_iter().map(Key::of).collect();
    keys.push(Key::of(["sss"]));
    keys.push(Key::of([format!("{long}y")]));
    keys
}

pub(crate) async fn names_that_look_alike_are_told_apart<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let keys = alike();
    let names = || keys.iter().zip(1_u64..);
    let batch = names().fold(Batch::new(), |batch, (key, number)| {
        batch
            .put(key.clone(), number.to_string())
            .add(key.clone(), number, None)
            .append(LogName::from(key.clone()), number.to_string())
    });
    store.commit(batch).await.unwrap();
    for (key, number) in names() {
        let body = Some(number.to_string());
        assert_eq!(text(&store, key).await, body, "{key}");
        assert_eq!(store.counter(key).await.unwrap(), number, "{key}");
        let entries = store.log(&LogName::from(key.clone()), 0, 99).await.unwrap();
        let bodies: Vec<_> = entries.into_iter().map(|entry| entry.body).collect();
        assert_eq!(bodies, [number.to_string()], "{key}");
    }
    let found = store.scan(&Key::root(), None, 99).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|(key, _)| key).collect();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted);
    // What is done to one is not done to those that look like it.
    let first = keys[0].clone();
    let batch = Batch::new().delete(first.clone()).sub(first.clone(), 1);
    store.commit(batch).await.unwrap();
    for (key, number) in names().skip(1) {
        assert_eq!(text(&store, key).await, Some(number.to_string()), "{key}");
        assert_eq!(store.counter(key).await.unwrap(), number, "{key}");
    }
}

pub(crate) async fn values_counters_and_logs_are_three_spaces<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let batch = Batch::new()
        .add(key("a/n"), 3, None)
        .append(log("a/l"), "1");
    store.commit(batch).await.unwrap();
    assert_eq!(store.scan(&Key::root(), None, 99).await.unwrap(), []);
    assert_eq!(store.get(&key("a/n")).await.unwrap(), None);
    assert_eq!(store.get(&key("a/l")).await.unwrap(), None);
    assert_eq!(store.counter(&key("a/l")).await.unwrap(), 0);
    let head = store.head(&log("a/n")).await.unwrap();
    assert_eq!(head, Head::empty(&log("a/n")));

    let batch = Batch::new().put(key("a/n"), "9").put(key("a/l"), "9");
    store.commit(batch).await.unwrap();
    assert_eq!(store.counter(&key("a/n")).await.unwrap(), 3);
    let batch = Batch::new().delete(key("a/n")).delete(key("a/l"));
    store.commit(batch).await.unwrap();
    assert_eq!(store.counter(&key("a/n")).await.unwrap(), 3);
    assert_eq!(store.head(&log("a/l")).await.unwrap().seq, 1);
    let batch = Batch::new().put(key("a/n"), "9").sub(key("a/n"), 3);
    store.commit(batch).await.unwrap();
    assert_eq!(text(&store, &key("a/n")).await.as_deref(), Some("9"));
}
