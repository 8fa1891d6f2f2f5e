//! Drives a run: asks the model, makes the calls of a turn in order, and ends the task. Where the
//! store is durable, every step is stored before the next one is taken.

mod budget;
mod calls;
mod continuation;
mod drive;
mod helper;
mod made;
mod spans;
mod state;
mod tools;
mod turn;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use tracing::Instrument;

pub(super) use self::continuation::Continuation;
use self::state::{Driver, Work};
use self::tools::shown;
use super::core::AgentCore;
use super::durable::Keeper;
use super::handle::Agent;
use super::report::{Report, RunFailed};
use super::run::Run;
use super::typed::AnswerFormat;
use crate::id::RunId;

pub(super) type Running = Pin<Box<dyn Future<Output = Result<Report, RunFailed>> + Send>>;

/// Runs an agent until it ends. Boxed, since a run may contain the runs of its helpers.
pub(super) fn run(mut agent: Agent, task: String, format: Option<AnswerFormat>) -> Running {
    let previous_run = agent.previous_run.take();
    let core = agent.core.clone();
    let run_store = core.run_store.clone();
    let machine = begun(&core, &task, format.as_ref());
    let work = Work {
        denials: Vec::new(),
        keeper: run_store.map(|run_store| Keeper::new(run_store, core.id, 0).over(previous_run)),
        open_turn: None,
        awaited: HashMap::new(),
        before: HashMap::new(),
        unknown: Vec::new(),
        format,
        core,
    };
    let driver = Driver { machine, work };
    let span = spans::run(&agent.core);
    Box::pin(driver.until_it_ends(agent, true).instrument(span))
}

/// Continues the run of an agent that was taken over; an agent that had no run yet begins with `task`.
pub(super) fn go_on(
    continuation: Continuation,
    task: &str,
    format: Option<AnswerFormat>,
) -> Running {
    let unknown = continuation.all_unknown();
    let Continuation {
        agent,
        run,
        keeper,
        open_turn,
        awaited,
        before,
        ..
    } = continuation;
    let core = agent.core.clone();
    let (machine, is_new) = match run {
        Some(run) => (equipped(&core, run.again()), false),
        None => (begun(&core, task, format.as_ref()), true),
    };
    let work = Work {
        core,
        denials: Vec::new(),
        keeper: Some(keeper),
        open_turn,
        awaited,
        before,
        unknown,
        format,
    };
    let driver = Driver { machine, work };
    let span = spans::run(&agent.core);
    Box::pin(driver.until_it_ends(agent, is_new).instrument(span))
}

/// A run that begins.
fn begun(core: &AgentCore, task: &str, format: Option<&AnswerFormat>) -> Run {
    core.set_task(task);
    core.absorb_from_parents();
    let id = core
        .run_store
        .as_ref()
        .map_or_else(RunId::fresh, |run_store| run_store.run);
    let mut run = Run::new(id, &core.path, task).with_limits(core.limits);
    if let Some(system) = &core.system {
        run = run.with_system(system.clone());
    }
    if let Some(format) = format {
        run = run.with_output(format.schema.clone());
    }
    equipped(core, run)
}

/// A run with the tools that its token could ever allow, and with what its agent knows.
fn equipped(core: &AgentCore, run: Run) -> Run {
    let mut run = run.with_tools(shown(core));
    run.absorb(&core.exposure());
    run
}

impl Agent {
    /// Runs the agent on a task until its model answers. Its task ends with the run, in every case, and
    /// at the latest with its token.
    ///
    /// Needs a tokio runtime with timers, as `#[tokio::main]` makes one.
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no answer; what was done is in its report.
    pub async fn run(self, task: impl Into<String>) -> Result<Report, RunFailed> {
        run(self, task.into(), None).await
    }
}
