//! Policies, and calls that wait for an approval.

use async_trait::async_trait;
use bailiwick::capability::{ApprovalRequest, Call, Held, Kind};
use bailiwick::guard::{Answer, Decision, Guard, Pending, Policy, PolicyError, Question, Verdict};

use crate::support::calls::context;

/// Says the same of every call.
pub struct Always(pub Result<Decision, String>);

#[async_trait]
impl Policy for Always {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        Ok(self.0.clone()?.into())
    }
}

pub async fn pending(guard: &Guard, held: &Held, call: Call) -> (ApprovalRequest, Call) {
    match guard.authorize(held.into(), call, context()).await {
        Verdict::Ask(pending) => {
            let Pending {
                request,
                call,
                missing,
            } = *pending;
            assert_eq!(missing.kind(), Kind::Approval);
            (request.unwrap(), call)
        }
        other => panic!("{other:?}"),
    }
}
