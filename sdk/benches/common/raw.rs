//! SQLite by itself: what its own commits cost on this disk.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, params};

/// About as long as the entry of a call.
const BODY: usize = 600;

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Names that were not used before, as those of calls are not.
pub(crate) fn fresh() -> String {
    format!("{:0>64x}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An entry of a log.
pub(crate) fn body() -> String {
    format!("\"{}\"", "x".repeat(BODY))
}

/// Tables of the same shape, and the same rows written straight into them.
pub(crate) struct Raw {
    conn: Connection,
    seq: i64,
}

impl Raw {
    pub(crate) fn new(file: &Path) -> Self {
        let conn = Connection::open(file).unwrap();
        conn.execute_batch(
            "PRAGMA journal_mode = wal; PRAGMA synchronous = full;
             CREATE TABLE value (key TEXT PRIMARY KEY, version INTEGER, value TEXT) WITHOUT ROWID;
             CREATE TABLE counter (key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
             CREATE TABLE entry (log TEXT, seq INTEGER, link BLOB, body TEXT, PRIMARY KEY (log, seq)) WITHOUT ROWID;",
        )
        .unwrap();
        Self { conn, seq: 0 }
    }

    /// The rows of so many calls, in one transaction.
    pub(crate) fn write(&mut self, times: u64) {
        let begun = self.conn.transaction().unwrap();
        for _ in 0..times {
            self.seq += 1;
            let run = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
                begun.prepare_cached(sql).unwrap().execute(params).unwrap();
            };
            let key = format!("replay/5f/{}", fresh());
            run(
                "INSERT INTO value VALUES (?1, ?2, 'true')",
                params![key, self.seq],
            );
            let add = "INSERT INTO counter VALUES (?1, 1) ON CONFLICT (key) DO UPDATE SET value = value + 1";
            run(add, params!["budget/calls/all"]);
            run(add, params!["clock/highest"]);
            let entry = "INSERT INTO entry VALUES ('audit', ?1, ?2, ?3)";
            run(entry, params![self.seq, [7_u8; 32], body()]);
        }
        begun.commit().unwrap();
    }
}
