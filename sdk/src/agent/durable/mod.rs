//! Keeps a tree of agents in a durable store while it runs, so that another process can resume it
//! after a crash.
//!
//! A run is one value beneath `runs`, its head, and the rest beneath `run/ID`: an agent's record when
//! it got its token, its state and conversation after each step, each call when it was allowed and
//! when it ended. Every batch expects the head as this process wrote it; a process that takes the run over
//! writes the head anew, and from then on no call of the earlier process is allowed and none of its writes is stored.

mod call;
mod error;
mod formats;
mod journal;
mod keeper;
mod load;
mod open_turn;
mod record;
mod run_store;
mod seal;

pub(super) use call::{CallRecord, digest};
pub(super) use error::LoadError;
pub(super) use journal::{CallJournal, Seen};
pub(super) use keeper::{Keeper, PreviousRun};
pub(super) use load::{
    StoredState, read_agents, read_calls, read_ended, read_head, read_heads, read_outline,
    read_over, read_spawning, read_state, scan,
};
pub(super) use open_turn::OpenTurn;
pub(super) use record::{AgentRecord, Over, RunHead, VERSION};
pub(super) use run_store::{RunStore, agents_key, canonical_line, head_key, lost, over_key};
pub use seal::{SealError, SealKey};
