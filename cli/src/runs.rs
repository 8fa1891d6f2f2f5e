//! `runs`, `resume` and `prune`: the runs that a store keeps, who goes on with one, and which go.

use bailiwick::id::{RunId, Timestamp};

#[cfg(not(feature = "sqlite"))]
use crate::output::{Exit, Fault, Output};

/// Show the runs that a store keeps, or the agents of one.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    store: String,
    /// The run whose agents are shown
    run: Option<RunId>,
}

/// Start a program that goes on with a run: it finds the store in `BAILIWICK_STORE` and the run in
/// `BAILIWICK_RUN`.
#[derive(clap::Args, Debug)]
pub(crate) struct ResumeArgs {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    store: String,
    /// The run
    run: RunId,
    /// The program with its arguments: the one that has the tools of the run
    #[arg(last = true, required = true, value_name = "PROGRAM")]
    program: Vec<std::ffi::OsString>,
}

/// Remove the runs that ended before a time, with their conversations, and the ids of calls that
/// cannot be made again since then. The audit stays, and so do runs that can go on.
#[derive(clap::Args, Debug)]
pub(crate) struct PruneArgs {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    store: String,
    /// Until when what goes has ended, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    ended_before: Timestamp,
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn run(args: &Args, _: &mut Output) -> Result<Exit, Fault> {
    Err(no_sqlite(&args.store))
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn resume(args: &ResumeArgs, _: &mut Output) -> Result<Exit, Fault> {
    Err(no_sqlite(&args.store))
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn prune(args: &PruneArgs, _: &mut Output) -> Result<Exit, Fault> {
    let _ = args.ended_before;
    Err(no_sqlite(&args.store))
}

#[cfg(not(feature = "sqlite"))]
fn no_sqlite(store: &str) -> Fault {
    Fault::new(format!(
        "`{store}`: this build reads no stores; build it with `--features sqlite`"
    ))
}

#[cfg(feature = "sqlite")]
pub(crate) use with_store::{prune, resume, run};

#[cfg(feature = "sqlite")]
mod with_store {
    use std::process::Command;

    use bailiwick::agent::{KeptAgent, KeptRun, kept_agents, kept_runs};
    use bailiwick::store::SqliteStore;
    use serde_json::{Value, json};

    use super::{Args, PruneArgs, ResumeArgs};
    use crate::input;
    use crate::output::{Exit, Fault, Output};

    fn fault(error: impl std::fmt::Display) -> Fault {
        Fault::new(error.to_string())
    }

    /// The store of a file that exists: looking makes none.
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
            None => {
                let runs = waiting(kept_runs(&store))?.map_err(fault)?;
                match out.is_json() {
                    true => {
                        out.object(json!({ "runs": runs.iter().map(object).collect::<Vec<_>>() }))?
                    }
                    false => runs.iter().try_for_each(|run| out.line(&line(run)))?,
                }
            }
            Some(run) => {
                let agents = waiting(kept_agents(&store, run))?.map_err(fault)?;
                match out.is_json() {
                    true => {
                        let agents: Vec<_> = agents.iter().map(agent_object).collect();
                        out.object(json!({ "run": run.to_string(), "agents": agents }))?;
                    }
                    false => agents
                        .iter()
                        .try_for_each(|agent| out.line(&agent_line(agent)))?,
                }
            }
        }
        Ok(Exit::Done)
    }

    fn line(run: &KeptRun) -> String {
        let since = run
            .since
            .map_or_else(|| "-".to_owned(), |time| time.to_string());
        let how = run.ended.as_deref().unwrap_or("can go on");
        format!("{}  {since}  {}  {how}", run.run, run.role)
    }

    fn object(run: &KeptRun) -> Value {
        json!({
            "run": run.run.to_string(),
            "role": run.role,
            "since": run.since.map(|time| time.to_string()),
            "ended": run.ended,
        })
    }

    fn agent_line(agent: &KeptAgent) -> String {
        let key = if agent.sealed { "key sealed" } else { "no key" };
        let task = agent.task.as_deref().unwrap_or("(not running yet)");
        let begun = match agent.in_flight.is_empty() {
            true => String::new(),
            false => format!("; in flight: {}", agent.in_flight.join(", ")),
        };
        format!("{}  turn {}, {key}{begun}: {task}", agent.path, agent.turns)
    }

    fn agent_object(agent: &KeptAgent) -> Value {
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
        let runs = waiting(kept_runs(&store))?.map_err(fault)?;
        let kept = runs.into_iter().find(|kept| kept.run == args.run);
        match kept {
            None => Err(Fault::new(format!(
                "`{}` keeps no run {}; `bailiwick runs` lists those it keeps",
                args.store, args.run
            ))),
            Some(KeptRun {
                ended: Some(how), ..
            }) => Err(Fault::new(format!("the run is over: {how}"))),
            Some(_) => {
                // The program opens it by itself.
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
            .ok_or_else(|| Fault::new("no program is given"))?;
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
}
