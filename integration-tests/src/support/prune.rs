//! A store that was used for long, and what it holds.

use std::sync::Arc;

use bailiwick::store::{Key, SqliteStore, Store};
use tempfile::TempDir;

pub fn store(directory: &TempDir) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(directory.path().join("store")).unwrap())
}

pub async fn count(store: &dyn Store, kind: &str) -> usize {
    let all = store.scan(&Key::of([kind]), None, usize::MAX).await;
    all.unwrap().len()
}
