//! The place of a policy: what the token allows, a policy may still refuse or send to a person.

use async_trait::async_trait;

use super::context::Context;
use crate::capability::{Call, Chain};

/// What a policy says of a call that the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing against it.
    Permit,
    /// Refused, for this reason.
    Deny(String),
    /// Only with a person's signature over this very call, for this reason.
    Ask(String),
}

/// A policy. It can only add refusals: no decision of it allows what the token does not.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Decides about one call. An error is a refusal, and so are a panic and an answer that does not
    /// come in time ([`GuardBuilder::policy_timeout`](super::GuardBuilder::policy_timeout)).
    ///
    /// The future is dropped where the token ends, or the call is cancelled, before there is an answer.
    async fn decide(
        &self,
        chain: &Chain,
        call: &Call,
        context: &Context,
    ) -> Result<Decision, String>;
}
