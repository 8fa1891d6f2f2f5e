//! A ceiling of tokens for a tree: what each turn costs is charged to the agent and to all above it.
//!
//! The lead has 6,000 tokens. It promises its three workers 4,000 each: a promise is a limit, and not
//! a share that is put aside. `cargo run --bin budget`

use std::process::ExitCode;

use bailiwick::agent::{Ended, Limits};
use bailiwick::capability::Budget;
use bailiwick::guard::{CALLS, TOKENS, printable};
use bailiwick::model::Usage;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::tool::fs::{Dir, ReadFile};
use bailiwick::{Agent, Authority, Grant, Orchestrator, Scope, minutes, path_under};
use bailiwick_examples::args::Args;
use bailiwick_examples::model::Models;
use bailiwick_examples::screen::Screen;
use bailiwick_examples::script::results;
use bailiwick_examples::stage::{self, Fault};
use serde_json::json;

const ALL: u64 = 6_000;
const EACH: u64 = 4_000;
const FILE: &str = "/docs/release-notes.md";

/// A line of the account.
struct Entry {
    agent: String,
    spent: u64,
    left: u64,
    how: String,
}

async fn account(args: Args) -> Result<bool, Fault> {
    let models = Models::choose(&args)?;
    let documents = concat!(env!("CARGO_MANIFEST_DIR"), "/documents/docs");
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(ReadFile::new(&Dir::mount("/docs", documents)?))
        .model(models.or(worker()))
        // No answer is long, so that what a turn may cost is not all that there is.
        .limits(Limits {
            max_output_tokens: Some(300),
            ..Limits::default()
        })
        .build()?;

    let work = async {
        let read = || Grant::new("fs.read").arg("path", path_under("/docs"));
        let scope = Scope::new()
            .grant(read())
            .grant(Grant::spawn(["worker"]))
            .budget(Budget::new(TOKENS, ALL))
            .expires_in(minutes(30));
        let lead = orchestrator.agent("lead", scope).await?;
        let mut entries = Vec::new();
        for number in 1..=3 {
            // The second may call one tool only, once.
            let calls = if number == 2 { 1 } else { 10 };
            let scope = Scope::new()
                .grant(read())
                .budget(Budget::new(TOKENS, EACH))
                .budget(Budget::new(CALLS, calls));
            let worker = lead.spawn("worker").scope(scope).await?;
            entries.push(spend(&orchestrator, &lead, worker).await?);
        }
        Ok(entries)
    };
    let (entries, mut screen) = stage::watch(&orchestrator, Screen::new(), work).await?;

    screen.line(&format!(
        "\nThe lead has {ALL} tokens and promised {EACH} to each worker."
    ));
    let mut sum = 0;
    for Entry {
        agent,
        spent,
        left,
        how,
    } in &entries
    {
        sum += spent;
        screen.line(&format!(
            "{agent:<14} spent {spent:>5}, the lead has {left:>5} left; it {how}"
        ));
    }
    screen.calls();
    screen.verdict(
        sum <= ALL,
        &format!("{sum} of {ALL} tokens are spent, by all together."),
    );
    // A script says what it costs; a real model may cost more than was reckoned, in its last turn.
    Ok(sum <= ALL || !models.are_scripted())
}

/// Runs a worker until it has an answer or its budget has no more; what it spent of the lead's.
async fn spend(tree: &Orchestrator, lead: &Agent, worker: Agent) -> Result<Entry, Fault> {
    let guard = tree.guard();
    let left = || async {
        guard
            .left(&lead.held(), TOKENS)
            .await
            .map(Option::unwrap_or_default)
    };
    let (agent, before) = (worker.path().to_owned(), left().await?);
    let ran = worker
        .run(format!(
            "Read {FILE} three times, and compare what you read."
        ))
        .await;
    let how = match ran {
        Ok(report) => match report.denials() {
            [] => "answered".to_owned(),
            [denial, ..] => format!("answered without `{}`", denial.capability()),
        },
        Err(failed) => match failed.report().finished().ended {
            Ended::Budget => "paused: too little is left".to_owned(),
            _ => failed.to_string(),
        },
    };
    let left = left().await?;
    Ok(Entry {
        agent,
        spent: before.saturating_sub(left),
        left,
        how: printable(&how),
    })
}

/// Reads a file three times and answers. It costs what a provider would count, about: a token for four
/// bytes.
fn worker() -> ScriptedModel {
    ScriptedModel::from_fn(|request| {
        let bytes = serde_json::to_vec(request).map_or(0, |json| json.len());
        let cost = Usage {
            input: bytes as u64 / 4,
            output: 50,
            cached: 0,
        };
        let asked = request.messages.len() / 2;
        let turn = match (asked, results(request).len()) {
            (0..3, read) if read == asked => call("fs_read", json!({ "path": FILE })),
            (_, read) => say(format!("read {read} times")),
        };
        turn.costing(cost)
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    stage::play("budget", None, account).await
}
