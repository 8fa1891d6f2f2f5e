//! A virtual prefix and the real directory under it.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::Dir as Handle;

use super::FsError;
use super::access::VirtualPath;
use crate::capability::normal;

const MAX_BYTES: u64 = 8 << 20;
const MAX_ENTRIES: usize = 10_000;
/// How many directories are remembered to have been written to.
const MAX_WRITTEN: usize = 10_000;

/// A real directory, opened once, under a virtual prefix.
#[derive(Clone, Debug)]
pub struct Mount {
    prefix: VirtualPath,
    handle: Arc<Handle>,
    hard_links: bool,
    writable: bool,
    max_bytes: u64,
    max_entries: usize,
    /// The directories that were written to, by device and number.
    written: Arc<Mutex<HashSet<(u64, u64)>>>,
}

impl Mount {
    /// Opens `real` and lays it under `prefix`, an absolute path in normal form.
    ///
    /// This is the only use of the process's own rights: links in `real` are followed here, once.
    ///
    /// # Errors
    ///
    /// [`FsError::NotNormal`] for the prefix, [`FsError::Mount`] for the directory.
    pub fn open(prefix: &str, real: impl AsRef<Path>) -> Result<Self, FsError> {
        let prefix = VirtualPath::parse(prefix)?;
        // An agent names paths as `SafePath`s, which are told more strictly.
        if normal::path(&prefix.to_string()).is_none() {
            return Err(FsError::NotNormal {
                path: prefix.to_string(),
                reason: "no agent could name it: a character or an escape in it reads as a dot, a slash \
                         or nothing",
            });
        }
        match Handle::open_ambient_dir(real, ambient_authority()) {
            Ok(handle) => Ok(Self {
                prefix,
                handle: Arc::new(handle),
                hard_links: false,
                writable: true,
                max_bytes: MAX_BYTES,
                max_entries: MAX_ENTRIES,
                written: Arc::default(),
            }),
            Err(source) => Err(FsError::Mount {
                prefix: prefix.to_string(),
                source,
            }),
        }
    }

    /// Serves files that have more than one hard link.
    ///
    /// Use it only for directories in which no other user can make links to files. A write gives the name a new file: the
    /// other names keep the old one.
    #[must_use]
    pub const fn allow_hard_links(mut self) -> Self {
        self.hard_links = true;
        self
    }

    /// Refuses every write.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.writable = false;
        self
    }

    /// Sets how many bytes one read or write may carry; 8 MiB unless set.
    #[must_use]
    pub const fn max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = max;
        self
    }

    /// Sets how many entries a directory may have to be listed; 10,000 unless set.
    #[must_use]
    pub const fn max_entries(mut self, max: usize) -> Self {
        self.max_entries = max;
        self
    }

    /// Whether a directory is written to for the first time. Past the limit of remembered directories the
    /// answer is always no.
    pub(super) fn is_first_write(&self, directory: (u64, u64)) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.len() < MAX_WRITTEN && written.insert(directory)
    }

    pub(super) const fn prefix(&self) -> &VirtualPath {
        &self.prefix
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(super) const fn serves_hard_links(&self) -> bool {
        self.hard_links
    }

    pub(super) const fn is_writable(&self) -> bool {
        self.writable
    }

    pub(super) const fn byte_limit(&self) -> u64 {
        self.max_bytes
    }

    pub(super) const fn entry_limit(&self) -> usize {
        self.max_entries
    }
}
