//! Workers that a lead runs at the same time.

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder, Spawn};
use bailiwick::capability::{Authority, Grant, Scope};
use bailiwick::model::{Completion, Model, ModelError, Request};

pub fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("work"))
        .grant(Grant::spawn(["worker"]))
        .max_depth(3)
}

pub fn work() -> Scope {
    Scope::new().grant(Grant::new("work"))
}

#[expect(clippy::unwrap_used, reason = "for tests")]
pub async fn lead(
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let authority = Authority::generate();
    let orchestrator = with(Orchestrator::builder(&authority)).build().unwrap();
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    (orchestrator, lead)
}

pub fn worker(lead: &Agent, model: impl Model) -> Spawn {
    lead.spawn("worker").scope(work()).model(model)
}

/// Panics when it is asked.
pub struct Panics;

#[async_trait::async_trait]
impl Model for Panics {
    #[expect(clippy::panic, reason = "that is what it is for")]
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        panic!("a fault of the model")
    }

    fn name(&self) -> &str {
        "panics"
    }
}
