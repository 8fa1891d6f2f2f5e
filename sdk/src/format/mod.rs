//! Stored formats are read by their version.
//!
//! A value that outlives its process says the version of its format in its member `version`. Each format has one
//! table, a [`Format`], with a reader for every version that this build reads. A format gets a new version by a new
//! row: the writer writes the new version, and the readers of the earlier ones stay.
//!
//! A reader is strict: a member that its version does not have is refused. A writer that adds a member raises the
//! version, so a build never acts on a part of a value whose other part it does not know.

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::text::line;

/// Reads a value of one version. The error says what is wrong with it.
pub(crate) type Read<T> = fn(Value) -> Result<T, String>;

/// How many characters of a version that is not known an error shows.
const SHOWN: usize = 40;

/// The versions of a format that this build reads, each with its reader.
pub(crate) struct Format<T: 'static> {
    readers: &'static [(u32, Read<T>)],
    /// The version of a value that says none.
    unmarked: Option<u32>,
}

/// Why a value cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormatError {
    /// This build does not read its version.
    #[error(
        "it has version `{found}`, and this build reads {read}; use a build that reads that version"
    )]
    Version {
        /// The version that it says, shortened.
        found: String,
        /// The versions that are read, in words.
        read: String,
    },
    /// It says no version, and every version of its format says it.
    #[error(
        "it has no `version`, so it is not of a format that this build writes; check where it comes from"
    )]
    NoVersion,
    /// It is not what its version says.
    #[error("{0}")]
    Damaged(String),
}

impl<T> Format<T> {
    /// A format with these readers.
    pub(crate) const fn new(readers: &'static [(u32, Read<T>)]) -> Self {
        Self {
            readers,
            unmarked: None,
        }
    }

    /// The same format, which began without the member `version`: a value without one is of this version.
    pub(crate) const fn unmarked(self, version: u32) -> Self {
        Self {
            unmarked: Some(version),
            ..self
        }
    }

    /// Reads a value with the reader of its version. Nothing else of it is looked at before.
    pub(crate) fn read(&self, value: Value) -> Result<T, FormatError> {
        let found = match (value.get("version"), self.unmarked) {
            (Some(found), _) => found.clone(),
            (None, Some(version)) => version.into(),
            (None, None) => return Err(FormatError::NoVersion),
        };
        let mut readers = self.readers.iter();
        let reader = readers.find(|(version, _)| found.as_u64() == Some(u64::from(*version)));
        let (_, read) = reader.ok_or_else(|| FormatError::Version {
            found: line(&found.to_string(), SHOWN),
            read: self.in_words(),
        })?;
        read(value).map_err(FormatError::Damaged)
    }

    /// The versions that are read: ``version `1` ``, or ``versions `1` and `2` ``.
    fn in_words(&self) -> String {
        let mut versions = self
            .readers
            .iter()
            .map(|(version, _)| format!("`{version}`"));
        let last = versions.next_back().unwrap_or_default();
        let earlier: Vec<_> = versions.collect();
        match earlier.is_empty() {
            true => format!("version {last}"),
            false => format!("versions {} and {last}", earlier.join(", ")),
        }
    }
}

/// The reader of a version whose members are those of `T`, which refuses any other member.
pub(crate) fn strict<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// Refuses a value that has a member of a later version: `members` are JSON pointers, such as `/body/digest`.
pub(crate) fn without(value: &Value, members: &[&str]) -> Result<(), String> {
    match members
        .iter()
        .find(|member| value.pointer(member).is_some())
    {
        None => Ok(()),
        Some(member) => Err(format!("its version has no member `{member}`")),
    }
}
