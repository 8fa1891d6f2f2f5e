//! A lead that reads a file, turn after turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick::agent::{Agent, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{Authority, Grant, Risk, Scope, any, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{Turn, call};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};

/// A file that tools write and read, and who is at work on it.
#[derive(Default)]
pub struct File {
    pub text: Mutex<String>,
    pub made: Mutex<Vec<&'static str>>,
    pub at_work: AtomicUsize,
    pub most_at_work: AtomicUsize,
}

impl File {
    pub fn made(&self) -> Vec<&'static str> {
        self.made.lock().unwrap().clone()
    }

    pub fn tool(self: &Arc<Self>, name: &'static str, effect: Effect, waits: u64) -> RuntimeTool {
        let file = self.clone();
        let declaration = Declaration::new(name, effect, Risk::Low);
        RuntimeTool::new(declaration, json!({"type": "object"}), move |args, _| {
            let file = file.clone();
            async move {
                let at_work = file.at_work.fetch_add(1, Ordering::SeqCst) + 1;
                file.most_at_work.fetch_max(at_work, Ordering::SeqCst);
                if effect != Effect::Read {
                    assert_eq!(at_work, 1, "`{name}` is not alone");
                }
                // Those that come first take longest, so that at once they would overtake each other.
                tokio::time::sleep(Duration::from_millis(waits)).await;
                file.made.lock().unwrap().push(name);
                let text = args.get("text").and_then(Value::as_str).unwrap_or_default();
                let read = {
                    let mut file = file.text.lock().unwrap();
                    match name {
                        "write" => text.clone_into(&mut file),
                        "append" => file.push_str(text),
                        _ => {}
                    }
                    file.clone()
                };
                file.at_work.fetch_sub(1, Ordering::SeqCst);
                Ok(json!(read))
            }
        })
    }

    pub fn tools(self: &Arc<Self>, builder: OrchestratorBuilder) -> OrchestratorBuilder {
        builder
            .tool(self.tool("write", Effect::Write, 20))
            .tool(self.tool("append", Effect::Write, 10))
            .tool(self.tool("remove", Effect::Delete, 5))
            .tool(self.tool("post", Effect::Send, 5))
            .tool(self.tool("read", Effect::Read, 1))
    }
}

pub fn scope() -> Scope {
    ["write", "append", "remove", "post"]
        .into_iter()
        .fold(Scope::new(), |scope, name| {
            scope.grant(Grant::new(name).arg("text", any()))
        })
        .grant(Grant::new("read").arg("path", path_under("/srv")))
        .grant(Grant::spawn(["left", "right"]))
        .max_depth(1)
        .expires_in(minutes(10))
}

pub fn read() -> Turn {
    call("read", json!({"path": "/srv/a"}))
}

pub async fn lead(
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent, Arc<File>) {
    let file = Arc::new(File::default());
    let builder = file.tools(Orchestrator::builder(&Authority::generate()));
    let orchestrator = with(builder).build().unwrap();
    let agent = orchestrator.agent("lead", scope()).await.unwrap();
    (orchestrator, agent, file)
}
