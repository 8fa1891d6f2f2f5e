//! Reads and prunes the runs that a store keeps.

use std::process::Command;

use bailiwick::agent::{
    ResumeError, StoredAgent, StoredRun, stored_agents, stored_run, stored_runs,
};
use bailiwick::id::RunId;
use bailiwick::store::SqliteStore;
use serde_json::{Value, json};

use super::{Args, PruneArgs, ResumeArgs, watch};
use crate::input;
use crate::output::{Exit, Fault, Output};

pub(super) fn fault(error: impl std::fmt::Display) -> Fault {
    Fault::new(error.to_string())
}

/// The store of a file that exists: a missing file is not created.
fn open(file: &str) -> Result<SqliteStore, Fault> {
    std::fs::metadata(file).map_err(|error| Fault::file(file, &error))?;
    SqliteStore::open(file).map_err(fault)
}

fn waiting<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Ok(runtime.map_err(fault)?.block_on(future))
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let store = open(&args.store)?;
    match args.run {
        None => all(&store, out)?,
        Some(run) => {
            find(&args.store, &store, run)?;
            match args.watch {
                true => waiting(watch::watch(&store, run, out))??,
                false => one(&store, run, out)?,
            }
        }
    }
    Ok(Exit::Done)
}

fn all(store: &SqliteStore, out: &mut Output) -> Result<(), Fault> {
    let runs = waiting(stored_runs(store))?.map_err(fault)?;
    if out.is_json() {
        return out.object(json!({ "runs": runs.iter().map(object).collect::<Vec<_>>() }));
    }
    runs.iter().try_for_each(|run| out.line(&line(run)))
}

fn one(store: &SqliteStore, run: RunId, out: &mut Output) -> Result<(), Fault> {
    let agents = waiting(stored_agents(store, run))?.map_err(fault)?;
    if out.is_json() {
        let agents: Vec<_> = agents.iter().map(agent_object).collect();
        return out.object(json!({ "run": run.to_string(), "agents": agents }));
    }
    let mut lines = agents.iter().map(|agent| (&agent.path, agent_line(agent)));
    lines.try_for_each(|(path, line)| out.line(&format!("{path}  {line}")))
}

fn find(file: &str, store: &SqliteStore, run: RunId) -> Result<StoredRun, Fault> {
    waiting(stored_run(store, run))?.map_err(|error| match error {
        ResumeError::NotFound { .. } => Fault::new(format!(
            "`{file}` keeps no run {run}; `bailiwick runs` lists those it keeps"
        )),
        other => fault(other),
    })
}

fn line(run: &StoredRun) -> String {
    let since = run
        .since
        .map_or_else(|| "-".to_owned(), |time| time.to_string());
    let how = run.ended.as_deref().unwrap_or("can go on");
    format!("{}  {since}  {}  {how}", run.run, run.role)
}

fn object(run: &StoredRun) -> Value {
    json!({
        "run": run.run.to_string(),
        "role": run.role,
        "since": run.since.map(|time| time.to_string()),
        "ended": run.ended,
    })
}

/// What an agent is doing.
pub(super) fn agent_line(agent: &StoredAgent) -> String {
    let key = if agent.sealed { "key sealed" } else { "no key" };
    let task = agent.task.as_deref().unwrap_or("(not running yet)");
    let begun = match agent.in_flight.is_empty() {
        true => String::new(),
        false => format!("; in flight: {}", agent.in_flight.join(", ")),
    };
    format!("turn {}, {key}{begun}: {task}", agent.turns)
}

pub(super) fn agent_object(agent: &StoredAgent) -> Value {
    json!({
        "agent": agent.agent.to_string(),
        "path": agent.path,
        "task": agent.task,
        "turns": agent.turns,
        "sealed": agent.sealed,
        "in_flight": agent.in_flight,
    })
}

pub(crate) fn resume(args: &ResumeArgs, out: &mut Output) -> Result<Exit, Fault> {
    let store = open(&args.store)?;
    match find(&args.store, &store, args.run)?.ended {
        Some(how) => Err(Fault::new(format!("the run is over: {how}"))),
        None => {
            // The program opens the store by itself.
            drop(store);
            start(args, out)
        }
    }
}

pub(crate) fn prune(args: &PruneArgs, out: &mut Output) -> Result<Exit, Fault> {
    let (before, now) = (args.ended_before, input::now(None)?);
    if before > now {
        let what = format!("`--ended-before {before}` is not over: now is {now}");
        return Err(Fault::new(what));
    }
    let store = open(&args.store)?;
    let pruned = waiting(bailiwick::agent::prune(&store, before))?.map_err(fault)?;
    let open: Vec<_> = pruned.open.iter().map(ToString::to_string).collect();
    if out.is_json() {
        out.object(json!({ "runs": pruned.runs, "calls": pruned.calls, "tokens": pruned.tokens, "open": open }))?;
        return Ok(Exit::Done);
    }
    let (runs, calls, tokens) = (pruned.runs, pruned.calls, pruned.tokens);
    out.line(&format!(
        "removed {runs} runs, and the ids of {calls} calls and {tokens} tokens"
    ))?;
    for run in open {
        let why = "agents of it were left open by a process that is gone";
        out.line(&format!(
            "{run} stays: {why}; `Orchestrator::prune` closes them"
        ))?;
    }
    Ok(Exit::Done)
}

fn start(args: &ResumeArgs, out: &mut Output) -> Result<Exit, Fault> {
    let (program, arguments) = args
        .program
        .split_first()
        .ok_or_else(|| Fault::new("the program is not given; give it after `--`"))?;
    out.flush()?;
    let name = program.to_string_lossy();
    let status = Command::new(program)
        .args(arguments)
        .env("BAILIWICK_STORE", &args.store)
        .env("BAILIWICK_RUN", args.run.to_string())
        .status()
        .map_err(|error| Fault::file(&name, &error))?;
    match status.success() {
        true => Ok(Exit::Done),
        false => Err(Fault::new(format!("`{name}` ended with {status}"))),
    }
}
