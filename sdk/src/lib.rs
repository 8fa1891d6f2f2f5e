//! Bailiwick orchestrates agents with capability tokens.
//!
//! An agent's token is a [Biscuit](https://www.biscuitsec.org) that names the agent's own key. A
//! child's token is derived from its parent's and can only be narrower. Every tool call is checked
//! against the token, with the real arguments, before the tool's body can be reached. The design
//! assumes that the model is compromised: the limits of the token hold in any case.
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
//! # Where to start
//!
//! - *I write agents.* [`Orchestrator::builder`] takes the models and the tools,
//!   [`Orchestrator::agent`] makes the first agent with a [`Scope`], [`Agent::spawn`] makes a child
//!   with a narrower scope, and [`Agent::run`] does a task and returns a [`Report`].
//!   [`agent::Helper`] lets a model ask for a child.
//! - *I write tools.* Write `#[tool]` above an async function, or build a [`RuntimeTool`] from a
//!   [`Declaration`], or implement [`Tool`]. [`SafePath`] and [`tool::HttpUrl`] are arguments for
//!   resources, [`State`] is what your program gives to a tool, and [`ToolError`] is its error.
//! - *I serve tools to others' agents.* A [`capability::KeyRing`] holds the roots that you trust.
//!   [`guard::Guard::builder`] sets up the verifier, [`guard::Guard::receive`] reads the bytes of a
//!   call into a [`capability::WireCall`], and [`guard::Guard::authorize`] decides the call.
//! - *I review scopes.* [`Scope::from_json`] reads the written form strictly, [`Scope::at`] makes it
//!   absolute, [`narrow`](capability::narrow()) says in which ways a child is wider than its
//!   parents, [`capability::meet`] gives the intersection, and [`capability::Chain::explain`] says
//!   which block of a token refuses a call.
//! - *I run it.* A [`store::Store`] holds budgets, revocations, runs and the log.
//!   [`record::Audit`] writes the log, [`guard::Guard::revoke`] takes authority away,
//!   [`agent::stored_runs`] lists the runs in a store, [`Orchestrator::resume`] takes one over after
//!   its process has ended, and [`agent::prune`] removes the ended ones.
//!
//! # Rooms
//!
//! | module | |
//! |---|---|
//! | [`capability`] | what may be done: scopes, tokens, keys, and whether a token allows a call |
//! | [`guard`] | whether a call may happen: revocations, policy, approvals, budgets, replay; the permit |
//! | [`record`] | what has happened: the audit log and live events |
//! | [`mod@tool`] | what can be done: tools, the gate, and the doors to files and network |
//! | [`model`] | the model that decides each turn: the interface, providers, and a scripted model for tests |
//! | [`agent`] | the agent that acts: the orchestrator, spawning, the run |
//! | [`store`] | where state is kept |
//! | [`clock`] | the only source of the time |
//! | [`id`] | identifiers and timestamps |
//! | [`text`] | how text from an untrusted author is shown |
//!
//! # Features
//!
//! | feature | |
//! |---|---|
//! | `macros` (default) | `#[tool]` and `#[derive(Arguments)]` |
//! | `toml` | scopes written in TOML |
//! | `http` | the door to the network, built on `reqwest` |
//! | `sqlite` | the store in one file, `store::SqliteStore`; SQLite is compiled into the program |
//! | `seal` | stores agents' keys sealed in a durable store, so that runs survive their process |
//! | `schema` | typed answers, `Agent::run_as`, with a JSON schema made from the type |
//! | `providers` | models of providers, through the protocols of OpenAI and Anthropic |
//! | `cedar` | policies written in Cedar, `guard::CedarPolicy`; it switches on `serde_json/preserve_order` |
//! | `conformance` | for tests: the cases that every store must pass, `store::conformance` |
//!
//! No feature weakens a check.

// The code that `#[tool]` generates names this crate, inside the crate too.
extern crate self as bailiwick;

pub mod agent;
pub mod capability;
pub mod clock;
mod format;
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
