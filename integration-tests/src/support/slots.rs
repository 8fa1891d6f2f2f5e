//! Trees whose agents are counted while they are alive.

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder, SpawnError};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope};
use bailiwick::guard::{AGENTS, Effect};
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::model::{Completion, Model, ModelError, Request};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;

/// What every agent here may do: call a tool, and spawn others.
pub fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("a"))
        .grant(Grant::spawn(["worker"]))
        .max_depth(8)
}

pub fn at_most(agents: u64) -> Scope {
    scope().budget(Budget::new(AGENTS, agents))
}

pub async fn lead(scope: Scope) -> (Orchestrator, Agent) {
    build(scope, |builder| builder).await
}

pub async fn build(
    scope: Scope,
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let declaration = Declaration::new("a", Effect::Read, Risk::Low);
    let tool = RuntimeTool::new(declaration, json!({"type": "object"}), |_, _| async {
        Ok(json!("ok"))
    });
    let builder = Orchestrator::builder(&Authority::generate())
        .tool(tool)
        .max_agents(10_000)
        .model(ScriptedModel::from_fn(|_| say("done")));
    let orchestrator = with(builder).build().unwrap();
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    (orchestrator, lead)
}

pub async fn spawn(parent: &Agent, scope: Scope) -> Result<Agent, SpawnError> {
    parent.spawn("worker").scope(scope).await
}

/// How many more may be alive beneath an agent.
pub async fn left(orchestrator: &Orchestrator, agent: &Agent) -> u64 {
    let left = orchestrator.guard().left(&agent.held(), AGENTS).await;
    left.unwrap().unwrap()
}

/// How many are alive beneath the signer of an agent's first budget.
pub async fn used(orchestrator: &Orchestrator, agent: &Agent) -> u64 {
    let held = agent.held();
    let (_, max, _) = held.chain().budgets().next().unwrap();
    max - left(orchestrator, agent).await
}

/// Thinks until it is cancelled.
pub struct Thinks;

#[async_trait::async_trait]
impl Model for Thinks {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        std::future::pending().await
    }

    fn name(&self) -> &str {
        "thinks"
    }
}
