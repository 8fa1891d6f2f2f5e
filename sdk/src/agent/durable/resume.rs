//! Goes on with a run that another process began.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::keeper::{Asking, Keeper};
use super::keys::Keys;
use super::load::{read_head, read_heads, read_state};
use super::record::Head;
use super::takeover::{Taken, TakenAgent, take_over};
use super::tree::Tree;
use crate::agent::handle::Agent;
use crate::agent::member::Member;
use crate::agent::orchestrator::{Orchestrator, Seat};
use crate::agent::report::{Report, RunFailed};
use crate::agent::run::{Limits, Run, Step};
use crate::capability::{Budget, Held};
use crate::id::{AgentId, CallId, RunId, Timestamp};
use crate::record::EventKind;
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
    /// A token is not accepted any more: it has ended, or its root is not trusted here.
    #[error("the token of `{agent}` is not accepted: {why}")]
    Token {
        /// The agent's path.
        agent: String,
        /// Why.
        why: String,
    },
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

/// A call that was in flight when the process ended, of which nobody knows whether it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unknown {
    /// The agent that made it.
    pub agent: String,
    /// Its id in the audit.
    pub call: CallId,
    /// The capability.
    pub capability: String,
}

/// An agent that was taken over from a process that is gone, with its children: its token, and its
/// run after the last step that was recorded.
pub struct Resumed {
    pub(in crate::agent) agent: Agent,
    pub(in crate::agent) run: Option<Run>,
    pub(in crate::agent) keeper: Keeper,
    pub(in crate::agent) asking: Option<Asking>,
    /// Children that an open call of the model waits for.
    pub(in crate::agent) awaited: HashMap<String, Resumed>,
    children: Vec<Resumed>,
    unknown: Vec<Unknown>,
}

impl std::fmt::Debug for Resumed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Resumed({:?})", self.agent)
    }
}

impl Resumed {
    /// The agent's path from the root.
    #[must_use]
    pub fn path(&self) -> &str {
        self.agent.path()
    }

    /// What the agent was asked to do; `None` where it was not running.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.run.as_ref().map(Run::task)
    }

    /// The calls of this agent and of those beneath it that may or may not have been made. Its models
    /// are told the same.
    #[must_use]
    pub fn unknown(&self) -> Vec<Unknown> {
        let beneath = self.awaited.values().chain(&self.children);
        let mut all = self.unknown.clone();
        all.extend(beneath.flat_map(Self::unknown));
        all
    }

    /// The children that code spawned and that have not ended, to be run or dropped. Those that a
    /// model spawned go on with the run of their parent.
    pub fn children(&mut self) -> Vec<Self> {
        std::mem::take(&mut self.children)
    }

    /// The same run with other limits: one that stopped at its last turn goes on with more.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.run = self.run.map(|run| run.with_limits(limits));
        self
    }

    /// Goes on until the model answers, as [`Agent::run`].
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no answer.
    pub async fn run(self) -> Result<Report, RunFailed> {
        crate::agent::driver::go_on(self, "").await
    }

    /// The agent, of one that code drives: its run, if it had one, goes no further.
    #[must_use]
    pub fn into_agent(self) -> Agent {
        self.agent
    }
}

/// A run that a durable store keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptRun {
    /// Its id, by which it is resumed.
    pub run: RunId,
    /// The role of its first agent.
    pub role: String,
    /// When a process last began with it or took it over.
    pub since: Option<Timestamp>,
    /// How it ended; `None` where it can go on.
    pub ended: Option<String>,
}

impl Orchestrator {
    /// The runs that the store keeps, those that are over among them, in the order in which they
    /// began. Whether a process works on one cannot be seen.
    ///
    /// # Errors
    ///
    /// When the store cannot be read, or keeps what this build does not know.
    pub async fn runs(&self) -> Result<Vec<KeptRun>, ResumeError> {
        let heads = read_heads(&**self.guard().store()).await?;
        let kept = heads.into_iter().map(|(run, head)| KeptRun {
            run,
            role: head.role,
            since: head.since,
            ended: head.ended,
        });
        Ok(kept.collect())
    }

