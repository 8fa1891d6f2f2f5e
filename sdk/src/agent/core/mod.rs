//! One agent in the tree: its token and key, and what it shares with the others.

mod calls;
mod exposure;
mod lifecycle;
mod record;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use tokio_util::sync::CancellationToken;

pub(super) use self::calls::{denied, line};
use super::durable::{AgentRecord, RunStore};
use super::prices::Prices;
use super::run::{Limits, Run};
use super::runtime::{AgentSlot, Named, Runtime};
use crate::capability::{Exposure, Held};
use crate::id::{AgentId, Timestamp};
use crate::model::Model;

/// One agent in the tree, as everything that acts for it shares it.
pub(super) struct AgentCore {
    pub(super) id: AgentId,
    pub(super) runtime: Arc<Runtime>,
    pub(super) path: String,
    pub(super) role: String,
    pub(super) held: Arc<Held>,
    pub(super) model: Option<Arc<dyn Model>>,
    pub(super) limits: Limits,
    pub(super) system: Option<String>,
    pub(super) cancel: CancellationToken,
    /// The store of its run, if the run is stored.
    pub(super) run_store: Option<Arc<RunStore>>,
    /// The call of its parent's model that asked for it, if a model did.
    pub(super) call: Option<String>,
    /// Whether it took its parent's task over.
    pub(super) takes_over: bool,
    parent: Option<Arc<AgentCore>>,
    intent: Option<String>,
    task: Mutex<Option<String>>,
    exposure: Mutex<Exposure>,
    /// Whether its task is over in this process; also noted among the active runs.
    ended: Arc<AtomicBool>,
    slot: Mutex<Option<AgentSlot>>,
    /// Its path among the names that are taken.
    name: Mutex<Option<Named>>,
}

impl AgentCore {
    /// The first agent of a tree.
    pub(super) fn first(
        runtime: &Arc<Runtime>,
        role: &str,
        held: Held,
        slot: AgentSlot,
        intent: Option<String>,
    ) -> Self {
        Self::of(runtime, None, role, (held, slot), intent)
    }

    /// A child, which starts with its parent's exposure, since its task comes from the parent.
    pub(super) fn child(parent: &Arc<Self>, role: &str, held: Held, slot: AgentSlot) -> Self {
        Self::of(
            &parent.runtime,
            Some(parent),
            role,
            (held, slot),
            parent.intent.clone(),
        )
    }

    fn of(
        runtime: &Arc<Runtime>,
        parent: Option<&Arc<Self>>,
        role: &str,
        authority: (Held, AgentSlot),
        intent: Option<String>,
    ) -> Self {
        let named = runtime.name(above(parent), role, authority.0.chain());
        Self {
            path: named.path.clone(),
            name: Mutex::new(Some(named)),
            ..Self::at(runtime, parent, role, authority, intent)
        }
    }

    /// An agent that has no path yet.
    fn at(
        runtime: &Arc<Runtime>,
        parent: Option<&Arc<Self>>,
        role: &str,
        (held, slot): (Held, AgentSlot),
        intent: Option<String>,
    ) -> Self {
        Self {
            id: AgentId::fresh(),
            path: String::new(),
            name: Mutex::new(None),
            role: role.to_owned(),
            held: Arc::new(held),
            model: runtime.model(role),
            limits: runtime.limits,
            system: None,
            run_store: parent.and_then(|parent| parent.run_store.clone()),
            call: None,
            takes_over: false,
            cancel: parent
                .map_or(&runtime.cancel, |parent| &parent.cancel)
                .child_token(),
            intent,
            task: Mutex::new(parent.and_then(|parent| parent.task())),
            exposure: Mutex::new(parent.map(|parent| parent.exposure()).unwrap_or_default()),
            ended: Arc::default(),
            slot: Mutex::new(Some(slot)),
            parent: parent.cloned(),
            runtime: runtime.clone(),
        }
    }

    /// An agent of a run that was taken over.
    pub(super) fn resumed(
        runtime: &Arc<Runtime>,
        parent: Option<&Arc<Self>>,
        run_store: &Arc<RunStore>,
        record: &AgentRecord,
        (held, slot): (Held, AgentSlot),
    ) -> Self {
        let named = runtime.name_again(above(parent), (&record.path, &record.role), held.chain());
        let intent = record.intent.clone();
        let task = record.task.clone();
        Self {
            id: record.agent,
            path: named.path.clone(),
            name: Mutex::new(Some(named)),
            limits: record.limits,
            system: record.system.clone(),
            run_store: Some(run_store.clone()),
            call: record.call.clone(),
            takes_over: record.takes_over,
            task: Mutex::new(task),
            ..Self::at(runtime, parent, &record.role, (held, slot), intent)
        }
    }

    /// Adds the exposure of a stored run.
    pub(super) fn take_up(&self, run: &Run) {
        if self.is_root() {
            self.set_task(run.task());
        }
        self.absorb(run.exposure());
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

    /// Notes the run of a first agent among the active runs of this process, if the run is stored.
    pub(super) fn note_active(&self) {
        if let (Some(run_store), true) = (&self.run_store, self.is_root()) {
            self.runtime.active_runs.note(run_store.run, &self.ended);
        }
    }

    pub(super) fn intent(&self) -> Option<&str> {
        self.intent.as_deref()
    }

    /// The prices of its model's tokens, if they were set.
    pub(super) fn prices(&self) -> Option<Prices> {
        let model = self.model.as_ref()?;
        self.runtime.prices.get(model.name()).copied()
    }
}

/// The path of a parent, and when its token ends.
fn above(parent: Option<&Arc<AgentCore>>) -> Option<(&str, Timestamp)> {
    parent.map(|parent| (parent.path.as_str(), parent.held.chain().expires()))
}
