//! The one road to a tool's body: read once, decide, run, settle.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::toolbox::Entry;
use super::{Look, ToolError, Toolbox};
use crate::capability::{Call, Exposure, Held, Kind, Refusal};
use crate::guard::{Context, Denial, Guard, Pending, Permit, Presented, Reservation, Verdict};
use crate::id::CallId;
use crate::record::Audit;
use crate::store::{Batch, StoreError};

/// Where a call comes from. The run supplies it, and never the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// The agent's path from the root, such as `lead/reader`.
    pub agent: String,
    /// The task.
    pub task: Option<String>,
    /// The step of the plan.
    pub step: Option<String>,
    /// What the run has read; `None` where that is not known, which a caveat that asks for its taint
    /// refuses.
    pub exposure: Option<Exposure>,
    /// What the run is for.
    pub intent: Option<String>,
}

/// Keeps a call for the process that resumes the run after a crash: what the journal adds to the batches
/// of the call's beginning and end is written with them or not at all.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Adds to the batch that allows the call.
    fn begun(&self, call: CallId) -> Batch;

    /// Is told what the call is about to change, if the tool looks ([`Tool::look`](super::Tool::look)).
    /// A call that was begun before, and was about to change something else then, is not made again.
    ///
    /// # Errors
    ///
    /// When the call is not to be made: the body does not run, and the call has failed with this.
    async fn looked(&self, _call: CallId, _look: &Look) -> Result<(), ToolError> {
        Ok(())
    }

    /// Adds to the batch that records its end. Where an expectation in it does not hold, the end is
    /// recorded without it.
    fn ended(&self, result: Result<&Value, &ToolError>) -> Batch;

    /// Is told that the end of the call could not be recorded: the store holds the call as begun, and the
    /// process that resumes the run finds it so. The default does nothing.
    fn unkept(&self, _error: &StoreError) {}
}

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// The body ran and gave this back.
    Value {
        /// Which call.
        call: CallId,
        /// What it gave back.
        value: Value,
        /// What the value may carry instructions from, and how sensitive it is.
        exposure: Exposure,
    },
    /// The body did not run.
    Denied(Denial),
    /// The body did not run; an approval is missing.
    Pending(Box<Pending>),
    /// There is no tool of that name.
    UnknownTool(String),
    /// The body ran and failed, panicked, or was cancelled.
    Failed {
        /// Which call.
        call: CallId,
        /// What went wrong, for the model.
        error: ToolError,
    },
}

/// The one road to a tool. Nothing else can make what a body needs.
#[derive(Clone, Debug)]
pub struct Gate {
    guard: Arc<Guard>,
    toolbox: Toolbox,
    audit: Audit,
}

impl Gate {
    /// A gate in front of `toolbox`. Pass the guard's recorder as `audit`, so that outcomes are
    /// in the same log as the attempts.
    #[must_use]
    pub const fn new(guard: Arc<Guard>, toolbox: Toolbox, audit: Audit) -> Self {
        Self {
            guard,
            toolbox,
            audit,
        }
    }

    /// The guard.
    #[must_use]
    pub const fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// The tools.
    #[must_use]
    pub const fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// The record.
    #[must_use]
    pub const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Calls a tool by its name with the raw text of its arguments, by the authority of `held`.
    ///
    /// The text is read once; the value that comes out is checked, and the same value is moved into
    /// the body. The body runs in a task of its own: when it panics the call has failed, and when
    /// the caller goes away it is still settled.
    pub async fn call(
        &self,
        held: &Held,
        tool: &str,
        raw: &str,
        situation: &Situation,
        cancel: &CancellationToken,
    ) -> Outcome {
        self.call_kept(held, tool, raw, situation, cancel, None)
            .await
    }

    /// As [`Gate::call`], keeping the call in a journal.
    pub async fn call_kept(
        &self,
        held: &Held,
        tool: &str,
        raw: &str,
        situation: &Situation,
        cancel: &CancellationToken,
        journal: Option<Arc<dyn Journal>>,
    ) -> Outcome {
        let Some(entry) = self.toolbox.find(tool) else {
            return Outcome::UnknownTool(tool.to_owned());
        };
        // The time is not known before; if this fails, the guard says so and denies.
        let _ = self.guard.wake().await;
        let context = self.context(entry, situation);
        let capability = entry.declaration.capability.clone();
        if !self.guard.records() {
            let what = "the guard of this gate has no recorder, and a call that is not recorded is not made";
            let refusal = Refusal::new(Kind::Unavailable, what);
            return self.unreadable(held, &capability, context, refusal).await;
        }
        let prepared = entry.tool.clone().prepare(raw);
        let ready = prepared
            .and_then(|prepared| Ok((Call::new(&capability, prepared.arguments)?, prepared.body)));
        let (call, body) = match ready {
            Ok(ready) => ready,
            Err(refusal) => return self.unreadable(held, &capability, context, refusal).await,
        };
        // The decision has a task of its own too: a store may have written the attempt though its
        // caller went away in that moment, and what was written is settled.
        let caller = CancellationToken::new();
        let _gone = caller.clone().drop_guard();
        let (gate, entry, shared, cancel) =
            (self.clone(), entry.clone(), held.share(), cancel.clone());
        let known = context.clone();
        let decided = tokio::spawn(async move {
            let begun = |id| {
                journal
                    .as_ref()
                    .map_or_else(Batch::new, |journal| journal.begun(id))
            };
            let (stopped, left) = (cancel.clone(), caller.clone());
            let gone = async move {
                tokio::select! {
                    () = stopped.cancelled() => {}
                    () = left.cancelled() => {}
                }
            };
            match gate
                .guard
                .authorize_until(Presented::Held(&shared), call, context, &begun, gone)
                .await
            {
                Verdict::Denied(denial) => Outcome::Denied(denial),
                Verdict::Ask(pending) => Outcome::Pending(pending),
                Verdict::Permit(permit, reservation) => {
                    let (states, kept) = (gate.toolbox.states(), journal.clone());
                    gate.run(
                        &entry,
                        permit,
                        reservation,
                        [cancel, caller],
                        journal,
                        move |permit| body(permit, states, kept),
                    )
                    .await
                }
            }
        });
        match decided.await {
            Ok(outcome) => outcome,
            Err(_) => {
                let refusal = Refusal::new(
                    Kind::Unavailable,
                    "the decision did not come to an end; did the policy panic?",
                );
                self.unreadable(held, &capability, known, refusal).await
            }
        }
    }

