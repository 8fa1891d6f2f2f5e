//! Batches that share a transaction.

use std::time::Duration;

use super::super::files::Files;
use super::super::writer::commit;
use super::*;

fn file(directory: &TempDir) -> StoreFile {
    StoreFile {
        path: directory.path().join("store"),
        wait: Duration::from_secs(5),
    }
}

/// What is in the file, as another connection sees it.
fn kept(file: &StoreFile) -> (u64, u64, u64) {
    let sql = "SELECT (SELECT version FROM store), (SELECT count(*) FROM value), \
                      (SELECT count(*) FROM entry)";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    raw(&file.path).query_row(sql, [], read).unwrap()
}

fn put(name: &str) -> Batch {
    Batch::new().put(key(name), "1").append(log("l"), "1")
}

#[test]
fn a_refused_batch_takes_back_what_it_alone_did() {
    let directory = directory();
    let file = file(&directory);
    let conn = open::writer(&file, true).unwrap();
    let absent = |name: &str| Batch::new().expect(key(name), Expected::Absent);
    // The third is refused for what the first did, and the last goes by what is left.
    let group = [
        put("a"),
        put("b").and(put("c")).sub(key("n"), 1),
        put("d").and(absent("a")),
        absent("b").and(absent("c")).and(absent("d")).and(put("e")),
    ];
    let answers = commit(&conn, &file, &mut Files::default(), group.into_iter());
    let passed: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(passed, [true, false, false, true], "{answers:?}");
    assert_eq!(answers[1].as_ref().unwrap_err().op(), Some(4));
    assert_eq!(answers[2].as_ref().unwrap_err().op(), Some(2));
    let [first, .., last] = &*answers else {
        panic!()
    };
    let (first, last) = (first.as_ref().unwrap(), last.as_ref().unwrap());
    assert!(first.version < last.version);
    assert_eq!((first.appended[0].seq, last.appended[0].seq), (1, 2));
    assert_eq!(kept(&file), (last.version, 2, 2));
}

#[test]
fn a_commit_that_fails_is_the_fault_of_every_batch_and_writes_none() {
    let directory = directory();
    let file = file(&directory);
    let conn = open::writer(&file, true).unwrap();
    // A promise that is looked at when the transaction ends, and does not hold then.
    conn.execute_batch(
        "PRAGMA foreign_keys = on;
         CREATE TEMP TABLE a (id INTEGER PRIMARY KEY);
         CREATE TEMP TABLE b (id INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED);
         CREATE TEMP TRIGGER bad AFTER INSERT ON value WHEN NEW.key = 'bad'
         BEGIN INSERT INTO b VALUES (1); END;",
    )
    .unwrap();
    let refused = put("b").sub(key("n"), 1);
    let group = [put("a"), refused.clone(), put("bad"), put("c")];
    let answers = commit(&conn, &file, &mut Files::default(), group.into_iter());
    assert_eq!(answers.len(), 4);
    for answer in answers {
        assert!(
            matches!(answer, Err(StoreError::Unavailable { .. })),
            "{answer:?}"
        );
    }
    assert_eq!(kept(&file), (0, 0, 0));
    let group = [put("a"), refused, put("c")];
    let answers = commit(&conn, &file, &mut Files::default(), group.into_iter());
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert_eq!(kept(&file), (2, 2, 2));
}

#[test]
fn a_transaction_that_ended_early_is_the_fault_of_every_batch_and_writes_none() {
    let directory = directory();
    let file = file(&directory);
    let conn = open::writer(&file, true).unwrap();
    open::limit(&conn, &file, 100_000).unwrap();
    let large = format!("\"{}\"", "x".repeat(200_000));
    let group = [put("a"), Batch::new().put(key("large"), large), put("c")];
    for answer in commit(&conn, &file, &mut Files::default(), group.into_iter()) {
        let what = unavailable(answer);
        assert!(what.contains("is full"), "{what}");
    }
    assert_eq!(kept(&file), (0, 0, 0));
    assert!(commit(&conn, &file, &mut Files::default(), [put("a")].into_iter())[0].is_ok());
    assert_eq!(kept(&file), (1, 1, 1));
}

#[test]
fn a_statement_is_prepared_once_whatever_is_bound_to_it() {
    let directory = directory();
    let file = file(&directory);
    let conn = open::writer(&file, true).unwrap();
    for round in 0..5 {
        let batches = (0..3).map(|number| Batch::new().append(log(&format!("l{number}")), "1"));
        let answers = commit(
            &conn,
            &file,
            &mut Files::default(),
            batches.collect::<Vec<_>>().into_iter(),
        );
        assert!(answers.iter().all(Result::is_ok), "{round}: {answers:?}");
    }
    let head = conn.prepare_cached(query::HEAD).unwrap();
    let count = |status| head.get_status(status);
    assert!(count(rusqlite::StatementStatus::Run) >= 15);
    assert_eq!(count(rusqlite::StatementStatus::RePrepare), 0);
}
