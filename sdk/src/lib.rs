//! Bailiwick orchestrates agents with capability tokens.
//!
//! *Capability says what may be done, guard decides, record remembers, tool does, model thinks,
//! agent runs.* An agent's token is a [Biscuit](https://www.biscuitsec.org) that names the agent's
//! own key. A child's token is derived from its parent's and can only be narrower. Every tool call
//! is checked against the token, with the real arguments, before the tool's body can be reached.
//! Assume that the model is compromised: what holds is what the token says.
//!
//! ```
//! use bailiwick::model::scripted::{ScriptedModel, call, say};
//! use bailiwick::{
//!     Authority, Declaration, Effect, Grant, Orchestrator, Risk, RuntimeTool, Scope, minutes, path_under,
//! };
//! use serde_json::json;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // A tool states its capability, its effect and its risk.
//! let read = Declaration::new("fs.read", Effect::Read, Risk::Low);
//! let read = RuntimeTool::new(read, json!({ "type": "object" }), |args, _| async move {
//!     Ok(json!(format!("the contents of {}", args["path"])))
//! });
//!
//! // A model that does what an injection told it.
//! let model = ScriptedModel::new([
//!     call("fs_read", json!({ "path": "/srv/docs/plan.md" })),
//!     call("fs_read", json!({ "path": "/srv/secrets/key.pem" })),
//!     say("done"),
//! ]);
//!
//! let authority = Authority::generate();
//! let orchestrator = Orchestrator::builder(&authority).tool(read).model(model).build()?;
//! let lead = orchestrator
//!     .agent(
//!         "lead",
//!         Scope::new()
//!             .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
//!             .grant(Grant::spawn(["reader"]))
//!             .expires_in(minutes(10)),
//!     )
//!     .await?;
//!
//! let reader = lead
//!     .spawn("reader")
//!     .scope(Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs"))))
//!     .await?;
//! let report = reader.run("summarise the documents").await?;
//! assert_eq!(report.denials().len(), 1); // the second call, at hop 1
//! # Ok(())
//! # }
//! ```
//!
//! # Rooms
//!
//! | module | |
//! |---|---|
//! | [`capability`] | what may be done: scopes, tokens, keys, and whether a token allows a call |
//! | [`guard`] | may this call happen: revocations, policy, approvals, budgets, replay; the permit |
//! | [`record`] | what happened: the audit and the news |
//! | [`mod@tool`] | what can be done: tools, the gate, and the doors to files and network |
//! | [`model`] | who thinks |
//! | [`agent`] | who does it: the orchestrator, the one road to a child, the run |
//! | [`store`], [`clock`], [`id`], [`text`] | where things are kept, the only source of now, names, how others' text is shown |
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `macros` (default) | `#[tool]` and `#[derive(Arguments)]` |
//! | `toml` | scopes written in TOML |
//! | `http` | the door to the network, through reqwest |
//! | `sqlite` | the store in one file, `store::SqliteStore`; SQLite is compiled with it |
//! | `seal` | agents' keys in a durable store, sealed, so that runs survive their process |
//! | `schema` | answers as typed values, `Agent::run_as`, with a JSON schema made from the type |
//! | `providers` | models of providers: OpenAI's and Anthropic's protocols, which nearly all servers speak |
//! | `conformance` | for tests: the cases that every store must pass, `store::conformance` |
//!
//! No feature weakens a check.

// What `#[tool]` writes names this crate, from inside it too.
extern crate self as bailiwick;

pub mod agent;
pub mod capability;
pub mod clock;
pub mod guard;
pub mod id;
pub mod model;
pub mod record;
pub mod store;
pub mod text;
pub mod tool;

pub use agent::{Agent, Orchestrator, Report, SpawnError};
#[cfg(feature = "macros")]
pub use bailiwick_macros::tool;
pub use capability::{Authority, Grant, Risk, Scope, minutes, path_under};
pub use guard::{Denial, Effect};
pub use tool::{Declaration, RuntimeTool, SafePath, State, Tool, ToolError};

#[doc(hidden)]
pub mod __private;
