//! A lead and its readers: each reads one document, four at a time, and the lead makes one answer of
//! theirs.
//!
//! Each reader's token names its document and nothing else. One document tells its reader to look
//! further. `cargo run --bin research_team [DIRECTORY]`

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use bailiwick::agent::{ChildFailed, Children};
use bailiwick::capability::eq;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::tool::fs::{Dir, ReadFile};
use bailiwick::{Agent, Authority, Grant, Orchestrator, Scope, minutes, path_under};
use bailiwick_examples::args::Args;
use bailiwick_examples::model::{Models, limits};
use bailiwick_examples::screen::Screen;
use bailiwick_examples::script::{path_in, results, task, title};
use bailiwick_examples::stage::{self, Fault};

/// How many readers are at work at the same time.
const AT_ONCE: usize = 4;

async fn research(args: Args) -> Result<bool, Fault> {
    let models = Models::choose(&args)?;
    let shipped = || Path::new(env!("CARGO_MANIFEST_DIR")).join("documents/docs");
    let directory = args.path.unwrap_or_else(shipped);
    let documents = documents(&directory)?;
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(ReadFile::new(&Dir::mount("/srv/files/docs", &directory)?))
        .model_for("reader", models.or(reader()))
        .model_for("lead", models.or(lead()))
        .limits(limits())
        .build()?;

    let work = async {
        let scope = Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under("/srv/files")))
            .grant(Grant::spawn(["reader"]))
            .expires_in(minutes(30));
        let lead = orchestrator.agent("lead", scope).await?;
        // A reader that failed is missing in the answer; the others are not.
        let (mut notes, mut failed) = (Vec::new(), Vec::new());
        for note in fan_out(&lead, &documents).await {
            match note {
                Ok(note) => notes.push(note),
                Err(why) => failed.push(why.to_string()),
            }
        }
        let question = "Say in a few lines what these are about:";
        let answer = lead.run(format!("{question}\n{}", notes.join("\n")));
        Ok((answer.await?, notes, failed))
    };
    let watched = stage::watch(&orchestrator, Screen::new(), work).await?;
    let ((answer, notes, failed), mut screen) = watched;

    screen.line(&format!(
        "\nNotes    {} of {}",
        notes.len(),
        documents.len()
    ));
    screen.quote(&notes.join("\n"), notes.len());
    screen.quote(&failed.join("\n"), failed.len());
    screen.line("Answer");
    screen.quote(answer.text(), 20);
    screen.calls();
    Ok(failed.is_empty())
}

/// A reader for each document, a few at a time: what each noted, or why it did not.
async fn fan_out(lead: &Agent, documents: &[String]) -> Vec<Result<String, ChildFailed>> {
    let mut readers = Children::at_most(AT_ONCE);
    for path in documents {
        let own = Scope::new().grant(Grant::new("fs.read").arg("path", eq(path.as_str())));
        let reader = lead.spawn("reader").scope(own);
        let task = format!("Read {path} and say in one line what it is about.");
        readers.run(reader, task);
    }
    let done = readers.join().await.into_iter();
    done.map(|done| Ok(done?.text().to_owned())).collect()
}

/// The files of a directory, as the agents name them.
fn documents(directory: &Path) -> Result<Vec<String>, Fault> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            // A name that is not text, or not a path in normal form, is not given to agents.
            documents.extend(
                entry
                    .file_name()
                    .to_str()
                    .map(|name| format!("/srv/files/docs/{name}")),
            );
        }
    }
    documents.sort();
    match documents.is_empty() {
        true => Err(format!("there are no files in {}", directory.display()).into()),
        false => Ok(documents),
    }
}

/// Reads the document of its task, does what the document says, and notes title and length.
fn reader() -> ScriptedModel {
    ScriptedModel::from_fn(|request| {
        let path = path_in(task(request));
        match results(request).first() {
            None if request.messages.len() > 1 => say(format!("{path} cannot be read")),
            None => call("fs_read", serde_json::json!({ "path": path })),
            Some((_, text)) => {
                let words = text.split_whitespace().count();
                say(format!("{}: {words} words ({path})", title(text)))
            }
        }
    })
    .obeying()
}

/// Counts what the readers noted.
fn lead() -> ScriptedModel {
    ScriptedModel::from_fn(|request| {
        let notes = || task(request).lines().skip(1);
        let words = notes().filter_map(|note| note.rsplit_once(" words")?.0.rsplit(' ').next());
        let words: usize = words.filter_map(|count| count.parse::<usize>().ok()).sum();
        let longest = notes().max_by_key(|note| note.len()).unwrap_or_default();
        say(format!(
            "{} documents, {words} words; one is {longest}",
            notes().count()
        ))
    })
    .obeying()
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::play("research_team", Some("DIRECTORY"), research).await
}
