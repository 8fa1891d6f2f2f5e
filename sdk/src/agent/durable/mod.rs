//! Keeps a tree of agents in a durable store while it runs, so that another process goes on with it
//! after a crash.
//!
//! A run is one value beneath `runs`, its head, and the rest beneath `run/ID`: an agent's record when
//! it got its token, its state and conversation after each step, each call when it was allowed and
//! when it ended. Every batch expects the head as this process wrote it; whoever takes the run over
//! writes the head anew, and from then on nothing that the process before it does is allowed or kept.

mod found;
mod journal;
mod keeper;
mod keys;
mod list;
mod load;
mod open_call;
mod prune;
mod record;
mod resume;
mod resumed;
mod seal;
mod takeover;
mod tidy;
mod tree;

pub(super) use journal::{CallJournal, Seen};
pub(super) use keeper::{Asking, Before, Keeper};
pub use list::{KeptAgent, KeptRun, kept_agents, kept_run, kept_runs};
pub use prune::{Pruned, prune};
pub(super) use record::{AgentRecord, CallRecord, digest};
pub use resume::ResumeError;
pub use resumed::{Resumed, Unknown};
pub use seal::{SealError, SealKey};
pub(super) use tree::Tree;
