//! The one road to a child: ask the guard, narrow, make a key, sign the hop, record it.

mod error;
mod journal;

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};
use tracing::Instrument;

pub use self::error::SpawnError;
use self::journal::{AskedBy, SpawnJournal};
use super::core::AgentCore;
use super::handle::Agent;
use super::helper::Helper;
use super::run::Limits;
use crate::capability::{AgentKey, Call, Held, Kind, Refusal, SPAWN, Scope};
use crate::guard::{Presented, Verdict};
use crate::model::{Model, ToolCall};
use crate::tool::{Journal, ToolError};

/// A child that is being described; await it to spawn it.
#[must_use = "a spawn does nothing until it is awaited"]
pub struct Spawn {
    parent: Arc<AgentCore>,
    role: String,
    scope: Scope,
    model: Option<Arc<dyn Model>>,
    limits: Option<Limits>,
    system: Option<String>,
    /// The model's call that asks for it.
    asked: Option<AskedBy>,
    /// The task that a model wrote for it.
    task: Option<String>,
    takes_over: bool,
}

impl std::fmt::Debug for Spawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Spawn({} by {})", self.role, self.parent.path)
    }
}

impl Agent {
    /// Begins a child with a role; say what it may do with [`Spawn::scope`], then await it.
    pub fn spawn(&self, role: impl Into<String>) -> Spawn {
        Spawn::new(self.core.clone(), role.into())
    }
}

impl Spawn {
    pub(super) const fn new(parent: Arc<AgentCore>, role: String) -> Self {
        Self {
            parent,
            role,
            scope: Scope::new(),
            model: None,
            limits: None,
            system: None,
            asked: None,
            task: None,
            takes_over: false,
        }
    }

    /// The call of the parent's model that asks for the child, what it asks for, and the task.
    pub(super) fn asked_by(self, call: &ToolCall, helper: &Helper, task: &str) -> Self {
        Self {
            asked: Some(AskedBy::of(call)),
            task: Some(task.to_owned()),
            scope: helper.scope.clone(),
            limits: helper.limits,
            system: helper.system.clone(),
            takes_over: helper.takes_over,
            ..self
        }
    }

    /// What the child may do; without it, nothing.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The child's model; without it, the model of its role.
    pub fn model(mut self, model: impl Model) -> Self {
        self.model = Some(Arc::new(model));
        self
    }

    /// The limits of the child's run.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// What the child's model is told before its task.
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.system = Some(text.into());
        self
    }

    async fn begin(self) -> Result<Agent, SpawnError> {
        if !crate::capability::is_role(&self.role) {
            return Err(SpawnError::role(&self.role));
        }
        if self.parent.cancel.is_cancelled() {
            let refusal = Refusal::new(Kind::Revoked, "the parent was cancelled, or has ended");
            return Err(SpawnError::refused(&self.parent.path, refusal));
        }
        if let Some(why) = self.parent.stopped() {
            return Err(SpawnError::Unavailable(why.to_owned()));
        }
        let (parent, key) = (&self.parent, AgentKey::generate());
        let guard = parent.runtime.gate.guard();
        let now = guard.now().map_err(|refusal| {
            if let Some(run_store) = &parent.run_store {
                run_store.stop(format!("the run stops, and can be resumed: {refusal}"));
            }
            SpawnError::unavailable(refusal)
        })?;
        let mut arguments = Map::new();
        arguments.insert("role".to_owned(), Value::from(self.role.as_str()));
        arguments.insert("scope".to_owned(), self.scope.to_json());
        arguments.insert("key".to_owned(), Value::from(key.public().to_string()));
        if let Some(task) = &self.task {
            // A model wrote the task: the child is told exactly the text that is checked, approved and recorded.
            arguments.insert("task".to_owned(), Value::from(task.as_str()));
        }
        let context = parent.spawn_context(now);
        let asked = Call::new(SPAWN, arguments);
        let call = asked.map_err(|refusal| SpawnError::refused(&parent.path, refusal))?;
        let journal = SpawnJournal::new(parent, self.asked);
        let (gate, held) = (&parent.runtime.gate, Presented::Held(&parent.held));
        let gone = parent.cancel.cancelled();
        let asked = gate.decide(held, call, context, Some(&journal), gone);
        let reservation = match asked.await {
            Verdict::Permit(_, reservation) => reservation,
            Verdict::Denied(denial) => {
                parent.stops_at(&denial);
                return Err(SpawnError::Denied(Box::new(denial)));
            }
            Verdict::Ask(pending) => return Err(SpawnError::Pending(pending)),
        };
        let slot = parent.runtime.slots.take();
        let made = slot
            .map_err(|refusal| SpawnError::refused(&parent.path, refusal))
            .and_then(|slot| {
                Ok((
                    derive(&parent.held, &self.role, &self.scope, key, now)?,
                    slot,
                ))
            });
        let (held, slot) = match made {
            Ok(made) => made,
            Err(error) => {
                let failed = ToolError::new(error.to_string());
                let ended = gate.end(&reservation, Err(&failed), Some(&journal));
                ended.await.map_err(SpawnError::unrecorded)?;
                return Err(error);
            }
        };
        let mut core = AgentCore::child(parent, &self.role, held, slot);
        if let Some(model) = self.model {
            core.model = Some(model);
        }
        core.limits = self.limits.unwrap_or(core.limits);
        core.system = self.system;
        core.takes_over = self.takes_over;
        let mut batch = gate
            .audit()
            .outcome(&reservation, None::<&ToolError>)
            .and(journal.ended(reservation.id(), Ok(&Value::Null)))
            .and(journal.child(core.id));
        core.call = journal.asked.map(|asked| asked.id);
        if let Some(run_store) = &parent.run_store {
            batch = batch.and(run_store.agent(core.record(), &core.held));
        }
        let begun = core.begin(now, batch).await;
        begun.map_err(SpawnError::unrecorded)?;
        Ok(Agent::new(core))
    }
}

/// Narrows, signs, and joins the token with its key.
fn derive(
    parent: &Held,
    role: &str,
    scope: &Scope,
    key: AgentKey,
    now: crate::id::Timestamp,
) -> Result<Held, SpawnError> {
    let chain = parent.delegate(role, scope, key.public(), now)?;
    chain.held_by(key).map_err(SpawnError::unavailable)
}

impl IntoFuture for Spawn {
    type Output = Result<Agent, SpawnError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(to_its_end(self.begin()))
    }
}

/// Runs a spawn in a task of its own, if there is a runtime: a store may have written the slots that it takes
/// though its caller went away in that moment. A child is dropped if its caller no longer waits for it.
async fn to_its_end(
    spawn: impl Future<Output = Result<Agent, SpawnError>> + Send + 'static,
) -> Result<Agent, SpawnError> {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return spawn.await;
    };
    let stopped = |_| {
        let what = "the spawn did not come to an end; did the policy panic?";
        Err(SpawnError::Unavailable(what.to_owned()))
    };
    let spawn = runtime.spawn(spawn.in_current_span());
    spawn.await.unwrap_or_else(stopped)
}
