//! Notes what has changed beneath each prefix: once for each prefix and transaction.

use std::collections::BTreeMap;

use rusqlite::{Connection, Result, params};

use crate::store::changes::EMPTY;
use crate::store::{Changes, Key};

/// The values that a batch has put or removed so far, in its order.
#[derive(Debug, Default)]
pub(super) struct Touched(Vec<(Key, How)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Put,
    Removed,
}

impl Touched {
    pub(super) fn push(&mut self, key: Key, how: How) {
        self.0.push((key, how));
    }
}

/// What a transaction has changed.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The version of the last batch that changed a value.
    last: Option<u64>,
    prefixes: BTreeMap<Key, Change>,
}

#[derive(Debug, Default)]
struct Change {
    version: u64,
    /// Whether a value was removed, so that nothing may be left.
    removes: bool,
}

impl Noted {
    /// Adds what a batch that passed has done at its version.
    pub(super) fn add(&mut self, version: u64, touched: Touched) {
        for (key, how) in touched.0 {
            self.last = Some(version);
            for prefix in Changes::prefixes(&key) {
                let change = self.prefixes.entry(prefix).or_default();
                change.version = version;
                change.removes |= how == How::Removed;
            }
        }
    }

    /// Writes a row for each prefix, and gives the version of the last change of any value, if there was one.
    pub(super) fn write(self, conn: &Connection) -> Result<Option<u64>> {
        let mut is_any_empty = false;
        for (prefix, Change { version, removes }) in self.prefixes {
            let sql = "INSERT INTO change (prefix, version) VALUES (?1, ?2) \
                       ON CONFLICT (prefix) DO UPDATE SET version = ?2";
            conn.prepare_cached(sql)?
                .execute(params![prefix.as_str(), version])?;
            if removes && is_empty(conn, &prefix)? {
                is_any_empty = true;
                let sql = "INSERT INTO emptied (version, prefix) VALUES (?1, ?2)";
                conn.prepare_cached(sql)?
                    .execute(params![version, prefix.as_str()])?;
            }
        }
        if is_any_empty {
            forget(conn)?;
        }
        Ok(self.last)
    }
}

/// Whether there is no value beneath a prefix.
fn is_empty(conn: &Connection, prefix: &Key) -> Result<bool> {
    // `0` comes directly after `/`, so these are the keys that begin with the prefix and a `/`.
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM value WHERE key > ?1 AND key < ?2)";
    let bounds = (prefix.beneath(), format!("{}0", prefix.as_str()));
    conn.prepare_cached(sql)?
        .query_row(bounds, |row| row.get(0))
}

/// Removes the oldest rows of prefixes beneath which nothing is left, once there are too many.
fn forget(conn: &Connection) -> Result<()> {
    let sql = "SELECT version FROM emptied ORDER BY version DESC LIMIT 1 OFFSET ?1";
    let mut newest = conn.prepare_cached(sql)?;
    let mut rows = newest.query([EMPTY])?;
    let Some(row) = rows.next()? else {
        return Ok(());
    };
    let version: u64 = row.get(0)?;
    // A prefix that has changed since has a higher version, and stays.
    for sql in [
        "DELETE FROM change WHERE prefix IN (SELECT prefix FROM emptied WHERE version <= ?1) \
         AND EXISTS (SELECT 1 FROM emptied AS known WHERE known.version <= ?1 \
         AND known.version = change.version AND known.prefix = change.prefix)",
        "DELETE FROM emptied WHERE version <= ?1",
        "UPDATE store SET forgotten = max(forgotten, ?1)",
    ] {
        conn.prepare_cached(sql)?.execute([version])?;
    }
    Ok(())
}
