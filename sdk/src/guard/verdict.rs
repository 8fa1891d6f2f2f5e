//! What the guard is asked, what it says, and how that is recorded.

use super::context::Context;
use super::denial::Denial;
use super::denials::Under;
use super::permit::{Permit, Reservation};
use crate::capability::{ApprovalRequest, Call, Chain, Held, Kind, WireCall};
use crate::id::{CallId, Timestamp};
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
    /// The capability that was asked for.
    pub capability: &'a str,
    /// What was asked; none where the arguments could not be read.
    pub call: Option<&'a Call>,
    /// In what context, its time the guard's own.
    pub context: &'a Context,
    /// Why it was refused; `None` when it was allowed.
    pub denial: Option<&'a Denial>,
}

/// Denials of one kind that were counted in the place of entries of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated<'a> {
    /// Under whom they are counted.
    pub under: &'a Under,
    /// The reason.
    pub kind: Kind,
    /// The capability that was asked for; none where they are of several.
    pub capability: Option<&'a str>,
    /// How many there were.
    pub count: u64,
    /// When the first of them was, by the guard's clock.
    pub first: Timestamp,
    /// When the last of them was.
    pub last: Timestamp,
    /// A SHA-256 hash over the digests of all of them, each with the one before.
    pub digest: [u8; 32],
}

/// Turns what the guard decides into entries of a log, to be written in the guard's own batch.
pub trait Recorder: Send + Sync + 'static {
    /// Adds the entries for an attempt.
    fn attempt(&self, attempt: &Attempt<'_>, batch: Batch) -> Batch;

    /// Adds the entry for denials that are not written one by one, since there were too many of
    /// their kind. Nothing is added unless a recorder says otherwise.
    fn repeated(&self, denials: &Repeated<'_>, batch: Batch) -> Batch {
        let _ = denials;
        batch
    }
}
