//! One call under evaluation, with what is known about it.

use std::cell::OnceCell;

use crate::capability::keys::PublicKey;
use crate::capability::value::{Answers, Call, Facts};
use crate::id::Timestamp;

/// An approval that a chain carries, its signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approved {
    pub(crate) by: PublicKey,
    pub(crate) call: [u8; 32],
    pub(crate) expires: Timestamp,
    pub(crate) id: [u8; 16],
}

/// The part that an evaluation skips, because it needs state or a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// Budgets are skipped: the ledger decides them.
    pub budgets: bool,
    /// Approvals are skipped: the caller decides whether to wait for them.
    pub approvals: bool,
}

/// One call under evaluation, against which the blocks are checked.
pub(crate) struct AccessRequest<'a> {
    pub(crate) call: &'a Call,
    pub(crate) facts: &'a Facts,
    pub(crate) depth: u32,
    pub(crate) holder: &'a PublicKey,
    pub(crate) approvals: &'a [Approved],
    pub(crate) skip: Skip,
    /// The answers of patterns about the arguments.
    pub(super) answers: Answers,
    digest: OnceCell<[u8; 32]>,
}

impl<'a> AccessRequest<'a> {
    pub(crate) const fn new(
        call: &'a Call,
        facts: &'a Facts,
        depth: u32,
        holder: &'a PublicKey,
        approvals: &'a [Approved],
        skip: Skip,
    ) -> Self {
        Self {
            call,
            facts,
            depth,
            holder,
            approvals,
            skip,
            answers: Answers::new(),
            digest: OnceCell::new(),
        }
    }

    /// The digest of the call, computed when it is first needed.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| {
            self.call.digest(
                self.holder,
                self.facts.task.as_deref(),
                self.facts.audience.as_deref(),
            )
        })
    }

    /// Whether `key` approved this same call and the approval has not expired.
    pub(crate) fn approved_by(&self, key: &PublicKey) -> bool {
        let now = self.facts.time.secs();
        self.approvals.iter().any(|approval| {
            approval.by == *key && now < approval.expires.secs() && approval.call == *self.digest()
        })
    }
}
