//! What the guard is asked, what it decides, and how that is recorded.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::context::Context;
use super::denial::Denial;
use super::denials::Under;
use super::permit::{Permit, Reservation};
use crate::capability::{ApprovalRequest, Call, CallNonce, Chain, Held, Kind, Refusal, WireCall};
use crate::id::{CallId, Timestamp};
use crate::store::Batch;

/// Authority as it is presented: a token with its key, or a call made by the holder of the key.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'a> {
    /// A token and its key, inside this process.
    Held(&'a Held),
    /// A call that came over the wire.
    Wire(&'a WireCall),
}

impl<'a> Presented<'a> {
    /// The chain.
    #[must_use]
    pub const fn chain(self) -> &'a Chain {
        match self {
            Self::Held(held) => held.chain(),
            Self::Wire(call) => call.chain(),
        }
    }

    /// A call of `capability` by this authority: with a nonce of its own for a token that is held, and with
    /// the nonce that the holder signed for a wire call. Arguments that are `null` are dropped.
    ///
    /// # Errors
    ///
    /// As [`Call::new`].
    pub fn call(
        self,
        capability: impl Into<String>,
        arguments: Map<String, Value>,
    ) -> Result<Call, Refusal> {
        match self {
            Self::Held(_) => Call::new(capability, arguments),
            Self::Wire(wire) => Call::with_nonce(capability, arguments, CallNonce(wire.nonce())),
        }
    }

    /// A copy of the authority for the task that decides one of its calls.
    pub(crate) fn share(self) -> Shared {
        match self {
            Self::Held(held) => Shared::Held(held.share()),
            Self::Wire(call) => Shared::Wire(call.clone()),
        }
    }
}

/// The authority for one call, owned by the task that decides the call.
#[derive(Debug)]
pub(crate) enum Shared {
    Held(Held),
    Wire(WireCall),
}

impl Shared {
    pub(crate) const fn presented(&self) -> Presented<'_> {
        match self {
            Self::Held(held) => Presented::Held(held),
            Self::Wire(call) => Presented::Wire(call),
        }
    }
}

impl<'a> From<&'a Held> for Presented<'a> {
    fn from(held: &'a Held) -> Self {
        Self::Held(held)
    }
}

impl<'a> From<&'a Arc<Held>> for Presented<'a> {
    fn from(held: &'a Arc<Held>) -> Self {
        Self::Held(held)
    }
}

impl<'a> From<&'a WireCall> for Presented<'a> {
    fn from(call: &'a WireCall) -> Self {
        Self::Wire(call)
    }
}

/// Proof that [`Guard::check`](super::Guard::check) passed. It is not a permit: state, policy and approvals
/// are checked later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked(pub(super) ());

/// A call that only lacks approvals.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What an approver signs next; `None` for a call that came over the wire, whose caller asks for the
    /// approval.
    pub request: Option<ApprovalRequest>,
    /// The call as it was made.
    pub call: Call,
    /// Which approval is missing.
    pub missing: Denial,
}

/// The decision of the guard about a call.
#[derive(Debug)]
pub enum Verdict {
    /// The body may run once; the reservation is settled afterwards.
    Permit(Permit, Reservation),
    /// The call is denied.
    Denied(Denial),
    /// The call is allowed once the missing approval is given.
    Ask(Box<Pending>),
}

/// One attempt at a call, as it is recorded.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The call's id in this runtime.
    pub id: CallId,
    /// The authority for the call.
    pub chain: &'a Chain,
    /// The capability that was asked for.
    pub capability: &'a str,
    /// The call; `None` if its arguments could not be read.
    pub call: Option<&'a Call>,
    /// The context of the call, with the time set by the guard.
    pub context: &'a Context,
    /// Why it was refused; `None` when it was allowed.
    pub denial: Option<&'a Denial>,
}

/// Denials of one kind that were counted and have no entries of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated<'a> {
    /// Under whom they are counted.
    pub under: &'a Under,
    /// The reason.
    pub kind: Kind,
    /// The capability that was asked for; `None` if the denials are of several.
    pub capability: Option<&'a str>,
    /// How many there were.
    pub count: u64,
    /// When the first of them was, by the guard's clock.
    pub first: Timestamp,
    /// When the last of them was.
    pub last: Timestamp,
    /// A SHA-256 hash chained over the digests of all of them.
    pub digest: [u8; 32],
}

/// Turns decisions of the guard into entries of a log, to be written in the guard's own batch.
pub trait Recorder: Send + Sync + 'static {
    /// The entries for an attempt.
    fn attempt(&self, attempt: &Attempt<'_>) -> Batch;

    /// The entry for denials that are not written one by one, since there were too many of their kind. The
    /// default writes nothing.
    fn repeated(&self, _denials: &Repeated<'_>) -> Batch {
        Batch::new()
    }
}
