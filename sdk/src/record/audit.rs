//! The audit: versioned JSON entries of a hash-chained log, written in the guard's own batches.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::capability::{Chain, Kind, canonical};
use crate::guard::{Attempt, Context, Denial, Recorder, Reservation};
use crate::id::hex;
use crate::id::{CallId, Timestamp};
use crate::store::{Batch, LogName};

/// The version of the entries that this build writes and reads.
pub const AUDIT_VERSION: u32 = 1;

/// One entry of the audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The version of the format.
    pub version: u32,
    /// When, by the guard's clock; none where the clock could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// What happened.
    pub body: Body,
}

/// What the guard said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The body may run.
    Allowed,
    /// It may not.
    Denied,
}

/// What an entry is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// A call was asked, and the guard said this. Written before the body runs.
    Attempt {
        /// The call.
        call: CallId,
        /// The agent's path.
        agent: String,
        /// The capability.
        capability: String,
        /// The arguments, as they were checked; none where they could not be read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        arguments: Option<Map<String, Value>>,
        /// The id of the token: the signature of its last hop.
        token: String,
        /// The lineage of the token.
        lineage: String,
        /// The task.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<String>,
        /// What the guard said.
        verdict: Verdict,
        /// Why it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refusal: Option<Kind>,
        /// The hop that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hop: Option<u32>,
        /// The words for the operator.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
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
    /// When the text is no entry, or one of another version.
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let value = versioned(text, AUDIT_VERSION).map_err(EntryError)?;
        serde_json::from_value(value).map_err(|error| EntryError(error.to_string()))
    }

    fn text(&self) -> String {
        // The fields are plain data with string keys, so there is nothing that cannot be written.
        serde_json::to_value(self)
            .map_or_else(|_| "null".to_owned(), |value| canonical::write(&value))
    }
}

/// Reads JSON that says its version first; any other than `version` is refused.
pub(super) fn versioned(text: &str, version: u32) -> Result<Value, String> {
    let value = canonical::read(text).map_err(|error| error.to_string())?;
    match value.get("version").and_then(Value::as_u64) {
        Some(found) if found == u64::from(version) => Ok(value),
        Some(found) => Err(format!(
            "it has version {found}, this build reads version {version}"
        )),
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

    fn entry(&self, batch: Batch, time: Option<Timestamp>, body: Body) -> Batch {
        batch.append(
            self.log.clone(),
            Entry {
                version: AUDIT_VERSION,
                time,
                body,
            }
            .text(),
        )
    }

    /// A call whose arguments could not be read.
    pub(crate) fn unreadable(&self, chain: &Chain, context: &Context, denial: &Denial) -> Batch {
        let body = attempt(
            CallId::fresh(),
            chain,
            denial.capability(),
            None,
            context,
            Some(denial),
        );
        self.entry(Batch::new(), told(context), body)
    }

    /// The end of an allowed call.
    pub(crate) fn outcome(
        &self,
        reservation: &Reservation,
        error: Option<&impl fmt::Display>,
    ) -> Batch {
        let error = error.map(|error| error.to_string().chars().take(1000).collect());
        self.entry(
            Batch::new(),
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
        self.entry(Batch::new(), None, Body::Outcome { call, error })
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
        self.entry(Batch::new(), Some(time), body)
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
        self.entry(Batch::new(), time, body)
    }
}

impl Recorder for Audit {
    fn attempt(&self, asked: &Attempt<'_>, batch: Batch) -> Batch {
        let arguments = Some(asked.call.arguments().clone());
        let body = attempt(
            asked.id,
            asked.chain,
            asked.call.capability(),
            arguments,
            asked.context,
            asked.denial,
        );
        self.entry(batch, told(asked.context), body)
    }
}

/// The time of a context; 1970 stands for a clock that could not be read.
fn told(context: &Context) -> Option<Timestamp> {
    Some(context.facts.time).filter(|time| *time != Timestamp::default())
}

fn attempt(
    call: CallId,
    chain: &Chain,
    capability: &str,
    arguments: Option<Map<String, Value>>,
    context: &Context,
    denial: Option<&Denial>,
) -> Body {
    Body::Attempt {
        call,
        agent: context.agent.clone(),
        capability: capability.to_owned(),
        arguments,
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
        detail: denial.map(|denial| denial.detail().to_owned()),
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
        for wrong in [r#"{"version":2,"body":{}}"#, r#"{"body":{}}"#, "[]", ""] {
            assert!(Entry::parse(wrong).is_err(), "{wrong}");
        }
    }
}
