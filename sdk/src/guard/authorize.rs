//! The whole decision: token, policy and approvals, then all of it again with budgets and replay in
//! one batch with the record.

use super::context::Context;
use super::denial::Denial;
use super::ledger;
use super::permit::{Permit, Reservation};
use super::policy::Decision;
use super::replay::Whose;
use super::verdict::{Attempt, Pending, Presented, Verdict};
use super::verifier::{Guard, LEDGER, SKEW, STATE};
use crate::capability::{Call, Chain, Kind, MAX_CALL_LIFE, Refusal};
use crate::id::{CallId, Timestamp, hex};
use crate::store::{Batch, Expected, Key, StoreError};

/// Beneath it stand the calls that were made, for as long as they could be made again.
pub(super) const SPENT: &str = "replay";

impl Guard {
    /// Decides a call: the token, the policy, approvals, then all of it again with budgets and
    /// replay in one batch with the record. Nothing that cannot be recorded runs.
    ///
    /// The guard sets the time and, where it has one, the audience of `context` itself.
    pub async fn authorize(
        &self,
        presented: Presented<'_>,
        call: Call,
        context: Context,
    ) -> Verdict {
        self.authorize_with(presented, call, context, &|_| Batch::new())
            .await
    }

    /// As [`Guard::authorize`], with more to be written where the call is allowed: in the same batch
    /// as what it takes from budgets and its entry in the log, so all of it or none.
    ///
    /// An expectation in it that does not hold refuses the call.
    pub async fn authorize_with(
        &self,
        presented: Presented<'_>,
        call: Call,
        mut context: Context,
        also: &(dyn Fn(CallId) -> Batch + Send + Sync),
    ) -> Verdict {
        let id = CallId::fresh();
        if let Err(refusal) = self.awake(presented.chain()).await {
            return self.deny(id, presented, call, context, refusal).await;
        }
        match self.decide(presented, &call, &mut context).await {
            Ok(None) => {}
            Ok(Some(missing)) => {
                let denial = Denial::new(&context.agent, call.capability(), missing);
                self.record(id, presented.chain(), &call, &context, &denial)
                    .await;
                let request = match presented {
                    Presented::Held(held) => Some(held.approval_request(&call, &context.facts)),
                    Presented::Wire(_) => None,
                };
                return Verdict::Ask(Box::new(Pending {
                    request,
                    call,
                    missing: denial,
                }));
            }
            Err(refusal) => return self.deny(id, presented, call, context, refusal).await,
        }
        match self
            .reserve(id, presented, &call, &mut context, also(id))
            .await
        {
            Ok(reservation) => {
                let by_policy = self.policy.is_some();
                let permit = Permit::new(id, presented.chain().clone(), call, context, by_policy);
                Verdict::Permit(permit, reservation)
            }
            Err(refusal) => self.deny(id, presented, call, context, refusal).await,
        }
    }

    /// `Ok(None)` when nothing is missing, `Ok(Some(…))` when only an approval is.
    async fn decide(
        &self,
        presented: Presented<'_>,
        call: &Call,
        context: &mut Context,
    ) -> Result<Option<Refusal>, Refusal> {
        self.situate(context)?;
        self.ask(presented, call, context, STATE)?;
        let decision = match &self.policy {
            Some(policy) => policy.decide(presented.chain(), call, context).await,
            None if self.policy_required => {
                Err("no policy is loaded, and one is required".to_owned())
            }
            None => Ok(Decision::Permit),
        };
        match decision {
            Ok(Decision::Permit) => {}
            Ok(Decision::Deny(why)) => return Err(Refusal::new(Kind::Policy, why)),
            Ok(Decision::Ask(why)) => {
                let digest = call.digest(
                    &presented.chain().holder(),
                    context.facts.task.as_deref(),
                    context.facts.audience.as_deref(),
                );
                if !presented
                    .chain()
                    .approved(&digest, self.now()?, &self.approvers)
                {
                    return Ok(Some(Refusal::new(Kind::Approval, why)));
                }
            }
            Err(why) => return Err(Refusal::new(Kind::Policy, why)),
        }
        // Only approvals can be missing now: everything else was asked above.
        match self.ask(presented, call, context, LEDGER) {
            Err(refusal) if refusal.kind() == Kind::Approval => Ok(Some(refusal)),
            other => other.map(|_| None),
        }
    }

