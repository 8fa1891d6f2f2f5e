//! A batch inside a transaction of SQLite.

use rusqlite::{Connection, Params, params};

use super::changes::{How, Noted, Touched};
use super::fault::StoreFile;
use super::query::{self, Count};
use crate::store::apply::Rows;
use crate::store::{Entry, Head, Key, LogName, StoreError, Versioned};

/// The transaction that is open.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    pub(super) conn: &'a Connection,
    pub(super) file: &'a StoreFile,
}

impl Open<'_> {
    fn read<T>(&self, rows: rusqlite::Result<T>) -> Result<T, StoreError> {
        rows.map_err(|error| self.file.fault(&error))
    }

    /// Runs a statement, and gives the number of rows that it changed.
    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let done = self.conn.prepare_cached(sql);
        self.read(done.and_then(|mut statement| statement.execute(params)))
    }

    /// The version of the last commit.
    pub(super) fn version(&self) -> Result<u64, StoreError> {
        let found = self.conn.prepare_cached("SELECT version FROM store");
        self.read(found.and_then(|mut statement| statement.query_row([], |row| row.get(0))))
    }

    /// Writes the version of the last commit, and what has changed since the one before the transaction.
    pub(super) fn set_version(&self, version: u64, noted: Noted) -> Result<(), StoreError> {
        let last = self.read(noted.write(self.conn))?;
        let sql = "UPDATE store SET version = ?1, noted = ?1, changed = coalesce(?2, changed)";
        self.run(sql, params![version, last]).map(drop)
    }
}

/// What a batch reads and writes, in the transaction that is open.
pub(super) struct BatchRows<'a> {
    open: Open<'a>,
    touched: Touched,
}

impl<'a> BatchRows<'a> {
    pub(super) fn new(open: Open<'a>) -> Self {
        let touched = Touched::default();
        Self { open, touched }
    }

    /// The values that the batch has put or removed.
    pub(super) fn touched(self) -> Touched {
        self.touched
    }
}

impl Rows for BatchRows<'_> {
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.open.read(query::value(self.open.conn, key))
    }

    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError> {
        let Some(Versioned { version, value }) = value else {
            let sql = "DELETE FROM value WHERE key = ?1";
            if self.open.run(sql, [key.as_str()])? > 0 {
                self.touched.push(key, How::Removed);
            }
            return Ok(());
        };
        let sql = "INSERT INTO value (key, version, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (key) DO UPDATE SET version = ?2, value = ?3";
        self.open.run(sql, params![key.as_str(), version, value])?;
        self.touched.push(key, How::Put);
        Ok(())
    }

    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError> {
        self.open.read(query::counter(self.open.conn, counter))
    }

    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError> {
        if value == 0 {
            let sql = "DELETE FROM counter WHERE key = ?1";
            return self.open.run(sql, [counter.as_str()]).map(drop);
        }
        let sql = "INSERT INTO counter (key, value) VALUES (?1, ?2) \
                   ON CONFLICT (key) DO UPDATE SET value = ?2";
        let counted = params![counter.as_str(), Count(value)];
        self.open.run(sql, counted).map(drop)
    }

    fn head(&mut self, log: &LogName) -> Result<Head, StoreError> {
        self.open.read(query::head(self.open.conn, log))
    }

    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError> {
        let Entry { seq, link, body } = entry;
        // SQLite counts to 2^63.
        let seq = i64::try_from(seq).map_err(|_| StoreError::Full)?;
        let sql = "INSERT INTO entry (log, seq, link, body) VALUES (?1, ?2, ?3, ?4)";
        let entry = params![log.as_str(), seq, link.as_bytes(), body];
        self.open.run(sql, entry).map(drop)
    }
}
