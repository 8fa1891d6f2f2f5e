//! The values that a body is given besides its arguments: the permit, and state by its type.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::guard::Permit;
use crate::id::CallId;

/// A type of state that a tool asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    id: TypeId,
    name: &'static str,
}

impl Need {
    /// The need for a `T`.
    #[must_use]
    pub fn of<T: Send + Sync + 'static>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
        }
    }

    /// The name of the type.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

/// State that tools share, by type.
#[derive(Clone, Default)]
pub(crate) struct States(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, state: T) -> bool {
        self.0.insert(TypeId::of::<T>(), Arc::new(state)).is_none()
    }

    pub(crate) fn has(&self, need: &Need) -> bool {
        self.0.contains_key(&need.id)
    }

    fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.get(&TypeId::of::<T>())?.clone().downcast().ok()
    }
}

/// Shared state in a tool's parameters: `dir: &State<Dir>` in a `#[tool]` function.
#[derive(Debug)]
pub struct State<T>(Arc<T>);

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// One call of a body: the permit that allows it, used up, and the state that the tool asked for.
///
/// Only the [`Gate`](super::Gate) makes one.
pub struct Invocation {
    permit: Permit,
    states: Arc<States>,
}

impl Invocation {
    pub(super) const fn new(permit: Permit, states: Arc<States>) -> Self {
        Self { permit, states }
    }

    /// The call that was allowed.
    #[must_use]
    pub const fn call_id(&self) -> CallId {
        self.permit.id()
    }

    /// The permit of the call.
    #[must_use]
    pub const fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Checks that the call that was allowed is one of this capability. A `#[tool]` asks by itself: one
    /// body that calls another's would run it on arguments that the guard never saw.
    ///
    /// # Errors
    ///
    /// When the allowed call is of another capability.
    pub fn expect(&self, capability: &str) -> Result<(), super::ToolError> {
        let allowed = self.permit.capability();
        if allowed == capability {
            return Ok(());
        }
        Err(super::ToolError::new(format!(
            "`{capability}` was called with the permit for `{allowed}`; call it through the gate, as a call \
             of its own"
        )))
    }

    /// The state of type `T`.
    ///
    /// # Errors
    ///
    /// When the tool does not list `T` in [`Tool::needs`](super::Tool::needs) and the toolbox
    /// has no such state. With `T` in the list, a toolbox without it cannot be built.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<State<T>, super::ToolError> {
        self.states.get().map(State).ok_or_else(|| {
            super::ToolError::new(format!(
                "the tool has no state of type `{}`; list it in `needs`",
                type_name::<T>()
            ))
        })
    }
}

impl std::fmt::Debug for Invocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Invocation({:?})", self.permit)
    }
}
