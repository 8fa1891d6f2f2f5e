//! Agents as tools: helpers that a model calls by name.

use serde_json::json;

use super::run::Limits;
use crate::capability::Scope;
use crate::model::ToolSpec;

/// The name that a model spawns by.
pub(super) const SPAWN_TOOL: &str = "agent_spawn";

/// A helper that models call like any tool, by its role. Code sets what it may do; the model writes only
/// its task.
///
/// The call is a spawn like any other: the caller's token must grant `agent.spawn` of the role, and the
/// scope must be no wider than the caller's own, or the call is denied. The helper's answer is the call's
/// result.
///
/// ```
/// # use bailiwick::agent::Helper;
/// # use bailiwick::capability::{Grant, Scope, path_under};
/// let documents = Grant::new("fs.read").arg("path", path_under("/srv/files/docs"));
/// let reader = Helper::new("reader", "Reads the documents and says what is in them.")
///     .scope(Scope::new().grant(documents));
/// ```
#[derive(Clone, Debug)]
pub struct Helper {
    role: String,
    description: String,
    pub(super) scope: Scope,
    pub(super) system: Option<String>,
    pub(super) limits: Option<Limits>,
    pub(super) takes_over: bool,
}

impl Helper {
    /// A helper of this role that may do nothing yet; models are shown the description.
    pub fn new(role: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            description: description.into(),
            scope: Scope::new(),
            system: None,
            limits: None,
            takes_over: false,
        }
    }

    /// What the helper may do; without it, nothing.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// What the helper's model is told before its task.
    #[must_use]
    pub fn system(mut self, text: impl Into<String>) -> Self {
        self.system = Some(text.into());
        self
    }

    /// The limits of the helper's run.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// The helper takes the task over (a handoff): the agent that calls it steps back, does nothing more, and
    /// answers what the helper answers. The call must be the only one of its turn.
    #[must_use]
    pub const fn takes_over(mut self) -> Self {
        self.takes_over = true;
        self
    }

    /// The role, which is the name that models call.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The kind and label of the budgets that all helpers of this role share.
    pub(super) fn shared_budgets(&self) -> impl Iterator<Item = (&str, &str)> {
        let budgets = self.scope.budgets.iter();
        budgets.filter_map(|budget| Some((budget.kind.as_str(), budget.label.as_deref()?)))
    }

    /// The tool that a model is shown.
    pub(super) fn spec(&self) -> ToolSpec {
        let parameters = json!({
            "type": "object",
            "properties": {
                "task": { "type": "string", "description": "what the helper shall do" },
            },
            "required": ["task"],
            "additionalProperties": false,
        });
        ToolSpec::new(&self.role, &self.description, parameters)
    }
}
