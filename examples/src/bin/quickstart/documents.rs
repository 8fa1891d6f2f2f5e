//! The documents that ship with the example, copied to where a run may write.

use std::path::{Path, PathBuf};
use std::{fs, io, process};

/// A copy of `examples/documents` in a temporary directory, removed when it is dropped.
pub(crate) struct Documents {
    root: PathBuf,
}

impl Documents {
    /// Copies the documents, and puts a link into `docs/` that leads out of it.
    pub(crate) fn copy() -> io::Result<Self> {
        // From here on dropping it removes what is there, a half-made copy included.
        let documents = Self {
            root: fresh_directory()?.canonicalize()?,
        };
        copy_tree(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("documents"),
            &documents.root,
        )?;
        #[cfg(unix)]
        std::os::unix::fs::symlink("../private", documents.path("docs/archive"))?;
        #[cfg(not(unix))]
        println!("(no symbolic link is made on this system: docs/archive does not exist)");
        Ok(documents)
    }

    /// Where they are.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The real path of one of them.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The text of one of them.
    pub(crate) fn text(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.path(name))
    }

    /// Whether one of them is still as it was shipped.
    pub(crate) fn is_untouched(&self, name: &str) -> io::Result<bool> {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("documents")
            .join(name);
        Ok(fs::read(shipped)? == fs::read(self.path(name))?)
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("could not remove {}: {error}", self.root.display());
        }
    }
}

/// A directory that was not there before: an existing one of that name is not used.
fn fresh_directory() -> io::Result<PathBuf> {
    let mut number = 0;
    loop {
        let root = std::env::temp_dir().join(format!("bailiwick-{}-{number}", process::id()));
        match fs::create_dir(&root) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|()| root),
        }
    }
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir(&target)?;
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
