//! One call of a tool, from its arguments to its outcome.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::stop::Stop;
use super::{Gate, Journal, Outcome, Situation};
use crate::capability::{Call, Kind, Refusal};
use crate::guard::{Context, Denial, Permit, Presented, Reservation, Shared, Verdict};
use crate::tool::ToolError;
use crate::tool::erased::Body;
use crate::tool::toolbox::Entry;

/// A call of a tool that is about to be made ([`Gate::call`]); await it for the [`Outcome`].
#[must_use = "a call is made when this is awaited"]
pub struct GateCall<'a> {
    pub(super) gate: &'a Gate,
    pub(super) presented: Presented<'a>,
    /// The tool; the error is a name that no tool has.
    pub(super) tool: Result<&'a Entry, &'a str>,
    pub(super) raw: &'a str,
    pub(super) situation: &'a Situation,
    pub(super) cancel: CancellationToken,
    pub(super) journal: Option<Arc<dyn Journal>>,
}

impl fmt::Debug for GateCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self
            .tool
            .map_or_else(|name| name, |entry| entry.declaration.capability.as_str());
        write!(f, "GateCall({name} by {:?})", self.presented)
    }
}

impl GateCall<'_> {
    /// The token that cancels the call. A body that runs is stopped, and the call has failed then.
    pub fn cancelled_by(mut self, cancel: &CancellationToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Stores the call in a journal, for the process that resumes the run after a crash.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    async fn make(self) -> Outcome {
        let (gate, presented) = (self.gate, self.presented);
        let entry = match self.tool {
            Ok(entry) => entry,
            Err(name) => return Outcome::UnknownTool(name.to_owned()),
        };
        let declaration = &entry.declaration;
        // If the time cannot be read, the guard finds the same, denies the call and records the denial.
        let now = gate.guard().loaded_now().await.unwrap_or_default();
        let context = self.situation.context(declaration, now);
        let denied = async |refusal| {
            let denial = Denial::new(&context.agent, &declaration.capability, refusal);
            gate.record_undecided(presented, &context, &denial).await;
            Outcome::Denied(denial)
        };
        let prepared = entry.tool.clone().prepare(self.raw);
        let ready = prepared.and_then(|prepared| {
            let call = presented.call(&declaration.capability, prepared.arguments)?;
            Ok((call, prepared.body))
        });
        let (call, body) = match ready {
            Ok(ready) => ready,
            Err(refusal) => return denied(refusal).await,
        };
        let (stop, _waits) = Stop::of(&self.cancel);
        let deciding = Deciding {
            gate: gate.clone(),
            authority: presented.share(),
            entry: entry.clone(),
            stop,
            journal: self.journal,
        };
        // The decision has a task of its own too: a store may have written the attempt though its
        // caller went away in that moment, and what was written is settled.
        let decided = tokio::spawn(deciding.decide(call, context.clone(), body));
        match decided.await {
            Ok(outcome) => outcome,
            Err(_) => {
                let what = "the decision did not come to an end; did the policy panic?";
                denied(Refusal::new(Kind::Unavailable, what)).await
            }
        }
    }
}

impl<'a> IntoFuture for GateCall<'a> {
    type Output = Outcome;
    type IntoFuture = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.make())
    }
}

/// A call that was read, in the task that decides it.
struct Deciding {
    gate: Gate,
    authority: Shared,
    entry: Entry,
    stop: Stop,
    journal: Option<Arc<dyn Journal>>,
}

impl Deciding {
    async fn decide(self, call: Call, context: Context, body: Box<Body>) -> Outcome {
        let (presented, journal) = (self.authority.presented(), self.journal.as_deref());
        let gone = self.stop.before_body.cancelled();
        let asked = self.gate.decide(presented, call, context, journal, gone);
        let verdict = asked.await;
        match verdict {
            Verdict::Denied(denial) => Outcome::Denied(denial),
            Verdict::Ask(pending) => Outcome::Pending(pending),
            Verdict::Permit(permit, reservation) => self.run(permit, reservation, body).await,
        }
    }

    async fn run(self, permit: Permit, reservation: Reservation, body: Box<Body>) -> Outcome {
        let id = reservation.id();
        let Self {
            gate,
            stop,
            journal,
            entry,
            ..
        } = self;
        let Stop {
            before_body,
            in_body,
        } = stop;
        let (states, looks) = (gate.toolbox.states(), journal.clone());
        // The task outlives a caller that goes away, so the call is settled in every case.
        let settled = tokio::spawn(async move {
            let ran = tokio::spawn(async move {
                // If the run was cancelled, or went away, while the guard decided, the body does not start.
                if before_body.is_cancelled() {
                    Err(ToolError::new("the call was cancelled before it began"))
                } else {
                    body(permit, states, looks).await
                }
            });
            let abort = ran.abort_handle();
            let result = tokio::select! {
                biased;
                result = ran => result.unwrap_or_else(|error| Err(ToolError::new(match error.is_panic() {
                    true => "the tool panicked; the call has failed",
                    false => "the call was stopped",
                }))),
                () = in_body.cancelled() => {
                    abort.abort();
                    Err(ToolError::new("the call was cancelled; it may have had an effect"))
                }
            };
            let ended = gate.end(&reservation, result.as_ref(), journal.as_deref());
            if let Err(error) = ended.await {
                tracing::error!(%error, "the outcome of a call could not be recorded");
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
}
