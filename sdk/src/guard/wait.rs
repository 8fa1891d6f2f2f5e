//! Waiting for a policy: for a limited time, not past the end of the token, and only while its caller
//! waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::context::Context;
use super::policy::{Answer, PolicyError, Question};
use super::verdict::Presented;
use super::verifier::{Guard, STATE};
use crate::capability::{Call, Kind, Refusal};

/// How long a policy may take to decide unless the builder sets another limit.
pub(super) const POLICY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often clock, revocations and token are checked again while a policy decides.
const PAUSE: Duration = Duration::from_millis(50);

impl Guard {
    /// The answer of the policy about a call. An error, a panic and a missing answer after the limit are
    /// denials. An error of the policy is an answer that denies, with the sets in which it arose.
    pub(super) async fn ask_policy(
        &self,
        presented: Presented<'_>,
        call: &Call,
        context: &Context,
        gone: impl Future<Output = ()> + Send,
    ) -> Result<Answer, Refusal> {
        let Some(policy) = &self.policy else {
            let what = "no policy is loaded, and one is required";
            return match self.policy_required {
                true => Err(Refusal::new(Kind::Policy, what)),
                false => Ok(Answer::permit()),
            };
        };
        let question = Question::new(presented.chain(), call, context);
        let deciding = async { policy.decide(&question).await };
        let mut deciding = pin!(caught(deciding));
        let mut gone = pin!(gone);
        let mut waited = Duration::ZERO;
        loop {
            let pause = PAUSE.min(self.policy_timeout.saturating_sub(waited));
            tokio::select! {
                biased;
                said = &mut deciding => return said,
                () = &mut gone => {
                    let what = "the call was cancelled while the policy was asked";
                    return Err(Refusal::new(Kind::Unavailable, what));
                }
                () = pass(pause) => waited = waited.saturating_add(pause),
            }
            if waited >= self.policy_timeout {
                let limit = self.policy_timeout.as_secs_f64();
                let what = format!(
                    "the policy did not answer within {limit} s; see `GuardBuilder::policy_timeout`"
                );
                return Err(Refusal::new(Kind::Policy, what));
            }
            // The token may end, or be revoked, while the policy decides.
            let mut now = context.clone();
            self.situate(&mut now)?;
            self.ask(presented, call, &now, STATE)?;
        }
    }
}

/// Sleeps. Without a runtime there are no timers, and the guard waits for a policy as long as its caller
/// waits.
async fn pass(time: Duration) {
    match tokio::runtime::Handle::try_current() {
        Ok(_) => tokio::time::sleep(time).await,
        Err(_) => std::future::pending().await,
    }
}

/// The answer of a policy, or the refusal if it panicked.
async fn caught(
    deciding: impl Future<Output = Result<Answer, PolicyError>>,
) -> Result<Answer, Refusal> {
    let mut deciding = pin!(deciding);
    std::future::poll_fn(|context| {
        // After a panic the future is not polled again, so its broken state is never observed.
        match catch_unwind(AssertUnwindSafe(|| deciding.as_mut().poll(context))) {
            Ok(polled) => polled.map(|said| Ok(said.unwrap_or_else(PolicyError::into_answer))),
            Err(_) => {
                let what = "the policy panicked before it decided about the call; fix the policy";
                Poll::Ready(Err(Refusal::new(Kind::Unavailable, what)))
            }
        }
    })
    .await
}
