//! A lead that may read and spawn, and its tools.

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::tool::{Declaration, RuntimeTool, ToolError};
use serde_json::{Value, json};

pub fn lead_scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::new("wait"))
        .grant(Grant::new("panic"))
        .grant(Grant::spawn(["reader", "writer"]))
        .expires_in(minutes(10))
        .max_depth(2)
}

pub fn docs() -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
}

pub fn read() -> RuntimeTool {
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low).taints(["file"]);
    RuntimeTool::new(
        declaration,
        json!({"type": "object"}),
        |args, _| async move {
            Ok(json!(format!(
                "contents of {}",
                args["path"].as_str().unwrap_or_default()
            )))
        },
    )
}

pub fn tool<F, R>(capability: &str, body: F) -> RuntimeTool
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, ToolError>> + Send + 'static,
{
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
    RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| body())
}

pub fn build(
    authority: &Authority,
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> Orchestrator {
    with(Orchestrator::builder(authority).tool(read()))
        .build()
        .unwrap()
}

pub async fn lead(
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let orchestrator = build(&Authority::generate(), with);
    let agent = orchestrator.agent("lead", lead_scope()).await.unwrap();
    (orchestrator, agent)
}
