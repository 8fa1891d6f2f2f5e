//! Resumes a run that another process began.

mod claim;
mod error;
mod keys;
mod list;
mod open_call;
mod prune;
mod resumed;
mod snapshot;
mod takeover;
mod tidy;

pub use self::error::ResumeError;
use self::keys::Keys;
pub use self::list::{
    StoredAgent, StoredRun, stored_agents, stored_run, stored_run_changed, stored_runs,
};
pub use self::prune::{Pruned, prune};
pub use self::resumed::Resumed;
use self::resumed::{Rebuilding, announce};
use self::takeover::take_over;
use self::tidy::tidy;
use crate::agent::durable::{RunHead, read_head, read_over, read_state};
use crate::agent::orchestrator::Orchestrator;
use crate::agent::report::Report;
use crate::agent::run::Step;
use crate::capability::Budget;
use crate::id::RunId;

impl Orchestrator {
    /// The runs that the store keeps, including those that are over, in the order in which they
    /// began. The store does not show whether a process is running one of them.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or keeps a value that this build does not know.
    pub async fn runs(&self) -> Result<Vec<StoredRun>, ResumeError> {
        stored_runs(&**self.guard().store()).await
    }

    /// Takes over a run whose process is gone, with every agent in it; [`Resumed::run`] continues it.
    ///
    /// What was recorded as done is not done again, and no model is asked again for a turn that it
    /// has answered. A call that was in flight is made again if its tool says that it is
    /// [idempotent](crate::tool::Declaration::idempotent), or if it is a spawn that made no child;
    /// otherwise its outcome is not known: the model is told so, and [`Resumed::unknown`] lists the call.
    /// Budgets are as they were. The tokens are those that the agents had. A helper whose token has
    /// ended meanwhile, or was revoked, has ended with it, and its parent's model is told so; if the first
    /// agent's token has ended or was revoked, the run cannot be resumed.
    ///
    /// If another process is still running it, no further call of that process is allowed and none of its writes is
    /// recorded.
    ///
    /// # Errors
    ///
    /// [`ResumeError`]; [`ResumeError::AlreadyRunning`] where this orchestrator is still running it. Where
    /// keys or tokens are at fault, or a slot for an agent is missing, the
    /// run stays with the process that has it.
    pub async fn resume(&self, run: RunId) -> Result<Resumed, ResumeError> {
        self.go_on(run, Keys::Stored).await
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
        if self.runtime.active_runs.has(run) {
            return Err(ResumeError::AlreadyRunning);
        }
        guard.load_state().await?;
        let (found, version) = read_head(&**store, run).await?;
        self.expect_going(run, (&found, version)).await?;
        let mut claim = match take_over(self, run, (&found, version), &keys).await {
            // The process that had the run may just have ended it.
            Err(ResumeError::TakenOver) => {
                let (found, version) = read_head(&**store, run).await?;
                self.expect_going(run, (&found, version)).await?;
                return Err(ResumeError::TakenOver);
            }
            claim => claim?,
        };
        let held = keys.held(self, &mut claim).await?;
        let resumed = Rebuilding::new(self, claim, held).rebuilt();
        let resumed = resumed.ok_or_else(|| ResumeError::Damaged {
            what: "the first agent is not there".to_owned(),
        })?;
        announce(&resumed);
        Ok(Resumed(resumed))
    }

    /// Checks that a run is not over; the error says what it did.
    async fn expect_going(
        &self,
        run: RunId,
        (found, version): (&RunHead, u64),
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
