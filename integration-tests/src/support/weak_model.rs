//! A clerk whose model writes calls as words.

use std::sync::{Arc, Mutex};

use bailiwick::agent::{Agent, Orchestrator};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::model::{Fenced, Request};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;

/// Paths that were really read, in order.
pub type Reads = Arc<Mutex<Vec<String>>>;

/// A clerk whose model gives these answers, one a turn, and what it is asked.
pub async fn clerk(answers: &[&str]) -> (Agent, Reads, Arc<Mutex<Vec<Request>>>) {
    let reads = Reads::default();
    let body = reads.clone();
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low);
    let schema = json!({ "type": "object", "properties": { "path": { "type": "string" } } });
    let read = RuntimeTool::new(declaration, schema, move |args, _| {
        let path = args["path"].as_str().unwrap_or_default().to_owned();
        body.lock().unwrap().push(path.clone());
        async move { Ok(json!(format!("contents of {path}"))) }
    });
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let mut answers = answers
        .iter()
        .map(|text| say(*text))
        .collect::<Vec<_>>()
        .into_iter();
    let model = ScriptedModel::from_fn(move |request| {
        seen.lock().unwrap().push(request.clone());
        answers.next().unwrap_or_else(|| say("done"))
    });
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(read)
        .model(Fenced::new(model))
        .build()
        .unwrap();
    let scope = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .expires_in(minutes(10));
    let agent = orchestrator.agent("clerk", scope).await.unwrap();
    (agent, reads, asked)
}
