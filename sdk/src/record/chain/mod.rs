//! The hash chain of a log, and the signed checkpoints that pin it.
//!
//! The links alone show damage, not an author: an attacker who can write the store can compute all of
//! them anew. A checkpoint is signed, so a log that was rewritten or cut off before it no longer fits.
//! What no checkpoint covers yet can still be cut off without a trace, and so can the last
//! checkpoints, if they are kept nowhere else; [`Verified::uncovered`] says how much that is.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capability::canonical;
use crate::format::{Format, strict};
use crate::id::Timestamp;
use crate::store::{Entry, Head, LogLink, LogName};

/// An Ed25519 public key.
pub type PublicKeyBytes = [u8; 32];

/// An Ed25519 signature.
pub type SignatureBytes = [u8; 64];

/// A signed statement that a log went so far at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The log.
    pub log: LogName,
    /// The number of its last entry then; 0 for a log that was empty.
    pub seq: u64,
    /// The link of that entry, which is over all entries before it too.
    pub link: LogLink,
    /// When it was signed, by the signer's clock.
    pub time: Timestamp,
    /// The key of the signer.
    #[serde(with = "hex")]
    pub key: PublicKeyBytes,
    /// The signature over all of the above.
    #[serde(with = "hex")]
    pub signature: SignatureBytes,
}

/// A checkpoint of version 1 says no version beside the one in the bytes that are signed.
static FORMAT: Format<Checkpoint> = Format::new(&[(1, strict)]).unmarked(1);

/// A checkpoint that this build cannot read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint cannot be read: {0}")]
pub struct CheckpointError(String);

impl Checkpoint {
    /// Reads a checkpoint that was written as JSON, by its version. Its signature is not checked here: see
    /// [`verify`].
    ///
    /// # Errors
    ///
    /// When the text is not a checkpoint, or is one of a version that this build does not read; the error names the
    /// version and those that are read.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let value = canonical::read(text).map_err(|error| CheckpointError(error.to_string()))?;
        let checkpoint = FORMAT.read(value);
        checkpoint.map_err(|error| CheckpointError(error.to_string()))
    }

    /// Signs that `log` goes as far as `head`.
    ///
    /// `sign` is given the bytes to sign with the private key of `key`.
    #[must_use]
    pub fn sign(
        log: LogName,
        head: Head,
        time: Timestamp,
        key: PublicKeyBytes,
        sign: impl FnOnce(&[u8]) -> SignatureBytes,
    ) -> Self {
        let Head { seq, link } = head;
        let mut checkpoint = Self {
            log,
            seq,
            link,
            time,
            key,
            signature: [0; 64],
        };
        checkpoint.signature = sign(&checkpoint.payload());
        checkpoint
    }

    /// The bytes that are signed: `bailiwick/checkpoint/1`, a zero byte, and a line for each field.
    ///
    /// No field can hold a newline (a log's name escapes it), so there is one way to read them.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let Self {
            log,
            seq,
            link,
            time,
            key,
            signature: _,
        } = self;
        let key = crate::id::hex::write(key);
        format!(
            "bailiwick/checkpoint/1\0log {log}\nseq {seq}\nlink {link}\ntime {}\nkey {key}\n",
            time.millis()
        )
        .into_bytes()
    }
}

/// Where a log was altered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log `{log}` is broken at entry {seq}: {what}")]
pub struct Broken {
    log: LogName,
    seq: u64,
    what: Fault,
}

impl Broken {
    /// The log.
    #[must_use]
    pub const fn log(&self) -> &LogName {
        &self.log
    }

    /// The number of the first entry that is wrong or missing, or of the wrong checkpoint.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// What is wrong.
    #[must_use]
    pub const fn what(&self) -> Fault {
        self.what
    }
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A later entry stands where this one should.
    #[error("the entry is missing")]
    Missing,
    /// An entry with an earlier number stands here: one too many, or out of order.
    #[error("another entry stands in its place, with a number that was already used")]
    OutOfOrder,
    /// The body, or an entry before it, is not the one that the link is over.
    #[error("its link does not follow from the entry before it and its body")]
    Altered,
    /// The log ends before a checkpoint: its tail was cut off.
    #[error("a checkpoint was signed over it, but the log ends before it")]
    Truncated,
    /// The log, or another checkpoint, contradicts a checkpoint that was signed.
    #[error("a checkpoint was signed over another history")]
    Forked,
    /// A checkpoint is of another log.
    #[error("its checkpoint is of another log")]
    OtherLog,
    /// A checkpoint is by a key that is not trusted.
    #[error("its checkpoint is signed with a key that is not trusted")]
    UntrustedKey,
    /// A checkpoint's signature does not hold.
    #[error("the signature of its checkpoint does not hold")]
    BadSignature,
}

