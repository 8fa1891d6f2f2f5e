//! Takes the steps of a run until it ends, and ends the task.

use std::pin::pin;

use super::super::handle::Agent;
use super::super::report::{Report, RunFailed};
use super::super::run::{CallOutcome, Ended, Finished, Step};
use super::spans;
use super::state::Driver;
use super::turn::NoTurn;
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
                self.keep().await;
                self.drive_in_time().await
            }
            false => self.drive_in_time().await,
        };
        let how = finished.ended.how();
        // A stored run can be resumed where it stopped, with a larger budget or limit.
        let stopped = self.may_stop() && finished.ended.may_go_on();
        let last = self
            .keeper
            .as_mut()
            .map(|keeper| keeper.state(&mut self.machine, None));
        spans::ended(&finished);
        let report = Report::new(core.path.clone(), finished, self.denials, self.unknown);
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
        let core = self.core.clone();
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

    /// Why a cancelled agent was cancelled.
    fn cancelled(&self) -> &'static str {
        let now = self.core.runtime.gate.guard().now();
        match now {
            Ok(now) if now >= self.core.held.chain().expires() => {
                "the token has ended, and with it the task"
            }
            _ => "the task was cancelled",
        }
    }

    async fn drive(&mut self) -> Finished {
        loop {
            if let Some(why) = self.core.stopped() {
                return self.stopped(Ended::NotPersisted, why.to_owned());
            }
            if self.core.cancel.is_cancelled() {
                // A run that has ended already stays as it ended.
                let _ = self.machine.cancel(self.cancelled());
            }
            let told = match self.machine.next() {
                Step::Done(finished) => {
                    if self.may_stop() && finished.ended.may_go_on() {
                        let why = finished.text.clone();
                        self.core.emit(EventKind::Paused { why });
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

    fn stopped(&self, ended: Ended, text: String) -> Finished {
        self.core.emit(EventKind::Paused { why: text.clone() });
        self.machine.paused(ended, &text)
    }
}
