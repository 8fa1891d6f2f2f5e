//! Replacing a file at once, and adding to one.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{FollowSymlinks, MetadataExt};
use cap_std::fs::{Dir as Handle, Metadata, OpenOptions, Permissions};
#[cfg(unix)]
use cap_std::fs::{OpenOptionsExt, PermissionsExt};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::FsError;
use super::open_grant::{OpenGrant, UNFINISHED, is_unfinished};
use crate::id::hex;

/// How long nothing was added to a file that a write left unfinished.
const LEFT_OVER: Duration = Duration::from_secs(60 * 60);

/// Tells a file from another one, and from itself after a change: device, number, size and time.
type State = (u64, u64, u64, Option<SystemTime>);

fn state(found: &Metadata) -> State {
    (found.dev(), found.ino(), found.len(), changed(found))
}

/// When it was changed, where the system says so.
fn changed(found: &Metadata) -> Option<SystemTime> {
    Some(found.modified().ok()?.into_std())
}

/// A file that is whole, and does not have its name yet.
pub(super) struct Filled<'a> {
    place: &'a OpenGrant<'a>,
    dir: Handle,
    name: &'a Path,
    temporary: PathBuf,
    /// What had the name when the write began.
    before: Option<State>,
}

impl Filled<'_> {
    /// Puts the file in the place of the one that has its name, unless that was changed since the write
    /// began: writing and syncing take as long as the disk takes.
    ///
    /// An edit in the moment between this look and the rename is lost. No system call compares and renames.
    pub(super) fn take_its_name(self) -> Result<(), FsError> {
        let now = match self.place.found(&self.dir, self.name) {
            Ok(found) => found.as_ref().map(state),
            Err(error) => return Err(self.give_up(error)),
        };
        if now != self.before {
            let path = self.place.path();
            return Err(self.give_up(FsError::Changed { path }));
        }
        match self.dir.rename(&self.temporary, &self.dir, self.name) {
            Ok(()) => Ok(()),
            Err(e) => Err(self.give_up(self.place.io(e))),
        }
    }

    /// The first error is the one to tell; what cannot be removed is left.
    fn give_up(&self, error: FsError) -> FsError {
        let _ = self.dir.remove_file(&self.temporary);
        error
    }
}

impl OpenGrant<'_> {
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), FsError> {
        self.fill(bytes)?.take_its_name()
    }

    /// Writes the bytes to a file beside the one that they are for.
    pub(super) fn fill(&self, bytes: &[u8]) -> Result<Filled<'_>, FsError> {
        self.check_write(bytes)?;
        let (dir, name) = self.open_parent()?;
        // What is there is looked at for the sake of a clear refusal. Nothing depends on it: the
        // rename replaces the name in this directory, and never writes through it.
        let found = self.found(&dir, name)?;
        let kept = match &found {
            Some(found) if found.is_file() => {
                self.refuse_hard_links(found.nlink())?;
                Some(found.permissions())
            }
            Some(found) if found.is_symlink() => return Err(self.escapes()),
            Some(_) => return Err(FsError::NotAFile { path: self.path() }),
            None => None,
        };
        self.tidy(&dir);
        let (begin, end) = UNFINISHED;
        let temporary = format!("{begin}{}{end}", Uuid::new_v4());
        let before = found.as_ref().map(state);
        let filled = Filled {
            place: self,
            dir,
            name,
            temporary: temporary.into(),
            before,
        };
        match fill(&filled.dir, &filled.temporary, bytes, kept) {
            Ok(()) => Ok(filled),
            Err(e) => Err(filled.give_up(self.io(e))),
        }
    }

    /// What is at a name, if anything is.
    fn found(&self, dir: &Handle, name: &Path) -> Result<Option<Metadata>, FsError> {
        match dir.symlink_metadata(name) {
            Ok(found) => Ok(Some(found)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(self.io(e)),
        }
    }

    /// Removes what writes to this directory left unfinished, once for as long as it is mounted.
    ///
    /// A write by another process takes moments, and gives its file a new time with every
    /// piece: a file to which nothing was added for an hour is left over. What cannot be removed stays.
    fn tidy(&self, dir: &Handle) {
        let Ok(found) = dir.dir_metadata() else {
            return;
        };
        if !self.mount().is_first_write((found.dev(), found.ino())) {
            return;
        }
        let Ok(entries) = dir.entries() else { return };
        let max = self.mount().entry_limit();
        for entry in entries.take(max).flatten() {
            let name = entry.file_name();
            let is_old = |found: Metadata| {
                let old = found.modified().ok()?.into_std().elapsed().ok()? > LEFT_OVER;
                Some(found.is_file() && old)
            };
            let is_left = name.to_str().is_some_and(is_unfinished)
                && entry.metadata().ok().and_then(is_old) == Some(true);
            if is_left && let Err(error) = dir.remove_file(&name) {
                tracing::warn!(%error, directory = %self.path(), "an unfinished file stays");
            }
        }
    }

    /// What the file holds, as a digest. A file that does not exist has a value of its own; a file that is
    /// too large to be read is identified by its size, its time and its number.
    pub(super) fn digest(&self) -> Result<String, FsError> {
        let (dir, name) = self.open_parent()?;
        let found = match dir.symlink_metadata(name) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok("nothing".to_owned()),
            Err(e) => return Err(self.io(e)),
        };
        if !found.is_file() {
            return Err(FsError::NotAFile { path: self.path() });
        }
        if found.len() > self.mount().byte_limit() {
            let (changed, size) = (found.modified().ok(), found.len());
            return Ok(format!("{size} bytes at {changed:?} in {}", found.ino()));
        }
        let mut options = OpenOptions::new();
        options.read(true);
        let file = self.open_regular(&dir, name, options, FollowSymlinks::No)?;
        let mut bytes = Vec::new();
        file.take(self.mount().byte_limit().saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|e| self.io(e))?;
        Ok(digest(&bytes))
    }

    pub(super) fn append(&self, bytes: &[u8]) -> Result<(), FsError> {
        self.check_write(bytes)?;
        let (dir, name) = self.open_parent()?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        self.open_regular(&dir, name, options, FollowSymlinks::No)?
            .write_all(bytes)
            .map_err(|e| self.io(e))
    }

    fn check_write(&self, bytes: &[u8]) -> Result<(), FsError> {
        let max = self.mount().byte_limit();
        if !self.mount().is_writable() {
            return Err(FsError::ReadOnly { path: self.path() });
        }
        if bytes.len() as u64 > max {
            return Err(FsError::TooLarge {
                path: self.path(),
                max,
            });
        }
        Ok(())
    }
}

/// The digest of a file that holds these bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::write(&Sha256::digest(bytes))
}

/// Writes a new file with the permission bits `kept` of the one that it replaces. Only the owner can open it before
/// they are set.
fn fill(dir: &Handle, name: &Path, bytes: &[u8], kept: Option<Permissions>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if kept.is_some() {
        options.mode(0o600);
    }
    let mut file = dir.open_with(name, &options)?;
    file.write_all(bytes)?;
    if let Some(kept) = kept {
        #[cfg(unix)]
        let kept = Permissions::from_mode(kept.mode() & 0o777);
        file.set_permissions(kept)?;
    }
    file.sync_all()
}
