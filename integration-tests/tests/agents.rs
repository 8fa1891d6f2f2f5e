//! Trees of agents over real files, with real tokens.

use std::sync::Arc;

use bailiwick::agent::{Limits, Orchestrator, SpawnError};
use bailiwick::capability::{Authority, Grant, Kind, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::tool::fs::Dir;
use bailiwick::tool::{Declaration, Outcome, RuntimeTool};
use serde_json::json;

fn scope(path: &str) -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under(path)))
        .grant(Grant::spawn(["reader"]))
        .expires_in(minutes(10))
        .max_depth(2)
}

fn reader() -> RuntimeTool {
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low).taints(["file"]);
    RuntimeTool::new(declaration, json!({"type": "object"}), |args, _| async move {
        Ok(json!(format!("contents of {}", args["path"])))
    })
}

#[tokio::test]
async fn a_child_reads_what_it_was_given_and_nothing_else() {
    let authority = Authority::generate();
    let model = ScriptedModel::new([
        call("fs_read", json!({"path": "/srv/docs/a.md"})),
        call("fs_read", json!({"path": "/srv/secret"})),
        say("done"),
    ]);
    let orchestrator = Orchestrator::builder(&authority).tool(reader()).model(model).build().unwrap();
    let lead = orchestrator.agent("lead", scope("/srv")).await.unwrap();
    let wide = lead.spawn("reader").scope(scope("/")).await.unwrap_err();
    assert!(matches!(wide, SpawnError::Widens(_)), "{wide}");
    let child = lead
        .spawn("reader")
        .scope(Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs"))))
        .await
        .unwrap();
    let held = child.held();
    let report = child.run("read").await.unwrap();
    assert_eq!(report.text(), "done");
    let denial = &report.denials()[0];
    assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(1)), "{denial}");
    // Its task has ended.
    let gate = orchestrator.gate();
    let situation = bailiwick::tool::Situation { agent: "lead/reader".to_owned(), ..Default::default() };
    let late = gate.call(&held, "fs_read", r#"{"path":"/srv/docs/a.md"}"#, &situation, &Default::default()).await;
    assert!(matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::Revoked), "{late:?}");
    let _ = (Limits::default(), Arc::new(()), std::mem::size_of::<Dir>());
}
