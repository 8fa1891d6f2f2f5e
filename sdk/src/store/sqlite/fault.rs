//! What SQLite says when something is wrong, in words that say where and what to do.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Error, ErrorCode};

use crate::store::StoreError;

/// The file, as errors speak of it.
#[derive(Clone, Debug)]
pub(super) struct StoreFile {
    pub(super) path: PathBuf,
    /// How long to wait for another process that holds it.
    pub(super) wait: Duration,
}

impl StoreFile {
    /// The store cannot be used, for this reason.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) -> StoreError {
        let what = format!("`{}` {what}", self.path.display());
        StoreError::Unavailable { what }
    }

    /// What an error of SQLite means.
    pub(super) fn fault(&self, error: &Error) -> StoreError {
        let Some(code) = error.sqlite_error_code() else {
            return self.wrong(format_args!(
                "holds something that this store did not write ({error}); \
                 restore it from a backup, and find out who wrote it"
            ));
        };
        match code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => self.wrong(format_args!(
                "is locked by another process, which did not let go for {} ms; \
                 find what holds it open, a backup or a tool, and end it",
                self.wait.as_millis()
            )),
            ErrorCode::DiskFull => self.wrong(
                "is full: its disk, or the most that it may take; \
                 make room, or raise the limit",
            ),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => self.wrong(
                "is read-only; let this process write to the file, and to its directory, \
                 where SQLite keeps two files beside it",
            ),
            ErrorCode::CannotOpen => self.wrong(
                "cannot be opened; does its directory exist, \
                 and may this process write there?",
            ),
            ErrorCode::NotADatabase => self.wrong(
                "is not an SQLite database; name another path, \
                 or move what is there out of the way",
            ),
            ErrorCode::DatabaseCorrupt => self.wrong(format_args!(
                "is damaged ({error}); restore it from a backup, and check the disk"
            )),
            ErrorCode::SystemIoFailure => self.wrong(format_args!(
                "cannot be read or written ({error}); check the disk"
            )),
            _ => self.wrong(format_args!("cannot be used: {error}")),
        }
    }
}
