//! The audit: versioned JSON entries of a hash-chained log, written in the guard's own batches.

mod attempt;
mod entry;

use std::fmt;

use crate::capability::Chain;
use crate::guard::{Attempt, Context, Recorder, Repeated, Reservation, Under};
use crate::id::hex;
use crate::id::{CallId, Timestamp};
use crate::store::{Batch, LogName};

pub use entry::{AUDIT_VERSION, AuditEntry, AuditVerdict, Body, EntryError};

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
            AuditEntry {
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
        self.entry(told(asked.context), attempt::attempt(asked))
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
