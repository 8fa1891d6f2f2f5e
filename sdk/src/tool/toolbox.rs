//! The tools of a process: one for each capability.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::erased::Erased;
use super::state::States;
use super::{Declaration, Tool};
use crate::capability::{Chain, SPAWN, canonical};
use crate::id::hex;
use crate::model::ToolSpec;
use crate::text::{is_misleading, printable};

/// The tools of a process, one for each capability. A tool can be reached only through a
/// [`Gate`](super::Gate).
#[derive(Clone)]
pub struct Toolbox {
    tools: Arc<BTreeMap<String, Entry>>,
    states: Arc<States>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) declaration: Arc<Declaration>,
    pub(crate) tool: Arc<dyn Erased>,
    /// Identifies the tool beyond its name: the value is the same in every build that has the same tool.
    pub(crate) kind: Arc<str>,
}

/// Tells a tool from another of its name: by what it says that it does, and by its arguments.
fn kind(declaration: &Declaration, parameters: &Value) -> Arc<str> {
    let said = json!({
        "capability": declaration.capability,
        "effect": declaration.effect,
        "idempotent": declaration.idempotent,
        "parameters": parameters,
    });
    hex::write(&Sha256::digest(canonical::write(&said))).into()
}

/// The version of what [`Toolbox::to_json`] writes.
pub const TOOLS_VERSION: u32 = 1;

/// Collects tools and their state.
#[derive(Default)]
pub struct ToolboxBuilder {
    tools: Vec<Arc<dyn Erased>>,
    states: States,
    twice: Option<&'static str>,
}

/// Several tools over one value; `#[tool]` above an `impl` block writes it.
///
/// ```
/// # #[cfg(feature = "macros")] {
/// use bailiwick::tool;
/// use bailiwick::tool::{ToolError, Toolbox};
///
/// struct Greeter {
///     word: String,
/// }
///
/// #[tool]
/// impl Greeter {
///     /// Greet someone.
///     #[tool(capability = "greet", effect = read, risk = low)]
///     async fn greet(&self, name: String) -> Result<String, ToolError> {
///         Ok(format!("{} {name}", self.word))
///     }
/// }
///
/// let toolbox = Toolbox::builder().tools(Greeter { word: "Good day,".into() }).build();
/// # assert!(toolbox.is_ok());
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of tools",
    note = "write `#[tool]` above its `impl` block; a single tool is added with `.tool(…)`"
)]
pub trait Toolset: Send + Sync + Sized + 'static {
    /// Adds the tools to a toolbox.
    fn add_to(self: Arc<Self>, builder: ToolboxBuilder) -> ToolboxBuilder;
}

/// Why a toolbox cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ToolboxError {
    /// Two tools have one capability: a call could not tell which was checked.
    #[error("two tools are called by `{capability}`; a capability has one tool")]
    CapabilityTaken {
        /// The capability.
        capability: String,
    },
    /// Two capabilities look the same to a model.
    #[error("`{first}` and `{second}` would both be shown to a model as `{name}`; rename one")]
    NameTaken {
        /// The name that a model would see.
        name: String,
        /// One capability.
        first: String,
        /// The other.
        second: String,
    },
    /// A capability that is not the author's to give.
    #[error(
        "`{}` cannot be a tool's capability: names have 1 to 256 bytes, no control or hidden characters, and `agent.` and `token.` are Bailiwick's own",
        printable(capability)
    )]
    Reserved {
        /// The capability.
        capability: String,
    },
    /// A tool asks for state that was not provided.
    #[error("the tool `{capability}` needs a state of type `{state}`; add it with `.state(…)`")]
    MissingState {
        /// The tool's capability.
        capability: String,
        /// The type.
        state: &'static str,
    },
    /// State of one type was provided twice.
    #[error("a state of type `{state}` was provided twice; wrap one in a type of its own")]
    StateTwice {
        /// The type.
        state: &'static str,
    },
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Toolbox")
            .field(
                &self
                    .tools
                    .values()
                    .map(|entry| &entry.declaration.capability)
                    .collect::<Vec<_>>(),
            )
            .finish()
    }
}