    fn situate(&self, context: &mut Context) -> Result<(), Refusal> {
        context.facts.time = self.now()?;
        if let Some(audience) = &self.audience {
            context.facts.audience = Some(audience.clone());
        }
        Ok(())
    }

    async fn reserve(
        &self,
        id: CallId,
        presented: Presented<'_>,
        call: &Call,
        context: &mut Context,
        also: Batch,
    ) -> Result<Reservation, Refusal> {
        // Time has passed while the policy thought: clock, revocation and token once more.
        self.situate(context)?;
        self.ask(presented, call, context, LEDGER)?;
        let chain = presented.chain();
        let mut batch = ledger::call(chain, call.capability(), Batch::new())?;
        let now = context.facts.time;
        let (until, wire) = match presented {
            Presented::Wire(wire) => (wire.expires().saturating_add(SKEW), true),
            Presented::Held(_) => (now.saturating_add(MAX_CALL_LIFE + SKEW), false),
        };
        // An approval answers one call for as long as it lasts, so the call is remembered that long.
        let approvals = chain.approvals().iter().map(|approval| approval.expires);
        let until = approvals
            .map(|expires| expires.min(chain.expires()))
            .fold(until, Timestamp::max);
        if self.store.durable() {
            let spent = Key::of([
                SPENT,
                &hex::write(&chain.id()),
                &hex::write(&call.nonce().0),
            ]);
            batch = batch
                .expect(spent.clone(), Expected::Absent)
                .put(spent, format!("\"{until}\""));
        }
        if let Some(recorder) = &self.recorder {
            batch = recorder.attempt(
                &Attempt {
                    id,
                    chain,
                    call,
                    context,
                    denial: None,
                },
                batch,
            );
        }
        // Taken last of all checks. If the batch then fails the call stays spent: it may be asked
        // again as a new call, never as this one.
        self.replay.take(
            (chain.id(), call.nonce().0),
            Whose::of(chain, wire),
            until,
            now,
        )?;
        match self.write(batch.and(also)).await {
            Ok(_) => Ok(Reservation { id }),
            Err(error) => {
                Err(ledger::exceeded(chain, &error).unwrap_or_else(|| store_refusal(&error)))
            }
        }
    }

    async fn deny(
        &self,
        id: CallId,
        presented: Presented<'_>,
        call: Call,
        context: Context,
        refusal: Refusal,
    ) -> Verdict {
        let denial = Denial::new(&context.agent, call.capability(), refusal);
        self.record(id, presented.chain(), &call, &context, &denial)
            .await;
        Verdict::Denied(denial)
    }

    async fn record(
        &self,
        id: CallId,
        chain: &Chain,
        call: &Call,
        context: &Context,
        denial: &Denial,
    ) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        let attempt = Attempt {
            id,
            chain,
            call,
            context,
            denial: Some(denial),
        };
        let batch = recorder.attempt(&attempt, Batch::new());
        if let Err(error) = self.write(batch).await {
            // The call is refused either way.
            tracing::error!(%error, %denial, "a denial could not be recorded");
        }
    }
}

pub(super) fn store_refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict { key, .. } if key.is_beneath(&Key::of([SPENT])) => {
            Refusal::new(Kind::Replay, "this very call was made before")
        }
        StoreError::Conflict { .. } => Refusal::new(
            Kind::Unavailable,
            format!("another process has taken over what the call belongs to, so it does not run: {error}"),
        )
        .outage(),
        other => Refusal::new(
            Kind::Unavailable,
            format!("the call could not be recorded, so it does not run: {other}"),
        )
        .outage(),
    }
}
