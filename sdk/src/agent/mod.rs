//! WHO DOES IT: agents, the one road to a child, and what drives a run.
//!
//! An [`Orchestrator`] mints the first agent's token; every later token is derived from a
//! parent's token ([`Agent::spawn`]). An agent's task begins when it is spawned and ends when
//! [`Agent::run`] returns or fails, or when the agent is dropped: its token is revoked, and with it
//! its whole subtree.

#[cfg(feature = "schema")]
mod answer;
mod builder;
mod children;
mod core;
mod driver;
mod durable;
mod handle;
mod helper;
mod orchestrator;
mod prices;
mod report;
mod resume;
mod run;
mod runtime;
mod spawn;
mod typed;
mod unknown;

#[cfg(feature = "schema")]
pub use answer::Answer;
pub use builder::{BuildError, OrchestratorBuilder};
pub use children::{ChildFailed, Children};
pub use durable::{SealError, SealKey};
pub use handle::{Agent, AgentHandle, NotAChild};
pub use helper::Helper;
pub use orchestrator::Orchestrator;
pub use prices::Prices;
pub use report::{OutputError, Report, RunFailed};
pub use resume::{
    Pruned, ResumeError, Resumed, StoredAgent, StoredRun, prune, stored_agents, stored_run,
    stored_run_changed, stored_runs,
};
pub use run::{CallOutcome, DenialNote, Ended, Finished, Limits, Run, RunError, Step};
pub use spawn::{Spawn, SpawnError};
pub use unknown::UnknownOutcome;
