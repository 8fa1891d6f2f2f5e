//! The audit: versioned JSON entries of a hash-chained log, written in the guard's own batches.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capability::{Chain, Kind, canonical};
use crate::guard::{Attempt, Context, Denial, Recorder, Repeated, Reservation, Under};
use crate::id::hex;
use crate::id::{CallId, Timestamp};
use crate::store::{Batch, LogName};

/// The version of the entries that this build writes. It reads those of version 1 too, in which no
/// denials are counted.
pub const AUDIT_VERSION: u32 = 2;

/// One entry of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
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
pub enum Verdict {
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
        verdict: Verdict,
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

impl Entry {
    /// Reads an entry; an unknown version is refused before anything else is looked at.
    ///
    /// # Errors
    ///
    /// When the text is not an entry, or is an entry of another version.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let value = versioned(text, 1..=AUDIT_VERSION).map_err(EntryError)?;
        serde_json::from_value(value).map_err(|error| EntryError(error.to_string()))
    }

    fn text(&self) -> String {
        // The fields are plain data with string keys, so there is nothing that cannot be written.
        serde_json::to_value(self)
            .map_or_else(|_| "null".to_owned(), |value| canonical::write(&value))
    }
}

/// Reads JSON that says its version first; any but `versions` is refused.
pub(super) fn versioned(text: &str, versions: RangeInclusive<u32>) -> Result<Value, String> {
    let value = canonical::read(text).map_err(|error| error.to_string())?;
    match value.get("version").and_then(Value::as_u64) {
        Some(found) if u32::try_from(found).is_ok_and(|found| versions.contains(&found)) => {
            Ok(value)
        }
        Some(found) => Err(match (versions.start(), versions.end()) {
            (first, last) if first == last => {
                format!("it has version {found}, this build reads version {last}")
            }
            (first, last) => {
                format!("it has version {found}, this build reads versions {first} to {last}")
            }
        }),
        None => Err("it has no version".to_owned()),
    }
}

/// Writes the audit of a process into one log of its store.
#[derive(Clone)]
pub struct Audit {
    log: LogName,
}

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Audit({})", self.log.as_str())
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self::new()
    }
}

impl Audit {
    /// The audit in the log named `audit`.
    #[must_use]
    pub fn new() -> Self {
        Self {
            log: LogName::of(["audit"]),
        }
    }

    /// The log that it writes.
    #[must_use]
    pub const fn log(&self) -> &LogName {
        &self.log
    }

    fn entry(&self, time: Option<Timestamp>, body: Body) -> Batch {
        Batch::new().append(
            self.log.clone(),
            Entry {
                version: AUDIT_VERSION,
                time,
                body,
            }
            .text(),
        )
    }

    /// The end of an allowed call.
    pub(crate) fn outcome(
        &self,
        reservation: &Reservation,
        error: Option<&impl fmt::Display>,
    ) -> Batch {
        let error = error.map(|error| error.to_string().chars().take(1000).collect());
        self.entry(
            None,
            Body::Outcome {
                call: reservation.id(),
                error,
            },
        )
    }

    /// An allowed call of a process that ended before the call did.
    pub(crate) fn lost(&self, call: CallId, what: &str) -> Batch {
        let error = Some(what.to_owned());
        self.entry(None, Body::Outcome { call, error })
    }

    /// A token given to an agent.
    pub(crate) fn hop(
        &self,
        agent: &str,
        chain: &Chain,
        parent: Option<&Chain>,
        time: Timestamp,
    ) -> Batch {
        let body = Body::Hop {
            agent: agent.to_owned(),
            token: hex::write(&chain.id()),
            parent: parent.map(|parent| hex::write(&parent.id())),
            holder: chain.holder().to_string(),
            expires: chain.expires(),
        };
        self.entry(Some(time), body)
    }

