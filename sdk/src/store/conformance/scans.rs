//! Scans: which keys are beneath a prefix, their order, and pages.

use super::key;
use crate::store::{Batch, Key, Store};

pub(crate) async fn scans_are_in_order_and_in_pages<S: Store>(make: impl AsyncFn() -> S) {
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

pub(crate) async fn a_scan_gives_what_a_get_gives<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    for number in 0..7 {
        let batch = Batch::new()
            .put(key(&format!("a/{number}")), number.to_string())
            .put(key("a/last"), number.to_string());
        store.commit(batch).await.unwrap();
    }
    store.commit(Batch::new().delete(key("a/3"))).await.unwrap();
    let mut found = Vec::new();
    loop {
        let after = found.last().map(|(key, _): &(Key, _)| key);
        let page = store.scan(&key("a"), after, 2).await.unwrap();
        assert!(page.len() <= 2, "a page is over its limit: {page:?}");
        let goes_on = page.first().is_none_or(|(first, _)| after < Some(first));
        assert!(goes_on, "the page after {after:?} starts with {page:?}");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let names: Vec<_> = found.iter().map(|(key, _)| key.to_string()).collect();
    let expected = ["a/0", "a/1", "a/2", "a/4", "a/5", "a/6", "a/last"];
    assert_eq!(names, expected);
    for (key, value) in found {
        assert_eq!(store.get(&key).await.unwrap(), Some(value), "{key}");
    }
}

pub(crate) async fn a_prefix_is_not_a_pattern<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let parts: [&[&str]; 10] = [
        &["a_", "x"],
        &["ab", "x"],
        &["a%", "x"],
        &["abc", "x"],
        &["a*", "x"],
        &["a[b]", "x"],
        &["A_", "x"],
        &["a.", "x"],
        // In the order of UTF-8 and not in that of UTF-16.
        &["order", "\u{fffd}"],
        &["order", "\u{10000}"],
    ];
    let keys: Vec<_> = parts.iter().copied().map(Key::of).collect();
    let batch = keys
        .iter()
        .fold(Batch::new(), |batch, key| batch.put(key.clone(), "1"));
    store.commit(batch).await.unwrap();
    let scan = async |prefix: &Key| {
        let found = store.scan(prefix, None, 99).await.unwrap();
        found.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    for (parts, key) in parts.iter().zip(&keys).take(8) {
        let beneath = scan(&Key::of(&parts[..1])).await;
        assert_eq!(beneath, std::slice::from_ref(key), "beneath {}", parts[0]);
    }
    assert_eq!(scan(&key("order")).await, keys[8..]);
}
