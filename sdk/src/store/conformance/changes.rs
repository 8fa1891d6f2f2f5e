//! Changes: which commits are seen beneath which prefix.

use std::time::Duration;

use super::{key, log};
use crate::store::{Batch, Key, Store};

/// What the store says of a prefix.
async fn changed(store: &impl Store, prefix: &str, since: u64) -> Option<u64> {
    let prefix = match prefix {
        "" => Key::root(),
        prefix => key(prefix),
    };
    store.changed(&prefix, since).await.unwrap()
}

pub(crate) async fn a_change_beneath_a_prefix_is_seen<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    for prefix in ["", "a", "a/b"] {
        assert_eq!(changed(&store, prefix, 0).await, None, "nothing is kept");
    }
    let mut since = store.commit(Batch::new()).await.unwrap().version;
    let one = || Batch::new().put(key("a/b/1"), "1");
    let several = Batch::new()
        .put(key("a/b/2"), "1")
        .put(key("a/b/3/x"), "1")
        .delete(key("a/b/1"));
    let removals = Batch::new()
        .delete(key("a/b/2"))
        .delete(key("a/b/3/x"))
        .delete(key("a/b/1"));
    for (what, batch) in [
        ("a value is put", one()),
        ("it is put again", one()),
        ("it is removed", Batch::new().delete(key("a/b/1"))),
        ("it returns", one()),
        ("several change", several),
        ("every value is removed", removals),
        ("and one returns", one()),
        (
            "it is removed and put in one batch",
            Batch::new().delete(key("a/b/1")).and(one()),
        ),
    ] {
        let version = store.commit(batch).await.unwrap().version;
        for prefix in ["", "a", "a/b"] {
            let seen = changed(&store, prefix, since).await;
            assert_eq!(seen, Some(version), "beneath `{prefix}`: {what}");
            assert_eq!(changed(&store, prefix, 0).await, Some(version), "{what}");
            let after = changed(&store, prefix, version).await;
            assert_eq!(after, None, "beneath `{prefix}`, after: {what}");
        }
        // What is deeper may be answered for what is above it.
        let deeper = store.commit(Batch::new().put(key("a/b/c/d"), "1"));
        let deeper = deeper.await.unwrap().version;
        assert_eq!(changed(&store, "a/b/c", version).await, Some(deeper));
        let gone = store.commit(Batch::new().delete(key("a/b/c/d")));
        let gone = gone.await.unwrap().version;
        assert_eq!(changed(&store, "a/b/c", deeper).await, Some(gone));
        assert_eq!(changed(&store, "a/b/c", gone).await, None);
        since = gone;
    }
    let prefix = key("a");
    let waited = store.wait_for_change(&prefix, 0, Duration::from_secs(3600));
    assert_eq!(waited.await.unwrap(), since);
}

