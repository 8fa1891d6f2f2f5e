//! One turn of the model, with what it costs.

use tracing::Instrument;

use super::super::budget;
use super::super::durable::Asking;
use super::super::member::Member;
use super::super::spans;
use super::Driver;
use crate::capability::Kind;
use crate::model::{Completion, Model, ModelError, Request, Usage};
use crate::record::EventKind;
use crate::store::{Batch, StoreError};

/// Why there is no completion.
pub(super) enum NoTurn {
    /// A budget has too little left for it, in words.
    Budget(String),
    /// The model, or what it needs, failed.
    Failed(String),
    /// The completion cannot be kept.
    Unkept(StoreError),
    /// The agent was cancelled meanwhile.
    Cancelled,
}

impl Driver {
    /// Asks the model, and records its completion before anything in it is looked at.
    pub(super) async fn ask(&mut self, mut request: Request) -> Result<(), NoTurn> {
        let member = self.member.clone();
        let Some(model) = &member.model else {
            return Err(NoTurn::Failed(format!(
                "the role `{}` has no model; give the orchestrator or the spawn one",
                member.role
            )));
        };
        let turn = match self.asking.take() {
            // Taken before a crash, and not settled.
            Some(asking) => budget::again(&member, &mut request, asking),
            None => {
                let (keeper, machine) = (&mut self.keeper, &mut self.machine);
                let also = |charged: &_, most: Option<u32>| match keeper {
                    Some(keeper) => keeper.state(machine, Some(Asking::of(charged, most))),
                    None => Batch::new(),
                };
                budget::begin(&member, &mut request, also).await
            }
        };
        let turn = turn.map_err(|denial| match denial.kind() {
            Kind::Budget => NoTurn::Budget(denial.to_string()),
            _ => NoTurn::Failed(denial.to_string()),
        })?;
        let span = spans::turn(&member, model.name(), &request);
        let completion = tokio::select! {
            completion = answer(&member, &**model, &request).instrument(span.clone()) => completion,
            // What it costs that is not waited for is not known: all that was taken stays taken.
            () = member.cancel.cancelled() => return Err(NoTurn::Cancelled),
        };
        spans::answered(&span, &completion);
        // Of a turn that nobody knows the cost of, all that was taken stays taken.
        let (usage, completion) = match completion {
            Ok(completion) => (Some(completion.usage.unwrap_or_default()), Ok(completion)),
            Err(error) => {
                let usage = (!error.is_unsettled()).then(Usage::default);
                (usage, Err(NoTurn::Failed(error.to_string())))
            }
        };
        let completed = completion.map(|completion| {
            let wanted = self.wanted.as_ref().filter(|_| completion.calls.is_empty());
            let text = completion.text.as_deref().unwrap_or_default();
            let why = wanted.and_then(|wanted| (wanted.check)(text).err());
            // The machine asked for it.
            let _ = match why {
                Some(why) => self.machine.unfit(completion, &why),
                None => self.machine.completed(completion),
            };
        });
        let kept = match &mut self.keeper {
            Some(keeper) => keeper.state(&mut self.machine, None),
            None => Batch::new(),
        };
        let is_kept = !kept.ops().is_empty();
        match turn.settle(&member, usage, kept).await {
            Ok(()) => completed,
            Err(error) if is_kept => Err(NoTurn::Unkept(error)),
            Err(error) => {
                // What was taken is the most that it may have cost, so no budget is exceeded.
                tracing::error!(%error, agent = %member.path, "what a turn cost could not be settled");
                completed
            }
        }
    }
}

/// What the model answers; its words are told as they come where that is wanted.
async fn answer(
    member: &Member,
    model: &dyn Model,
    request: &Request,
) -> Result<Completion, ModelError> {
    if !member.shared.words {
        return model.generate(request).await;
    }
    let mut tell = |text: &str| {
        let text = crate::text::shown(text, usize::MAX);
        member.emit(EventKind::Said { text });
    };
    model.stream(request, &mut tell).await
}
