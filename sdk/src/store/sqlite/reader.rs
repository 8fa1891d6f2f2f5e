//! Readers beside the writer, which neither wait for it nor hold it up.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::fault::StoreFile;
use super::watched::Watched;
use crate::store::StoreError;

/// How many reads may wait; a further reader waits for a place.
const QUEUE: usize = 1024;

type Read = Box<dyn FnOnce(&Connection, &mut Watched) + Send>;

/// Threads with a connection each, which end when this is dropped.
pub(super) struct Readers {
    reads: mpsc::Sender<Read>,
    file: Arc<StoreFile>,
}

impl Readers {
    pub(super) fn start(
        connections: Vec<Connection>,
        file: Arc<StoreFile>,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::channel::<Read>(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for connection in connections {
            let receiver = receiver.clone();
            super::thread(&file, "bailiwick-read", move || {
                // One of them waits for the next read, the others for their turn to wait.
                let next = || {
                    let mut receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
                    receiver.blocking_recv()
                };
                let mut watched = Watched::default();
                while let Some(read) = next() {
                    read(&connection, &mut watched);
                }
            })?;
        }
        Ok(Self {
            reads: sender,
            file,
        })
    }

    /// What `read` finds in the latest commit.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.watch(move |_, connection| read(connection)).await
    }

    /// As [`read`](Self::read), with what the thread that reads has found before.
    pub(super) async fn watch<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Watched, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, found) = oneshot::channel();
        let read: Read = Box::new(move |connection, watched| {
            // No reader may wait any more.
            let _ = answer.send(read(watched, connection));
        });
        let gone = |()| {
            self.file
                .wrong("has no readers any more; start this process again")
        };
        self.reads.send(read).await.map_err(|_| gone(()))?;
        let found = found.await.map_err(|_| gone(()))?;
        found.map_err(|error| self.file.fault(&error))
    }
}
