//! Whose file it is, and how it is made.

use super::*;

#[tokio::test]
async fn a_file_of_another_kind_is_refused_and_left_as_it_is() {
    let directory = directory();
    let path = |name: &str| directory.path().join(name);
    let make = |name: &str, sql: &str| {
        raw(&path(name)).execute_batch(sql).unwrap();
        name.to_owned()
    };
    drop(SqliteStore::open(path("newer")).unwrap());
    drop(SqliteStore::open(path("older")).unwrap());
    std::fs::write(
        path("text"),
        "not a database, but long enough to be looked at\n".repeat(99),
    )
    .unwrap();
    // The threads of a store that was dropped may end later, and then bring into the file what is still
    // in the log beside it: it is brought there now.
    let version =
        |version: i32| format!("PRAGMA user_version = {version}; PRAGMA wal_checkpoint(TRUNCATE)");
    for (name, expected) in [
        (
            make("newer", &version(4)),
            "has version 4 and this build writes version 3",
        ),
        (make("older", &version(-1)), "has version -1"),
        (
            make("theirs", "CREATE TABLE t (a); INSERT INTO t VALUES (1)"),
            "of another application",
        ),
        (
            make("tagged", "PRAGMA application_id = 7"),
            "of another application",
        ),
        (
            make("versioned", "PRAGMA user_version = 1"),
            "of another application",
        ),
        (
            make(
                "theirs-wal",
                "PRAGMA journal_mode = wal; CREATE TABLE t (a)",
            ),
            "of another application",
        ),
        ("text".to_owned(), "is not an SQLite database"),
    ] {
        let before = std::fs::read(path(&name)).unwrap();
        let what = unavailable(SqliteStore::open(path(&name)));
        assert!(what.contains(expected), "{what}");
        assert!(what.contains(path(&name).to_str().unwrap()), "{what}");
        assert_eq!(std::fs::read(path(&name)).unwrap(), before, "{name}");
    }
}

#[tokio::test]
async fn another_ones_log_is_not_written_into_its_file() {
    let directory = directory();
    let path = directory.path().join("theirs");
    // As a process leaves them that was killed: what it wrote is in the log beside the file.
    let (file, wal) = (path.clone(), directory.path().join("theirs-wal"));
    let open = raw(&file);
    open.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (a)",
    )
    .unwrap();
    let copy = [&file, &wal].map(|path| std::fs::read(path).unwrap());
    drop(open);
    for (path, bytes) in [&file, &wal].into_iter().zip(&copy) {
        std::fs::write(path, bytes).unwrap();
    }
    assert!(unavailable(SqliteStore::open(&path)).contains("of another application"));
    assert_eq!([&file, &wal].map(|path| std::fs::read(path).unwrap()), copy);
}

#[tokio::test]
async fn a_path_where_nothing_can_be_is_an_error() {
    let directory = directory();
    let nowhere = directory.path().join("no/such/directory/store");
    assert!(unavailable(SqliteStore::open(&nowhere)).contains("cannot be made"));
    let missing = SqliteStore::builder(directory.path().join("none")).must_exist();
    assert!(unavailable(missing.open()).contains("cannot be opened"));
    assert!(!directory.path().join("none").exists());
    assert!(unavailable(SqliteStore::open(directory.path())).contains("cannot be opened"));
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_its_owners_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let path = directory.path().join("store");
    let _open = SqliteStore::open(&path).unwrap();
    for name in ["store", "store-wal", "store-shm"] {
        let meta = std::fs::metadata(directory.path().join(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_file_is_made_once_though_many_open_it() {
    let directory = directory();
    for round in 0..10 {
        let path = directory.path().join(round.to_string());
        std::thread::scope(|threads| {
            for _ in 0..6 {
                threads.spawn(|| SqliteStore::open(&path).unwrap());
            }
        });
        let tables: u32 = raw(&path)
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(tables, 6);
    }
}
