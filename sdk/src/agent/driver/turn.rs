//! One turn of the model, with what it costs.

use tracing::Instrument;

use super::super::core::AgentCore;
use super::super::durable::OpenTurn;
use super::super::run::is_answer;
use super::state::Driver;
use super::{budget, spans};
use crate::capability::Kind;
use crate::model::{Completion, Model, ModelError, Request, Usage};
use crate::record::EventKind;
use crate::store::Batch;

/// Why there is no completion.
pub(super) enum NoTurn {
    /// A budget has too little left for it; the text says which.
    Budget(String),
    /// The model, or something that it needs, failed.
    Failed(String),
    /// The whole tree has stopped, because something of it cannot be stored.
    Stopped,
    /// The agent was cancelled meanwhile.
    Cancelled,
}

impl Driver {
    /// Asks the model, and records its completion before anything in it is looked at.
    pub(super) async fn ask(&mut self, mut request: Request) -> Result<(), NoTurn> {
        let core = self.core.clone();
        let Some(model) = &core.model else {
            return Err(NoTurn::Failed(format!(
                "the role `{}` has no model; give the orchestrator or the spawn one",
                core.role
            )));
        };
        if core.cancel.is_cancelled() {
            return Err(NoTurn::Cancelled);
        }
        let turn = match self.open_turn.take() {
            // The amounts were taken before a crash, and not settled.
            Some(open_turn) => budget::again(&core, &mut request, open_turn).await,
            None => {
                let (keeper, machine) = (&mut self.keeper, &mut self.machine);
                let extra = |charged: &_, most: Option<u32>| match keeper {
                    Some(keeper) => keeper.state(machine, Some(OpenTurn::of(charged, most))),
                    None => Batch::new(),
                };
                budget::begin(&core, &mut request, extra).await
            }
        };
        let turn = turn.map_err(|denial| match denial.kind() {
            Kind::Budget => NoTurn::Budget(denial.to_string()),
            _ if core.stops_at(&denial) => NoTurn::Stopped,
            _ => NoTurn::Failed(denial.to_string()),
        })?;
        if core.cancel.is_cancelled() {
            // The model was not asked, so all that was taken is given back.
            let kept = self.kept();
            let unused = turn.settle(&core, Some(Usage::default()), kept);
            if let Err(error) = unused.await {
                tracing::error!(%error, agent = %core.path, "a turn that was not taken stays paid");
                if let Some(run_store) = &core.run_store {
                    run_store.unkept(&error);
                }
            }
            return Err(NoTurn::Cancelled);
        }
        let number = self.machine.turns().saturating_add(1);
        core.emit(EventKind::Thinking { turn: number });
        let unmeasured = || core.emit(EventKind::Unmeasured { turn: number });
        let span = spans::turn(&core, model.name(), &request);
        let completion = tokio::select! {
            // Checked first: a run that is cancelled does not ask its model.
            biased;
            () = core.cancel.cancelled() => {
                // The cost of an answer that is not waited for is not known: all that was taken stays taken.
                unmeasured();
                return Err(NoTurn::Cancelled);
            }
            completion = answer(&core, &**model, &request).instrument(span.clone()) => completion,
        };
        spans::answered(&span, &completion);
        // If the cost of the turn is not known, all that was taken stays taken.
        let (usage, completion) = match completion {
            Ok(completion) => (completion.usage, Ok(completion)),
            Err(error) => {
                let usage = (!error.is_unsettled()).then(Usage::default);
                (usage, Err(NoTurn::Failed(error.to_string())))
            }
        };
        if usage.is_none() {
            unmeasured();
        }
        let completed = completion.map(|completion| {
            let is_final = completion.calls.is_empty() && is_answer(&completion);
            let format = self.format.as_ref().filter(|_| is_final);
            let text = completion.text.as_deref().unwrap_or_default();
            let why = format.and_then(|format| (format.check)(text).err());
            // The machine asked for it.
            let _ = match why {
                Some(why) => self.machine.unfit(completion, &why),
                None => self.machine.completed(completion),
            };
        });
        let kept = self.kept();
        match (turn.settle(&core, usage, kept).await, &core.run_store) {
            (Ok(()), _) => completed,
            (Err(error), Some(run_store)) => {
                run_store.unkept(&error);
                Err(NoTurn::Stopped)
            }
            (Err(error), None) => {
                // What was taken is the most that it may have cost, so no budget is exceeded.
                tracing::error!(%error, agent = %core.path, "what a turn cost could not be settled");
                completed
            }
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