    /// Takes over a run whose process is gone, with every agent in it: [`Resumed::run`] goes on.
    ///
    /// What was recorded as done is not done again, and no model is asked again for a turn that it
    /// has answered. A call that was in flight is made again if its tool says that it is
    /// [idempotent](crate::tool::Declaration::idempotent), or if it is a spawn that made no child;
    /// otherwise its outcome is unknown, to the model and to the operator ([`Resumed::unknown`]).
    /// Budgets are as they were. The tokens are those that the agents had.
    ///
    /// A process that still works on the run gets no further call allowed and nothing recorded from
    /// here on.
    ///
    /// # Errors
    ///
    /// [`ResumeError`]. Where keys or tokens are at fault, or a place for an agent is missing, the
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
        guard.resume().await?;
        let (found, version) = read_head(&**store, run).await?;
        self.expect_going(run, &found).await?;
        let taken = match take_over(self, run, (&found, version), &keys).await {
            // Whoever had it may just have come to its end.
            Err(ResumeError::TakenOver) => {
                self.expect_going(run, &read_head(&**store, run).await?.0)
                    .await?;
                return Err(ResumeError::TakenOver);
            }
            taken => taken?,
        };
        let held = keys.held(self, &taken).await?;
        let mut seats = Vec::with_capacity(taken.agents.len());
        for _ in &taken.agents {
            let seat = self.shared.seat();
            seats.push(seat.map_err(|refusal| ResumeError::TooMany(refusal.to_string()))?);
        }
        let Taken { tree, root, agents } = taken;
        let mut rebuilding = Rebuilding {
            orchestrator: self,
            tree,
            agents,
            held,
            seats,
        };
        let resumed = rebuilding.agent(root, None);
        let resumed = resumed.ok_or_else(|| ResumeError::Damaged {
            what: "the first agent is not there".to_owned(),
        })?;
        resumed.announce();
        Ok(resumed)
    }

    /// Whether a run is not over; otherwise what it did.
    async fn expect_going(&self, run: RunId, found: &Head) -> Result<(), ResumeError> {
        let Some(how) = found.ended.clone() else {
            return Ok(());
        };
        let kept = read_state(&**self.guard().store(), run, found.root).await?;
        let report = kept.and_then(|kept| match kept.run.next() {
            Step::Done(finished) => {
                let agent = kept.run.agent().to_owned();
                Some(Box::new(Report::new(agent, finished, Vec::new())))
            }
            _ => None,
        });
        Err(ResumeError::Ended { how, report })
    }
}

/// The agents of a run on their way back to life.
struct Rebuilding<'a> {
    orchestrator: &'a Orchestrator,
    tree: Arc<Tree>,
    agents: BTreeMap<AgentId, TakenAgent>,
    held: BTreeMap<AgentId, Held>,
    seats: Vec<Seat>,
}

impl Rebuilding<'_> {
    /// An agent and everything beneath it.
    fn agent(&mut self, id: AgentId, parent: Option<&Arc<Member>>) -> Option<Resumed> {
        let TakenAgent {
            record,
            kept,
            unknown,
            ..
        } = self.agents.remove(&id)?;
        let authority = (self.held.remove(&id)?, self.seats.pop()?);
        let shared = &self.orchestrator.shared;
        let member = Member::resumed(shared, parent, &self.tree, &record, authority);
        let agent = Agent::new(member);
        let written = kept.as_ref().map_or(0, |kept| kept.messages);
        let (run, asking) = kept.map_or((None, None), |kept| (Some(kept.run), kept.asking));
        if let Some(run) = &run {
            agent.member.take_up(run);
        }
        let mut resumed = Resumed {
            keeper: Keeper::new(self.tree.clone(), id, written),
            agent,
            run,
            asking,
            awaited: HashMap::new(),
            children: Vec::new(),
            unknown,
        };
        let member = resumed.agent.member.clone();
        let is_child = |it: &&TakenAgent| it.record.parent == Some(id);
        let children: Vec<_> = self.agents.values().filter(is_child).collect();
        let children: Vec<_> = children
            .iter()
            .map(|it| (it.record.agent, it.record.call.clone()))
            .collect();
        for (child, call) in children {
            let child = self.agent(child, Some(&member))?;
            match call {
                Some(call) => drop(resumed.awaited.insert(call, child)),
                None => resumed.children.push(child),
            }
        }
        Some(resumed)
    }
}

impl Resumed {
    /// Tells whoever watches.
    fn announce(&self) {
        let member = &self.agent.member;
        member.emit(EventKind::Resumed {});
        for unknown in &self.unknown {
            member.emit(EventKind::Unknown {
                call: unknown.call,
                capability: unknown.capability.clone(),
            });
        }
        self.awaited
            .values()
            .chain(&self.children)
            .for_each(Self::announce);
    }
}
