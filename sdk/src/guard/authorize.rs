//! The whole decision: token, policy and approvals, then all of it again with budgets and replay in
//! one batch with the record.

use super::authorization::Authorization;
use super::context::Context;
use super::denial::Denial;
use super::ledger;
use super::permit::{Permit, Reservation};
use super::policy::{DecidedBy, Decision};
use super::replay::{Quota, ReplayEntry};
use super::verdict::{Attempt, Pending, Presented, Verdict};
use super::verifier::{Guard, LEDGER, SKEW, STATE};
use crate::capability::{Call, Kind, MAX_CALL_LIFE, Refusal};
use crate::id::{CallId, Timestamp, hex};
use crate::store::{Batch, Expected, Key, StoreError};

/// The prefix of the keys of calls that were made. Each is kept for as long as the call could be made
/// again.
pub(super) const SPENT: &str = "replay";

impl Guard {
    /// Decides a call: the token, the policy, approvals, then all of it again with budgets and
    /// replay in one batch with the record. A call that cannot be recorded does not run.
    ///
    /// The guard sets the time and, where it has one, the audience of `context` itself. Await the result for
    /// the [`Verdict`]; [`Authorization::and`] writes more in the same batch, and [`Authorization::until`]
    /// ends the wait for the policy.
    pub fn authorize<'a>(
        &'a self,
        presented: Presented<'a>,
        call: Call,
        context: Context,
    ) -> Authorization<'a> {
        Authorization::new(self, presented, call, context)
    }

    pub(super) async fn verdict(
        &self,
        presented: Presented<'_>,
        call: Call,
        mut context: Context,
        extra: impl FnOnce(CallId) -> Batch + Send,
        gone: impl Future<Output = ()> + Send,
    ) -> Verdict {
        let id = CallId::fresh();
        context.decided_by.clear();
        if let Err(refusal) = self.ready_for(presented.chain()).await {
            return self.deny(id, presented, call, context, refusal).await;
        }
        let decided = self
            .decide(id, presented, &call, &mut context, extra(id), gone)
            .await;
        match decided {
            Ok(Decided::Reserved(reservation)) => {
                let by_policy = self.policy.is_some();
                let permit = Permit::new(id, presented.chain().clone(), call, context, by_policy);
                Verdict::Permit(permit, reservation)
            }
            Ok(Decided::Missing(missing)) => {
                let denial = Denial::new(&context.agent, call.capability(), missing);
                self.record(id, presented, Some(&call), &context, &denial)
                    .await;
                let request = match presented {
                    Presented::Held(held) => Some(held.approval_request(&call, &context.facts)),
                    Presented::Wire(_) => None,
                };
                Verdict::Ask(Box::new(Pending {
                    request,
                    call,
                    missing: denial,
                }))
            }
            Err(refusal) => self.deny(id, presented, call, context, refusal).await,
        }
    }

    /// Checks the token, then whether this same call was made before, then policy and approvals, then the
    /// whole token again with the budgets.
    async fn decide(
        &self,
        id: CallId,
        presented: Presented<'_>,
        call: &Call,
        context: &mut Context,
        extra: Batch,
        gone: impl Future<Output = ()> + Send,
    ) -> Result<Decided, Refusal> {
        self.situate(context)?;
        self.ask(presented, call, context, STATE)?;
        let spent = Spent::of(self, presented, call, context.facts.time);
        self.is_unspent(&spent).await?;
        let (chain, now) = (presented.chain(), context.facts.time);
        let quota = Quota::of(chain, matches!(presented, Presented::Wire(_)));
        // If the caller drops this future, the entry of the replay set is dropped with it and is removed.
        let mut entry = self
            .replay
            .enter((chain.id(), call.nonce().0), quota, spent.until, now)?;
        let missing = self.ask_others(presented, call, context, gone).await;
        let decided = match missing {
            Ok(None) => {
                self.reserve(id, presented, call, context, (extra, spent), &mut entry)
                    .await
            }
            Ok(Some(missing)) => Ok(Decided::Missing(missing)),
            Err(refusal) => Err(refusal),
        };
        match &decided {
            Ok(Decided::Reserved(_)) => entry.keep(),
            Ok(Decided::Missing(missing)) => entry.refused(missing.kind()),
            Err(refusal) => entry.refused(refusal.kind()),
        }
        decided
    }

    /// Whether the store knows of no such call. It is asked here so that the policy is not asked in vain;
    /// the batch asks it again for every call.
    async fn is_unspent(&self, spent: &Spent) -> Result<(), Refusal> {
        let (Some(key), Some(_)) = (&spent.key, &self.policy) else {
            return Ok(());
        };
        match self.store.get(key).await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(made_before()),
            Err(error) => Err(Refusal::new(
                Kind::Unavailable,
                format!("the store cannot tell whether the call was made before: {error}"),
            )
            .outage()),
        }
    }

    /// `Ok(None)` when nothing is missing, `Ok(Some(…))` when only an approval is.
    async fn ask_others(
        &self,
        presented: Presented<'_>,
        call: &Call,
        context: &mut Context,
        gone: impl Future<Output = ()> + Send,
    ) -> Result<Option<Refusal>, Refusal> {
        let answer = self.ask_policy(presented, call, context, gone).await?;
        context.decided_by = answer.by;
        match answer.decision {
            Decision::Permit => {}
            Decision::Deny(why) => {
                let why = decided(why, &context.decided_by);
                return Err(Refusal::new(Kind::Policy, why));
            }
            Decision::Ask(why) => {
                let digest = call.digest(
                    &presented.chain().holder(),
                    context.facts.task.as_deref(),
                    context.facts.audience.as_deref(),
                );
                if !presented
                    .chain()
                    .approved(&digest, self.now()?, &self.approvers)
                {
                    let why = decided(why, &context.decided_by);
                    return Ok(Some(Refusal::new(Kind::Approval, why)));
                }
            }
        }
        // Only approvals can be missing now: everything else was checked above.
        match self.ask(presented, call, context, LEDGER) {
            Err(refusal) if refusal.kind() == Kind::Approval => Ok(Some(refusal)),
            other => other.map(|_| None),
        }
    }

    pub(super) fn situate(&self, context: &mut Context) -> Result<(), Refusal> {
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
        (extra, spent): (Batch, Spent),
        entry: &mut ReplayEntry<'_>,
    ) -> Result<Decided, Refusal> {
        // Time has passed while the policy decided, so clock, revocation and token are checked once more.
        self.situate(context)?;
        self.ask(presented, call, context, LEDGER)?;
        let chain = presented.chain();
        let mut batch = ledger::call(chain, call.capability())?;
        if let Some(key) = spent.key {
            batch = batch
                .expect(key.clone(), Expected::Absent)
                .put(key, format!("\"{}\"", spent.until));
        }
        if let Some(recorder) = &self.recorder {
            batch = batch.and(recorder.attempt(&Attempt {
                id,
                chain,
                capability: call.capability(),
                call: Some(call),
                context,
                denial: None,
            }));
        }
        // If the caller goes away from here on, the store may still have written the batch.
        entry.keep();
        match self.write(batch.and(extra)).await {
            Ok(_) => Ok(Decided::Reserved(Reservation { id })),
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
        self.record(id, presented, Some(&call), &context, &denial)
            .await;
        Verdict::Denied(denial)
    }
}

