//! One turn of the model, with what it costs.

use tracing::Instrument;

use super::super::core::AgentCore;
use super::super::durable::OpenTurn;
use super::super::run::{Ended, ModelTurn, is_answer};
use super::budget::Turn;
use super::drive::Pause;
use super::state::Work;
use super::{budget, spans};
use crate::capability::Kind;
use crate::model::{Completion, Model, ModelError, Request, Usage};
use crate::record::EventKind;
use crate::store::Batch;

/// Why there is no completion.
enum NoTurn {
    /// A budget has too little left for it; the text says which.
    Budget(String),
    /// The model, or something that it needs, failed.
    Failed(String),
    /// The whole tree has stopped, because something of it cannot be stored.
    Stopped,
    /// The agent was cancelled meanwhile.
    Cancelled,
}

/// What came of a turn whose cost was taken.
struct Answered {
    /// What the turn cost, if that is known.
    usage: Option<Usage>,
    /// The completion, or the reason why the model gave no completion.
    completion: Result<Completion, String>,
}

impl Work {
    /// Asks the model, and records its completion before anything in it is looked at. The error is the reason
    /// why the run pauses.
    pub(super) async fn ask(
        &mut self,
        mut request: Request,
        mut turn: ModelTurn<'_>,
    ) -> Result<(), Pause> {
        let core = self.core.clone();
        let Some(model) = &core.model else {
            let why = format!(
                "the role `{}` has no model; give the orchestrator or the spawn one",
                core.role
            );
            return self.without(turn, NoTurn::Failed(why));
        };
        let taken = match self.take(&mut request, &mut turn).await {
            Ok(taken) => taken,
            Err(why) => return self.without(turn, why),
        };
        let number = turn.run().turns().saturating_add(1);
        let answered = match answered(&core, &**model, number, &request).await {
            Ok(answered) => answered,
            Err(why) => return self.without(turn, why),
        };
        match answered.completion {
            Ok(completion) => {
                let run = match self.why_unfit(&completion) {
                    Some(why) => turn.unfit(completion, &why),
                    None => turn.completed(completion),
                };
                let state = self.state(run);
                // If it cannot be stored, the tree has stopped.
                settle(&core, taken, answered.usage, state).await;
                Ok(())
            }
            Err(text) => {
                let state = self.state(turn.run());
                let why = match settle(&core, taken, answered.usage, state).await {
                    true => NoTurn::Failed(text),
                    false => NoTurn::Stopped,
                };
                self.without(turn, why)
            }
        }
    }

    /// Tells the run that its turn has no completion, unless the run can be continued later.
    fn without(&self, turn: ModelTurn<'_>, why: NoTurn) -> Result<(), Pause> {
        match why {
            NoTurn::Cancelled => turn.cancel(self.cancelled()),
            // The turn stays open for the process that resumes the run.
            NoTurn::Stopped => {}
            NoTurn::Failed(text) if self.may_stop() => {
                return Err(Pause::new(Ended::ModelFailed, text));
            }
            NoTurn::Failed(text) => turn.failed(&text),
            NoTurn::Budget(text) => return Err(Pause::new(Ended::Budget, text)),
        }
        Ok(())
    }

    /// Takes what the turn may cost from the budgets.
    async fn take(
        &mut self,
        request: &mut Request,
        turn: &mut ModelTurn<'_>,
    ) -> Result<Turn, NoTurn> {
        let core = self.core.clone();
        if core.cancel.is_cancelled() {
            return Err(NoTurn::Cancelled);
        }
        let taken = match self.open_turn.take() {
            // The amounts were taken before a crash, and not settled.
            Some(open_turn) => budget::again(&core, request, open_turn).await,
            None => {
                let (keeper, run) = (&mut self.keeper, turn.run());
                let extra = |charged: &_, most: Option<u32>| match keeper {
                    Some(keeper) => keeper.state(run, Some(OpenTurn::of(charged, most))),
                    None => Batch::new(),
                };
                budget::begin(&core, request, extra).await
            }
        };
        let taken = taken.map_err(|denial| match denial.kind() {
            Kind::Budget => NoTurn::Budget(denial.to_string()),
            _ if core.stops_at(&denial) => NoTurn::Stopped,
            _ => NoTurn::Failed(denial.to_string()),
        })?;
        if core.cancel.is_cancelled() {
            // The model was not asked, so all that was taken is given back.
            let state = self.state(turn.run());
            let unused = taken.settle(&core, Some(Usage::default()), state);
            if let Err(error) = unused.await {
                tracing::error!(%error, agent = %core.path, "a turn that was not taken stays paid");
                if let Some(run_store) = &core.run_store {
                    run_store.not_persisted(&error);
                }
            }
            return Err(NoTurn::Cancelled);
        }
        Ok(taken)
    }

    /// Why a completion is not the answer that was asked for, if it is an answer and is not.
    fn why_unfit(&self, completion: &Completion) -> Option<String> {
        let is_final = completion.calls.is_empty() && is_answer(completion);
        let format = self.format.as_ref().filter(|_| is_final)?;
        let text = completion.text.as_deref().unwrap_or_default();
        (format.check)(text).err()
    }
}

/// Asks the model for its turn of this number, and reports it.
async fn answered(
    core: &AgentCore,
    model: &dyn Model,
    turn: u32,
    request: &Request,
) -> Result<Answered, NoTurn> {
    core.emit(EventKind::Thinking { turn });
    let unmeasured = || core.emit(EventKind::Unmeasured { turn });
    let span = spans::turn(core, model.name(), request);
    let completion = tokio::select! {
        // Checked first: a run that is cancelled does not ask its model.
        biased;
        () = core.cancel.cancelled() => {
            // The cost of an answer that is not waited for is not known: all that was taken stays taken.
            unmeasured();
            return Err(NoTurn::Cancelled);
        }
        completion = answer(core, model, request).instrument(span.clone()) => completion,
    };
    spans::answered(&span, &completion);
    // If the cost of the turn is not known, all that was taken stays taken.
    let (usage, completion) = match completion {
        Ok(completion) => (completion.usage, Ok(completion)),
        Err(error) => {
            let usage = (!error.is_unsettled()).then(Usage::default);
            (usage, Err(error.to_string()))
        }
    };
    if usage.is_none() {
        unmeasured();
    }
    Ok(Answered { usage, completion })
}

/// Settles a turn together with the state of the run. Returns whether the run goes on: a stored run whose step
/// cannot be stored stops.
async fn settle(core: &AgentCore, taken: Turn, usage: Option<Usage>, state: Batch) -> bool {
    match (taken.settle(core, usage, state).await, &core.run_store) {
        (Ok(()), _) => true,
        (Err(error), Some(run_store)) => {
            run_store.not_persisted(&error);
            false
        }
        (Err(error), None) => {
            // What was taken is the most that it may have cost, so no budget is exceeded.
            tracing::error!(%error, agent = %core.path, "what a turn cost could not be settled");
            true
        }
    }
}

/// Asks the model; its text is reported as it streams where that is set.
async fn answer(
    core: &AgentCore,
    model: &dyn Model,
    request: &Request,
) -> Result<Completion, ModelError> {
    if !core.runtime.words {
        return model.generate(request).await;
    }
    let mut tell = |text: &str| {
        let text = crate::text::shown(text, usize::MAX);
        core.emit(EventKind::Said { text });
    };
    model.stream(request, &mut tell).await
}
