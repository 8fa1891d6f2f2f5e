//! Lists a directory.

use cap_std::fs::{FileType, Metadata};

use super::FsError;
use super::open_grant::{OpenGrant, is_unfinished};
use crate::capability::normal;

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The name, without its directory.
    pub name: String,
    /// The kind of the entry; a link is not followed.
    pub kind: EntryKind,
    /// The size in bytes of a regular file, else 0.
    pub size: u64,
}

/// The kind of an entry of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, socket or device.
    Other,
}

impl From<FileType> for EntryKind {
    fn from(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

impl OpenGrant<'_> {
    pub(super) fn list(&self) -> Result<Vec<Entry>, FsError> {
        let max = self.mount().entry_limit();
        let mut entries = Vec::new();
        let found = self.open_dir()?.entries().map_err(|e| self.io(e))?;
        for (count, entry) in found.enumerate() {
            // Every name counts, also those left out: each costs a look.
            if count >= max {
                return Err(FsError::TooMany {
                    path: self.path(),
                    max,
                });
            }
            let entry = entry.map_err(|e| self.io(e))?;
            let Some(name) =
                entry.file_name().into_string().ok().filter(|name| {
                    normal::path(&format!("/{name}")).is_some() && !is_unfinished(name)
                })
            else {
                continue;
            };
            match entry.metadata() {
                Ok(found) => entries.push(describe(name, &found)),
                // Removed since its name was read.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(self.io(e)),
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }
}

fn describe(name: String, found: &Metadata) -> Entry {
    let kind = EntryKind::from(found.file_type());
    let size = if kind == EntryKind::File {
        found.len()
    } else {
        0
    };
    Entry { name, kind, size }
}
