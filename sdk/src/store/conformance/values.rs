//! Values: versions, and the text that is kept.

use super::{key, log, text};
use crate::store::{Batch, Expected, Store, StoreError};

pub(crate) async fn a_version_is_expected_once<S: Store>(make: impl AsyncFn() -> S) {
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

pub(crate) async fn a_version_does_not_return_after_a_delete<S: Store>(make: impl AsyncFn() -> S) {
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

pub(crate) async fn only_one_line_of_json_is_kept<S: Store>(make: impl AsyncFn() -> S) {
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
                "{bad:?} is refused for another reason: {error}"
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

pub(crate) async fn versions_grow_with_every_commit_that_puts<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let mut last = None;
    for number in 0..5 {
        let others = [
            Batch::new().add(key("n"), 1, None),
            Batch::new().append(log("l"), "1"),
            Batch::new().delete(key("absent")),
        ];
        for other in others {
            store.commit(other).await.unwrap();
        }
        let refused = Batch::new().put(key("a"), "0").sub(key("short"), 1);
        store.commit(refused).await.unwrap_err();
        let put = Batch::new()
            .put(key("a"), number.to_string())
            .put(key("b"), "1")
            .put(key("b"), "2");
        let version = store.commit(put).await.unwrap().version;
        assert!(last < Some(version), "{last:?} is followed by {version}");
        last = Some(version);
        // One version for all that a batch puts.
        for name in ["a", "b"] {
            let found = store.get(&key(name)).await.unwrap().unwrap();
            assert_eq!(found.version, version, "{name}");
        }
    }
}

pub(crate) async fn texts_are_kept_byte_by_byte<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let long = format!("\"{}\"", "\u{e9}x".repeat(100_000));
    let texts = [
        r#"{"b":1, "a":2}"#,
        r#"{"a":1,"a":2}"#,
        r#" [ 1.0 , 1e2 , -0 ] "#,
        "123456789012345678901234567890.5",
        r#""\u0041\/\u00e9""#,
        r#""\u0000""#,
        "\"\u{e9}e\u{301}\u{1f600}\"",
        r#""'; DROP TABLE value; --""#,
        "\"\u{7f}\u{85}\u{2028}\"",
        &long,
    ];
    for expected in texts {
        let batch = Batch::new()
            .put(key("a"), expected)
            .append(log("a"), expected);
        store.commit(batch).await.unwrap();
        let value = text(&store, &key("a")).await.unwrap();
        let body = store
            .log(&log("a"), 0, 99)
            .await
            .unwrap()
            .pop()
            .unwrap()
            .body;
        let start: String = expected.chars().take(60).collect();
        assert!(
            value == expected,
            "the value {start} is kept as another text"
        );
        assert!(
            body == expected,
            "the entry {start} is kept as another text"
        );
    }
}