/// The result of a decision that is not a denial.
enum Decided {
    Reserved(Reservation),
    /// Only this approval is missing.
    Missing(Refusal),
}

/// How a call is remembered once it is made.
struct Spent {
    until: Timestamp,
    /// The key under which it is stored, if the store is durable.
    key: Option<Key>,
}

impl Spent {
    fn of(guard: &Guard, presented: Presented<'_>, call: &Call, now: Timestamp) -> Self {
        let chain = presented.chain();
        let until = match presented {
            Presented::Wire(wire) => wire.expires().saturating_add(SKEW),
            Presented::Held(_) => now.saturating_add(MAX_CALL_LIFE + SKEW),
        };
        // An approval answers one call for as long as it lasts, so the call is remembered that long.
        let approvals = chain.approvals().iter().map(|approval| approval.expires);
        let until = approvals
            .map(|expires| expires.min(chain.expires()))
            .fold(until, Timestamp::max);
        let key = guard.store.durable().then(|| {
            let (chain, call) = (hex::write(&chain.id()), hex::write(&call.nonce().0));
            Key::of([SPENT, &chain, &call])
        });
        Self { until, key }
    }
}

/// The reason of a policy, and the sets and policies that it comes from.
fn decided(mut why: String, by: &[DecidedBy]) -> String {
    for set in by {
        why.push_str(&format!("; {set}"));
    }
    why
}

fn made_before() -> Refusal {
    Refusal::new(Kind::Replay, "this same call was made before")
}

pub(super) fn store_refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Conflict { key, .. } if key.is_beneath(&Key::of([SPENT])) => made_before(),
        StoreError::Conflict { .. } => Refusal::new(
            Kind::Unavailable,
            format!("another process has taken over the run of this call, so the call does not run: {error}"),
        )
        .outage(),
        other => Refusal::new(
            Kind::Unavailable,
            format!("the call could not be recorded, so it does not run: {other}"),
        )
        .outage(),
    }
}
