//! Events: one ordered stream of what agents do, for those who watch it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::capability::{Kind, canonical};
use crate::format::{Format, strict};
use crate::id::{CallId, Timestamp};

/// The version of the events that this build writes.
pub const EVENT_VERSION: u32 = 1;

static FORMAT: Format<Event> = Format::new(&[(1, strict)]);

/// How many events a watcher may lag behind before it misses some.
const BACKLOG: usize = 4096;

/// Something that happened in a tree of agents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The version of the format.
    pub version: u32,
    /// The position in the stream, counted from 1, without gaps.
    pub seq: u64,
    /// When it happened, by the guard's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The agent's path from the root.
    pub agent: String,
    /// The id of its token, as the first 16 hexadecimal digits of the last hop's signature.
    pub token: String,
    /// What happened.
    pub kind: EventKind,
}

/// An event that this build cannot read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read: {0}")]
pub struct EventError(String);

impl Event {
    /// Reads an event by its version, which is looked at before anything else. A member that the version does not
    /// have is refused.
    ///
    /// # Errors
    ///
    /// When the text is not an event, or is one of a version that this build does not read; the error names the
    /// version and those that are read.
    pub fn parse(text: &str) -> Result<Self, EventError> {
        let value = canonical::read(text).map_err(|error| EventError(error.to_string()))?;
        let event = FORMAT.read(value);
        event.map_err(|error| EventError(error.to_string()))
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum EventKind {
    /// An agent got its token.
    Spawned {
        /// What it may do, a line for each grant and caveat.
        scope: Vec<String>,
    },
    /// An agent asked its model.
    Thinking {
        /// Which turn, counted from 1.
        turn: u32,
    },
    /// The cost of a turn of the model is not known: the provider did not say it, or the run did not wait
    /// for the answer. The amounts that were taken from budgets for the turn stay taken.
    Unmeasured {
        /// Which turn, counted from 1.
        turn: u32,
    },
    /// A part of a model's text, as it streams. Only the completion counts: an error takes the text back.
    Said {
        /// The part, as the model wrote it: escape it before it reaches a terminal.
        text: String,
    },
    /// An agent handed its task over, and does nothing more.
    HandedOver {
        /// The path of the agent that took it.
        to: String,
    },
    /// A call was allowed and has ended.
    Called {
        /// The call.
        call: CallId,
        /// The capability.
        capability: String,
        /// The arguments, as text, cut to a line.
        arguments: String,
        /// How it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A call was refused.
    Denied {
        /// The capability, or the name of a tool that does not exist.
        capability: String,
        /// The arguments, as text, cut to a line.
        arguments: String,
        /// The stable name of the reason.
        kind: Kind,
        /// The hop that refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hop: Option<u32>,
        /// The explanation for the operator.
        detail: String,
    },
    /// An agent goes no further for now: a budget has too little left for another turn, or something
    /// else is missing that it may have later.
    Paused {
        /// What is missing, for the operator.
        why: String,
    },
    /// An agent that another process began is resumed.
    Resumed {},
    /// A call was in flight when the process before this one ended; whether it was made is not known.
    Unknown {
        /// The call.
        call: CallId,
        /// The capability.
        capability: String,
    },
    /// An agent's task has ended; its subtree is revoked.
    Ended {
        /// How it ended.
        how: String,
    },
}

/// The stream of events of a tree of agents. Cheap to clone; clones are one stream.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Stream>>);

#[derive(Default)]
struct Stream {
    /// The position of the last event.
    seq: u64,
    /// It is made when the first watcher comes, since its room for events is large.
    sender: Option<broadcast::Sender<Event>>,
}

impl Stream {
    fn watchers(&self) -> usize {
        let count = broadcast::Sender::receiver_count;
        self.sender.as_ref().map_or(0, count)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Events({} watchers)", self.stream().watchers())
    }
}

impl Events {
    /// A stream without a watcher.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Watches from now on. A watcher that lags behind misses events, and is told how many.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Event> {
        let mut stream = self.stream();
        let made = || broadcast::Sender::new(BACKLOG);
        stream.sender.get_or_insert_with(made).subscribe()
    }

    /// Adds an event to the stream.
    pub(crate) fn emit(
        &self,
        time: Option<Timestamp>,
        agent: &str,
        token: &[u8; 64],
        kind: EventKind,
    ) {
        // Sequence and sending under one lock: the order that watchers see is the order of seq.
        let mut stream = self.stream();
        stream.seq += 1;
        let Some(sender) = &stream.sender else {
            return;
        };
        let token = crate::id::hex::write(token.first_chunk::<8>().unwrap_or(&[0; 8]));
        let event = Event {
            version: EVENT_VERSION,
            seq: stream.seq,
            time,
            agent: agent.to_owned(),
            token,
            kind,
        };
        // A stream without a watcher is not an error.
        let _ = sender.send(event);
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_what_it_writes_and_refuses_another_version() {
        let events = Events::new();
        let mut watcher = events.watch();
        events.emit(None, "lead", &[7; 64], EventKind::Thinking { turn: 1 });
        events.emit(
            None,
            "lead",
            &[7; 64],
            EventKind::Ended {
                how: "answer".to_owned(),
            },
        );
        let first = watcher.try_recv().unwrap();
        let text = serde_json::to_string(&first).unwrap();
        assert_eq!(Event::parse(&text).unwrap(), first);
        let other = text.replace("\"version\":1", "\"version\":2");
        let error = Event::parse(&other).unwrap_err().to_string();
        for part in ["has version `2`", "reads version `1`", "use a build"] {
            assert!(error.contains(part), "{error}");
        }
        let stray = text.replacen('{', "{\"stray\":1,", 1);
        let error = Event::parse(&stray).unwrap_err().to_string();
        assert!(error.contains("`stray`"), "{error}");
        assert_eq!((first.seq, watcher.try_recv().unwrap().seq), (1, 2));
    }

    /// A name for each kind, so that a kind without a sample does not compile or fails.
    fn name(kind: &EventKind) -> &'static str {
        match kind {
            EventKind::Spawned { .. } => "spawned",
            EventKind::Thinking { .. } => "thinking",
            EventKind::Unmeasured { .. } => "unmeasured",
            EventKind::Said { .. } => "said",
            EventKind::HandedOver { .. } => "handed_over",
            EventKind::Called { .. } => "called",
            EventKind::Denied { .. } => "denied",
            EventKind::Paused { .. } => "paused",
            EventKind::Resumed {} => "resumed",
            EventKind::Unknown { .. } => "unknown",
            EventKind::Ended { .. } => "ended",
        }
    }

    #[test]
    fn events_of_version_1_are_read_and_written() {
        let lines = include_str!("golden/event-1.jsonl").lines();
        let mut names = Vec::new();
        for (line, seq) in lines.zip(1..) {
            let event = Event::parse(line).unwrap();
            assert_eq!((event.version, event.seq), (EVENT_VERSION, seq));
            let written = serde_json::to_value(&event).unwrap();
            assert_eq!(canonical::write(&written), line);
            names.push(name(&event.kind));
        }
        names.dedup();
        let all = [
            "spawned",
            "thinking",
            "unmeasured",
            "said",
            "handed_over",
            "called",
            "denied",
            "paused",
            "resumed",
            "unknown",
            "ended",
            "thinking",
        ];
        assert_eq!(names, all);
    }

    #[test]
    fn a_watcher_sees_what_comes_after_it_by_its_place_in_the_stream() {
        let events = Events::new();
        let think = |turn| events.emit(None, "lead", &[7; 64], EventKind::Thinking { turn });
        think(1);
        assert_eq!(format!("{events:?}"), "Events(0 watchers)");
        let mut first = events.watch();
        think(2);
        let mut second = events.clone().watch();
        think(3);
        assert_eq!(format!("{events:?}"), "Events(2 watchers)");
        assert_eq!(
            (first.try_recv().unwrap().seq, first.try_recv().unwrap().seq),
            (2, 3)
        );
        assert_eq!(second.try_recv().unwrap().seq, 3);
        assert!(first.try_recv().is_err() && second.try_recv().is_err());
        drop((first, second));
        assert_eq!(format!("{events:?}"), "Events(0 watchers)");
        think(4);
        let mut late = events.watch();
        think(5);
        assert_eq!(late.try_recv().unwrap().seq, 5);
    }
}