    /// The context of a call of this tool.
    fn context(&self, entry: &Entry, situation: &Situation) -> Context {
        let declaration = &entry.declaration;
        // If the clock cannot be read, the guard finds the same, denies the call and records the denial.
        let now = self.guard.now().unwrap_or_default();
        let mut context = Context::new(&situation.agent, declaration.effect, declaration.risk, now);
        context.facts.task.clone_from(&situation.task);
        context.facts.step.clone_from(&situation.step);
        context.facts.dataset.clone_from(&declaration.dataset);
        context.expose(
            situation.exposure.as_ref(),
            declaration.exposure.sensitivity,
        );
        context.intent.clone_from(&situation.intent);
        context.owner.clone_from(&declaration.owner);
        context.environment.clone_from(&declaration.environment);
        context
    }

    /// A call that the guard could not decide is denied, and recorded like any other denial: its arguments
    /// cannot be read, or the policy panicked.
    async fn unreadable(
        &self,
        held: &Held,
        capability: &str,
        context: Context,
        refusal: Refusal,
    ) -> Outcome {
        let denial = Denial::new(&context.agent, capability, refusal);
        self.guard
            .record_unread(Presented::Held(held), &context, &denial, &self.audit)
            .await;
        Outcome::Denied(denial)
    }

    async fn run<F, R>(
        &self,
        entry: &Entry,
        permit: Permit,
        reservation: Reservation,
        [cancel, caller]: [CancellationToken; 2],
        journal: Option<Arc<dyn Journal>>,
        body: F,
    ) -> Outcome
    where
        F: FnOnce(Permit) -> R + Send + 'static,
        R: Future<Output = Result<Value, ToolError>> + Send + 'static,
    {
        let id = reservation.id();
        let (gate, stop) = (self.clone(), cancel.clone());
        // The task outlives a caller that goes away, so the call is settled in every case.
        let settled = tokio::spawn(async move {
            let ran = tokio::spawn(async move {
                // If the run was cancelled, or went away, while the guard decided, the body does not start.
                if stop.is_cancelled() || caller.is_cancelled() {
                    Err(ToolError::new("the call was cancelled before it began"))
                } else {
                    body(permit).await
                }
            });
            let abort = ran.abort_handle();
            let result = tokio::select! {
                biased;
                result = ran => result.unwrap_or_else(|error| Err(ToolError::new(match error.is_panic() {
                    true => "the tool panicked; the call has failed",
                    false => "the call was stopped",
                }))),
                () = cancel.cancelled() => {
                    abort.abort();
                    Err(ToolError::new("the call was cancelled; it may have had an effect"))
                }
            };
            let entry = gate.audit.outcome(&reservation, result.as_ref().err());
            let ended = |journal: &Arc<dyn Journal>| journal.ended(result.as_ref());
            let kept = journal.as_ref().map_or_else(Batch::new, ended);
            if let Err(error) = gate.write(entry, kept).await
                && let Some(journal) = journal
            {
                journal.unkept(&error);
            }
            drop(reservation);
            result
        });
        match settled.await {
            Ok(Ok(value)) => Outcome::Value {
                call: id,
                value,
                exposure: entry.declaration.exposure.clone(),
            },
            Ok(Err(error)) => Outcome::Failed { call: id, error },
            Err(_) => Outcome::Failed {
                call: id,
                error: ToolError::new("the call was stopped before it could be settled"),
            },
        }
    }

    /// Records the end of a call, together with the journal's batch.
    async fn write(&self, entry: Batch, kept: Batch) -> Result<(), StoreError> {
        let written = self.guard.record_with(entry, kept).await;
        if let Err(error) = &written {
            tracing::error!(%error, "the outcome of a call could not be recorded");
        }
        written
    }
}
