//! What is read, by the writer inside its transaction and by the readers beside it.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::store::{Entry, Head, Key, LogLink, LogName, Versioned};

pub(super) fn value(conn: &Connection, key: &Key) -> Result<Option<Versioned>> {
    let sql = "SELECT version, value FROM value WHERE key = ?1";
    let read = |row: &Row<'_>| {
        let (version, value) = (row.get(0)?, row.get(1)?);
        Ok(Versioned { version, value })
    };
    conn.prepare_cached(sql)?
        .query_row([key.as_str()], read)
        .optional()
}

pub(super) fn counter(conn: &Connection, counter: &Key) -> Result<u64> {
    let sql = "SELECT value FROM counter WHERE key = ?1";
    let count = conn
        .prepare_cached(sql)?
        .query_row([counter.as_str()], |row| row.get::<_, Count>(0))
        .optional()?;
    Ok(count.map_or(0, |Count(count)| count))
}

/// The last entry of a log.
pub(super) const HEAD: &str =
    "SELECT seq, link FROM entry WHERE log = ?1 ORDER BY seq DESC LIMIT 1";

pub(super) fn head(conn: &Connection, log: &LogName) -> Result<Head> {
    let read = |row: &Row<'_>| {
        let (seq, link) = (row.get(0)?, link(row, 1)?);
        Ok(Head { seq, link })
    };
    let head = conn
        .prepare_cached(HEAD)?
        .query_row([log.as_str()], read)
        .optional()?;
    Ok(head.unwrap_or_else(|| Head::empty(log)))
}

pub(super) fn scan(
    conn: &Connection,
    prefix: &Key,
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<(Key, Versioned)>> {
    let beneath = prefix.beneath();
    let after = after.map_or("", Key::as_str).max(&beneath);
    // Bytes of UTF-8 are compared, as `Key` compares them. The end is looked for here: SQL has no
    // word for "starts with" that uses the order of the keys.
    let sql = "SELECT key, version, value FROM value WHERE key > ?1 ORDER BY key";
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query([after])?;
    let mut found = Vec::new();
    while found.len() < limit {
        let Some(row) = rows.next()? else { break };
        let text: String = row.get(0)?;
        if !text.starts_with(&beneath) {
            break;
        }
        let key = text.parse().map_err(|error| strange(0, error))?;
        let (version, value) = (row.get(1)?, row.get(2)?);
        found.push((key, Versioned { version, value }));
    }
    Ok(found)
}

pub(super) fn log(
    conn: &Connection,
    log: &LogName,
    after: u64,
    limit: usize,
) -> Result<Vec<Entry>> {
    let sql = "SELECT seq, link, body FROM entry WHERE log = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
    let (after, limit) = (most(after), most(limit));
    let read = |row: &Row<'_>| {
        let (seq, link, body) = (row.get(0)?, link(row, 1)?, row.get(2)?);
        Ok(Entry { seq, link, body })
    };
    conn.prepare_cached(sql)?
        .query_map(params![log.as_str(), after, limit], read)?
        .collect()
}

/// The version of the last change beneath a prefix, as it is noted.
pub(super) const CHANGED: &str =
    "SELECT coalesce((SELECT version FROM change WHERE prefix = ?1), forgotten) FROM store";

/// The version of the last change beneath a prefix of at most two parts.
pub(super) fn changed(conn: &Connection, prefix: &Key) -> Result<u64> {
    if *prefix == Key::root() {
        let mut last = conn.prepare_cached("SELECT changed FROM store")?;
        return last.query_row([], |row| row.get(0));
    }
    conn.prepare_cached(CHANGED)?
        .query_row([prefix.as_str()], |row| row.get(0))
}

/// The largest integer of SQLite stands for every larger one.
fn most(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

fn link(row: &Row<'_>, column: usize) -> Result<LogLink> {
    row.get::<_, [u8; 32]>(column).map(LogLink::from)
}

fn strange(
    column: usize,
    error: impl std::error::Error + Send + Sync + 'static,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

/// A counter as it is kept: an integer, or text where it does not fit one.
pub(super) struct Count(pub(super) u64);

impl ToSql for Count {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        Ok(match i64::try_from(self.0) {
            Ok(count) => count.into(),
            Err(_) => self.0.to_string().into(),
        })
    }
}

impl FromSql for Count {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(count) => u64::try_from(count)
                .map(Self)
                .map_err(|_| FromSqlError::OutOfRange(count)),
            text => text
                .as_str()?
                .parse()
                .map(Self)
                .map_err(FromSqlError::other),
        }
    }
}
