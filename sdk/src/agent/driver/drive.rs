//! Takes the steps of a run until it ends, and ends the task.

use std::pin::pin;

use super::super::core::level;
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

    fn stopped(&self, ended: Ended, text: String) -> Finished {
        self.member.emit(EventKind::Paused { why: text.clone() });
        self.machine.paused(ended, &text)
    }
}
