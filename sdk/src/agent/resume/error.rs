//! Why a run cannot be resumed.

use crate::agent::durable::LoadError;
use crate::agent::report::{Report, RunFailed};
use crate::guard::Guard;
use crate::id::{RunId, Timestamp};
use crate::store::StoreError;

/// Why a run cannot be resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The store keeps no such run.
    #[error("the store keeps no run {run}; was it begun with another store?")]
    NotFound {
        /// The run.
        run: RunId,
    },
    /// The store is in memory, so it keeps no runs.
    #[error("the store keeps nothing beyond its process; give the orchestrator a durable one")]
    NotDurable,
    /// The run is over.
    #[error("the run is over: {how}")]
    Ended {
        /// How its first agent's task ended.
        how: String,
        /// What it did, with its answer if it has one; `None` where it never ran.
        report: Option<Box<Result<Report, RunFailed>>>,
    },
    /// Agents whose private keys were not kept, or sealed under another key. Their tokens cannot
    /// be used any more.
    #[error(
        "the keys of {} are not available; give the orchestrator the sealing key that \
         the run was begun with, or resume it with new keys", .agents.join(", ")
    )]
    NeedsAuthority {
        /// Their paths.
        agents: Vec<String>,
    },
    /// A token is not accepted any more: the first agent's has ended or was revoked, or the root of
    /// one is not trusted here.
    #[error("the token of `{agent}` is not accepted: {why}")]
    Token {
        /// The agent's path.
        agent: String,
        /// Why it is not accepted.
        why: String,
    },
    /// This orchestrator is already running it.
    #[error("this orchestrator is already running this run; wait until the run ends or stops")]
    AlreadyRunning,
    /// Another process took the run over at the same time.
    #[error("another process took the run over")]
    TakenOver,
    /// There are no slots for its agents.
    #[error("{0}")]
    TooMany(String),
    /// A stored value is of a version that this build does not read: another build wrote it.
    #[error("the run was stored by another build: {what}")]
    OtherVersion {
        /// Which value, its version, and the versions that are read.
        what: String,
    },
    /// A stored value cannot be read.
    #[error("the stored run is damaged: {what}")]
    Damaged {
        /// Which value, and what is wrong with it.
        what: String,
    },
    /// The store cannot be read or written.
    #[error("the run cannot be read or written: {0}")]
    Store(StoreError),
}

impl From<StoreError> for ResumeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::TakenOver,
            other => Self::Store(other),
        }
    }
}

impl From<LoadError> for ResumeError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::NotFound { run } => Self::NotFound { run },
            LoadError::Version { what } => Self::OtherVersion { what },
            LoadError::Damaged { what } => Self::Damaged { what },
            LoadError::Store(error) => error.into(),
        }
    }
}

/// Now, by the guard's clock. Without the clock it is not known whether a token holds.
pub(super) fn now(guard: &Guard) -> Result<Timestamp, ResumeError> {
    guard.now().map_err(|refusal| {
        let what = refusal.to_string();
        ResumeError::Store(StoreError::Unavailable { what })
    })
}
