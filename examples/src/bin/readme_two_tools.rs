//! The first program of the README, as it stands there.

use bailiwick::capability::any;
use bailiwick::model::scripted::{ScriptedModel, call_raw, say};
use bailiwick::tool::fs::{Dir, ReadFile};
use bailiwick::{Authority, Grant, Orchestrator, Scope, ToolError, path_under, tool};

/// Count the words of a text.
#[tool(capability = "text.count", effect = read, risk = low)]
async fn count_words(text: String) -> Result<usize, ToolError> {
    Ok(text.split_whitespace().count())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = ScriptedModel::new([
        call_raw("fs_read", r#"{"path": "/project/Cargo.toml"}"#),
        call_raw("text_count", r#"{"text": "how long is this"}"#),
        say("four words"),
    ]);
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(ReadFile::new(&Dir::mount("/project", ".")?))
        .tool(count_words)
        .model(model)
        .build()?;
    let read = Grant::new("fs.read").arg("path", path_under("/project"));
    let count = Grant::new("text.count").arg("text", any());
    let scope = Scope::new().grant(read).grant(count);
    let clerk = orchestrator.agent("clerk", scope).await?;
    println!("{:?}", clerk.run("How long is it?").await?.finished());
    Ok(())
}
