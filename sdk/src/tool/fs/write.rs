//! Replacing a file at once, and adding to one.

use std::io::{self, Write};
use std::path::Path;

use cap_fs_ext::{FollowSymlinks, MetadataExt};
use cap_std::fs::{Dir as Handle, OpenOptions, Permissions};
#[cfg(unix)]
use cap_std::fs::{OpenOptionsExt, PermissionsExt};
use uuid::Uuid;

use super::FsError;
use super::place::Place;

impl Place<'_> {
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), FsError> {
        self.check_write(bytes)?;
        let (dir, name) = self.open_parent()?;
        // What is there is looked at for the sake of a clear refusal. Nothing hangs on it: the
        // rename replaces the name in this directory, and never writes through it.
        let kept = match dir.symlink_metadata(name) {
            Ok(found) if found.is_file() => {
                self.refuse_hard_links(found.nlink())?;
                Some(found.permissions())
            }
            Ok(found) if found.is_symlink() => return Err(FsError::Escapes { path: self.path() }),
            Ok(_) => return Err(FsError::NotAFile { path: self.path() }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(self.io(e)),
        };
        let temporary = format!(".bailiwick-{}.tmp", Uuid::new_v4());
        let temporary = Path::new(&temporary);
        fill(&dir, temporary, bytes, kept)
            .and_then(|()| dir.rename(temporary, &dir, name))
            .map_err(|e| {
                // The first error is the one to tell; what cannot be removed is left.
                let _ = dir.remove_file(temporary);
                self.io(e)
            })
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

/// Writes a new file that nobody can open who could not open the one it replaces.
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
