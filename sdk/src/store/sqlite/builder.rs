//! How the store is opened.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::fault::StoreFile;
use super::reader::Readers;
use super::{SqliteStore, open, writer};
use crate::store::StoreError;

/// How many threads read.
const READERS: usize = 2;
/// How long another process may hold the file unless told otherwise.
const WAIT: Duration = Duration::from_secs(5);

/// Says how a [`SqliteStore`] is opened.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it opens the store"]
pub struct SqliteBuilder {
    file: StoreFile,
    create: bool,
    max_bytes: Option<u64>,
}

impl SqliteBuilder {
    pub(super) fn new(path: &Path) -> Self {
        let path = path.to_owned();
        Self {
            file: StoreFile { path, wait: WAIT },
            create: true,
            max_bytes: None,
        }
    }

    /// How long a commit waits for another process that holds the file, before it is refused; five
    /// seconds unless set.
    pub const fn wait(mut self, wait: Duration) -> Self {
        self.file.wait = wait;
        self
    }

    /// Refuses a path where there is no file: a wrong path is not a new, empty store.
    pub const fn must_exist(mut self) -> Self {
        self.create = false;
        self
    }

    /// How many bytes the file may grow to, while this store has it open; beyond it whatever needs
    /// room is refused. The log beside the file is apart, and about 4 MB.
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Opens the store. Reads and writes the disk at once: call it when the process starts.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`] when the file cannot be opened or written, is locked, damaged, no
    /// database, that of another application, or of a later version than this build writes.
    pub fn open(self) -> Result<SqliteStore, StoreError> {
        let file = Arc::new(self.file);
        let writes = open::writer(&file, self.create)?;
        if let Some(bytes) = self.max_bytes {
            open::limit(&writes, &file, bytes)?;
        }
        let reads: Result<_, _> = (0..READERS).map(|_| open::reader(&file)).collect();
        let readers = Readers::start(reads?, file.clone())?;
        let (jobs, queue) = mpsc::channel(writer::QUEUE);
        let written = file.clone();
        super::thread(&file, "bailiwick-write", move || {
            writer::run(&writes, &written, queue);
        })?;
        Ok(SqliteStore {
            jobs,
            readers,
            file,
        })
    }
}
