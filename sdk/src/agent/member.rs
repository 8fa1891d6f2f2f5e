//! One agent in the tree: its token and key, what its data is tainted with, and its end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::budget::Prices;
use super::durable::{AgentRecord, CallRecord, Tree};
use super::run::{CallOutcome, Limits, Run, cleaned};
use super::shared::{Seat, Shared};
use super::spawn::SpawnError;
use crate::capability::{Held, Risk, Sensitivity};
use crate::guard::{Context, Denial, Effect, Places, Revocable};
use crate::id::{AgentId, CallId, Timestamp};
use crate::model::Model;
use crate::record::EventKind;
use crate::store::{Batch, Committed};
use crate::tool::{Journal, Outcome, Situation};

/// What an agent's data is tainted with; it only grows.
#[derive(Clone, Debug, Default)]
struct Knows {
    taint: BTreeSet<String>,
    sensitivity: Option<Sensitivity>,
}

/// One agent in the tree, as everything that acts for it shares it.
pub(super) struct Member {
    pub(super) id: AgentId,
    pub(super) shared: Arc<Shared>,
    pub(super) path: String,
    pub(super) role: String,
    pub(super) held: Arc<Held>,
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) limits: Limits,
    pub(super) system: Option<String>,
    pub(super) cancel: CancellationToken,
    /// Where its run is kept, if it is.
    pub(super) tree: Option<Arc<Tree>>,
    /// The call of its parent's model that asked for it, if a model did.
    pub(super) call: Option<String>,
    /// Whether it took its parent's task over.
    pub(super) takes_over: bool,
    parent: Option<Arc<Member>>,
    intent: Option<String>,
    task: Mutex<Option<String>>,
    knows: Mutex<Knows>,
    ended: AtomicBool,
    seat: Mutex<Option<Seat>>,
}

impl Member {
    /// The first agent of a tree.
    pub(super) fn first(
        shared: &Arc<Shared>,
        role: &str,
        held: Held,
        seat: Seat,
        intent: Option<String>,
    ) -> Self {
        Self::of(shared, None, role, (held, seat), intent)
    }

    /// A child, which starts with what its parent knows: it was told by it.
    pub(super) fn child(parent: &Arc<Self>, role: &str, held: Held, seat: Seat) -> Self {
        Self::of(
            &parent.shared,
            Some(parent),
            role,
            (held, seat),
            parent.intent.clone(),
        )
    }

    fn of(
        shared: &Arc<Shared>,
        parent: Option<&Arc<Self>>,
        role: &str,
        authority: (Held, Seat),
        intent: Option<String>,
    ) -> Self {
        Self {
            path: shared.path(parent.map(|parent| parent.path.as_str()), role),
            ..Self::at(shared, parent, role, authority, intent)
        }
    }

    /// An agent that has no path yet.
    fn at(
        shared: &Arc<Shared>,
        parent: Option<&Arc<Self>>,
        role: &str,
        (held, seat): (Held, Seat),
        intent: Option<String>,
    ) -> Self {
        Self {
            id: AgentId::fresh(),
            path: String::new(),
            role: role.to_owned(),
            held: Arc::new(held),
            model: shared.model(role),
            limits: shared.limits,
            system: None,
            tree: parent.and_then(|parent| parent.tree.clone()),
            call: None,
            takes_over: false,
            cancel: parent
                .map_or(&shared.cancel, |parent| &parent.cancel)
                .child_token(),
            intent,
            task: Mutex::new(parent.and_then(|parent| parent.task())),
            knows: Mutex::new(parent.map(|parent| parent.knows()).unwrap_or_default()),
            ended: AtomicBool::new(false),
            seat: Mutex::new(Some(seat)),
            parent: parent.cloned(),
            shared: shared.clone(),
        }
    }

    /// An agent of a run that was taken over.
    pub(super) fn resumed(
        shared: &Arc<Shared>,
        parent: Option<&Arc<Self>>,
        tree: &Arc<Tree>,
        record: &AgentRecord,
        (held, seat): (Held, Seat),
    ) -> Self {
        let above = parent.map(|parent| parent.path.as_str());
        let intent = record.intent.clone();
        let task = record.task.clone();
        Self {
            id: record.agent,
            path: shared.path_again(above, &record.path, &record.role),
            limits: record.limits,
            system: record.system.clone(),
            tree: Some(tree.clone()),
            call: record.call.clone(),
            takes_over: record.takes_over,
            task: Mutex::new(task),
            ..Self::at(shared, parent, &record.role, (held, seat), intent)
        }
    }

    /// Takes up what a run that was kept knows.
    pub(super) fn take_up(&self, run: &Run) {
        if self.is_root() {
            self.set_task(run.task());
        }
        self.learn(run.taint(), sensitivity(run.sensitivity()));
    }

