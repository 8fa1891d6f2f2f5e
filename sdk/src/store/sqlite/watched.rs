//! What a reader has found out about changes, as long as the file is the same.

use std::collections::HashMap;

use rusqlite::{Connection, Result};

use super::query;
use crate::store::Key;

/// How many prefixes a reader remembers the answer for.
const MOST: usize = 1024;

/// The versions of the last changes that one connection has found, for one state of the file.
///
/// A process that waits asks again and again, mostly when nothing was committed. SQLite says that without a
/// query (`PRAGMA data_version`): the number differs for a connection after any other one has committed, in this
/// process or another.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// The state of the file.
    state: Option<i64>,
    last: HashMap<Key, u64>,
}

impl Watched {
    /// The version of the last change beneath a prefix of at most two parts.
    pub(super) fn last(&mut self, conn: &Connection, prefix: Key) -> Result<u64> {
        // The state is asked for first: a commit between the two questions is found by the next one.
        let state = conn
            .prepare_cached("PRAGMA data_version")?
            .query_row([], |row| row.get(0))?;
        if self.state != Some(state) || self.last.len() >= MOST {
            self.state = Some(state);
            self.last.clear();
        }
        if let Some(last) = self.last.get(&prefix) {
            return Ok(*last);
        }
        let last = query::changed(conn, &prefix)?;
        self.last.insert(prefix, last);
        Ok(last)
    }

    /// How many answers are remembered.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> usize {
        self.last.len()
    }
}
