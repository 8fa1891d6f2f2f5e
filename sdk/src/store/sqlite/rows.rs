//! A batch inside a transaction of SQLite.

use rusqlite::{Connection, Params, params};

use super::fault::StoreFile;
use super::query::{self, Count};
use crate::store::apply::Rows;
use crate::store::{Entry, Head, Key, LogName, StoreError, Versioned};

/// What a batch reads and writes, in the transaction that is open.
pub(super) struct Open<'a> {
    pub(super) conn: &'a Connection,
    pub(super) file: &'a StoreFile,
}

impl Open<'_> {
    fn read<T>(&self, rows: rusqlite::Result<T>) -> Result<T, StoreError> {
        rows.map_err(|error| self.file.fault(&error))
    }

    pub(super) fn run(&self, sql: &str, params: impl Params) -> Result<(), StoreError> {
        let done = self.conn.prepare_cached(sql);
        let done = done.and_then(|mut statement| statement.execute(params));
        self.read(done.map(drop))
    }

    /// The version of the last commit.
    pub(super) fn version(&self) -> Result<u64, StoreError> {
        let found = self.conn.prepare_cached("SELECT version FROM store");
        self.read(found.and_then(|mut statement| statement.query_row([], |row| row.get(0))))
    }

    pub(super) fn set_version(&self, version: u64) -> Result<(), StoreError> {
        self.run("UPDATE store SET version = ?1", [version])
    }
}

impl Rows for Open<'_> {
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        self.read(query::value(self.conn, key))
    }

    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError> {
        let Some(Versioned { version, value }) = value else {
            return self.run("DELETE FROM value WHERE key = ?1", [key.as_str()]);
        };
        let sql = "INSERT INTO value (key, version, value) VALUES (?1, ?2, ?3) \
                   ON CONFLICT (key) DO UPDATE SET version = ?2, value = ?3";
        self.run(sql, params![key.as_str(), version, value])
    }

    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError> {
        self.read(query::counter(self.conn, counter))
    }

    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError> {
        if value == 0 {
            return self.run("DELETE FROM counter WHERE key = ?1", [counter.as_str()]);
        }
        let sql = "INSERT INTO counter (key, value) VALUES (?1, ?2) \
                   ON CONFLICT (key) DO UPDATE SET value = ?2";
        self.run(sql, params![counter.as_str(), Count(value)])
    }

    fn head(&mut self, log: &LogName) -> Result<Head, StoreError> {
        self.read(query::head(self.conn, log))
    }

    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError> {
        let Entry { seq, link, body } = entry;
        // SQLite counts to 2^63.
        let seq = i64::try_from(seq).map_err(|_| StoreError::Full)?;
        let sql = "INSERT INTO entry (log, seq, link, body) VALUES (?1, ?2, ?3, ?4)";
        self.run(sql, params![log.as_str(), seq, link.as_bytes(), body])
    }
}