impl fmt::Debug for ToolboxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToolboxBuilder({} tools)", self.tools.len())
    }
}

impl ToolboxBuilder {
    /// Adds a tool.
    #[must_use]
    pub fn tool(mut self, tool: impl Tool) -> Self {
        self.tools.push(Arc::new(tool));
        self
    }

    /// Adds the tools of a set, which share it.
    #[must_use]
    pub fn tools(self, set: impl Toolset) -> Self {
        Arc::new(set).add_to(self)
    }

    /// Provides state of a type, for the tools that ask for it.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, state: T) -> Self {
        if !self.states.insert(state) {
            self.twice = Some(std::any::type_name::<T>());
        }
        self
    }

    /// The toolbox.
    ///
    /// # Errors
    ///
    /// When two tools share a capability or a name, a capability is reserved, or state is missing.
    pub fn build(self) -> Result<Toolbox, ToolboxError> {
        if let Some(state) = self.twice {
            return Err(ToolboxError::StateTwice { state });
        }
        let mut tools: BTreeMap<String, Entry> = BTreeMap::new();
        for tool in self.tools {
            let declaration = tool.declaration();
            let capability = declaration.capability.clone();
            let own = ["agent.", "token."]
                .iter()
                .any(|prefix| capability.starts_with(prefix))
                // The name that a model spawns by.
                || declaration.name == SPAWN.replace('.', "_");
            if own
                || capability.is_empty()
                || capability.len() > 256
                || capability.contains(is_misleading)
            {
                return Err(ToolboxError::Reserved { capability });
            }
            if let Some(missing) = tool.needs().into_iter().find(|need| !self.states.has(need)) {
                return Err(ToolboxError::MissingState {
                    capability,
                    state: missing.name(),
                });
            }
            if let Some(other) = tools.get(&declaration.name) {
                let (first, second) = (other.declaration.capability.clone(), capability);
                return Err(match first == second {
                    true => ToolboxError::CapabilityTaken { capability: first },
                    false => ToolboxError::NameTaken {
                        name: declaration.name,
                        first,
                        second,
                    },
                });
            }
            tools.insert(
                declaration.name.clone(),
                Entry {
                    kind: kind(&declaration, &tool.parameters()),
                    declaration: Arc::new(declaration),
                    tool,
                },
            );
        }
        Ok(Toolbox {
            tools: Arc::new(tools),
            states: Arc::new(self.states),
        })
    }
}

impl Toolbox {
    /// Starts a toolbox.
    #[must_use]
    pub fn builder() -> ToolboxBuilder {
        ToolboxBuilder::default()
    }

    /// The declarations of all tools as canonical JSON, sorted by capability: what policies are checked against.
    ///
    /// It is one object with the members `version`, which is [`TOOLS_VERSION`], and `tools`: a list of objects
    /// with `capability`, `name`, `description`, `effect`, `risk`, `idempotent`, `taint`, `parameters` (a JSON
    /// schema), and, where the tool declares them, `dataset`, `sensitivity`, `owner` and `environment`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let tools: Vec<_> = self
            .tools
            .values()
            .map(|entry| (&entry.declaration.capability, entry))
            .collect::<BTreeMap<_, _>>()
            .into_values()
            .map(|entry| entry.declaration.to_json(entry.tool.parameters()))
            .collect();
        canonical::write(&json!({ "version": TOOLS_VERSION, "tools": tools }))
    }

    /// What a model is shown: the tools that the token could ever allow.
    #[must_use]
    pub fn shown(&self, chain: &Chain) -> Vec<ToolSpec> {
        let allowed = self
            .tools
            .values()
            .filter(|entry| chain.could(&entry.declaration.capability));
        allowed
            .map(|entry| {
                ToolSpec::new(
                    &entry.declaration.name,
                    &entry.declaration.description,
                    entry.tool.parameters(),
                )
            })
            .collect()
    }

    /// The tool that a model calls by this name; its capability is taken for its name too.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.tools.get(name).or_else(|| {
            self.tools
                .values()
                .find(|entry| entry.declaration.capability == name)
        })
    }

    pub(crate) fn states(&self) -> Arc<States> {
        self.states.clone()
    }
}
