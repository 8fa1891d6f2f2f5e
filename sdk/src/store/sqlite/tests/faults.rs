//! Files that cannot be used: the error says so, and nothing is half written.

use super::*;

#[tokio::test]
async fn a_locked_file_refuses_commits_and_is_read_meanwhile() {
    let directory = directory();
    let path = directory.path().join("store");
    let wait = Duration::from_millis(50);
    let store = SqliteStore::builder(&path).wait(wait).open().unwrap();
    let add = || Batch::new().add(key("n"), 1, None);
    store.commit(add()).await.unwrap();
    let other = raw(&path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..2 {
        let what = unavailable(store.commit(add()).await);
        assert!(what.contains("is locked by another process"), "{what}");
    }
    assert_eq!(store.counter(&key("n")).await.unwrap(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(add()).await.unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 2);
}

#[tokio::test]
async fn a_full_store_refuses_what_needs_room_and_goes_on_once_there_is_some() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::builder(&path)
        .max_bytes(200_000)
        .open()
        .unwrap();
    let put = |number: usize| {
        let value = format!("\"{}\"", "x".repeat(3000));
        Batch::new()
            .add(key("n"), 1, None)
            .put(Key::of(["v", &format!("{number:04}")]), value)
    };
    let mut kept = 0;
    let what = loop {
        match store.commit(put(kept)).await {
            Ok(_) => kept += 1,
            Err(error) => break unavailable::<()>(Err(error)),
        }
        assert!(kept < 1000, "there is no end to it");
    };
    assert!(what.contains("is full") && kept > 20, "{kept}: {what}");
    let found = async || {
        let values = store.scan(&key("v"), None, usize::MAX).await.unwrap();
        (values.len(), store.counter(&key("n")).await.unwrap())
    };
    assert_eq!(found().await, (kept, kept as u64), "nothing by half");
    // What needs no room is still done.
    let small = Batch::new().add(key("n"), 1, None);
    store.commit(small).await.unwrap();
    assert!(unavailable(store.commit(put(kept)).await).contains("is full"));
    let less = Batch::new().sub(key("n"), 1);
    store.commit(less).await.unwrap();
    let gone = (0..10).fold(Batch::new(), |batch, n| {
        batch.delete(Key::of(["v", &format!("{n:04}")]))
    });
    store.commit(gone).await.unwrap();
    store.commit(put(kept)).await.unwrap();
    assert_eq!(found().await, (kept - 9, kept as u64 + 1));
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_not_an_answer() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    for number in 0..200 {
        let body = format!("\"{}\"", "x".repeat(1000));
        let batch = Batch::new().put(Key::of(["v", &number.to_string()]), &*body);
        store.commit(batch.append(log("l"), body)).await.unwrap();
    }
    drop(store);
    wait_for_the_end(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    // Beyond the pages that say which tables there are.
    bytes[20 * 4096..].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    let read = store.log(&log("l"), 0, 99).await;
    assert!(unavailable(read).contains("is damaged"));
    let written = store.commit(Batch::new().append(log("l"), "1")).await;
    assert!(unavailable(written).contains("is damaged"));
}

#[tokio::test]
async fn rows_that_another_hand_wrote_are_an_error_and_not_an_answer() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    let other = raw(&path);
    other
        .execute_batch(
            "INSERT INTO counter VALUES ('minus', -1), ('word', 'many');
             INSERT INTO value VALUES ('a//b', 1, '1');",
        )
        .unwrap();
    for name in ["minus", "word"] {
        let read = unavailable(store.counter(&key(name)).await);
        assert!(read.contains("did not write"), "{read}");
        let add = Batch::new().add(key(name), 1, None);
        assert!(unavailable(store.commit(add).await).contains("did not write"));
    }
    assert!(unavailable(store.scan(&Key::root(), None, 9).await).contains("did not write"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_moved_away_is_written_no_more() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    let add = || Batch::new().add(key("n"), 1, None);
    store.commit(add()).await.unwrap();
    let away = directory.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    assert!(unavailable(store.commit(add()).await).contains("was moved"));
    std::fs::write(&path, "").unwrap();
    assert!(unavailable(store.commit(add()).await).contains("was moved"));
    std::fs::rename(&away, &path).unwrap();
    store.commit(add()).await.unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_was_removed_is_noticed_and_what_it_held_is_kept() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    let add = || Batch::new().add(key("n"), 1, None);
    store.commit(add()).await.unwrap();
    store.commit(add()).await.unwrap();
    std::fs::remove_file(directory.path().join("store-wal")).unwrap();
    for _ in 0..2 {
        let what = unavailable(store.commit(add()).await);
        for part in ["-wal", "removed or replaced", "end every process"] {
            assert!(what.contains(part), "{what}");
        }
    }
    drop(store);
    // The last of its threads takes this one away.
    let shared = directory.path().join("store-shm");
    for _ in 0..2000 {
        if !shared.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 2);
    store.commit(add()).await.unwrap();
    assert_eq!(store.counter(&key("n")).await.unwrap(), 3);
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_was_replaced_is_written_no_more() {
    let directory = directory();
    let path = directory.path().join("store");
    let store = SqliteStore::open(&path).unwrap();
    let add = || Batch::new().add(key("n"), 1, None);
    store.commit(add()).await.unwrap();
    let log = directory.path().join("store-wal");
    let away = directory.path().join("away");
    std::fs::rename(&log, &away).unwrap();
    std::fs::write(&log, "").unwrap();
    assert!(unavailable(store.commit(add()).await).contains("-wal"));
    // It does not go on by itself: what others did meanwhile is not known.
    std::fs::rename(&away, &log).unwrap();
    assert!(unavailable(store.commit(add()).await).contains("-wal"));
}
