//! The interface of a policy, which may refuse a call that the token allows, or ask for a person's
//! approval of it.

use async_trait::async_trait;

use super::context::Context;
use crate::capability::{Call, Chain};

/// What a policy says of a call that the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The policy allows the call.
    Permit,
    /// The policy refuses the call, for this reason.
    Deny(String),
    /// The policy asks for a person's signature over this same call, for this reason.
    Ask(String),
}

/// A policy. It can only add refusals: none of its decisions allows what the token does not.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Decides about one call. An error is a refusal, and so are a panic and a decision that does not come
    /// in time ([`GuardBuilder::policy_timeout`](super::GuardBuilder::policy_timeout)).
    ///
    /// The future is dropped if the token ends, or the call is cancelled, before there is a decision.
    async fn decide(
        &self,
        chain: &Chain,
        call: &Call,
        context: &Context,
    ) -> Result<Decision, String>;
}
