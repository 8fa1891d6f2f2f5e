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

use bailiwick::capability::{Call, UrlPattern, any, eq, url};
use bailiwick::guard::{Context, printable};
use bailiwick::tool::fs::{Dir, ListFiles, WriteFile};
use bailiwick::tool::http::{Http, HttpPost};
use bailiwick::{
    Authority, Effect, Grant, Orchestrator, Risk, SafePath, Scope, State, ToolError, minutes,
    path_under, tool,
};

use documents::Documents;
use intranet::Intranet;
use screen::{Screen, Style};

/// Read a UTF-8 file.
#[tool(capability = "fs.read", effect = read, risk = low, taints = ["file"])]
async fn read_file(dir: &State<Dir>, #[resource] path: SafePath) -> Result<String, ToolError> {
    Ok(dir.read_to_string(&path).await?)
}

async fn tour() -> Result<bool, Box<dyn Error>> {
    let documents = Documents::copy()?;
    let intranet = Intranet::serve()?;
    println!(
        "{} is /srv/files to the agents. All models obey what they read.",
        documents.root().display()
    );

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
    let screen = tokio::spawn(Screen::new().watch(orchestrator.events().watch()));

    // The first token comes from the root. From then on a token comes from another, and is narrower.
    let notices = UrlPattern {
        hosts: Some(["127.0.0.1".to_owned()].into()),
        ports: Some([intranet.port()].into()),
        ..UrlPattern::default()
    };
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
    let stolen = writer.held().chain().to_bytes();
    let theft = attack::with_stolen_token(&orchestrator, &stolen)?;
    let call = Call::parse(
        "fs.write",
        r#"{"path":"/srv/files/out/summary.md","text":"…"}"#,
    )?;
    let context = Context::new(
        writer.path(),
        Effect::Write,
        Risk::Medium,
        orchestrator.guard().now()?,
    );
    let cost = cost::measure(orchestrator.guard(), &writer.held(), &call, &context)?;
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

    // What is left of it.
    let summary = documents.text("out/summary.md")?;
    let posted = intranet.posted();
    screen.line(&format!(
        "\nWritten  {} ({} bytes, removed on exit)",
        documents.path("out/summary.md").display(),
        summary.len()
    ));
    for line in summary.lines().filter(|line| !line.is_empty()).take(3) {
        screen.line(&format!("         {}", screen::cut(&printable(line), 80)));
    }
    screen.line(&format!("Cost     {cost}"));
    let (allowed, refused) = (screen.allowed.len(), screen.refused.len());
    screen.line(&format!("Calls    {allowed} allowed, {refused} refused"));
    let loot = attack::loot(
        &screen,
        &attempts,
        &documents,
        &posted,
        &[notes.text(), &summary],
    )?;
    let (style, got) = match loot.is_empty() {
        true => (
            Style::Green,
            "nothing. Every agent did as it was told, and could do only what its token says."
                .to_owned(),
        ),
        false => (Style::Red, loot.join("; ")),
    };
    let got = screen.paint(style, &format!("Attacker got {got}"));
    screen.line(&got);
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
