//! Whether the files of the store are still the ones that this process has open.

use super::rows::Open;
use crate::store::StoreError;

/// The files that the writer has open, as it found them.
///
/// SQLite keeps a write-ahead log beside the file, and holds it open for as long as the file is. Where
/// somebody removes or replaces it, what is committed goes to a log that no other process can find, and
/// is lost with this one.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The device and number of the write-ahead log.
    #[cfg(unix)]
    log: Option<(u64, u64)>,
    /// Whether the log was gone once: this process writes nothing more.
    #[cfg(unix)]
    lost: bool,
}

#[cfg(not(unix))]
impl Files {
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as on unix")]
    pub(super) const fn unmoved(&mut self, _: &Open<'_>) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(unix)]
impl Files {
    /// Refuses to write where the file was moved away or replaced, or the log beside it.
    ///
    /// Where the log was removed, what stands in it is first written into the file, as on closing. Where
    /// another one is in its place, another process writes by that, so it is not.
    pub(super) fn unmoved(&mut self, open: &Open<'_>) -> Result<(), StoreError> {
        let mut moved = 0;
        let asked = rusqlite::FileControl::HasMoved(&mut moved);
        open.conn
            .file_control(Some(rusqlite::MAIN_DB), asked)
            .map_err(|error| open.file.fault(&error))?;
        if moved != 0 {
            return Err(open.file.wrong(
                "was moved, removed or replaced while it was open; \
                 put it back, and start this process again",
            ));
        }
        self.log_unmoved(open)
    }

    fn log_unmoved(&mut self, open: &Open<'_>) -> Result<(), StoreError> {
        let found = log_at(open);
        match (self.log, found) {
            _ if self.lost => {}
            (Some(known), Some(found)) if known == found => return Ok(()),
            // There is no such file before the first transaction.
            (None, found) => {
                self.log = found;
                return Ok(());
            }
            (Some(_), Some(_)) => {}
            (Some(_), None) => {
                let saved = open
                    .conn
                    .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
                    });
                if !matches!(saved, Ok((pages, saved)) if pages == saved) {
                    tracing::error!(?saved, "what stood in the removed log may be lost");
                }
            }
        }
        self.lost = true;
        Err(open.file.wrong(
            "lost the write-ahead log beside it (`-wal`), which was removed or replaced while the file was \
             open, so what is written is not kept; end every process that has the file open, check what was \
             kept last, and never remove that file while one of them runs",
        ))
    }
}

/// The device and number of the log that stands beside the file.
#[cfg(unix)]
fn log_at(open: &Open<'_>) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let mut path = open.file.path.clone().into_os_string();
    path.push("-wal");
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}
