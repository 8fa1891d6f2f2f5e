//! Where agents of the benchmark live, and what they do.

use std::sync::Arc;

use bailiwick::agent::{Orchestrator, OrchestratorBuilder, SealKey};
use bailiwick::capability::{Authority, Grant, Risk, Scope, any, minutes};
use bailiwick::guard::Effect;
use bailiwick::model::Request;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::store::{MemoryStore, SqliteStore, Store};
use bailiwick::tool::{Declaration, RuntimeTool, ToolError};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The arguments of every call.
pub(crate) const ARGUMENTS: &str = r#"{"text":"what a child was asked to note"}"#;

/// The body of the one tool, guarded or not.
pub(crate) async fn body(arguments: &Map<String, Value>) -> Result<Value, ToolError> {
    let text = arguments.get("text").and_then(Value::as_str);
    let text = text.ok_or_else(|| ToolError::new("no text"))?;
    Ok(json!(text.len()))
}

fn tool() -> RuntimeTool {
    let declaration = Declaration::new("note", Effect::Read, Risk::Low);
    RuntimeTool::new(
        declaration,
        json!({ "type": "object" }),
        |arguments, _| async move { body(&arguments).await },
    )
}

/// What every child does: one call, and an answer.
pub(crate) fn script(request: &Request) -> bailiwick::model::scripted::Turn {
    match request.messages.len() {
        1 => call("note", serde_json::from_str(ARGUMENTS).unwrap()),
        _ => say("noted"),
    }
}

/// On the disk of the build, since `/tmp` may be in memory.
pub(crate) fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A place for agents: a store, and the keys that processes on it share.
pub(crate) struct Setup {
    directory: Option<TempDir>,
    authority: Authority,
}

impl Setup {
    pub(crate) fn new(in_file: bool) -> Self {
        Self {
            directory: in_file.then(directory),
            authority: Authority::generate(),
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match &self.directory {
            Some(directory) => Arc::new(SqliteStore::open(directory.path().join("store")).unwrap()),
            None => Arc::new(MemoryStore::new()),
        }
    }

    /// A process with room for so many agents; each has the script unless it is given another.
    pub(crate) fn process(&self, store: Arc<dyn Store>, agents: usize) -> OrchestratorBuilder {
        Orchestrator::builder(&self.authority)
            .store(store)
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(tool())
            .model(ScriptedModel::from_fn(script))
            .max_agents(agents)
            // As many turns and calls as there are.
            .default_budgets([])
    }
}

/// What a child may do.
pub(crate) fn child() -> Scope {
    Scope::new().grant(Grant::new("note").arg("text", any()))
}

/// What the first agent may do.
pub(crate) fn lead() -> Scope {
    let spawn = Grant::spawn(["child"]);
    child().grant(spawn).max_depth(2).expires_in(minutes(60))
}
