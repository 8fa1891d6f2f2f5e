//! Drives a run: asks the model, makes the calls of a turn in order, and ends the task. Where the
//! store is durable, every step is kept before the next one is taken.

mod budget;
mod calls;
mod helper;
mod spans;
mod turn;

use std::collections::HashMap;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use serde_json::json;
use tracing::Instrument;

pub use self::budget::Prices;
pub(super) use self::calls::is_spawn;
use self::turn::NoTurn;
use super::core::Member;
use super::durable::{Asking, Keeper};
use super::handle::Agent;
use super::helper::Helper;
use super::report::{Report, RunFailed};
use super::resume::{Resumed, Unknown};
use super::run::{CallOutcome, Ended, Finished, Run, Step};
use super::typed::Wanted;
use crate::capability::{SPAWN, Sensitivity};
use crate::guard::Denial;
use crate::id::RunId;
use crate::model::ToolSpec;
use crate::record::EventKind;
use crate::store::Batch;

/// The name that a model spawns by.
pub(super) const SPAWN_TOOL: &str = "agent_spawn";

pub(super) type Running = Pin<Box<dyn Future<Output = Result<Report, RunFailed>> + Send>>;

/// One agent at its task.
struct Driver {
    member: Arc<Member>,
    machine: Run,
    denials: Vec<Denial>,
    /// Where its steps are kept, if they are.
    keeper: Option<Keeper>,
    /// What was taken from budgets for the turn that is asked for, before a crash.
    asking: Option<Asking>,
    /// Children that open calls wait for, taken over after a crash.
    awaited: HashMap<String, Resumed>,
    /// What calls of tools were about to change that were begun before a crash.
    before: HashMap<String, String>,
    /// The calls, of it and of those beneath it, whose outcome is not known.
    unknown: Vec<Unknown>,
    /// What the answer must look like.
    wanted: Option<Wanted>,
}

/// Runs an agent until it ends. Boxed, since a run may contain the runs of its helpers.
pub(super) fn run(mut agent: Agent, task: String, wanted: Option<Wanted>) -> Running {
    let before = agent.before.take();
    let member = agent.member.clone();
    let tree = member.tree.clone();
    let driver = Driver {
        machine: begun(&member, &task, wanted.as_ref()),
        denials: Vec::new(),
        keeper: tree.map(|tree| Keeper::new(tree, member.id, 0).over(before)),
        asking: None,
        awaited: HashMap::new(),
        before: HashMap::new(),
        unknown: Vec::new(),
        wanted,
        member,
    };
    let span = spans::run(&agent.member);
    Box::pin(driver.until_it_ends(agent, true).instrument(span))
}

/// Goes on with the run of an agent that was taken over; one that had none yet begins with `task`.
pub(super) fn go_on(resumed: Resumed, task: &str, wanted: Option<Wanted>) -> Running {
    let unknown = resumed.unknown();
    let Resumed {
        agent,
        run,
        keeper,
        asking,
        awaited,
        before,
        ..
    } = resumed;
    let member = agent.member.clone();
    let (machine, is_new) = match run {
        Some(run) => (equipped(&member, run.again()), false),
        None => (begun(&member, task, wanted.as_ref()), true),
    };
    let driver = Driver {
        member,
        machine,
        denials: Vec::new(),
        keeper: Some(keeper),
        asking,
        awaited,
        before,
        unknown,
        wanted,
    };
    let span = spans::run(&agent.member);
    Box::pin(driver.until_it_ends(agent, is_new).instrument(span))
}

/// A run that begins.
fn begun(member: &Member, task: &str, wanted: Option<&Wanted>) -> Run {
    member.set_task(task);
    member.learn_from_parents();
    let id = member
        .tree
        .as_ref()
        .map_or_else(RunId::fresh, |tree| tree.run);
    let mut run = Run::new(id, &member.path, task).with_limits(member.limits);
    if let Some(system) = &member.system {
        run = run.with_system(system.clone());
    }
    if let Some(wanted) = wanted {
        run = run.with_output(wanted.schema.clone());
    }
    equipped(member, run)
}

/// A run with the tools that its token could ever allow, and with what its agent knows.
fn equipped(member: &Member, run: Run) -> Run {
    let mut run = run.with_tools(shown(member));
    let known = member.situation();
    run.absorb(known.taint.unwrap_or_default(), level(known.sensitivity));
    run
}

/// The tools that the agent's token could ever allow.
fn shown(member: &Member) -> Vec<ToolSpec> {
    let chain = member.held.chain();
    let mut tools = member.shared.gate.toolbox().shown(chain);
    if chain.could(SPAWN) {
        let parameters = json!({
            "type": "object",
            "properties": {
                "role": { "type": "string", "description": "the role of the helper" },
                "task": { "type": "string", "description": "what the helper shall do" },
                "scope": { "type": "object", "description": "what the helper may do: {\"grants\": [{\"tool\": …, \"args\": {…}}]}" },
            },
            "required": ["role", "task", "scope"],
            "additionalProperties": false,
        });
        tools.push(ToolSpec::new(
            SPAWN_TOOL,
            "Start a helper with some of your own authority; its answer is the result.",
            parameters,
        ));
        tools.extend(member.shared.helpers.values().map(Helper::spec));
    }
    tools
}

