//! One agent at its task: a machine of turns that does no I/O.
//!
//! [`Run::next`] says what is to be done; the driver of the run does it and reports the result.
//! `next` changes nothing and the run is stored whole, so a run read back after a crash goes on with
//! the same step. A completion becomes part of the run before any call in it can be dispatched: a
//! driver that stores the run before it follows the next step never asks a model twice.
//!
//! ```text
//!             completed(calls)             completed(no calls)
//!   AskModel ------------------> Dispatch      AskModel ------> Done
//!      ^                            |
//!      +---- resolved(last call) ---+----> Done (turn limit, loops)
//! ```
//!
//! A completion that is not an answer is asked for again: one that is empty, that was refused, or that was cut
//! short with calls in it, none of which is made then.

mod answer;
mod calls;
mod finished;
mod heard;
mod limits;
mod loops;
mod machine;
mod settle;
mod state;
mod step;
pub(in crate::agent) mod stored_exposure;
mod text;
mod waiting;
mod window;

#[cfg(test)]
mod tests;

pub(in crate::agent) use answer::is_answer;
pub use finished::{DenialNote, Ended, Finished};
pub use limits::Limits;
pub use machine::Run;
pub(in crate::agent) use settle::cleaned;
pub use step::{CallOutcome, RunError, Step};
pub(in crate::agent) use text::fingerprint;
pub(in crate::agent) use waiting::{ModelTurn, OpenCall, OpenCalls, Waiting};
