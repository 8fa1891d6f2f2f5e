//! What a run waits for, together with what takes the answer.

use super::{CallOutcome, Finished, Run, Step};
use crate::model::{Completion, Request, ToolCall};

/// What a run waits for. Each variant carries what takes the answer, so a driver can answer only what the run
/// asked.
pub(in crate::agent) enum Waiting<'a> {
    /// The model is to be asked.
    Model(Request, ModelTurn<'a>),
    /// Calls are to be made: those that have no outcome, in the model's order.
    Calls(Vec<OpenCall>, OpenCalls<'a>),
    /// The run has ended, or is paused.
    Nothing(Finished),
}

impl Run {
    /// What the run waits for, as [`Run::next`] says it.
    pub(in crate::agent) fn waiting(&mut self) -> Waiting<'_> {
        match self.next() {
            Step::AskModel(request) => Waiting::Model(request, ModelTurn { run: self }),
            Step::Dispatch(calls) => {
                let calls = calls.into_iter().map(|call| OpenCall { call });
                Waiting::Calls(calls.collect(), OpenCalls { run: self })
            }
            Step::Done(finished) => Waiting::Nothing(finished),
        }
    }
}

/// The turn of a model that a run waits for; each method that answers takes it.
pub(in crate::agent) struct ModelTurn<'a> {
    run: &'a mut Run,
}

impl<'a> ModelTurn<'a> {
    /// The run as it stands, to be stored.
    pub(in crate::agent) const fn run(&mut self) -> &mut Run {
        self.run
    }

    /// As [`Run::completed`]; the run as it stands then.
    pub(in crate::agent) fn completed(self, completion: Completion) -> &'a mut Run {
        self.run.hear(completion);
        self.run
    }

    /// As [`Run::unfit`]; the run as it stands then.
    pub(in crate::agent) fn unfit(self, completion: Completion, why: &str) -> &'a mut Run {
        self.run.hear_unfit(completion, why);
        self.run
    }

    /// As [`Run::failed`].
    pub(in crate::agent) fn failed(self, text: &str) {
        self.run.fail(text);
    }

    /// As [`Run::cancel`].
    pub(in crate::agent) fn cancel(self, reason: &str) {
        self.run.stop(reason);
    }
}

/// A call without an outcome; its outcome takes it, so a call has one outcome at most.
pub(in crate::agent) struct OpenCall {
    call: ToolCall,
}

impl OpenCall {
    /// The call as the model wrote it.
    pub(in crate::agent) const fn call(&self) -> &ToolCall {
        &self.call
    }
}

/// The calls of a turn that a run waits for.
pub(in crate::agent) struct OpenCalls<'a> {
    run: &'a mut Run,
}

impl OpenCalls<'_> {
    /// The run as it stands.
    pub(in crate::agent) const fn run(&mut self) -> &mut Run {
        self.run
    }

    /// Records the outcome of one of the calls. With the last outcome of a turn, the turn is over.
    pub(in crate::agent) fn resolve(&mut self, call: OpenCall, outcome: CallOutcome) {
        self.run.take_outcome(call.call.id, outcome);
    }

    /// As [`Run::cancel`].
    pub(in crate::agent) fn cancel(self, reason: &str) {
        self.run.stop(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::run::{Ended, RunError};
    use crate::id::RunId;

    fn run() -> Run {
        Run::new(RunId::fresh(), "lead", "task")
    }

    fn asks(ids: &[&str]) -> Completion {
        Completion::calling(ids.iter().map(|id| ToolCall::new(*id, "t", "{}")))
    }

    fn turn(run: &mut Run) -> ModelTurn<'_> {
        match run.waiting() {
            Waiting::Model(_, turn) => turn,
            _ => panic!("the run does not ask its model"),
        }
    }

    fn calls(run: &mut Run) -> (Vec<OpenCall>, OpenCalls<'_>) {
        match run.waiting() {
            Waiting::Calls(calls, open) => (calls, open),
            _ => panic!("the run has no open calls"),
        }
    }

    fn ended(run: &mut Run) -> Ended {
        match run.waiting() {
            Waiting::Nothing(finished) => finished.ended,
            _ => panic!("the run has not ended"),
        }
    }

    #[test]
    fn what_is_answered_is_what_the_run_is_told_by_id() {
        let (mut one, mut other) = (run(), run());
        other.state.id = one.state.id;
        turn(&mut one).completed(asks(&["a", "b"]));
        other.completed(asks(&["a", "b"])).unwrap();
        assert_eq!(one, other);
        let (made, mut open) = calls(&mut one);
        let ids: Vec<_> = made.iter().map(|made| made.call().id.clone()).collect();
        assert_eq!(ids, ["a", "b"]);
        // In any order.
        for call in made.into_iter().rev() {
            let outcome = CallOutcome::Value(call.call().id.clone());
            open.resolve(call, outcome);
        }
        for id in ["b", "a"] {
            let outcome = CallOutcome::Value(id.to_owned());
            other.resolved(id, outcome).unwrap();
        }
        assert_eq!(one, other);
        turn(&mut one).unfit(Completion::answer("no"), "why");
        other.unfit(Completion::answer("no"), "why").unwrap();
        assert_eq!(one, other);
        turn(&mut one).completed(Completion::answer("yes"));
        other.completed(Completion::answer("yes")).unwrap();
        assert_eq!(one, other);
        assert_eq!(ended(&mut one), Ended::Answer);
    }

    #[test]
    fn only_calls_without_an_outcome_are_open() {
        let mut run = run();
        turn(&mut run).completed(asks(&["a", "b"]));
        let (mut made, mut open) = calls(&mut run);
        open.resolve(made.remove(0), CallOutcome::Value("A".to_owned()));
        let (made, open) = calls(&mut run);
        assert_eq!((made.len(), made[0].call().id.as_str()), (1, "b"));
        open.cancel("enough");
        assert_eq!(ended(&mut run), Ended::Cancelled);
        let told = run.resolved("b", CallOutcome::Value("B".to_owned()));
        assert_eq!(told, Err(RunError::Ended));
    }

    #[test]
    fn a_turn_without_a_completion_ends_the_run_as_failed_or_as_cancelled() {
        let (mut one, mut other) = (run(), run());
        turn(&mut one).failed("gone");
        assert_eq!(ended(&mut one), Ended::ModelFailed);
        turn(&mut other).cancel("enough");
        assert_eq!(ended(&mut other), Ended::Cancelled);
    }
}
