//! Takes the steps of a run until it ends, and ends the task.

use std::pin::pin;

use super::super::handle::Agent;
use super::super::report::{Report, RunFailed};
use super::super::run::{CallOutcome, Ended, Finished, Run, Waiting};
use super::spans;
use super::state::{Driver, Work};
use crate::record::EventKind;

impl Driver {
    pub(super) async fn until_it_ends(
        mut self,
        mut agent: Agent,
        is_new: bool,
    ) -> Result<Report, RunFailed> {
        let core = agent.core.clone();
        let finished = match is_new {
            true => {
                self.work.keep(&mut self.machine).await;
                self.drive_in_time().await
            }
            false => self.drive_in_time().await,
        };
        let how = finished.ended.how();
        // A stored run can be resumed where it stopped, with a larger budget or limit.
        let stopped = self.work.may_stop() && finished.ended.may_go_on();
        let Self { mut machine, work } = self;
        let (keeper, denials, unknown) = (work.keeper, work.denials, work.unknown);
        let last = keeper.map(|mut keeper| keeper.state(&mut machine, None));
        spans::ended(&finished);
        let report = Report::new(core.path.clone(), finished, denials, unknown);
        core.expose_parent();
        if stopped {
            core.suspend();
        } else {
            let outcome = CallOutcome::answer(&report, core.takes_over);
            let last = last.map(|last| (last, outcome, core.exposure()));
            core.finish(how, last).await;
        }
        agent.end_behind().await;
        report
    }

    /// Drives the run, and cancels it when the token ends, even if a body is waiting.
    async fn drive_in_time(&mut self) -> Finished {
        let core = self.work.core.clone();
        let now = core.runtime.gate.guard().now();
        // Without a clock every call is denied anyway.
        let now = now.unwrap_or_default();
        let left = core.held.chain().expires().since(now);
        let mut driving = pin!(self.drive());
        tokio::select! {
            biased;
            finished = &mut driving => finished,
            () = tokio::time::sleep(left) => {
                core.cancel.cancel();
                driving.await
            }
        }
    }

    async fn drive(&mut self) -> Finished {
        let Self { machine, work } = self;
        loop {
            if let Some(why) = work.core.stopped() {
                let pause = Pause::new(Ended::NotPersisted, why);
                return work.paused(machine, &pause);
            }
            let is_cancelled = work.core.cancel.is_cancelled();
            let step = match machine.waiting() {
                Waiting::Nothing(finished) => {
                    if work.may_stop() && finished.ended.may_go_on() {
                        let why = finished.text.clone();
                        work.core.emit(EventKind::Paused { why });
                    }
                    return finished;
                }
                Waiting::Model(_, turn) if is_cancelled => {
                    turn.cancel(work.cancelled());
                    Ok(())
                }
                Waiting::Calls(_, open) if is_cancelled => {
                    open.cancel(work.cancelled());
                    Ok(())
                }
                Waiting::Model(request, turn) => work.ask(request, turn).await,
                Waiting::Calls(calls, open) => {
                    work.dispatch(calls, open).await;
                    Ok(())
                }
            };
            if let Err(pause) = step {
                return work.paused(machine, &pause);
            }
        }
    }
}

/// Why a run goes no further in this process, though it has not ended.
pub(super) struct Pause {
    ended: Ended,
    text: String,
}

impl Pause {
    pub(super) fn new(ended: Ended, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { ended, text }
    }
}

impl Work {
    /// Why a cancelled agent was cancelled.
    pub(super) fn cancelled(&self) -> &'static str {
        let now = self.core.runtime.gate.guard().now();
        match now {
            Ok(now) if now >= self.core.held.chain().expires() => {
                "the token has ended, and with it the task"
            }
            _ => "the task was cancelled",
        }
    }

    fn paused(&self, machine: &Run, pause: &Pause) -> Finished {
        let why = pause.text.clone();
        self.core.emit(EventKind::Paused { why });
        machine.paused(pause.ended, &pause.text)
    }
}
