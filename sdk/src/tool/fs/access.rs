//! A path, and the directory that was granted.

use std::fmt;

use super::FsError;

/// A path, and the innermost directory that was granted for it.
///
/// Holds only paths in normal form, and a path that lies beneath its granted directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    granted: VirtualPath,
    path: VirtualPath,
}

impl Access {
    /// The access to `path` under `roots`: the granted directories, one for each block of the
    /// token that constrains the path.
    ///
    /// Blocks narrow one another, so the path has to lie beneath every root; the longest is the
    /// granted directory. A root that is the path itself grants that one file or directory.
    /// Without a root nothing is granted; `/` grants all that is mounted.
    ///
    /// # Errors
    ///
    /// [`FsError::NotNormal`] or [`FsError::Denied`].
    pub(crate) fn new<R: AsRef<str>>(
        roots: impl IntoIterator<Item = R>,
        path: &str,
    ) -> Result<Self, FsError> {
        let path = VirtualPath::parse(path)?;
        let mut granted: Option<VirtualPath> = None;
        for root in roots {
            let root = VirtualPath::parse(root.as_ref())?;
            if !root.covers(&path) {
                return Err(FsError::Denied {
                    path: path.to_string(),
                });
            }
            if granted
                .as_ref()
                .is_none_or(|longest| longest.depth() < root.depth())
            {
                granted = Some(root);
            }
        }
        match granted {
            Some(granted) => Ok(Self { granted, path }),
            None => Err(FsError::Denied {
                path: path.to_string(),
            }),
        }
    }

    /// The path, without a trailing slash.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.0
    }

    /// The innermost granted directory, without a trailing slash.
    #[must_use]
    pub fn granted(&self) -> &str {
        &self.granted.0
    }

    pub(super) const fn granted_path(&self) -> &VirtualPath {
        &self.granted
    }

    pub(super) const fn virtual_path(&self) -> &VirtualPath {
        &self.path
    }
}

/// An absolute path in normal form, without a trailing slash except for the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VirtualPath(String);

impl VirtualPath {
    /// Reads a path in normal form, one trailing slash allowed. It is never repaired: what was
    /// checked and what is opened are the same bytes.
    pub(super) fn parse(text: &str) -> Result<Self, FsError> {
        let refused = |reason| FsError::NotNormal {
            path: text.chars().take(256).collect(),
            reason,
        };
        if text.len() > 4096 {
            return Err(refused("it is longer than 4096 bytes"));
        }
        let Some(inner) = text.strip_prefix('/') else {
            return Err(refused("it does not start with a slash"));
        };
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return if text == "/" {
                Ok(Self(text.to_owned()))
            } else {
                Err(refused("it has an empty component"))
            };
        }
        for component in inner.split('/') {
            match component {
                "" => return Err(refused("it has an empty component")),
                "." | ".." => return Err(refused("it has a dot component")),
                name if !nameable(name) => {
                    return Err(refused(
                        "a component has a backslash or a control character",
                    ));
                }
                _ => {}
            }
        }
        Ok(Self(format!("/{inner}")))
    }

    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }

    pub(super) fn depth(&self) -> usize {
        self.components().count()
    }

    /// Whether `other` is this path or lies beneath it.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.components();
        self.components()
            .all(|component| theirs.next() == Some(component))
    }
}

impl fmt::Display for VirtualPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a name can stand in a virtual path. A backslash divides names on some systems.
fn nameable(name: &str) -> bool {
    !name.contains(|c: char| c == '\\' || c.is_control())
}
