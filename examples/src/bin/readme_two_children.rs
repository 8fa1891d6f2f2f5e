//! The second program of the README, as it stands there.

use bailiwick::agent::Children;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::tool::fs::Dir;
use bailiwick::{Authority, Grant, Orchestrator, SafePath, Scope, State, ToolError};
use bailiwick::{minutes, path_under, tool};
use serde_json::json;

/// Read a UTF-8 file.
#[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"])]
async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
    Ok(dir.read_to_string(&path).await?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Each child has this model, which tries to read the same two files.
    let model = ScriptedModel::from_fn(|request| match request.messages.len() {
        1 => call("fs_read", json!({ "path": "/project/src/lib.rs" })),
        3 => call("fs_read", json!({ "path": "/project/Cargo.toml" })),
        _ => say("done"),
    });
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .state(Dir::mount("/project", ".")?)
        .tool(read_file)
        .model(model)
        .build()?;

    let read = |place| Grant::new("fs.read").arg("path", path_under(place));
    let spawn = Grant::spawn(["reader"]);
    let scope = Scope::new().grant(read("/project")).grant(spawn);
    let scope = scope.expires_in(minutes(10));
    let lead = orchestrator.agent("lead", scope).await?;

    // Each child gets a part of it. A wider scope is refused, and the error lists each excess.
    let mut children = Children::at_most(2);
    for part in ["/project/src", "/project/tests"] {
        let reader = lead.spawn("reader").scope(Scope::new().grant(read(part)));
        children.run(reader, format!("summarise {part}"));
    }
    for child in children.join().await {
        for denial in child?.denials() {
            // fs.read denied to lead/reader: argument at hop 1: …
            println!("{denial}");
        }
    }
    Ok(())
}
