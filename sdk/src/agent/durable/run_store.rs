//! Where a run is stored, and whether this process still owns it.

use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde_json::Value;

use super::call::CallRecord;
use super::record::{AgentRecord, Over, RunHead, Spawning};
use super::seal::SealKey;
use crate::capability::{Chain, Held, canonical};
use crate::guard::BudgetSlots;
use crate::id::{AgentId, CallId, RunId, Timestamp};
use crate::store::{Batch, Expected, Key, StoreError};
use crate::tool::{Journal, ToolError};

/// A stored run, as one process has it.
pub(in crate::agent) struct RunStore {
    pub(in crate::agent) run: RunId,
    /// The version of the head that this process wrote.
    owner: u64,
    seal: Option<Arc<SealKey>>,
    /// Why this process has stopped the run, once something of it could not be stored.
    stopped: OnceLock<String>,
}

/// The head of a run.
pub(in crate::agent) fn head_key(run: RunId) -> Key {
    Key::of(["runs", &run.to_string()])
}

/// The key of a value that says that a run is over. It is not part of the head, so that agents that end after
/// the first one still find the head as it was.
pub(in crate::agent) fn over_key(run: RunId) -> Key {
    Key::of(["over", &run.to_string()])
}

/// The prefix of what is stored of the agents of a run.
pub(in crate::agent) fn agents_key(run: RunId) -> Key {
    Key::of(["run", &run.to_string()])
}

/// The kinds of values that are stored of the agents of a run.
pub(in crate::agent) fn beneath(run: RunId, kind: &str) -> Key {
    agents_key(run).child(kind)
}

/// One line of canonical JSON.
pub(in crate::agent) fn canonical_line(value: &impl Serialize) -> String {
    // Plain data with string keys can always be written.
    serde_json::to_value(value).map_or_else(|_| "null".to_owned(), |value| canonical::write(&value))
}

impl RunStore {
    pub(in crate::agent) fn new(run: RunId, owner: u64, seal: Option<Arc<SealKey>>) -> Self {
        Self {
            run,
            owner,
            seal,
            stopped: OnceLock::new(),
        }
    }

    /// Stops the whole tree as it was last stored, because something of it could not be stored: its calls
    /// stay open and its agents do not end, so that the process that resumes the run finds all of them.
    pub(in crate::agent) fn not_persisted(&self, error: &StoreError) {
        self.stop(match error {
            StoreError::Conflict { .. } => {
                "another process has taken this run over and continues it".to_owned()
            }
            other => format!("the run's last step cannot be stored, so the run stops: {other}"),
        });
    }

    /// Stops the whole tree as it was last stored; `why` is the reason. The first reason counts.
    pub(in crate::agent) fn stop(&self, why: String) {
        self.stopped.get_or_init(|| why);
    }

    /// Why the tree has stopped, if it has.
    pub(in crate::agent) fn stopped(&self) -> Option<&str> {
        self.stopped.get().map(String::as_str)
    }

    /// The batch that stores a new run: its head, and the record of its first agent, which began at `since`.
    pub(in crate::agent) fn first(
        run: RunId,
        (root, held): (AgentRecord, &Held),
        since: Option<Timestamp>,
        seal: Option<&SealKey>,
    ) -> Batch {
        let head_of = RunHead::new(root.agent, &root.role, since);
        Batch::new()
            .expect(head_key(run), Expected::Absent)
            .put(head_key(run), canonical_line(&head_of))
            .and(agent(run, &root.sealed(run, held, seal)))
    }

    /// A batch that is committed only while this process owns the run.
    pub(in crate::agent) fn still_owner(&self) -> Batch {
        Batch::new().expect(head_key(self.run), Expected::Version(self.owner))
    }

    /// Writes the record of an agent that got its token.
    pub(in crate::agent) fn agent(&self, record: AgentRecord, held: &Held) -> Batch {
        let record = record.sealed(self.run, held, self.seal.as_deref());
        self.still_owner().and(agent(self.run, &record))
    }

