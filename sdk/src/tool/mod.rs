//! WHAT CAN BE DONE: tools, the doors that they act through, and the one road to a tool's body.
//!
//! A tool is a type with a [`Declaration`], typed arguments and a body. The body takes an
//! [`Invocation`], which only the [`Gate`] makes, and the gate only with the guard's permit:
//!
//! ```
//! use async_trait::async_trait;
//! use bailiwick::capability::Risk;
//! use bailiwick::guard::Effect;
//! use bailiwick::tool::{Arguments, Declaration, Invocation, Resource, Tool, ToolError};
//! use serde::{Deserialize, Serialize};
//!
//! struct Add;
//!
//! #[derive(Serialize, Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Terms {
//!     left: i64,
//!     right: i64,
//! }
//!
//! impl Arguments for Terms {
//!     fn schema() -> serde_json::Value {
//!         serde_json::json!({
//!             "type": "object",
//!             "properties": { "left": { "type": "integer" }, "right": { "type": "integer" } },
//!             "required": ["left", "right"],
//!             "additionalProperties": false,
//!         })
//!     }
//! }
//!
//! #[async_trait]
//! impl Tool for Add {
//!     type Args = Terms;
//!     type Output = i64;
//!
//!     fn declaration(&self) -> Declaration {
//!         Declaration::new("math.add", Effect::Read, Risk::Low).describe("Add two integers.")
//!     }
//!
//!     async fn call(&self, terms: Terms, _: Invocation) -> Result<i64, ToolError> {
//!         terms.left.checked_add(terms.right).ok_or_else(|| ToolError::new("the sum is too large"))
//!     }
//! }
//! ```
//!
//! The attribute `#[tool]` writes all but the body (feature `macros`).

mod declaration;
mod erased;
pub mod fs;
mod gate;
#[cfg(feature = "http")]
pub mod http;
mod look;
pub mod resource;
mod runtime;
mod schema;
mod state;
mod toolbox;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use declaration::{Declaration, ToolError};
pub use gate::{Gate, GateCall, Journal, Outcome, Situation};
pub use look::{Look, Looking};
pub use resource::{Exact, Host, HttpUrl, Ip, Resource, SafePath};
pub use runtime::RuntimeTool;
pub use schema::Parameter;
pub use state::{Invocation, Need, State};
/// How a caller of the [`Gate`] stops a call.
pub use tokio_util::sync::CancellationToken;
pub(crate) use toolbox::Entry;
pub use toolbox::{TOOLS_VERSION, Toolbox, ToolboxBuilder, ToolboxError, Toolset};

#[cfg(feature = "macros")]
pub use bailiwick_macros::Arguments;

/// A tool: what it is, what it takes, and its body.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    note = "write `#[tool(capability = \"…\", effect = …, risk = …)]` above the function, or implement `bailiwick::tool::Tool`"
)]
pub trait Tool: Send + Sync + 'static {
    /// The arguments. One value of this type gives the facts, the digest and what the body gets.
    type Args: Arguments;
    /// What the body gives back.
    type Output: Serialize + Send;

    /// What the tool is: its capability, effect and risk.
    fn declaration(&self) -> Declaration;

    /// The JSON schema of the arguments, as a model is shown it.
    fn parameters(&self) -> Value {
        Self::Args::schema()
    }

    /// The types of state that the body asks its [`Invocation`] for.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }

    /// Looks at what the call is about to change, for a tool that is
    /// [idempotent](Declaration::idempotent) and changes what others may change too. Its resources
    /// are open by then. `None`, which is the default, where there is nothing to look at.
    ///
    /// A call that is kept is looked at before its body runs, and the look is kept. After a crash the
    /// call is made again only if what it was about to change is unchanged.
    fn look(&self, args: &Self::Args) -> Option<Looking> {
        let _ = args;
        None
    }

    /// The body. It cannot be called without an [`Invocation`], and only the gate makes one. Do not
    /// pass that on to another tool's body: its arguments were never decided about
    /// ([`Invocation::expect`]).
    ///
    /// # Errors
    ///
    /// The reason for which the tool has no result. The model is told the text, so the text must not hold
    /// a secret.
    async fn call(
        &self,
        args: Self::Args,
        invocation: Invocation,
    ) -> Result<Self::Output, ToolError>;
}

/// The arguments of a tool: read strictly, written back the same, with their resources.
///
/// Deny unknown fields (`#[serde(deny_unknown_fields)]`): what the type does not know would
/// otherwise be dropped before anything checks it.
pub trait Arguments: Serialize + DeserializeOwned + Send + 'static {
    /// The JSON schema of the arguments (an object).
    fn schema() -> Value;

    /// The resources among the arguments, each with the name of its argument.
    fn resources(&mut self) -> Vec<(&'static str, &mut dyn Resource)> {
        Vec::new()
    }
}

/// Arguments whose type is known only at run time.
impl Arguments for Map<String, Value> {
    fn schema() -> Value {
        serde_json::json!({ "type": "object" })
    }
}