pub(crate) async fn a_change_elsewhere_is_not_seen<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let names = ["replay/1", "replay/x/1", "replay/y/1", "other/1"];
    let values = names.iter().fold(Batch::new(), |batch, name| {
        batch.put(key(name), "1").add(key(name), 5, None)
    });
    let since = store.commit(values).await.unwrap().version;
    let neighbours = [
        "replayed/1",
        "replay!/1",
        "replay0/1",
        "replay",
        "repla/y/1",
        "Replay/1",
        "a/replay/1",
    ];
    for name in neighbours {
        for batch in [
            Batch::new().put(key(name), "1"),
            Batch::new().delete(key(name)),
        ] {
            store.commit(batch).await.unwrap();
            for prefix in ["replay", "replay/x"] {
                let seen = changed(&store, prefix, since).await;
                assert_eq!(seen, None, "`{name}` is not beneath `{prefix}`");
            }
        }
    }
    let everywhere = store.commit(Batch::new().put(key("top"), "1"));
    let everywhere = everywhere.await.unwrap().version;
    let beside = [
        ("a counter", Batch::new().add(key("replay/x/1"), 1, None)),
        ("a counter", Batch::new().sub(key("replay/x/1"), 1)),
        ("a counter", Batch::new().raise(key("replay/x/1"), 9)),
        ("a log", Batch::new().append(log("replay/x/1"), "1")),
        (
            "an absent value",
            Batch::new().delete(key("replay/x/absent")),
        ),
        ("nothing", Batch::new()),
    ];
    for (what, batch) in beside {
        store.commit(batch).await.unwrap();
        for prefix in ["replay", "replay/x"] {
            let seen = changed(&store, prefix, since).await;
            assert_eq!(seen, None, "beneath `{prefix}`, after {what}");
        }
        let seen = changed(&store, "", everywhere).await;
        assert_eq!(seen, None, "anywhere, after {what}");
    }
    let refused = Batch::new()
        .put(key("replay/x/2"), "1")
        .delete(key("replay/x/1"))
        .sub(key("short"), 1);
    store.commit(refused).await.unwrap_err();
    assert_eq!(changed(&store, "replay/x", since).await, None, "refused");
    // Another prefix beneath the same one.
    let other = store.commit(Batch::new().put(key("replay/y/2"), "1"));
    let other = other.await.unwrap().version;
    assert_eq!(changed(&store, "replay/x", since).await, None);
    assert_eq!(changed(&store, "replay/y", since).await, Some(other));
    assert_eq!(changed(&store, "replay", since).await, Some(other));
}

pub(crate) async fn changes_are_seen_after_a_version_alone<S: Store>(make: impl AsyncFn() -> S) {
    let store = make().await;
    let put = |name: &str| Batch::new().put(key(name), "1");
    let first = store.commit(put("a/1")).await.unwrap().version;
    let second = store.commit(put("b/1")).await.unwrap().version;
    let third = store.commit(put("a/2")).await.unwrap().version;
    for since in [0, first, second] {
        assert_eq!(changed(&store, "a", since).await, Some(third), "{since}");
    }
    assert_eq!(changed(&store, "b", first).await, Some(second));
    for since in [second, third] {
        assert_eq!(changed(&store, "b", since).await, None, "{since}");
    }
    // Versions that the store has not given yet, up to the highest of all.
    for since in [third, third + 1, u64::MAX / 2, u64::MAX] {
        for prefix in ["", "a", "b", "never"] {
            assert_eq!(changed(&store, prefix, since).await, None, "{since}");
        }
    }
    // A commit that puts nothing gives a version too.
    let counted = store.commit(Batch::new().add(key("n"), 1, None)).await;
    let counted = counted.unwrap().version;
    assert_eq!(changed(&store, "a", counted).await, None);
    let next = store.commit(put("a/1")).await.unwrap().version;
    assert_eq!(changed(&store, "a", counted).await, Some(next));
}

pub(super) async fn a_change_by_another_handle_is_seen<S: Store>(open: impl AsyncFn() -> S) {
    let (one, two) = (open().await, open().await);
    let put = |name: &str| Batch::new().put(key(name), "1");
    let mut since = one.commit(put("a/1")).await.unwrap().version;
    for (writer, reader) in [(&one, &two), (&two, &one)] {
        assert_eq!(changed(reader, "a", since).await, None);
        for batch in [put("a/2"), Batch::new().delete(key("a/2")), put("a/1")] {
            let version = writer.commit(batch).await.unwrap().version;
            assert_eq!(changed(reader, "a", since).await, Some(version));
            assert_eq!(changed(reader, "a", version).await, None);
            writer.commit(put("b/1")).await.unwrap();
            assert_eq!(changed(reader, "a", version).await, None);
            since = version;
        }
    }
    // A change that is made while another handle waits ends the waiting.
    let prefix = key("a");
    let waits = one.wait_for_change(&prefix, since, Duration::from_millis(1));
    let changes = async {
        tokio::task::yield_now().await;
        two.commit(Batch::new().delete(key("a/1"))).await.unwrap()
    };
    let (waited, committed) = tokio::join!(waits, changes);
    assert_eq!(waited.unwrap(), committed.version);
}
