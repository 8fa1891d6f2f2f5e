//! Logs: numbers, links and pages.

use super::log;
use crate::store::{Batch, Entry, Head, LogName, Store};

/// Holds the links against their definition, written out once more.
pub(super) fn assert_linked(name: &LogName, entries: &[Entry]) {
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

pub(crate) async fn logs_are_numbered_and_linked<S: Store>(make: impl AsyncFn() -> S) {
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

pub(crate) async fn logs_are_read_in_pages<S: Store>(make: impl AsyncFn() -> S) {
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
