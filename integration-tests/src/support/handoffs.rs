//! Leads that hand a task over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, Turn};
use bailiwick::model::{Completion, Model, ModelError, Request};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};

/// What the first agent of every test may do.
pub fn lead_scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::spawn(["reader", "writer"]))
        .expires_in(minutes(10))
        .max_depth(2)
}

pub fn under(directory: &str) -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", path_under(directory)))
}

pub fn path(path: &str) -> Value {
    json!({ "path": path })
}

/// An orchestrator whose one tool counts its calls.
pub fn built(
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = read.clone();
    let tool = RuntimeTool::new(
        Declaration::new("fs.read", Effect::Read, Risk::Low).taints(["file"]),
        json!({"type": "object"}),
        move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(json!("contents")) }
        },
    );
    let builder = Orchestrator::builder(&Authority::generate()).tool(tool);
    (with(builder).build().unwrap(), read)
}

/// A script, and how often it was asked.
#[derive(Clone)]
pub struct Counted(pub ScriptedModel, pub Arc<AtomicUsize>);

impl Counted {
    pub fn new(turns: impl IntoIterator<Item = Turn>) -> Self {
        Self(ScriptedModel::new(turns), Arc::default())
    }

    pub fn asked(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Model for Counted {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.generate(request).await
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

pub async fn lead(orchestrator: &Orchestrator) -> Agent {
    orchestrator.agent("lead", lead_scope()).await.unwrap()
}
