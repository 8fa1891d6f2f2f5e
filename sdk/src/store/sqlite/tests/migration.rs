//! Files of earlier builds are brought to the version of this one.

use super::*;

/// A file of version 2 as an earlier build left it, at version 7 of its commits.
fn of_version_2(path: &Path) {
    let conn = raw(path);
    conn.execute_batch(include_str!("../schema-1.sql")).unwrap();
    conn.execute_batch(include_str!("../schema-2.sql")).unwrap();
    conn.execute_batch(
        "PRAGMA application_id = 0x424c574b;
         PRAGMA user_version = 2;
         INSERT INTO value VALUES ('runs/a', 3, '1'), ('run/a/agents/b', 7, '2');
         INSERT INTO counter VALUES ('clock/highest', 5);
         UPDATE store SET version = 7;",
    )
    .unwrap();
}

/// What is in a file that this build has not opened.
fn version(path: &Path) -> (u32, u64) {
    let sql = "SELECT (SELECT user_version FROM pragma_user_version), version FROM store";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    raw(path).query_row(sql, [], read).unwrap()
}

#[tokio::test]
async fn a_file_of_version_2_is_migrated_and_no_earlier_change_is_missed() {
    let directory = directory();
    let path = directory.path().join("store");
    of_version_2(&path);
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(version(&path), (3, 7));
    let value = store.get(&key("run/a/agents/b")).await.unwrap().unwrap();
    assert_eq!((value.version, &*value.value), (7, "2"));
    assert_eq!(store.counter(&key("clock/highest")).await.unwrap(), 5);
    // What an earlier build removed is not known, so everything counts as changed by its last commit.
    for prefix in ["run/a", "run", "runs", "revoked"].map(key) {
        assert_eq!(store.changed(&prefix, 6).await.unwrap(), Some(7));
        assert_eq!(store.changed(&prefix, 7).await.unwrap(), None);
    }
    assert_eq!(store.changed(&Key::root(), 6).await.unwrap(), Some(7));
    assert_eq!(store.changed(&Key::root(), 7).await.unwrap(), None);
    let removed = store.commit(Batch::new().delete(key("runs/a"))).await;
    assert_eq!(removed.unwrap().version, 8);
    assert_eq!(store.changed(&key("runs"), 7).await.unwrap(), Some(8));
    assert_eq!(store.changed(&key("run"), 7).await.unwrap(), None);
}

#[tokio::test]
async fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let directory = directory();
    let path = directory.path().join("store");
    of_version_2(&path);
    // The table of version 3 cannot be made beside this one; the columns before it can.
    raw(&path).execute_batch("CREATE TABLE change (a)").unwrap();
    let what = unavailable(SqliteStore::open(&path));
    assert!(what.contains("already exists"), "{what}");
    assert_eq!(version(&path), (2, 7));
    let columns: u32 = raw(&path)
        .query_row(
            "SELECT count(*) FROM pragma_table_info('store')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(columns, 2);
    raw(&path).execute_batch("DROP TABLE change").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(version(&path), (3, 7));
    store
        .commit(Batch::new().put(key("a/b"), "1"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_process_of_an_earlier_build_writes_no_more_after_a_migration() {
    let directory = directory();
    let path = directory.path().join("store");
    of_version_2(&path);
    // The statements of the earlier build, on a connection that it opened before the migration.
    let earlier = raw(&path);
    let commit = |value: &str| {
        earlier.execute_batch(&format!(
            "BEGIN IMMEDIATE; UPDATE value SET value = '{value}' WHERE key = 'runs/a';
             UPDATE store SET version = version + 1; COMMIT;"
        ))
    };
    commit("8").unwrap();
    let store = SqliteStore::open(&path).unwrap();
    let refused = commit("9").unwrap_err().to_string();
    assert!(refused.contains("start the process again"), "{refused}");
    earlier.execute_batch("ROLLBACK").unwrap();
    let value = store.get(&key("runs/a")).await.unwrap().unwrap();
    assert_eq!(value.value, "8");
    assert_eq!(store.changed(&key("runs"), 8).await.unwrap(), None);
    store
        .commit(Batch::new().put(key("runs/a"), "9"))
        .await
        .unwrap();
    assert_eq!(store.changed(&key("runs"), 8).await.unwrap(), Some(9));
}
