//! The place of a policy: what the token allows, a policy may still refuse or send to a person.

use async_trait::async_trait;

use super::context::Context;
use crate::capability::{Call, Chain, PublicKey};

/// What a policy says of a call that the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing against it.
    Permit,
    /// Refused, for this reason.
    Deny(String),
    /// Only with a signature over this very call by one of these keys, for this reason.
    ///
    /// Anyone can append an approval to a token that they hold, so whose it is matters.
    Ask {
        /// Why a person has to look.
        why: String,
        /// Any one of these must approve; none means that nobody can.
        approvers: Vec<PublicKey>,
    },
}

/// A policy. It can only add refusals: no decision of it allows what the token does not.
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Decides about one call. An error is a refusal.
    async fn decide(&self, chain: &Chain, call: &Call, context: &Context) -> Result<Decision, String>;
}
