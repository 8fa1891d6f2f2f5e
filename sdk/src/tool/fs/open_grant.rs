//! From an access to a handle and the path that is still to be resolved beneath it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FollowSymlinks, MetadataExt, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir as Handle, File, OpenOptions};

use super::access::Access;
use super::{FsError, Mount};

/// How the name of a file begins and ends until it is whole.
pub(super) const UNFINISHED: (&str, &str) = (".bailiwick-", ".tmp");

/// The granted directory, opened without following a link, and the rest of the path.
pub(super) struct OpenGrant<'a> {
    mount: &'a Mount,
    path: &'a str,
    base: Handle,
    /// Relative, or `.` for the mount itself.
    rest: PathBuf,
    /// A path that is itself the grant may be no link: its target was not granted.
    follow: FollowSymlinks,
}

impl<'a> OpenGrant<'a> {
    pub(super) fn open(mounts: &'a [Mount], access: &'a Access) -> Result<Self, FsError> {
        let path = access.path();
        let mount = mounts
            .iter()
            .filter(|mount| mount.prefix().covers(access.virtual_path()))
            .max_by_key(|mount| mount.prefix().depth())
            .ok_or_else(|| FsError::NotMounted {
                path: path.to_owned(),
            })?;

        if access.virtual_path().components().any(is_unfinished) {
            return Err(FsError::Unfinished {
                path: path.to_owned(),
            });
        }
        let above = mount.prefix().depth();
        let depth = access.virtual_path().depth();
        let granted = access.granted_path().depth().max(above);
        let itself = granted == depth && depth > above;
        // A grant of the path itself is opened from its parent, so that it may be a file.
        let walked = if itself { granted - 1 } else { granted };

        let mut names = access.virtual_path().components().skip(above);
        let mut base = mount
            .handle()
            .try_clone()
            .map_err(|e| FsError::io(path, e))?;
        for (number, name) in names.by_ref().take(walked - above).enumerate() {
            base = match base.open_dir_nofollow(name) {
                Ok(next) => next,
                Err(_) if is_link(&base, name) => {
                    let link = access.virtual_path().components();
                    let link: Vec<&str> = link.take(above + number + 1).collect();
                    return Err(FsError::Escapes {
                        path: path.to_owned(),
                        link: Some(format!("/{}", link.join("/"))),
                    });
                }
                Err(e) => return Err(FsError::io(path, e)),
            };
        }
        let mut rest: PathBuf = names.collect();
        if rest.as_os_str().is_empty() {
            rest.push(".");
        }
        let follow = if itself {
            FollowSymlinks::No
        } else {
            FollowSymlinks::Yes
        };
        Ok(Self {
            mount,
            path,
            base,
            rest,
            follow,
        })
    }

    pub(super) const fn mount(&self) -> &Mount {
        self.mount
    }

    pub(super) fn path(&self) -> String {
        self.path.to_owned()
    }

    pub(super) fn io(&self, error: io::Error) -> FsError {
        FsError::io(self.path, error)
    }

    /// Opens the regular file to read, links resolved beneath the grant.
    pub(super) fn open_file(&self) -> Result<File, FsError> {
        // A link beneath the grant may lead to what a write left unfinished.
        let leads = is_link(&self.base, &self.rest)
            .then(|| self.base.canonicalize(&self.rest).ok())
            .flatten();
        let name = leads.as_deref().and_then(Path::file_name);
        if name.and_then(OsStr::to_str).is_some_and(is_unfinished) {
            return Err(FsError::Unfinished { path: self.path() });
        }
        let mut options = OpenOptions::new();
        options.read(true);
        self.open_regular(&self.base, &self.rest, options, self.follow)
    }

    /// Opens the directory, links resolved beneath the grant.
    pub(super) fn open_dir(&self) -> Result<Handle, FsError> {
        match self.follow {
            FollowSymlinks::Yes => self.base.open_dir(&self.rest),
            FollowSymlinks::No => self.base.open_dir_nofollow(&self.rest),
        }
        .map_err(|e| match self.follow {
            FollowSymlinks::No if is_link(&self.base, &self.rest) => self.escapes(),
            _ => self.io(e),
        })
    }

    /// The directory that holds the path's last name, links resolved beneath the grant, and that
    /// name.
    pub(super) fn open_parent(&self) -> Result<(Handle, &Path), FsError> {
        let (Some(name), Some(parent)) = (self.rest.file_name(), self.rest.parent()) else {
            return Err(FsError::NotAFile { path: self.path() });
        };
        let parent = if parent.as_os_str().is_empty() {
            self.base.try_clone()
        } else {
            self.base.open_dir(parent)
        };
        Ok((parent.map_err(|e| self.io(e))?, Path::new(name)))
    }

    /// Looks, opens without waiting for the other end of a pipe, and looks at what was opened.
    ///
    /// The first look spares pipes and devices an opening that they might notice. Nothing else depends
    /// on it: the second, at the open file, decides.
    pub(super) fn open_regular(
        &self,
        dir: &Handle,
        name: &Path,
        mut options: OpenOptions,
        follow: FollowSymlinks,
    ) -> Result<File, FsError> {
        let looked = match follow {
            FollowSymlinks::Yes => dir.metadata(name),
            FollowSymlinks::No => dir.symlink_metadata(name),
        };
        match looked {
            Ok(found) if found.is_symlink() => return Err(self.escapes()),
            Ok(found) if !found.is_file() => return Err(FsError::NotAFile { path: self.path() }),
            // A name that is not there may be one to create.
            _ => {}
        }
        options.nonblock(true).follow(follow);
        let file = dir.open_with(name, &options).map_err(|e| match follow {
            FollowSymlinks::No if is_link(dir, name) => self.escapes(),
            _ => self.io(e),
        })?;
        let found = file.metadata().map_err(|e| self.io(e))?;
        if !found.is_file() {
            return Err(FsError::NotAFile { path: self.path() });
        }
        self.refuse_hard_links(found.nlink())?;
        Ok(file)
    }

    /// A link where no link is followed: the granted file or directory itself, or the last name of a write.
    pub(super) fn escapes(&self) -> FsError {
        let is_granted = self.follow == FollowSymlinks::No;
        FsError::Escapes {
            path: self.path(),
            link: is_granted.then(|| self.path()),
        }
    }

    pub(super) fn refuse_hard_links(&self, links: u64) -> Result<(), FsError> {
        if links > 1 && !self.mount.serves_hard_links() {
            return Err(FsError::HardLink {
                path: self.path(),
                links,
            });
        }
        Ok(())
    }
}

/// Whether a link was in the way of an open that follows no link. Only the text of an error depends on it.
fn is_link(dir: &Handle, name: impl AsRef<Path>) -> bool {
    dir.symlink_metadata(name)
        .is_ok_and(|found| found.is_symlink())
}

/// Whether a name is one that a write gives to a file until it is whole.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(UNFINISHED.0)
        .is_some_and(|rest| rest.ends_with(UNFINISHED.1))
}
