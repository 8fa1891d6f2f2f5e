//! Logs: entries in order, each linked to all before it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use super::Key;
use crate::id::hex;

/// The name of a log, made like a [`Key`]; logs and keys of one name have nothing to do with each
/// other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogName(Key);

impl LogName {
    /// The log of these parts.
    pub fn of<P: AsRef<str>>(parts: impl IntoIterator<Item = P>) -> Self {
        Self(Key::of(parts))
    }

    /// The name as it is written, without control characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl From<Key> for LogName {
    fn from(key: Key) -> Self {
        Self(key)
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogName({self})")
    }
}

impl Serialize for LogName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for LogName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A hash over an entry and, through the link before it, over all of the log up to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogLink([u8; 32]);

impl LogLink {
    /// The link before the first entry of a log, different for each log.
    ///
    /// SHA-256 of `bailiwick/log-start/1`, a zero byte, and the name.
    #[must_use]
    pub fn start(log: &LogName) -> Self {
        let hash = Sha256::new_with_prefix(b"bailiwick/log-start/1\0");
        Self(hash.chain_update(log.as_str()).finalize().into())
    }

    /// The link of the entry `seq` that comes after this link.
    ///
    /// SHA-256 of `bailiwick/log/1`, a zero byte, this link, `seq` in eight bytes, most
    /// significant first, and the bytes of the body.
    #[must_use]
    pub fn then(&self, seq: u64, body: &str) -> Self {
        let hash = Sha256::new_with_prefix(b"bailiwick/log/1\0")
            .chain_update(self.0)
            .chain_update(seq.to_be_bytes())
            .chain_update(body);
        Self(hash.finalize().into())
    }

    /// The bytes of the hash.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for LogLink {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for LogLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::write(&self.0))
    }
}

impl fmt::Debug for LogLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogLink({self})")
    }
}

impl Serialize for LogLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogLink {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hex::read(&String::deserialize(deserializer)?)
            .map(Self)
            .ok_or_else(|| de::Error::custom("a link is 64 lower-case hexadecimal digits"))
    }
}

/// One entry of a log, as it was appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number: the first entry of a log is 1.
    pub seq: u64,
    /// The link over this entry and all before it.
    pub link: LogLink,
    /// One line of canonical JSON; the link is over exactly these bytes.
    pub body: String,
}

/// How far a log goes: the number and link of its last entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The number of the last entry; 0 in an empty log.
    pub seq: u64,
    /// The link of the last entry; [`LogLink::start`] in an empty log.
    pub link: LogLink,
}

impl Head {
    /// The head of a log without entries.
    #[must_use]
    pub fn empty(log: &LogName) -> Self {
        let link = LogLink::start(log);
        Self { seq: 0, link }
    }

    /// The entry that follows with this body, or `None` when all numbers are used up.
    #[must_use]
    pub fn then(&self, body: String) -> Option<Entry> {
        let seq = self.seq.checked_add(1)?;
        let link = self.link.then(seq, &body);
        Some(Entry { seq, link, body })
    }
}

impl From<&Entry> for Head {
    fn from(entry: &Entry) -> Self {
        let Entry { seq, link, .. } = *entry;
        Self { seq, link }
    }
}
