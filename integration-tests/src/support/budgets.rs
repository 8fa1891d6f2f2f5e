//! Leads with budgets, and models that say what a turn costs.

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope};
use bailiwick::guard::Effect;
use bailiwick::model::{Model, Usage};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;

pub fn tool(capability: &str) -> RuntimeTool {
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
    RuntimeTool::new(declaration, json!({"type": "object"}), |_, _| async {
        Ok(json!("ok"))
    })
}

pub fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("a"))
        .grant(Grant::new("b"))
        .grant(Grant::spawn(["worker"]))
        .max_depth(4)
}

pub async fn lead(scope: Scope, model: impl Model) -> (Orchestrator, Agent) {
    with(scope, |builder| builder.model(model)).await
}

pub async fn with(
    scope: Scope,
    more: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let authority = Authority::generate();
    let builder = Orchestrator::builder(&authority)
        .tool(tool("a"))
        .tool(tool("b"));
    let orchestrator = more(builder.max_agents(10_000)).build().unwrap();
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    (orchestrator, lead)
}

pub fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        cached: 0,
    }
}

pub async fn left(orchestrator: &Orchestrator, agent: &Agent, kind: &str) -> u64 {
    let left = orchestrator.guard().left(&agent.held(), kind).await;
    left.unwrap().unwrap()
}

pub fn child(kind: &str, most: u64) -> Scope {
    Scope::new()
        .grant(Grant::new("a"))
        .budget(Budget::new(kind, most))
}
