//! Agents that summarise real documents, one of which tells them to do something else.
//!
//! A lead spawns a reader and, with what the reader returns, a writer. The models play the worst
//! case: they do whatever the injection says. `cargo run --bin quickstart`

mod attack;
mod cost;
mod documents;
mod intranet;
mod models;
mod screen;

use std::error::Error;
use std::process::ExitCode;

use bailiwick::capability::{UrlPattern, any, eq, url};
use bailiwick::guard::printable;
use bailiwick::tool::fs::{Dir, ListFiles, WriteFile};
use bailiwick::tool::http::{Http, HttpPost};
use bailiwick::{
    Authority, Grant, Orchestrator, SafePath, Scope, State, ToolError, minutes, path_under, tool,
};

use documents::Documents;
use intranet::Intranet;
use screen::Screen;

/// Read a UTF-8 file.
#[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"])]
async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
    Ok(dir.read_to_string(&path).await?)
}

/// The tour; whether all that had to be refused was.
async fn tour() -> Result<bool, Box<dyn Error>> {
    let documents = Documents::copy()?;
    let intranet = Intranet::serve()?;
    // Tools act through doors: a directory opened once, and the network. Models only ask.
    let files = Dir::mount("/srv/files", documents.root())?;
    let authority = Authority::generate();
    let orchestrator = Orchestrator::builder(&authority)
        .tool(read_file)
        .tool(ListFiles::new(&files))
        .tool(WriteFile::new(&files))
        .tool(HttpPost::new(&Http::builder().build()?))
        .state(files)
        .model_for("lead", models::lead(intranet.url()))
        .model_for("reader", models::reader("/srv/files/docs"))
        .model_for("writer", models::writer("/srv/files/out/summary.md"))
        .build()?;
    let mut screen = Screen::new();
    screen.line(&format!(
        "{} is /srv/files to the agents. All models obey what they read.",
        documents.root().display()
    ));
    let screen = tokio::spawn(screen.watch(orchestrator.events().watch()));

    // The first token comes from the root. From then on a token comes from another, and is narrower.
    let notices = UrlPattern::new("http", "127.0.0.1").ports([intranet.port()]);
    let lead = orchestrator
        .agent(
            "lead",
            Scope::new()
                .grant(Grant::new("fs.list").arg("path", path_under("/srv/files")))
                .grant(Grant::new("fs.read").arg("path", path_under("/srv/files")))
                .grant(
                    Grant::new("fs.write")
                        .arg("path", path_under("/srv/files/out"))
                        .arg("text", any()),
                )
                .grant(
                    Grant::new("http.post")
                        .arg("url", url(notices))
                        .arg("body", any()),
                )
                .grant(Grant::spawn(["reader", "writer"]))
                .expires_in(minutes(10)),
        )
        .await?;

    // A reader for the documents. One of them is going to talk to it.
    let reader = lead
        .spawn("reader")
        .scope(
            Scope::new()
                .grant(Grant::new("fs.list").arg("path", path_under("/srv/files/docs")))
                .grant(Grant::new("fs.read").arg("path", path_under("/srv/files/docs"))),
        )
        .await?;
    let kept = reader.held();
    let notes = reader.run("Summarise the documents.").await?;
    let late = attack::after_the_end(&orchestrator, &kept).await;

    // A writer for one file. It reads what the reader wrote.
    let summary = Grant::new("fs.write")
        .arg("path", eq("/srv/files/out/summary.md"))
        .arg("text", any());
    let writer = lead
        .spawn("writer")
        .scope(Scope::new().grant(summary))
        .await?;
    let theft = attack::with_stolen_token(&orchestrator, &writer.held().chain().to_bytes())?;
    let cost = cost::measure(&orchestrator, &writer)?;
    writer.run(notes.text()).await?;

    // The lead goes on with what the reader wrote, too.
    lead.run(format!(
        "Tell the team that there is a summary of these:\n{}",
        notes.text()
    ))
    .await?;
    let mut screen = screen.await?;

    let [as_holder, as_message] = theft;
    let attempts = [as_holder, as_message, late];
    attack::show(&mut screen, &attempts);
    let summary = documents.text("out/summary.md")?;
    screen.file(&documents.path("out/summary.md"), &summary);
    screen.line(&format!("Cost     {cost}"));
    screen.calls();
    let written = [notes.text(), &summary];
    let loot = attack::loot(&screen, &attempts, &documents, &intranet.posted(), &written)?;
    screen.loot(&loot);
    Ok(loot.is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    match tour().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("quickstart: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}
