//! A store in a file, which outlives the guards that open it.

use std::sync::Arc;

use bailiwick::capability::MAX_CALL_LIFE;
use bailiwick::guard::{Guard, SKEW};
use bailiwick::store::SqliteStore;
use tempfile::TempDir;

use crate::support::Home;
use crate::support::calls::BANK;

/// A process on one file: each look at it is a process of its own, with new stores and guards.
pub struct FileHome {
    pub home: Home,
    pub directory: TempDir,
}

impl FileHome {
    pub fn new() -> Self {
        Self {
            home: Home::new(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn store(&self) -> Arc<SqliteStore> {
        let path = self.directory.path().join("store");
        Arc::new(SqliteStore::open(path).unwrap())
    }

    pub fn guard(&self) -> Guard {
        self.home.guard().audience(BANK).store(self.store()).build()
    }

    /// A guard whose store has kept every call that can still be made.
    pub async fn settled(&self) -> Guard {
        let guard = self.guard();
        guard.resume().await.unwrap();
        self.home.clock.advance(MAX_CALL_LIFE + SKEW);
        guard
    }
}
