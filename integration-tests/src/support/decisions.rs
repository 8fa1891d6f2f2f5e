//! Policies, and calls that wait for an approval.

use async_trait::async_trait;
use bailiwick::capability::{ApprovalRequest, Call, Chain, Held, Kind};
use bailiwick::guard::{Context, Decision, Guard, Pending, Policy, Verdict};

use crate::support::calls::context;

/// Says the same of every call.
pub struct Always(pub Result<Decision, String>);

#[async_trait]
impl Policy for Always {
    async fn decide(&self, _: &Chain, _: &Call, _: &Context) -> Result<Decision, String> {
        self.0.clone()
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
