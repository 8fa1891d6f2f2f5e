//! What the guard is asked, what it says, and how that is recorded.

use super::context::Context;
use super::denial::Denial;
use super::permit::{Permit, Reservation};
use crate::capability::{ApprovalRequest, Call, Chain, Held, WireCall};
use crate::id::CallId;
use crate::store::Batch;

/// Authority as it is presented: with its key, or as a call made by the holder of the key.
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
}

impl<'a> From<&'a Held> for Presented<'a> {
    fn from(held: &'a Held) -> Self {
        Self::Held(held)
    }
}

impl<'a> From<&'a WireCall> for Presented<'a> {
    fn from(call: &'a WireCall) -> Self {
        Self::Wire(call)
    }
}

/// Says that [`Guard::check`](super::Guard::check) passed. It is no permit: state, policy and approvals come after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked(pub(super) ());

/// A call that only lacks approvals.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What an approver signs next; none for a call that came over the wire, whose caller asks.
    pub request: Option<ApprovalRequest>,
    /// The call as it was asked.
    pub call: Call,
    /// Which approval is missing.
    pub missing: Denial,
}

/// What the guard says of a call.
#[derive(Debug)]
pub enum Verdict {
    /// The body may run once; the reservation is settled afterwards.
    Permit(Permit, Reservation),
    /// It may not.
    Denied(Denial),
    /// It may once someone approves.
    Ask(Box<Pending>),
}

/// One attempt at a call, as it is recorded.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// The call's id in this runtime.
    pub id: CallId,
    /// By what authority.
    pub chain: &'a Chain,
    /// What was asked.
    pub call: &'a Call,
    /// In what context, its time the guard's own.
    pub context: &'a Context,
    /// Why it was refused; `None` when it was allowed.
    pub denial: Option<&'a Denial>,
}

/// Turns what the guard decides into entries of a log, to be written in the guard's own batch.
pub trait Recorder: Send + Sync + 'static {
    /// Adds the entries for an attempt.
    fn attempt(&self, attempt: &Attempt<'_>, batch: Batch) -> Batch;
}