    /// The end of an agent's task.
    pub(crate) fn ended(
        &self,
        agent: &str,
        chain: &Chain,
        how: &str,
        time: Option<Timestamp>,
    ) -> Batch {
        let body = Body::Ended {
            agent: agent.to_owned(),
            token: hex::write(&chain.id()),
            how: how.to_owned(),
        };
        self.entry(time, body)
    }
}

impl Recorder for Audit {
    fn attempt(&self, asked: &Attempt<'_>) -> Batch {
        self.entry(told(asked.context), attempt(asked))
    }

    fn repeated(&self, denials: &Repeated<'_>) -> Batch {
        let (holder, door) = match denials.under {
            Under::Holder(key) => (Some(key.to_string()), None),
            Under::Door(door) => (None, Some(door.clone())),
            Under::Others => (None, None),
        };
        let body = Body::Denials {
            holder,
            door,
            refusal: denials.kind,
            capability: denials.capability.map(str::to_owned),
            count: denials.count,
            first: denials.first,
            last: denials.last,
            digest: hex::write(&denials.digest),
            detail: format!(
                "{} denials without an entry of their own, from {} to {}",
                denials.count, denials.first, denials.last
            ),
        };
        self.entry(Some(denials.last), body)
    }
}

/// The time of a context; 1970 stands for a clock that could not be read.
fn told(context: &Context) -> Option<Timestamp> {
    Some(context.facts.time).filter(|time| *time != Timestamp::default())
}

/// How many bytes of a denied call's arguments are kept.
const ARGUMENTS: usize = 1000;
/// How many characters of the explanation for the operator are kept.
const DETAIL: usize = 2000;

/// The arguments of a call as its entry has them: whole, or their digest and how they begin.
type Arguments = (Option<Map<String, Value>>, Option<String>, Option<String>);

fn arguments(asked: &Attempt<'_>) -> Arguments {
    let Some(call) = asked.call else {
        return (None, None, None);
    };
    let whole = || Some(call.arguments().clone());
    if asked.denial.is_none() {
        return (whole(), None, None);
    }
    let text = canonical::write_object(call.arguments());
    let digest = Some(hex::write(&canonical::sha256(b"", &text)));
    if text.len() <= ARGUMENTS {
        return (whole(), digest, None);
    }
    let end = (0..=ARGUMENTS)
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let cut = text.get(..end.unwrap_or(0)).map(str::to_owned);
    (None, digest, cut)
}

fn attempt(asked: &Attempt<'_>) -> Body {
    let (arguments, digest, cut) = arguments(asked);
    let (chain, context, denial) = (asked.chain, asked.context, asked.denial);
    Body::Attempt {
        call: asked.id,
        agent: context.agent.clone(),
        capability: asked.capability.to_owned(),
        arguments,
        digest,
        cut,
        token: hex::write(&chain.id()),
        lineage: hex::write(&chain.lineage()),
        task: context.facts.task.clone(),
        verdict: if denial.is_some() {
            Verdict::Denied
        } else {
            Verdict::Allowed
        },
        refusal: denial.map(Denial::kind),
        hop: denial.and_then(Denial::hop),
        detail: denial.map(|denial| denial.detail().chars().take(DETAIL).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_what_it_writes_and_refuses_another_version() {
        let body = Body::Outcome {
            call: CallId::fresh(),
            error: Some("line\nbreak".to_owned()),
        };
        let entry = Entry {
            version: AUDIT_VERSION,
            time: None,
            body,
        };
        assert_eq!(Entry::parse(&entry.text()).unwrap(), entry);
        assert!(!entry.text().contains('\n'));
        let before = entry.text().replace(r#""version":2"#, r#""version":1"#);
        assert_eq!(Entry::parse(&before).unwrap().body, entry.body);
        for wrong in [
            entry
                .text()
                .replace(r#""version":2"#, r#""version":3"#)
                .as_str(),
            r#"{"version":2,"body":{}}"#,
            r#"{"body":{}}"#,
            "[]",
            "",
        ] {
            assert!(Entry::parse(wrong).is_err(), "{wrong}");
        }
    }
}
