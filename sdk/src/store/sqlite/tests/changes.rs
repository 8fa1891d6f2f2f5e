//! Changes: what they cost, and that their rows do not grow without end.

use rusqlite::StatementStatus;

use super::super::files::Files;
use super::super::watched::Watched;
use super::super::writer::commit;
use super::*;
use crate::store::changes::EMPTY;

fn place(directory: &TempDir) -> StoreFile {
    StoreFile {
        path: directory.path().join("store"),
        wait: Duration::from_secs(5),
    }
}

fn count(conn: &Connection, sql: &str) -> u64 {
    conn.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn another_handle_on_the_file_sees_changes() {
    let directory = directory();
    let path = directory.path().join("store");
    crate::store::conformance::run_shared(async || SqliteStore::open(&path).unwrap()).await;
}

#[test]
fn a_transaction_writes_each_prefix_once() {
    let directory = directory();
    let place = place(&directory);
    let conn = open::writer(&place, true).unwrap();
    conn.execute_batch(
        "CREATE TEMP TABLE written (prefix TEXT);
         CREATE TEMP TRIGGER new AFTER INSERT ON change
         BEGIN INSERT INTO written VALUES (NEW.prefix); END;
         CREATE TEMP TRIGGER old AFTER UPDATE ON change
         BEGIN INSERT INTO written VALUES (NEW.prefix); END;",
    )
    .unwrap();
    for _ in 0..2 {
        let batches: Vec<_> = (0..100)
            .map(|number| Batch::new().put(Key::of(["replay", "t", &number.to_string()]), "1"))
            .collect();
        let answers = commit(&conn, &place, &mut Files::default(), batches.into_iter());
        assert!(answers.iter().all(Result::is_ok));
    }
    assert_eq!(count(&conn, "SELECT count(*) FROM written"), 4);
    let other = Batch::new()
        .add(key("replay/t/1"), 1, None)
        .append(log("l"), "1");
    commit(&conn, &place, &mut Files::default(), [other].into_iter());
    assert_eq!(count(&conn, "SELECT count(*) FROM written"), 4);
}

#[test]
fn a_file_that_has_not_changed_is_asked_without_a_query() {
    let directory = directory();
    let place = place(&directory);
    let writer = open::writer(&place, true).unwrap();
    let put = |name: &str| {
        let batch = [Batch::new().put(key(name), "1")].into_iter();
        let answers = commit(&writer, &place, &mut Files::default(), batch);
        answers[0].as_ref().unwrap().version
    };
    let reader = open::reader(&place).unwrap();
    let mut watched = Watched::default();
    let mut last = |prefix: &str| watched.last(&reader, key(prefix)).unwrap();
    let queries = || {
        let statement = reader.prepare_cached(query::CHANGED).unwrap();
        statement.get_status(StatementStatus::Run)
    };
    let first = put("a/1");
    for _ in 0..10 {
        assert_eq!((last("a"), last("b")), (first, 0));
    }
    assert_eq!(queries(), 2);
    let second = put("b/1");
    for _ in 0..10 {
        assert_eq!((last("a"), last("b")), (first, second));
    }
    assert_eq!(queries(), 4);
    // How many answers are remembered is bounded.
    for number in 0..3000 {
        last(&format!("c/{number}"));
    }
    assert!(watched.remembered() <= 1024);
}

#[test]
fn prefixes_beneath_which_nothing_is_left_do_not_pile_up() {
    let directory = directory();
    let place = place(&directory);
    let conn = open::writer(&place, true).unwrap();
    conn.pragma_update(None, "synchronous", "off").unwrap();
    let write = |batches: Vec<Batch>| {
        let answers = commit(&conn, &place, &mut Files::default(), batches.into_iter());
        answers.last().unwrap().as_ref().unwrap().version
    };
    let live = write(vec![Batch::new().put(key("live/x/1"), "1")]);
    let mut last = 0;
    for number in 0..2 * EMPTY {
        let name = Key::of(["run", &number.to_string(), "agents"]);
        let put = Batch::new().put(name.clone(), "1");
        // What is put and removed within one transaction leaves nothing either.
        last = write(vec![put, Batch::new().delete(name)]);
    }
    // Of two prefixes in each transaction nothing is left: `run`, and the one beneath it.
    let rows = |table: &str| count(&conn, &format!("SELECT count(*) FROM {table}"));
    let most = EMPTY as u64;
    assert!(rows("emptied") <= most, "{}", rows("emptied"));
    let known = rows("change");
    assert!(known > most / 3 && known < most, "{known}");
    let changed = |prefix: &str| query::changed(&conn, &key(prefix)).unwrap();
    assert_eq!((changed("live"), changed("live/x")), (live, live));
    let newest = format!("run/{}", 2 * EMPTY - 1);
    assert_eq!((changed("run"), changed(&newest)), (last, last));
    // A change that was forgotten is answered for by the latest one that was.
    let forgotten = count(&conn, "SELECT forgotten FROM store");
    assert!(forgotten > live && forgotten < last, "{forgotten}");
    assert_eq!(changed("run/0"), forgotten);
    let oldest = count(&conn, "SELECT min(version) FROM emptied");
    assert!(forgotten < oldest);
    // A prefix beneath which there are values again is not forgotten.
    let again = write(vec![
        Batch::new().put(key(&format!("{newest}/agents")), "1"),
    ]);
    for number in 0..EMPTY {
        let name = Key::of(["box", &number.to_string(), "1"]);
        let put = Batch::new().put(name.clone(), "1");
        write(vec![put, Batch::new().delete(name)]);
    }
    assert!(count(&conn, "SELECT forgotten FROM store") > again);
    assert_eq!((changed("run"), changed(&newest)), (again, again));
    assert_eq!((changed("live"), changed("live/x")), (live, live));
    assert!(rows("emptied") <= most && rows("change") < most);
}
