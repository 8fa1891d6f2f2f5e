//! `runs`, `resume` and `prune`: list the runs that a store keeps, resume one, and remove old ones.

#[cfg(feature = "sqlite")]
mod kept;
#[cfg(feature = "sqlite")]
mod watch;

use bailiwick::id::{RunId, Timestamp};

#[cfg(feature = "sqlite")]
pub(crate) use kept::{prune, resume, run};

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
    /// Continue to show them as they change, until the run is over
    #[arg(long, requires = "run")]
    watch: bool,
}

/// Start a program that resumes a run. The program finds the store in `BAILIWICK_STORE` and the run in
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
/// cannot be made again since then. The audit stays, and so do runs that can be resumed.
#[derive(clap::Args, Debug)]
pub(crate) struct PruneArgs {
    /// The file of the store
    #[arg(long, value_name = "FILE")]
    store: String,
    /// Runs that ended before this time are removed, such as 2026-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    ended_before: Timestamp,
}

#[cfg(not(feature = "sqlite"))]
pub(crate) fn run(args: &Args, _: &mut Output) -> Result<Exit, Fault> {
    let _ = args.watch;
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
        "`{store}`: this build cannot read stores; build it with `--features sqlite`"
    ))
}
