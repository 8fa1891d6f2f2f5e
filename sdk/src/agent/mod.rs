//! WHO DOES IT: agents, the one road to a child, and what drives a run.
//!
//! An [`Orchestrator`] mints the first agent's token; from then on a token comes only from a
//! parent's ([`Agent::spawn`]). An agent's task begins when it is spawned and ends when
//! [`Agent::run`] returns or fails, or when the agent is dropped: its token is revoked, and with it
//! its whole subtree.

mod at_work;
mod budget;
mod builder;
mod children;
mod driver;
mod durable;
mod handle;
mod helper;
mod member;
mod names;
mod orchestrator;
mod report;
mod run;
mod shared;
mod spans;
mod spawn;
mod typed;

pub use budget::Prices;
pub use builder::{BuildError, OrchestratorBuilder};
pub use children::{ChildFailed, Children};
pub use durable::{
    KeptAgent, KeptRun, Pruned, ResumeError, Resumed, SealError, SealKey, Unknown, kept_agents,
    kept_run, kept_runs, prune,
};
pub use handle::{Agent, AgentHandle, NotAChild};
pub use helper::Helper;
pub use orchestrator::Orchestrator;
pub use report::{OutputError, Report, RunFailed};
pub use run::{CallOutcome, DenialNote, Ended, Finished, Limits, Run, RunError, Step};
pub use spawn::{Spawn, SpawnError};
#[cfg(feature = "schema")]
pub use typed::Answer;
