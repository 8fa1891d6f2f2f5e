//! The entries of the audit, and how they are read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capability::{Kind, canonical};
use crate::format::{Format, strict, without};
use crate::id::{CallId, Timestamp};

/// The version of the entries that this build writes. It reads those of version 1 too, which have no
/// [`Body::Denials`], and no `digest` and `cut` of arguments.
pub const AUDIT_VERSION: u32 = 2;

static FORMAT: Format<AuditEntry> = Format::new(&[(1, first), (2, strict)]);

fn first(value: Value) -> Result<AuditEntry, String> {
    without(&value, &["/body/digest", "/body/cut"])?;
    let entry: AuditEntry = strict(value)?;
    match entry.body {
        Body::Denials { .. } => Err("its version has no entries of the kind `denials`".to_owned()),
        _ => Ok(entry),
    }
}

/// One entry of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditEntry {
    /// The version of the format.
    pub version: u32,
    /// When it happened, by the guard's clock; absent if the clock could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What happened.
    pub body: Body,
}

/// The decision of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// The body may run.
    Allowed,
    /// The body may not run.
    Denied,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// The guard decided about a call. The entry is written before the body runs.
    Attempt {
        /// The call.
        call: CallId,
        /// The agent's path.
        agent: String,
        /// The capability.
        capability: String,
        /// The arguments, as they were checked; absent if they could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<Map<String, Value>>,
        /// The SHA-256 hash of the canonical JSON of the arguments, if the call was denied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// The beginning of the arguments as canonical JSON, if the call was denied and they have more than
        /// 1,000 bytes. The entry does not hold the rest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cut: Option<String>,
        /// The id of the token: the signature of its last hop.
        token: String,
        /// The lineage of the token.
        lineage: String,
        /// The task.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// The decision of the guard.
        verdict: AuditVerdict,
        /// Why it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<Kind>,
        /// The hop that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hop: Option<u32>,
        /// The explanation for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Denied calls that have no entries of their own, because there were too many of their kind.
    Denials {
        /// The key of their holder; absent if no key was shown, and if they are of many holders.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<String>,
        /// Where they came from, if no key was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        door: Option<String>,
        /// Why they were refused.
        refusal: Kind,
        /// The capability; absent if they are of several, or if it is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capability: Option<String>,
        /// How many there were.
        count: u64,
        /// The time of the first of them.
        first: Timestamp,
        /// The time of the last of them.
        last: Timestamp,
        /// A SHA-256 hash chained over the digests of all of them.
        digest: String,
        /// A description for the operator.
        detail: String,
    },
    /// An allowed call has ended.
    Outcome {
        /// The call.
        call: CallId,
        /// How it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// An agent was given a token: a root agent, or a child by its parent.
    Hop {
        /// The agent's path.
        agent: String,
        /// The id of its token.
        token: String,
        /// The id of its parent's token.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
        /// The key that the token names.
        holder: String,
        /// When the token expires.
        expires: Timestamp,
    },
    /// An agent's task has ended, and its subtree is revoked.
    Ended {
        /// The agent's path.
        agent: String,
        /// The id of its token.
        token: String,
        /// How it ended.
        how: String,
    },
}

/// An entry that this build cannot read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit entry cannot be read: {0}")]
pub struct EntryError(String);

impl AuditEntry {
    /// Reads an entry by its version, which is looked at before anything else.
    ///
    /// A member that the version does not have is refused, so that no part of an entry loses its meaning unseen.
    ///
    /// # Errors
    ///
    /// When the text is not an entry, or is one of a version that this build does not read; the error names the
    /// version and those that are read.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let value = canonical::read(text).map_err(|error| EntryError(error.to_string()))?;
        let entry = FORMAT.read(value);
        entry.map_err(|error| EntryError(error.to_string()))
    }

    /// The entry as it is stored: one line of canonical JSON.
    pub(super) fn text(&self) -> String {
        // The fields are plain data with string keys, so there is nothing that cannot be written.
        serde_json::to_value(self)
            .map_or_else(|_| "null".to_owned(), |value| canonical::write(&value))
    }
}

#[cfg(test)]
mod tests;
