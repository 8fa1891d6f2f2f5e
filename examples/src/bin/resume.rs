//! A run whose process kills itself halfway, and another process that goes on.
//!
//! `cargo run -p bailiwick-examples --features sqlite --bin resume`
//!
//! The program starts itself twice. The first process sends two letters and is gone in the middle of
//! the third; the second one resumes the run: what was sent is not sent again, and whether
//! the third letter was sent is not known. `bailiwick resume --store FILE RUN -- resume` starts it as the second one.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bailiwick::agent::{Orchestrator, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Scope, minutes, one_of};
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::SqliteStore;
use bailiwick::{State, ToolError, tool};
use serde_json::json;

/// Where letters go, and whether this process dies over the third.
struct Post {
    sent: PathBuf,
    dies: bool,
}

/// Send a letter. Sending it twice sends two.
#[tool(capability = "post.send", effect = write, risk = medium)]
async fn send(post: &State<Post>, to: String) -> Result<String, ToolError> {
    let before = fs::read_to_string(&post.sent).unwrap_or_default();
    if post.dies && before.lines().count() == 2 {
        println!("  the process dies while the letter to {to} is on its way");
        // As `kill -9` does: the process reports nothing and writes nothing.
        std::process::abort();
    }
    fs::write(&post.sent, format!("{before}{to}\n"))?;
    println!("  a letter to {to} is sent");
    Ok(format!("sent to {to}"))
}

/// A lead that asks a clerk for three letters; the clerk sends them one after another.
fn model() -> ScriptedModel {
    ScriptedModel::from_fn(|request: &Request| {
        let answers = |message: &&Message| matches!(message, Message::Assistant { .. });
        let turn = request.messages.iter().filter(answers).count();
        let last = match request.messages.last() {
            Some(Message::Tool { outcome, .. }) => outcome.clone(),
            Some(Message::User { text }) => text.clone(),
            _ => String::new(),
        };
        let clerk =
            Scope::new().grant(Grant::new("post.send").arg("to", one_of(["ada", "bob", "cyd"])));
        let spawn =
            json!({ "role": "clerk", "task": "send three letters", "scope": clerk.to_json() });
        let is_clerk = request.messages.iter().any(
            |message| matches!(message, Message::User { text } if text == "send three letters"),
        );
        match (is_clerk, ["ada", "bob", "cyd"].get(turn)) {
            (false, Some(_)) if turn == 0 => call("agent_spawn", spawn),
            (false, _) => say(format!("The clerk says: {last}")),
            (true, Some(to)) => call("post_send", json!({ "to": to })),
            (true, None) => say(format!("of the last letter: {last}")),
        }
    })
}

fn orchestrator(home: &Path, dies: bool) -> Result<Orchestrator, Box<dyn Error>> {
    let secret = |name: &str, fresh: String| -> std::io::Result<String> {
        let file = home.join(name);
        if !file.exists() {
            fs::write(&file, fresh)?;
        }
        fs::read_to_string(file)
    };
    // For the example beside the store; yours belong where the store is not.
    let authority = secret(
        "authority.pem",
        Authority::generate().danger_to_pem()?.to_string(),
    )?;
    let seal = secret("seal", SealKey::generate().danger_to_hex().to_string())?;
    let sent = home.join("sent");
    Ok(Orchestrator::builder(&Authority::from_pem(&authority)?)
        .store(Arc::new(SqliteStore::open(home.join("store"))?))
        .seal_keys(SealKey::from_hex(&seal)?)
        .state(Post { sent, dies })
        .tool(send)
        .model(model())
        .build()?)
}

async fn begin(home: &Path) -> Result<(), Box<dyn Error>> {
    let scope = Scope::new()
        .grant(Grant::new("post.send").arg("to", one_of(["ada", "bob", "cyd"])))
        .grant(Grant::spawn(["clerk"]))
        .budget(Budget::new("calls", 5))
        .expires_in(minutes(10))
        .max_depth(1);
    let orchestrator = orchestrator(home, true)?;
    let lead = orchestrator.agent("lead", scope).await?;
    println!("{}", lead.run("have three letters sent").await?.text());
    // Denials that were counted in the last second are not recorded yet.
    orchestrator.guard().flush().await?;
    Ok(())
}

async fn go_on(home: &Path) -> Result<(), Box<dyn Error>> {
    let orchestrator = orchestrator(home, false)?;
    let kept = orchestrator.runs().await?;
    let run = match std::env::var("BAILIWICK_RUN") {
        Ok(run) => run.parse()?,
        Err(_) => kept.first().ok_or("the store has no run to resume")?.run,
    };
    let resumed = orchestrator.resume(run).await?;
    for unknown in resumed.unknown() {
        println!(
            "  {}: it is not known whether {} was made",
            unknown.agent, unknown.capability
        );
    }
    println!("{}", resumed.run().await?.text());
    orchestrator.guard().flush().await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let part = std::env::args().nth(1);
    if let (Some(part), Some(home)) = (&part, std::env::args().nth(2)) {
        return match &**part {
            "begin" => begin(Path::new(&home)).await,
            _ => go_on(Path::new(&home)).await,
        };
    }
    if let Some(store) = std::env::var_os("BAILIWICK_STORE") {
        return go_on(Path::new(&store).parent().unwrap_or(Path::new("."))).await;
    }
    let home = tempfile::tempdir()?;
    for (part, what) in [
        ("begin", "The first process"),
        ("go-on", "The second process"),
    ] {
        println!("{what}:");
        let this = std::env::current_exe()?;
        let status = Command::new(this).arg(part).arg(home.path()).status()?;
        println!("  ({status})\n");
    }
    let sent = fs::read_to_string(home.path().join("sent"))?;
    println!("Sent: {}", sent.lines().collect::<Vec<_>>().join(", "));
    Ok(())
}