/// The result for a log that is intact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    head: Head,
    covered: u64,
}

impl Verified {
    /// How far the log goes.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// The number of the last entry that a checkpoint pins; 0 if no checkpoint pins an entry.
    #[must_use]
    pub const fn covered(&self) -> u64 {
        self.covered
    }

    /// How many entries at the end no checkpoint pins: nothing shows if they were rewritten.
    #[must_use]
    pub const fn uncovered(&self) -> u64 {
        self.head.seq.saturating_sub(self.covered)
    }
}

/// Follows the links from `from` (the head of what was verified before, or [`Head::empty`])
/// through `entries`, and gives the new head.
///
/// # Errors
///
/// [`Broken`] at the first entry that was removed, reordered, inserted or edited.
pub fn verify_links<'a>(
    log: &LogName,
    from: Head,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<Head, Broken> {
    entries
        .into_iter()
        .try_fold(from, |head, entry| follow(log, head, entry))
}

/// Holds a whole log, from its first entry, against every checkpoint that was signed over it.
///
/// `check` says whether a signature is the key's over the bytes; it must refuse weak keys and
/// malleable signatures (`verify_strict`). A checkpoint that cannot be relied on is an error
/// rather than left out: someone put it there.
///
/// # Errors
///
/// [`Broken`] at the first thing that does not fit.
pub fn verify<'a>(
    log: &LogName,
    entries: impl IntoIterator<Item = &'a Entry>,
    checkpoints: &[Checkpoint],
    trusted: &[PublicKeyBytes],
    check: impl Fn(&PublicKeyBytes, &[u8], &SignatureBytes) -> bool,
) -> Result<Verified, Broken> {
    let mut pins = BTreeMap::new();
    for checkpoint in checkpoints {
        let Checkpoint { seq, link, key, .. } = checkpoint;
        let broken = |what| Err(broken(log, *seq, what));
        if checkpoint.log != *log {
            return broken(Fault::OtherLog);
        }
        if !trusted.contains(key) {
            return broken(Fault::UntrustedKey);
        }
        if !check(key, &checkpoint.payload(), &checkpoint.signature) {
            return broken(Fault::BadSignature);
        }
        if pins.insert(*seq, *link).is_some_and(|other| other != *link) {
            return broken(Fault::Forked);
        }
    }

    let pinned = |head: Head| match pins.get(&head.seq) {
        Some(link) if *link != head.link => Err(broken(log, head.seq, Fault::Forked)),
        _ => Ok(head),
    };
    let head = entries
        .into_iter()
        .try_fold(pinned(Head::empty(log))?, |head, entry| {
            pinned(follow(log, head, entry)?)
        })?;
    let covered = pins.last_key_value().map_or(0, |(seq, _)| *seq);
    if covered > head.seq {
        return Err(broken(log, head.seq.saturating_add(1), Fault::Truncated));
    }
    Ok(Verified { head, covered })
}

/// The head after `entry`, if it is the one that follows.
fn follow(log: &LogName, head: Head, entry: &Entry) -> Result<Head, Broken> {
    let seq = head.seq.saturating_add(1);
    let what = if entry.seq > seq {
        Fault::Missing
    } else if entry.seq < seq || entry.seq == head.seq {
        Fault::OutOfOrder
    } else if entry.link != head.link.then(seq, &entry.body) {
        Fault::Altered
    } else {
        return Ok(Head::from(entry));
    };
    Err(broken(log, seq, what))
}

fn broken(log: &LogName, seq: u64, what: Fault) -> Broken {
    let log = log.clone();
    Broken { log, seq, what }
}

/// Bytes as hexadecimal text, for serde.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::id::hex;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::write(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || format!("expected {} lower-case hexadecimal digits", 2 * N);
        hex::read(&text).ok_or_else(|| de::Error::custom(wrong()))
    }
}