    /// Whether it is the first agent of its tree.
    pub(super) const fn is_root(&self) -> bool {
        self.parent.is_none()
    }

    pub(super) fn is_child_of(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        self.parent
            .as_ref()
            .is_some_and(|parent| Arc::ptr_eq(parent, other))
    }

    pub(super) fn parent_id(&self) -> Option<AgentId> {
        self.parent.as_ref().map(|parent| parent.id)
    }

    pub(super) fn intent(&self) -> Option<&str> {
        self.intent.as_deref()
    }

    /// Records that the agent got its token, with what else `also` writes. What cannot be recorded
    /// does not begin.
    pub(super) async fn begin(&self, now: Timestamp, also: Batch) -> Result<Committed, SpawnError> {
        let parent = self.parent.as_ref().map(|parent| parent.held.chain());
        let entry = self
            .shared
            .gate
            .audit()
            .hop(&self.path, self.held.chain(), parent, now);
        let store = self.shared.gate.guard().store();
        let committed = store.commit(also.and(entry)).await;
        let committed = committed.map_err(SpawnError::unrecorded)?;
        let scope = self
            .held
            .chain()
            .hops()
            .last()
            .map(|hop| hop.bounds.lines())
            .unwrap_or_default();
        self.emit(EventKind::Spawned { scope });
        Ok(committed)
    }

    /// What the tokens of its model cost, if that was said.
    pub(super) fn prices(&self) -> Option<Prices> {
        let model = self.model.as_ref()?;
        self.shared.prices.get(model.name()).copied()
    }

    /// Ends the task: the token is revoked at once, and with it the whole subtree. Whether it was
    /// the first to do so.
    pub(super) fn end(&self, how: &str) -> bool {
        if self.ended.swap(true, Ordering::AcqRel) {
            return false;
        }
        self.shared.gate.guard().revocations().revoke([
            Revocable::Block(self.held.chain().id()),
            Revocable::Agent(self.path.clone()),
        ]);
        self.cancel.cancel();
        self.give_seat_back();
        self.emit(EventKind::Ended {
            how: how.to_owned(),
        });
        true
    }