/// Sensitivity as the machine keeps it: 0 is nothing known.
pub(super) fn level(sensitivity: Option<Sensitivity>) -> u8 {
    sensitivity.map_or(0, |level| level.rank() + 1)
}

impl Driver {
    async fn until_it_ends(mut self, mut agent: Agent, is_new: bool) -> Result<Report, RunFailed> {
        let member = agent.member.clone();
        let finished = match is_new {
            true => {
                self.keep().await;
                self.drive_in_time().await
            }
            false => self.drive_in_time().await,
        };
        let how = finished.ended.how();
        // A run that is kept can go on where it stopped, given more.
        let stopped = self.may_stop() && finished.ended.may_go_on();
        let last = self
            .keeper
            .as_mut()
            .map(|keeper| keeper.state(&mut self.machine, None));
        spans::ended(&finished);
        let report = Report::new(member.path.clone(), finished, self.denials, self.unknown);
        member.teach_parent();
        if stopped {
            member.suspend();
        } else {
            let known = member.situation();
            let known = (known.taint.unwrap_or_default(), level(known.sensitivity));
            let outcome = CallOutcome::answer(&report, member.takes_over);
            let last = last.map(|last| (last, outcome, known));
            member.finish(how, last).await;
        }
        agent.end_behind().await;
        report
    }

    /// Drives the run, and cancels it when the token ends: whatever a body waits for then.
    async fn drive_in_time(&mut self) -> Finished {
        let member = self.member.clone();
        let now = member.shared.gate.guard().now();
        // Without a clock every call is denied anyway.
        let now = now.unwrap_or_default();
        let left = member.held.chain().expires().since(now);
        let mut driving = pin!(self.drive());
        tokio::select! {
            biased;
            finished = &mut driving => finished,
            () = tokio::time::sleep(left) => {
                member.cancel.cancel();
                driving.await
            }
        }
    }

    /// Why an agent that was cancelled was.
    fn cancelled(&self) -> &'static str {
        let now = self.member.shared.gate.guard().now();
        match now {
            Ok(now) if now >= self.member.held.chain().expires() => {
                "the token has ended, and with it the task"
            }
            _ => "the task was cancelled",
        }
    }

    async fn drive(&mut self) -> Finished {
        loop {
            if let Some(why) = self.member.stopped() {
                return self.stopped(Ended::Unkept, why.to_owned());
            }
            if self.member.cancel.is_cancelled() {
                // A run that has ended already stays as it ended.
                let _ = self.machine.cancel(self.cancelled());
            }
            let told = match self.machine.next() {
                Step::Done(finished) => {
                    if self.may_stop() && finished.ended.may_go_on() {
                        let why = finished.text.clone();
                        self.member.emit(EventKind::Paused { why });
                    }
                    return finished;
                }
                Step::AskModel(request) => match self.ask(request).await {
                    Ok(()) => Ok(()),
                    Err(NoTurn::Cancelled) => self.machine.cancel(self.cancelled()),
                    // It is asked about at the top of the loop.
                    Err(NoTurn::Stopped) => continue,
                    Err(NoTurn::Failed(text)) if self.may_stop() => {
                        return self.stopped(Ended::ModelFailed, text);
                    }
                    Err(NoTurn::Failed(text)) => self.machine.failed(text),
                    Err(NoTurn::Budget(text)) => return self.stopped(Ended::Budget, text),
                },
                Step::Dispatch(calls) => {
                    self.dispatch(calls).await;
                    Ok(())
                }
            };
            if let Err(error) = told {
                // The steps above answer what `next` asked, so the machine refuses none of them.
                let _ = self.machine.failed(error.to_string());
            }
        }
    }

    /// Keeps the run as it stands.
    async fn keep(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            let batch = keeper.state(&mut self.machine, None);
            self.commit(batch).await;
        }
    }

    /// Looks whether the run is still this process's, where it is kept: no call begins otherwise.
    async fn expect_mine(&self) {
        if let (Some(_), Some(tree)) = (&self.keeper, &self.member.tree) {
            self.commit(tree.mine()).await;
        }
    }

    /// Keeps the run after a turn whose calls have all ended.
    async fn keep_turn(&mut self, calls: &[String]) {
        if let Some(keeper) = &mut self.keeper {
            let ids = calls.iter().map(String::as_str);
            let batch = keeper.turn(&mut self.machine, ids);
            self.commit(batch).await;
        }
    }

    /// Writes a step of the run. What cannot be kept goes no further: the whole tree stops.
    async fn commit(&self, batch: Batch) {
        let store = self.member.shared.gate.guard().store();
        if let Err(error) = store.commit(batch).await
            && let Some(tree) = &self.member.tree
        {
            tree.unkept(&error);
        }
    }

    /// Notes calls whose outcome is not known, each once.
    fn add_unknown(&mut self, unknown: Vec<Unknown>) {
        for unknown in unknown {
            if !self.unknown.contains(&unknown) {
                self.unknown.push(unknown);
            }
        }
    }

    /// Whether the run can be gone on with later, so that a fault of today does not end it.
    fn may_stop(&self) -> bool {
        self.keeper.is_some() && self.member.is_root()
    }

    fn stopped(&self, ended: Ended, text: String) -> Finished {
        self.member.emit(EventKind::Paused { why: text.clone() });
        self.machine.paused(ended, &text)
    }
}
