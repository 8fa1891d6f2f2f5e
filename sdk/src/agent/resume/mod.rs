//! Goes on with a run that another process began.

mod keys;
mod list;
mod open_call;
mod prune;
mod resumed;
mod snapshot;
mod takeover;
mod tidy;

use self::keys::Keys;
pub use self::list::{KeptAgent, KeptRun, kept_agents, kept_run, kept_runs};
pub use self::prune::{Pruned, prune};
use self::resumed::Rebuilding;
pub use self::resumed::{Resumed, Unknown};
use self::takeover::take_over;
use self::tidy::tidy;
use crate::agent::durable::{Head, read_head, read_over, read_state};
use crate::agent::orchestrator::Orchestrator;
use crate::agent::report::{Report, RunFailed};
use crate::agent::run::Step;
use crate::capability::Budget;
use crate::guard::Guard;
use crate::id::{RunId, Timestamp};
use crate::store::StoreError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The store keeps no such run.
    #[error("the store keeps no run {run}; was it begun with another store?")]
    NotFound {
        /// The run.
        run: RunId,
    },
    /// The store is in memory.
    #[error("the store keeps nothing beyond its process; give the orchestrator a durable one")]
    NotDurable,
    /// The run is over, and how.
    #[error("the run is over: {how}")]
    Ended {
        /// How its first agent's task ended.
        how: String,
        /// What it did, with its answer if it has one; none where it never ran.
        report: Option<Box<Result<Report, RunFailed>>>,
    },
    /// Agents whose private keys were not kept, or sealed under another key. Their tokens are of no
    /// use to anyone any more.
    #[error(
        "needs authority: the keys of {} cannot be had; give the orchestrator the sealing key that \
         the run was begun with", .agents.join(", ")
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
        /// Why.
        why: String,
    },
    /// This orchestrator is at work on the run: it would take it from itself.
    #[error("this orchestrator is at work on the run; it goes on by itself")]
    AtWork,
    /// Another process took the run over at the same time.
    #[error("another process took the run over")]
    TakenOver,
    /// There is no place for its agents.
    #[error("{0}")]
    TooMany(String),
    /// What is kept cannot be read.
    #[error("what is kept of the run is damaged: {what}")]
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

/// Now, by the guard's clock; whether a token holds is not known without it.
pub(super) fn now(guard: &Guard) -> Result<Timestamp, ResumeError> {
    guard.now().map_err(|refusal| {
        let what = refusal.to_string();
        ResumeError::Store(StoreError::Unavailable { what })
    })
}

impl Orchestrator {
    /// The runs that the store keeps, those that are over among them, in the order in which they
    /// began. Whether a process works on one cannot be seen.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or keeps what this build does not know.
    pub async fn runs(&self) -> Result<Vec<KeptRun>, ResumeError> {
        kept_runs(&**self.guard().store()).await
    }

    /// Takes over a run whose process is gone, with every agent in it: [`Resumed::run`] goes on.
    ///
    /// What was recorded as done is not done again, and no model is asked again for a turn that it
    /// has answered. A call that was in flight is made again if its tool says that it is
    /// [idempotent](crate::tool::Declaration::idempotent), or if it is a spawn that made no child;
    /// otherwise its outcome is unknown, to the model and to the operator ([`Resumed::unknown`]).
    /// Budgets are as they were. The tokens are those that the agents had. A helper whose token has
    /// ended meanwhile, or was revoked, has ended with it, and its parent's model is told so; where it is
    /// the first agent's nobody can go on with the run.
    ///
    /// A process that still works on the run gets no further call allowed and nothing recorded from
    /// here on.
    ///
    /// # Errors
    ///
    /// [`ResumeError`]; [`ResumeError::AtWork`] where this orchestrator has not let go of the run. Where
    /// keys or tokens are at fault, or a place for an agent is missing, the
    /// run stays with whoever has it.
    pub async fn resume(&self, run: RunId) -> Result<Resumed, ResumeError> {
        self.go_on(run, Keys::Kept).await
    }

    /// As [`Orchestrator::resume`], with a fresh key and a new token for every agent, signed by the
    /// authority and then down the tree: for a run whose keys were not kept.
    ///
    /// The new tokens have the lineage, the scope and the expiry of the old ones, and budgets go on at
    /// what is left. The old tokens are revoked in the commit that keeps the new ones.
    ///
    /// # Errors
    ///
    /// As [`Orchestrator::resume`]; [`ResumeError::Token`] also where the orchestrator's authority is
    /// not the one that the run was begun with.
    pub async fn resume_with_new_keys(&self, run: RunId) -> Result<Resumed, ResumeError> {
        self.go_on(run, Keys::New(Vec::new())).await
    }

    /// As [`Orchestrator::resume_with_new_keys`], with other maxima of the budgets that the first
    /// agent was given: a run that stopped because one was used up goes on.
    ///
    /// Each of `budgets` takes the place of the one of its kind (and label, where it has one), and is
    /// counted under the same id: what was used of it stays used.
    ///
    /// # Errors
    ///
    /// As [`Orchestrator::resume_with_new_keys`]; [`ResumeError::Token`] also where the first agent
    /// has no such budget.
    pub async fn extend(
        &self,
        run: RunId,
        budgets: impl IntoIterator<Item = Budget> + Send,
    ) -> Result<Resumed, ResumeError> {
        let budgets = budgets.into_iter().collect();
        self.go_on(run, Keys::New(budgets)).await
    }

    async fn go_on(&self, run: RunId, keys: Keys) -> Result<Resumed, ResumeError> {
        let guard = self.guard();
        let store = guard.store();
        if !store.durable() {
            return Err(ResumeError::NotDurable);
        }
        if self.shared.at_work.has(run) {
            return Err(ResumeError::AtWork);
        }
        guard.wake().await?;
        let (found, version) = read_head(&**store, run).await?;
        self.expect_going(run, (&found, version)).await?;
        let mut taken = match take_over(self, run, (&found, version), &keys).await {
            // Whoever had it may just have come to its end.
            Err(ResumeError::TakenOver) => {
                let (found, version) = read_head(&**store, run).await?;
                self.expect_going(run, (&found, version)).await?;
                return Err(ResumeError::TakenOver);
            }
            taken => taken?,
        };
        let held = keys.held(self, &mut taken).await?;
        let resumed = Rebuilding::new(self, taken, held).tree();
        let resumed = resumed.ok_or_else(|| ResumeError::Damaged {
            what: "the first agent is not there".to_owned(),
        })?;
        resumed.announce();
        Ok(resumed)
    }

    /// Whether a run is not over; otherwise what it did.
    async fn expect_going(
        &self,
        run: RunId,
        (found, version): (&Head, u64),
    ) -> Result<(), ResumeError> {
        let Some(how) = read_over(&**self.guard().store(), run).await? else {
            return Ok(());
        };
        if let Err(error) = tidy(self, run, (found, version)).await {
            tracing::warn!(%error, %run, "what a run left open could not be closed");
        }
        let kept = read_state(&**self.guard().store(), run, found.root).await?;
        let report = kept.and_then(|kept| match kept.run.next() {
            Step::Done(finished) => {
                let agent = kept.run.agent().to_owned();
                Some(Box::new(Report::new(
                    agent,
                    finished,
                    Vec::new(),
                    Vec::new(),
                )))
            }
            _ => None,
        });
        Err(ResumeError::Ended { how, report })
    }
}
