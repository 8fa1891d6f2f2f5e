//! The door to files: virtual paths, mounts, and handles that stay inside what was granted.
//!
//! A token names virtual paths, which are a tree of their own and are compared byte by byte. A [`Mount`] lays a real
//! directory, opened once, under a virtual prefix; a [`Dir`] is one or more mounts. A
//! [`SafePath`](super::SafePath) whose call was allowed says which path is meant and which
//! directory was *granted*; before that it opens nothing.
//!
//! The granted directory is opened from the mount one component at a time and never through a
//! symbolic link, so a link in its place does not move the grant. What lies below is resolved by
//! the kernel beneath that handle: a link that stays inside works, one that leaves is refused,
//! even where it comes back in, and so is an absolute one.
//!
//! ```
//! use bailiwick::tool::fs::{Dir, FsError};
//! use bailiwick::tool::SafePath;
//!
//! async fn first_line(dir: &Dir, path: &SafePath) -> Result<Option<String>, FsError> {
//!     let text = dir.read_to_string(path).await?;
//!     Ok(text.lines().next().map(str::to_owned))
//! }
//! # fn mount(real: &std::path::Path) -> Result<(), FsError> {
//!
//! let dir = Dir::mount("/srv/files", real)?;
//! # Ok(())
//! # }
//! ```
//!
//! [`ReadFile`], [`WriteFile`], [`AppendFile`] and [`ListFiles`] are tools as they stand.
//!
//! # Limits
//!
//! - Other processes that may write to the real directory are trusted not to race with hard
//!   links: the number of links is read from the opened handle, and a file whose other name is
//!   removed between opening and looking has one link. Symbolic links may be swapped at any time.
//! - Pipes, sockets and devices are not opened, unless they take the place of a file between a look
//!   at the name and its opening; then they are opened without waiting, and refused unread.
//! - A directory that someone moves out of the grant while a call holds it open stays open for
//!   that call.
//! - Mounts whose real directories overlap share their files: the options of the mount that a
//!   path names hold, not those of the other.
//! - Other file systems mounted inside the real directory are part of it.
//! - A write replaces a file only if no other process changed it since the write began ([`FsError::Changed`]). A change
//!   in the moment between the last look and the rename is lost: no operating system compares and renames in one call.
//! - Dropping the future of a call does not stop a write that has begun.

mod access;
mod error;
mod list;
mod mount;
mod open_grant;
mod read;
mod tools;
mod write;

#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::path::Path;
use std::sync::Arc;

pub use access::Access;
pub use error::FsError;
pub use list::{Entry, EntryKind};
pub use mount::Mount;
pub use tools::{AppendFile, ListFiles, ReadFile, WriteFile};

use open_grant::OpenGrant;

use super::{Look, ToolError};

/// What a [`Dir`] opens: a [`SafePath`](super::SafePath), or its [`Access`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what was granted, so a `Dir` does not open it",
    note = "take the path as an argument: `#[resource] path: SafePath`"
)]
pub trait Reach: sealed::Sealed + Sync {}

pub(crate) mod sealed {
    use super::{Access, FsError};

    /// Keeps [`Reach`](super::Reach) to this crate.
    pub trait Sealed {
        fn reach(&self) -> Result<Access, FsError>;
    }
}

impl sealed::Sealed for Access {
    fn reach(&self) -> Result<Access, FsError> {
        Ok(self.clone())
    }
}

impl Reach for Access {}

/// A tool's handle on files: one or more mounts, cheap to clone.
#[derive(Clone, Debug)]
pub struct Dir {
    mounts: Arc<Vec<Mount>>,
}

impl Dir {
    /// Lays the directory `real` under the virtual `prefix`, with the usual limits.
    ///
    /// # Errors
    ///
    /// As [`Mount::open`].
    pub fn mount(prefix: &str, real: impl AsRef<Path>) -> Result<Self, FsError> {
        Mount::open(prefix, real).map(Self::from)
    }

