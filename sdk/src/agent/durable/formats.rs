//! The formats of the values that are stored of a run, each with the readers of its versions.
//!
//! A value inside another one has the version of the outer one: a sealed key is part of its agent's record, and the
//! amounts of a turn are part of the state. The machine's own state inside a [`StateRecord`] is the exception: it has
//! a version of its own, since a program may store it elsewhere (see `Run`).

#[cfg(test)]
mod tests;

use serde_json::Value;

use super::call::CallRecord;
use super::load::Outline;
use super::record::{AgentRecord, Over, RunHead, Spawning, StateRecord};
use crate::format::{Format, strict};

pub(super) static HEAD: Format<RunHead> = Format::new(&[(1, strict)]);
pub(super) static OVER: Format<Over> = Format::new(&[(1, strict)]);
pub(super) static AGENT: Format<AgentRecord> = Format::new(&[(1, strict)]);
pub(super) static STATE: Format<StateRecord> = Format::new(&[(1, strict)]);
pub(super) static SPAWNING: Format<Spawning> = Format::new(&[(1, strict)]);

/// The part of the machine's state that a summary needs. It is not strict: it leaves out the rest on purpose.
pub(super) static OUTLINE: Format<Outline> = Format::new(&[(1, strict)]);

/// Version 1 of a call has no member `version`.
pub(super) static CALL: Format<CallRecord> = Format::new(&[(1, strict)]).unmarked(1);

/// Version 1 of a message has no member `version`. The machine reads the message itself, with its state.
pub(super) static MESSAGE: Format<Value> = Format::new(&[(1, Ok)]).unmarked(1);