    /// Notes that a spawn has taken slots, until there is a child that has them, or the spawn fails: a process
    /// that takes the run over in between gives them back.
    pub(in crate::agent) fn spawning(&self, call: CallId, slots: &BudgetSlots) -> Batch {
        match slots.is_empty() {
            true => Batch::new(),
            false => Batch::new().put(
                self.spawning_key(call),
                canonical_line(&Spawning::of(slots)),
            ),
        }
    }

    /// Notes that a spawn is over: a child has its slots now, or this batch gives them back.
    pub(in crate::agent) fn spawned(&self, call: CallId, slots: &BudgetSlots) -> Batch {
        match slots.is_empty() {
            true => Batch::new(),
            false => self.still_owner().delete(self.spawning_key(call)),
        }
    }

    fn spawning_key(&self, call: CallId) -> Key {
        beneath(self.run, "spawning").child(&call.to_string())
    }

    /// Writes the record of an agent that got a new token.
    pub(in crate::agent) fn reissued(&self, record: &AgentRecord, held: &Held) -> Batch {
        let seal = self.seal.as_deref();
        agent(self.run, &record.clone().with(self.run, held, seal))
    }

    /// Moves the record of an agent to those that ended; `at` is the time of its end.
    pub(in crate::agent) fn ended(
        &self,
        record: AgentRecord,
        how: &str,
        at: Option<Timestamp>,
    ) -> Batch {
        let is_root = record.parent.is_none();
        let batch = self.still_owner().and(moved(self.run, record, how));
        match is_root {
            true => batch.put(over_key(self.run), canonical_line(&Over::new(how, at))),
            false => batch,
        }
    }

    fn call_key(&self, agent: AgentId, call: &str) -> Key {
        beneath(self.run, "calls")
            .child(&agent.to_string())
            .child(call)
    }

    /// Writes the state of a call.
    pub(in crate::agent) fn call(&self, agent: AgentId, call: &str, record: &CallRecord) -> Batch {
        self.still_owner()
            .put(self.call_key(agent, call), canonical_line(record))
    }

    /// Removes a call whose turn is over, or that was not made; for a batch that expects the run to
    /// be [`still_owner`](Self::still_owner).
    pub(in crate::agent) fn forget(&self, agent: AgentId, call: &str) -> Batch {
        Batch::new().delete(self.call_key(agent, call))
    }

    pub(in crate::agent) fn message_key(&self, agent: AgentId, index: usize) -> Key {
        beneath(self.run, "messages")
            .child(&agent.to_string())
            .child(&format!("{index:08}"))
    }

    pub(in crate::agent) fn state_key(&self, agent: AgentId) -> Key {
        beneath(self.run, "states").child(&agent.to_string())
    }
}

/// A call that code makes and that is not resumed: it is allowed while this process owns the run.
impl Journal for RunStore {
    fn begun(&self, _: CallId) -> Batch {
        self.still_owner()
    }

    fn ended(&self, _: CallId, _: Result<&Value, &ToolError>) -> Batch {
        Batch::new()
    }

    fn not_persisted(&self, error: &StoreError) {
        Self::not_persisted(self, error);
    }
}

/// The record of an agent.
fn agent(run: RunId, record: &AgentRecord) -> Batch {
    let place = beneath(run, "agents").child(&record.agent.to_string());
    Batch::new().put(place, canonical_line(record))
}

/// Moves the record of an agent to those that ended.
fn moved(run: RunId, record: AgentRecord, how: &str) -> Batch {
    let id = record.agent.to_string();
    Batch::new().delete(beneath(run, "agents").child(&id)).put(
        beneath(run, "ended").child(&id),
        canonical_line(&record.ended(how)),
    )
}

/// Moves the record of an agent whose end was not recorded to those that ended, and gives back the
/// slots that it had.
pub(in crate::agent) fn lost(run: RunId, record: &AgentRecord, chain: &Chain) -> Batch {
    moved(run, record.clone(), "lost").and(BudgetSlots::of(chain).give_back())
}
