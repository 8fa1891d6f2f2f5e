//! What a tool says of itself, and how it fails.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use crate::capability::{Exposure, Risk, Sensitivity};
use crate::guard::Effect;
use crate::text::plain_name;

/// What a tool says of itself: by which capability it is called, what it does, how risky it is.
///
/// Capability, effect and risk have no default: the author of the tool states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    pub(crate) capability: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) effect: Effect,
    pub(crate) risk: Risk,
    pub(crate) dataset: Option<BTreeSet<String>>,
    /// What a run that called the tool is exposed to.
    pub(crate) exposure: Exposure,
    pub(crate) owner: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) idempotent: bool,
}

impl Declaration {
    /// A tool that is called by `capability`, such as `fs.read`.
    ///
    /// The model sees the capability with `_` for each character that providers do not take in a
    /// name. A capability of more than 64 bytes, with letters beyond ASCII, or without any letter or digit is
    /// shown by a short name that ends in a hash of it ([`plain_name`]).
    #[must_use]
    pub fn new(capability: impl Into<String>, effect: Effect, risk: Risk) -> Self {
        let capability = capability.into();
        Self {
            name: plain_name(&capability),
            capability,
            description: String::new(),
            effect,
            risk,
            dataset: None,
            exposure: Exposure::default(),
            owner: None,
            environment: None,
            idempotent: false,
        }
    }

    /// What the tool does, for the model.
    #[must_use]
    pub fn describe(mut self, text: impl Into<String>) -> Self {
        self.description = text.into();
        self
    }

    /// The data sets that the tool touches.
    #[must_use]
    pub fn touches<S: Into<String>>(mut self, datasets: impl IntoIterator<Item = S>) -> Self {
        self.dataset = Some(datasets.into_iter().map(Into::into).collect());
        self
    }

    /// How sensitive what the tool touches is. A run that called it is that sensitive from then on.
    #[must_use]
    pub const fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.exposure.sensitivity = Some(sensitivity);
        self
    }

    /// Marks the tool's results as coming from where others can write: they may carry
    /// instructions. A run that read them has these taints from then on.
    #[must_use]
    pub fn taints<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        let labels = labels.into_iter().map(Into::into);
        self.exposure.taint.extend(labels);
        self
    }

    /// Who owns the tool or its data.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// The environment that the tool acts on, such as `production`.
    #[must_use]
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// Says that calling the tool twice with the same arguments does no more than calling it once, also if
    /// others made changes in between: after a crash a call that was in flight is made again. A tool that writes
    /// what people write too says with [`Tool::look`](super::Tool::look) what it is about to change.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Whether calling the tool twice does no more than calling it once.
    #[must_use]
    pub const fn is_idempotent(&self) -> bool {
        self.idempotent
    }

    /// The declaration and the tool's parameters as JSON.
    pub(super) fn to_json(&self, parameters: Value) -> Value {
        let known = [
            ("dataset", self.dataset.as_ref().map(|names| json!(names))),
            (
                "sensitivity",
                self.exposure.sensitivity.map(|level| json!(level)),
            ),
            ("owner", self.owner.as_ref().map(|owner| json!(owner))),
            (
                "environment",
                self.environment.as_ref().map(|name| json!(name)),
            ),
        ];
        let mut written = json!({
            "capability": self.capability,
            "name": self.name,
            "description": self.description,
            "effect": self.effect,
            "risk": self.risk,
            "idempotent": self.idempotent,
            "taint": self.exposure.taint,
            "parameters": parameters,
        });
        if let Value::Object(members) = &mut written {
            let known = known.into_iter();
            members.extend(known.filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        written
    }

    /// The capability that the tool is called by.
    #[must_use]
    pub fn capability(&self) -> &str {
        &self.capability
    }

    /// The name that a model calls it by. It never enters a decision.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the tool does to the world.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// How risky it is.
    #[must_use]
    pub const fn risk(&self) -> Risk {
        self.risk
    }
}

/// A tool that ran and failed. Its text goes to the model, so it names no secret.
///
/// Anything that is an error becomes one with `?`.
#[derive(Debug)]
pub struct ToolError(String);

impl ToolError {
    /// A failure with a text for the model.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for ToolError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_is_written_with_what_it_says_and_nothing_else() {
        let least = Declaration::new("a.b", Effect::Delete, Risk::High);
        let expected = json!({
            "capability": "a.b",
            "name": "a_b",
            "description": "",
            "effect": "delete",
            "risk": "high",
            "idempotent": false,
            "taint": [],
            "parameters": { "type": "object" },
        });
        assert_eq!(least.to_json(json!({ "type": "object" })), expected);
        let whole = least
            .describe("Deletes.")
            .touches(["files"])
            .sensitivity(Sensitivity::Internal)
            .taints(["web"])
            .owner("ops")
            .environment("production")
            .idempotent();
        let expected = json!({
            "capability": "a.b",
            "name": "a_b",
            "description": "Deletes.",
            "effect": "delete",
            "risk": "high",
            "idempotent": true,
            "taint": ["web"],
            "parameters": {},
            "dataset": ["files"],
            "sensitivity": "internal",
            "owner": "ops",
            "environment": "production",
        });
        assert_eq!(whole.to_json(json!({})), expected);
    }

    #[test]
    fn the_declarations_of_a_toolbox_are_sorted_by_capability() {
        let tool = |capability| {
            let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
            crate::tool::RuntimeTool::new(declaration, json!({}), |_, _| async { Ok(json!(1)) })
        };
        // By their names, `a1` is before `a_z`.
        let toolbox = crate::tool::Toolbox::builder();
        let toolbox = toolbox.tool(tool("a1")).tool(tool("a.z")).build().unwrap();
        let read = crate::capability::canonical::read(&toolbox.to_json()).unwrap();
        let declared =
            |capability| Declaration::new(capability, Effect::Read, Risk::Low).to_json(json!({}));
        let expected = json!({ "version": 1, "tools": [declared("a.z"), declared("a1")] });
        assert_eq!(read, expected);
    }
}
