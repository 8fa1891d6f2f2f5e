//! One agent in the tree: its token and key, and what it shares with the others.

mod calls;
mod exposure;
mod lifecycle;
mod record;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

pub(super) use self::calls::{denied, line};
pub(super) use self::exposure::level;
use self::exposure::{Knows, sensitivity};
use super::durable::{AgentRecord, Tree};
use super::prices::Prices;
use super::run::{Limits, Run};
use super::runtime::{Named, Seat, Shared};
use crate::capability::Held;
use crate::id::{AgentId, Timestamp};
use crate::model::Model;

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
    /// Whether its task is over here; also noted among the active runs.
    ended: Arc<AtomicBool>,
    seat: Mutex<Option<Seat>>,
    /// Its path among the names that are taken.
    name: Mutex<Option<Named>>,
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
        let named = shared.name(above(parent), role, authority.0.chain());
        Self {
            path: named.path.clone(),
            name: Mutex::new(Some(named)),
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
            name: Mutex::new(None),
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
            ended: Arc::default(),
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
        let named = shared.name_again(above(parent), (&record.path, &record.role), held.chain());
        let intent = record.intent.clone();
        let task = record.task.clone();
        Self {
            id: record.agent,
            path: named.path.clone(),
            name: Mutex::new(Some(named)),
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

    /// Notes the run of a first agent among those that are active here, where it is kept.
    pub(super) fn note_active(&self) {
        if let (Some(tree), true) = (&self.tree, self.is_root()) {
            self.shared.at_work.note(tree.run, &self.ended);
        }
    }

    pub(super) fn intent(&self) -> Option<&str> {
        self.intent.as_deref()
    }

    /// What the tokens of its model cost, if that was said.
    pub(super) fn prices(&self) -> Option<Prices> {
        let model = self.model.as_ref()?;
        self.shared.prices.get(model.name()).copied()
    }
}

/// The path of a parent, and when its token ends.
fn above(parent: Option<&Arc<Member>>) -> Option<(&str, Timestamp)> {
    parent.map(|parent| (parent.path.as_str(), parent.held.chain().expires()))
}
