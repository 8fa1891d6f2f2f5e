//! Why a token does not allow a call: the kind, the hop that refused, and a detail for the operator.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Timestamp;

/// The stable name of the reason for a denial.
///
/// Written in lower case with underscores (`not_yet_valid`); names are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// The bytes are not a token in Bailiwick's profile.
    Malformed,
    /// A signature in the chain is not valid.
    BadSignature,
    /// No trusted root signed the first block.
    UntrustedRoot,
    /// The presenter of the token did not prove possession of the key that the token names.
    NotHolder,
    /// The time is at or past an expiry.
    Expired,
    /// The time is before a token's start.
    NotYetValid,
    /// A block, key, lineage, principal, task or agent of the chain was revoked.
    Revoked,
    /// There is no tool with that name here.
    UnknownTool,
    /// No grant names the capability.
    Tool,
    /// A grant names the capability, but not with these arguments.
    Argument,
    /// The token is not for this audience.
    Audience,
    /// The token is not for this task.
    Task,
    /// The token is not for this step of the plan.
    Step,
    /// The token does not cover this data.
    Dataset,
    /// The tool is riskier than the token allows.
    Risk,
    /// The data is more sensitive than the token allows.
    Sensitivity,
    /// The run has read data that the token does not allow it to act on.
    Taint,
    /// The chain is deeper than the token allows.
    Depth,
    /// A budget is used up.
    Budget,
    /// An approval is missing, expired, for another call, or by the wrong key.
    Approval,
    /// The policy denies the call, failed, or is absent where one is required.
    Policy,
    /// The call was made before.
    Replay,
    /// The derived scope is wider than the scope that it is derived from.
    Widens,
    /// A source that the decision needs (clock, store, revocations) cannot be read.
    Unavailable,
}

impl Kind {
    /// The stable name, as in logs and in `simulate`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadSignature => "bad_signature",
            Self::UntrustedRoot => "untrusted_root",
            Self::NotHolder => "not_holder",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::UnknownTool => "unknown_tool",
            Self::Tool => "tool",
            Self::Argument => "argument",
            Self::Audience => "audience",
            Self::Task => "task",
            Self::Step => "step",
            Self::Dataset => "dataset",
            Self::Risk => "risk",
            Self::Sensitivity => "sensitivity",
            Self::Taint => "taint",
            Self::Depth => "depth",
            Self::Budget => "budget",
            Self::Approval => "approval",
            Self::Policy => "policy",
            Self::Replay => "replay",
            Self::Widens => "widens",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A refusal: its kind, the hop that refused, and what would have been allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    kind: Kind,
    hop: Option<u32>,
    detail: String,
    passes: bool,
    outage: bool,
}

impl Refusal {
    /// A refusal that does not come from a block of the chain.
    ///
    /// `detail` is for the operator: lower case, user input in backticks.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            hop: None,
            detail: detail.into(),
            passes: false,
            outage: false,
        }
    }

    /// A refusal by the block at `hop` (0 is the authority block).
    #[must_use]
    pub fn at(kind: Kind, hop: u32, detail: impl Into<String>) -> Self {
        Self {
            kind,
            hop: Some(hop),
            detail: detail.into(),
            passes: false,
            outage: false,
        }
    }

    /// The same refusal, marked as temporary: the same call may be allowed once other agents have ended.
    #[must_use]
    pub(crate) const fn passing(mut self) -> Self {
        self.passes = true;
        self
    }

    /// Whether the same call may be allowed once other agents have ended.
    #[must_use]
    pub(crate) const fn passes(&self) -> bool {
        self.passes
    }

    /// The same refusal, marked as an outage: the call is not at fault, but the store or the clock could not
    /// be used.
    #[must_use]
    pub(crate) const fn outage(mut self) -> Self {
        self.outage = true;
        self
    }

    /// Whether the store or the clock could not be used, so that no decision was made.
    #[must_use]
    pub(crate) const fn is_outage(&self) -> bool {
        self.outage
    }

    /// The stable reason.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The hop whose block refused: 0 is the authority, `None` when no block did.
    #[must_use]
    pub const fn hop(&self) -> Option<u32> {
        self.hop
    }

    /// What failed, and the nearest allowed values; for the operator, never for the model.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hop {
            Some(hop) => write!(f, "{} at hop {hop}: {}", self.kind, self.detail),
            None => write!(f, "{}: {}", self.kind, self.detail),
        }
    }
}

impl std::error::Error for Refusal {}

/// How much later `later` is than `earlier`, in seconds, such as `3 s` or `0.250 s`: for a denial that says
/// by how much a time was missed.
pub(crate) fn by_how_much(earlier: Timestamp, later: Timestamp) -> String {
    let millis = later.since(earlier).as_millis();
    match (millis / 1000, millis % 1000) {
        (secs, 0) => format!("{secs} s"),
        (secs, millis) => format!("{secs}.{millis:03} s"),
    }
}
