//! Why a file was not read or written, in virtual paths only: the model may read all of it.

use std::io;

/// A refusal or failure of the door to files.
///
/// No text names a real directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// The real directory of a mount could not be opened at set-up.
    #[error(
        "the directory to mount at `{prefix}` cannot be opened: {source}; check that it exists, is \
         a directory and may be read"
    )]
    Mount {
        /// The virtual prefix.
        prefix: String,
        /// What the system said.
        source: io::Error,
    },
    /// Two mounts have the same prefix.
    #[error("`{prefix}` is mounted already; give each mount a prefix of its own")]
    MountTwice {
        /// The virtual prefix.
        prefix: String,
    },
    /// A path is not in normal form.
    #[error(
        "path `{}` is not in normal form: {reason}; write it as `/a/b`",
        crate::text::printable(path)
    )]
    NotNormal {
        /// The path as given; shown escaped.
        path: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// No mount covers the path.
    #[error("no directory is mounted at `{path}`; use a path beneath a mount")]
    NotMounted {
        /// The virtual path.
        path: String,
    },
    /// The path is not beneath every granted directory.
    #[error("`{path}` is not beneath the granted directory; stay inside what was granted")]
    Denied {
        /// The virtual path.
        path: String,
    },
    /// A symbolic link leads out of the granted directory, or stands where none may.
    #[error("{}", escapes(path, link.as_deref()))]
    Escapes {
        /// The virtual path.
        path: String,
        /// The virtual path of the link, where it is the granted directory or stands on the way to it.
        link: Option<String>,
    },
    /// The name is one that unfinished writes have.
    #[error(
        "`{path}` has a name of the files that writes leave unfinished (`.bailiwick-*.tmp`), which are \
         neither read nor written; use another name"
    )]
    Unfinished {
        /// The virtual path.
        path: String,
    },
    /// Something is mounted at the very file, such as one that was bound into a container, so it cannot
    /// be replaced at once.
    #[error(
        "`{path}` is a mount of its own, such as a single file bound into a container, so no new file can \
         take its place; have the operator bind its directory, or append to it"
    )]
    MountPoint {
        /// The virtual path.
        path: String,
    },
    /// Another process changed the file while a new one was written for its place. The change stands.
    #[error(
        "`{path}` was changed by another process while it was written, so it was not replaced; read it, and \
         write again if that is still right"
    )]
    Changed {
        /// The virtual path.
        path: String,
    },
    /// There is no such file or directory.
    #[error("`{path}` does not exist; list its directory for the names that do")]
    NotFound {
        /// The virtual path.
        path: String,
    },
    /// The path names a directory, link, pipe, socket or device where a regular file is asked for.
    #[error("`{path}` is not a regular file; only regular files are read and written")]
    NotAFile {
        /// The virtual path.
        path: String,
    },
    /// A directory is asked for, and the path, or what it goes through, is something else.
    #[error("`{path}` is not a directory, or one of its parents is not a directory")]
    NotADirectory {
        /// The virtual path.
        path: String,
    },
    /// The file has a second name, which may lie outside the grant.
    #[error(
        "`{path}` has {links} hard links, and another may lie outside the grant; use a copy, or \
         have the operator allow hard links on the mount (`Mount::allow_hard_links`), if no other \
         user can make links in it"
    )]
    HardLink {
        /// The virtual path.
        path: String,
        /// How many names the file has.
        links: u64,
    },
    /// More bytes than one read or write may carry.
    #[error("`{path}`: more than {max} bytes in one read or write; use a smaller file")]
    TooLarge {
        /// The virtual path.
        path: String,
        /// The mount's limit.
        max: u64,
    },
    /// The directory has more entries than one listing may carry.
    #[error("`{path}` has more than {max} entries; list a smaller directory")]
    TooMany {
        /// The virtual path.
        path: String,
        /// The mount's limit.
        max: usize,
    },
    /// The file is not UTF-8.
    #[error("`{path}` is not UTF-8 text; read it as bytes")]
    NotText {
        /// The virtual path.
        path: String,
    },
    /// The mount is read-only.
    #[error("`{path}` is on a read-only mount; write elsewhere")]
    ReadOnly {
        /// The virtual path.
        path: String,
    },
    /// The system refused or failed.
    #[error("`{path}`: {source}")]
    Io {
        /// The virtual path.
        path: String,
        /// What the system said; it knows no path.
        source: io::Error,
    },
}

impl FsError {
    pub(super) fn io(path: &str, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            // cap-std reports a path that leaves the handle as an error of its own making.
            io::ErrorKind::PermissionDenied if source.raw_os_error().is_none() => {
                Self::Escapes { path, link: None }
            }
            io::ErrorKind::NotFound => Self::NotFound { path },
            // A name at which something is mounted is neither replaced nor removed.
            io::ErrorKind::ResourceBusy => Self::MountPoint { path },
            io::ErrorKind::IsADirectory => Self::NotAFile { path },
            io::ErrorKind::NotADirectory => Self::NotADirectory { path },
            _ => Self::Io { path, source },
        }
    }
}

fn escapes(path: &str, link: Option<&str>) -> String {
    match link {
        None => format!(
            "`{path}` goes through a symbolic link that may not be followed; use the file's own path"
        ),
        Some(link) => format!(
            "`{path}` is reached through the symbolic link `{link}`, which is the granted directory or on \
             the way to it, and such a link is not followed; have the operator grant the directory that \
             it leads to, or mount that directory at `{link}`"
        ),
    }
}