    /// Adds a mount; the innermost one that covers a path serves it.
    ///
    /// # Errors
    ///
    /// [`FsError::MountTwice`] if something is mounted at that very prefix.
    pub fn and_mount(self, mount: Mount) -> Result<Self, FsError> {
        if self
            .mounts
            .iter()
            .any(|known| known.prefix() == mount.prefix())
        {
            return Err(FsError::MountTwice {
                prefix: mount.prefix().to_string(),
            });
        }
        let mut mounts = Arc::unwrap_or_clone(self.mounts);
        mounts.push(mount);
        Ok(Self {
            mounts: Arc::new(mounts),
        })
    }

    /// Reads a whole regular file.
    ///
    /// # Errors
    ///
    /// The [`FsError`] that keeps the file from being read, such as one about its size.
    pub async fn read(&self, path: &impl Reach) -> Result<Vec<u8>, FsError> {
        self.blocking(path.reach()?, |place| place.read()).await
    }

    /// Reads a whole regular file as UTF-8 text.
    ///
    /// # Errors
    ///
    /// As [`Dir::read`], and [`FsError::NotText`].
    pub async fn read_to_string(&self, path: &impl Reach) -> Result<String, FsError> {
        let access = path.reach()?;
        let bytes = self.read(&access).await?;
        String::from_utf8(bytes).map_err(|_| FsError::NotText {
            path: access.path().to_owned(),
        })
    }

    /// Creates or replaces a regular file, whose directory must exist.
    ///
    /// The write is atomic: the bytes go to a temporary file beside it, which then takes its name; readers see
    /// the old file or the new one. A replaced file keeps its permission bits (owner, times and
    /// extended attributes are those of a new file). The name itself may not be a link.
    ///
    /// A crash may leave a `.bailiwick-*.tmp` behind: nothing here lists, reads or writes a file of such a
    /// name, and one that is older than an hour is removed by the first write to its directory.
    ///
    /// # Errors
    ///
    /// The [`FsError`] that keeps the file from being written, such as a change by another process during the
    /// write; the old file, or the changed one, is then untouched.
    pub async fn write(&self, path: &impl Reach, bytes: impl Into<Vec<u8>>) -> Result<(), FsError> {
        let bytes = bytes.into();
        self.blocking(path.reach()?, move |place| place.write(&bytes))
            .await
    }

    /// Adds to the end of a regular file, or creates it; its directory must exist.
    ///
    /// The limit on bytes holds for what is added, not for the file that results. The write is not atomic: a
    /// full disk may leave a part. The name itself may not be a link.
    ///
    /// # Errors
    ///
    /// The [`FsError`] that keeps the file from being written.
    pub async fn append(
        &self,
        path: &impl Reach,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<(), FsError> {
        let bytes = bytes.into();
        self.blocking(path.reach()?, move |place| place.append(&bytes))
            .await
    }

    /// Lists a directory, sorted by name.
    ///
    /// Files that writes left unfinished are left out, and so are names that no [`SafePath`](super::SafePath) can spell: not UTF-8, control
    /// characters, a backslash, characters that are not seen or turn the text around them. A mount further down shows only if its real parent holds a directory of that name.
    ///
    /// # Errors
    ///
    /// The [`FsError`] that keeps the directory from being listed, such as one about its length.
    pub async fn list(&self, path: &impl Reach) -> Result<Vec<Entry>, FsError> {
        self.blocking(path.reach()?, |place| place.list()).await
    }

    /// What a write of `bytes` is about to replace: its digest, and whether it holds these bytes.
    pub(super) async fn look(access: Access, dir: Self, made: String) -> Result<Look, ToolError> {
        let now = dir.blocking(access, |place| place.digest()).await?;
        let is_made = now == made;
        Ok(Look::new(now, is_made))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        access: Access,
        work: impl FnOnce(OpenGrant<'_>) -> Result<T, FsError> + Send + 'static,
    ) -> Result<T, FsError> {
        let mounts = Arc::clone(&self.mounts);
        let path = access.path().to_owned();
        tokio::task::spawn_blocking(move || work(OpenGrant::open(&mounts, &access)?))
            .await
            .unwrap_or_else(|stopped| {
                Err(FsError::Io {
                    path,
                    source: stopped.into(),
                })
            })
    }
}

impl From<Mount> for Dir {
    fn from(mount: Mount) -> Self {
        Self {
            mounts: Arc::new(vec![mount]),
        }
    }
}
