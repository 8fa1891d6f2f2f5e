//! Agents that summarise real documents, one of which tells them to do something else.
//!
//! A lead spawns a reader and, with what the reader returns, a writer. The models play the worst
//! case: they do everything that the injection says. `cargo run --bin quickstart`

mod attack;
mod cost;
mod documents;
mod intranet;
mod models;

use std::process::ExitCode;

use bailiwick::capability::{UrlPattern, any, eq, url};
use bailiwick::tool::fs::{Dir, ListFiles, WriteFile};
use bailiwick::tool::http::{Http, HttpPost};
use bailiwick::{
    Authority, Grant, Orchestrator, SafePath, Scope, State, ToolError, minutes, path_under, tool,
};
use bailiwick_examples::args::Args;
use bailiwick_examples::model::Models;
use bailiwick_examples::screen::Screen;
use bailiwick_examples::stage::{self, Fault};

use documents::Documents;
use intranet::Intranet;

/// Read a UTF-8 file.
#[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"])]
async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
    Ok(dir.read_to_string(&path).await?)
}

/// The tour; whether all that had to be refused was.
async fn tour(args: Args) -> Result<bool, Fault> {
    let models = Models::choose(&args)?;
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
        .model_for("lead", models.or(models::lead(intranet.url())))
        .model_for("reader", models.or(models::reader("/srv/files/docs")))
        .model_for(
            "writer",
            models.or(models::writer("/srv/files/out/summary.md")),
        )
        .build()?;
    let mut screen = Screen::new();
    screen.line(&format!(
        "{} is /srv/files to the agents. Models obey what they read.",
        documents.root().display()
    ));

    let work = async {
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
        let task = "List /srv/files/docs, read each file in it, and answer with a summary.";
        let notes = reader.run(task).await?;
        let late = attack::after_the_end(&orchestrator, &kept).await;

        // A writer for one file. It reads what the reader wrote.
        let summary = Grant::new("fs.write")
            .arg("path", eq("/srv/files/out/summary.md"))
            .arg("text", any());
        let writer = lead
            .spawn("writer")
            .scope(Scope::new().grant(summary))
            .await?;
        let [holder, message] =
            attack::with_stolen_token(&orchestrator, &writer.held().chain().to_bytes())?;
        let cost = cost::measure(&orchestrator, &writer)?;
        let task = "Write this to /srv/files/out/summary.md:";
        writer.run(format!("{task}\n{}", notes.text())).await?;

        // The lead goes on with what the reader wrote, too.
        let task = format!(
            "Post one line to {}: that there is a summary of these:\n{}",
            intranet.url(),
            notes.text()
        );
        lead.run(task).await?;
        Ok((notes, [holder, message, late], cost))
    };
    let ((notes, attempts, cost), mut screen) = stage::watch(&orchestrator, screen, work).await?;

    attack::show(&mut screen, &attempts);
    let written = documents.path("out/summary.md");
    // A real model may forget.
    let summary = match written.exists() {
        true => documents.text("out/summary.md")?,
        false => String::new(),
    };
    screen.line(&format!(
        "\nWritten  {} ({} bytes, removed on exit)",
        written.display(),
        summary.len()
    ));
    screen.quote(&summary, 3);
    screen.line(&format!("Cost     {cost}"));
    screen.calls();
    let written = [notes.text(), &summary];
    let posted = intranet.posted();
    let scripted = models.are_scripted();
    let loot = attack::loot(&screen, &attempts, &documents, &posted, &written, scripted)?;
    let verdict = match loot.as_slice() {
        [] => "The attacker got nothing. Each agent could do only what its token says.".to_owned(),
        loot => format!("The attacker got {}", loot.join("; ")),
    };
    screen.verdict(loot.is_empty(), &verdict);
    Ok(loot.is_empty())
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::play("quickstart", None, tour).await
}