    /// Leaves the task as it stands, for a process that resumes it: nothing is revoked, and nothing
    /// more is done by this agent.
    pub(super) fn suspend(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.cancel.cancel();
            self.give_seat_back();
        }
    }

    fn give_seat_back(&self) {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        seat.take();
    }

    /// Records the end; with the last state of its run, and what its parent's model is told of it.
    pub(super) async fn record_end(&self, how: &str, last: Option<Last>) {
        let time = self.shared.gate.guard().now().ok();
        let entry = self
            .shared
            .gate
            .audit()
            .ended(&self.path, self.held.chain(), how, time);
        let guard = self.shared.gate.guard();
        // Its children may be in other processes. By its path it is revoked in this one alone: the
        // next process gives the path to another agent.
        let mut also = guard.ended_too(Batch::new(), self.held.chain());
        also = Places::of(self.held.chain()).give_back(also);
        if let Some(tree) = &self.tree {
            if let Some((state, outcome, (taint, sensitivity))) = last {
                also = also.and(state);
                if let (Some(call), Some(parent)) = (&self.call, self.parent_id()) {
                    let done = CallRecord::Done {
                        outcome: cleaned(outcome, self.parent_result_bytes()),
                        taint,
                        sensitivity,
                    };
                    also = also.and(tree.call(parent, call, &done));
                }
            }
            // Last: what is written before it expects the head as it was.
            also = also.and(tree.ended(self, how));
        }
        // Where the run is another process's, that the task ended is all there is to say: the token is
        // not this process's to revoke.
        if let Err(error) = guard.record_with(entry, also).await {
            tracing::error!(%error, agent = %self.path, "the end of an agent could not be recorded");
        }
    }

    fn parent_result_bytes(&self) -> usize {
        let parent = self.parent.as_ref();
        parent
            .map_or(self.limits, |parent| parent.limits)
            .max_result_bytes
    }

    /// Records a spawn whose arguments cannot be read.
    pub(super) async fn record_unreadable(&self, denial: &Denial) {
        let guard = self.shared.gate.guard();
        let now = guard.now().unwrap_or_default();
        let context = Context::new(&self.path, Effect::Spawn, Risk::Low, now);
        let audit = self.shared.gate.audit();
        let entry = audit.unreadable(self.held.chain(), &context, denial);
        if let Err(error) = guard.store().commit(entry).await {
            tracing::error!(%error, %denial, "a denial could not be recorded");
        }
    }

    pub(super) fn task(&self) -> Option<String> {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Says what the task is, unless a parent's goes on: a model words the tasks of its helpers,
    /// and neither a caveat nor a revocation goes by its words.
    pub(super) fn set_task(&self, task: &str) {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert_with(|| task.to_owned());
    }

    fn knows(&self) -> Knows {
        self.knows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes up what something that the agent read is tainted with.
    pub(super) fn learn(&self, taint: &BTreeSet<String>, sensitivity: Option<Sensitivity>) {
        let mut knows = self.knows.lock().unwrap_or_else(PoisonError::into_inner);
        knows.taint.extend(taint.iter().cloned());
        knows.sensitivity = knows.sensitivity.max(sensitivity);
    }

    /// Hands what the agent knows to its parent, which is about to read its result.
    pub(super) fn teach_parent(&self) {
        if let Some(parent) = &self.parent {
            let knows = self.knows();
            parent.learn(&knows.taint, knows.sensitivity);
        }
    }

    /// Takes up what its ancestors have learnt since it was spawned: its task may speak of it.
    pub(super) fn learn_from_parents(&self) {
        if let Some(parent) = &self.parent {
            parent.learn_from_parents();
            let knows = parent.knows();
            self.learn(&knows.taint, knows.sensitivity);
        }
    }

    pub(super) fn situation(&self) -> Situation {
        let knows = self.knows();
        Situation {
            agent: self.path.clone(),
            task: self.task(),
            step: None,
            taint: Some(knows.taint),
            sensitivity: knows.sensitivity,
            intent: self.intent.clone(),
        }
    }

    /// Calls a tool, and reports it.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: &str,
        journal: Option<Arc<dyn Journal>>,
    ) -> Outcome {
        let (held, situation) = (&self.held, self.situation());
        let of_tree = || self.tree.clone().map(|tree| tree as Arc<dyn Journal>);
        let journal = journal.or_else(of_tree);
        let outcome = self
            .shared
            .gate
            .call_kept(held, tool, arguments, &situation, &self.cancel, journal)
            .await;
        let shown = line(arguments);
        let declared = self
            .shared
            .gate
            .toolbox()
            .find(tool)
            .map(|entry| &entry.declaration);
        // The tool as the model named it is no capability, though it often reads like one.
        let capability = || {
            declared
                .map_or(tool, |declared| declared.capability())
                .to_owned()
        };
        let called = |call: CallId, error: Option<String>| EventKind::Called {
            call,
            capability: capability(),
            arguments: shown.clone(),
            error,
        };
        if let (Outcome::Value { .. } | Outcome::Failed { .. }, Some(declared)) =
            (&outcome, declared)
        {
            // A failure has a text too, and that may come from where the tool has been.
            self.learn(&declared.taints, declared.sensitivity);
        }
        let kind = match &outcome {
            Outcome::Value { call, .. } => called(*call, None),
            Outcome::Failed { call, error } => {
                called(*call, Some(cut(&error.to_string(), LONGEST_DETAIL)))
            }
            Outcome::Denied(denial) => denied(denial, shown),
            Outcome::Pending(pending) => denied(&pending.missing, shown),
            Outcome::UnknownTool(name) => EventKind::Denied {
                capability: line(name),
                arguments: shown,
                kind: crate::capability::Kind::UnknownTool,
                hop: None,
                detail: "there is no such tool".to_owned(),
            },
        };
        self.emit(kind);
        outcome
    }

    pub(super) fn emit(&self, kind: EventKind) {
        let time = self.shared.gate.guard().now().ok();
        self.shared
            .events
            .emit(time, &self.path, &self.held.chain().id(), kind);
    }
}

/// The last state of a run, what its parent's model is told, and what that is tainted with.
pub(super) type Last = (Batch, CallOutcome, (BTreeSet<String>, u8));

/// Sensitivity as a run counts it: 0 is nothing known.
fn sensitivity(level: u8) -> Option<Sensitivity> {
    level
        .checked_sub(1)
        .and_then(|rank| Sensitivity::from_rank(i64::from(rank)))
}

pub(super) fn denied(denial: &Denial, arguments: String) -> EventKind {
    EventKind::Denied {
        capability: denial.capability().to_owned(),
        arguments,
        kind: denial.kind(),
        hop: denial.hop(),
        detail: cut(denial.detail(), LONGEST_DETAIL),
    }
}

/// How much of a detail an event holds.
const LONGEST_DETAIL: usize = 1000;

/// Arguments cut to a line.
pub(super) fn line(text: &str) -> String {
    cut(text, 160)
}

/// The first characters of a text, on one line and with nothing that hides or moves.
fn cut(text: &str, longest: usize) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let start: String = text.chars().map(plain).take(longest).collect();
    let mut shown = crate::guard::printable(&start);
    if text.chars().nth(longest).is_some() {
        shown.push('…');
    }
    shown
}
