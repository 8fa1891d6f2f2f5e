//! A task that is handed over: the desk steps back, and the agent that takes the task may do less.
//!
//! The desk may read all documents. The helper for questions about the release takes the task over and may
//! read one of them; the answer is the desk's, which does nothing more. `cargo run --bin handoff`

use std::process::ExitCode;

use bailiwick::agent::Helper;
use bailiwick::capability::eq;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::text::printable;
use bailiwick::tool::fs::{Dir, ReadFile};
use bailiwick::{Authority, Grant, Orchestrator, Scope, minutes, path_under};
use bailiwick_examples::args::Args;
use bailiwick_examples::model::Models;
use bailiwick_examples::screen::Screen;
use bailiwick_examples::script::{results, title};
use bailiwick_examples::stage::{self, Fault};
use serde_json::json;

const OWN: &str = "/docs/release-notes.md";
const OTHER: &str = "/docs/roadmap.md";

async fn hand_over(args: Args) -> Result<bool, Fault> {
    let models = Models::choose(&args)?;
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/documents/docs");
    let release = Helper::new("release", "Takes over every question about the release.")
        .scope(Scope::new().grant(Grant::new("fs.read").arg("path", eq(OWN))))
        .system(format!("Answer from {OWN}, which you may read."))
        .takes_over();
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(ReadFile::new(&Dir::mount("/docs", documents)?))
        .helper(release)
        .model_for("desk", models.or(desk()))
        .model_for("release", models.or(expert()))
        .build()?;

    let work = async {
        let scope = Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under("/docs")))
            .grant(Grant::spawn(["release"]))
            .expires_in(minutes(10));
        let desk = orchestrator.agent("desk", scope).await?;
        Ok(desk.run("What is new in the release?").await?)
    };
    let (report, mut screen) = stage::watch(&orchestrator, Screen::new(), work).await?;

    screen.line(&format!("\nThe desk answers: {}", printable(report.text())));
    screen.calls();
    let turns = report.finished().turns;
    screen.verdict(
        turns == 1,
        &format!(
            "the desk had {turns} turn; the answer is that of the agent that took the task over."
        ),
    );
    // A real model may read first, or answer by itself.
    Ok(turns == 1 || !models.are_scripted())
}

/// Hands over everything that it is asked, and would go on reading if it were asked again.
fn desk() -> ScriptedModel {
    ScriptedModel::new([
        call(
            "release",
            json!({ "task": "Say what is new in the release." }),
        ),
        call("fs_read", json!({ "path": OTHER })),
        say("the desk's own answer"),
    ])
}

/// Tries what the desk could read, reads what it may, and says what that is called.
fn expert() -> ScriptedModel {
    ScriptedModel::from_fn(
        |request| match (request.messages.len(), results(request).first()) {
            (1, _) => call("fs_read", json!({ "path": OTHER })),
            (_, None) => call("fs_read", json!({ "path": OWN })),
            (_, Some((_, document))) => {
                say(format!("it is in \u{201c}{}\u{201d}", title(document)))
            }
        },
    )
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::play("handoff", None, hand_over).await
}
