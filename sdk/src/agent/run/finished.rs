//! How a run ended.

use serde::{Deserialize, Serialize};

use crate::capability::Exposure;
use crate::model::{StopReason, Usage};

/// Why a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ended {
    /// The model gave its final answer.
    Answer,
    /// All its turns are used.
    TurnLimit,
    /// A budget of its own or of an ancestor has too little left for another turn. The run itself is
    /// paused where it was.
    Budget,
    /// It made the same refused call again and again ([`Limits::max_refusals`](super::Limits)).
    Repeated,
    /// It made one refused call after another ([`Limits::max_refusals_in_a_row`](super::Limits)).
    Denied,
    /// It made one call after another with arguments that cannot be read
    /// ([`Limits::max_malformed`](super::Limits)).
    Malformed,
    /// It made the same allowed call again and again, and had the same result each time
    /// ([`Limits::max_same_results`](super::Limits)).
    Looping,
    /// It was cancelled.
    Cancelled,
    /// The model gave no completion.
    ModelFailed,
    /// Its answers were not of the type that was asked for.
    Unfit,
    /// Its model said nothing: its answers were empty, reasoning alone, or announced calls and made none.
    /// The run itself is paused where it was.
    NoAnswer,
    /// Its model reached the limit of tokens before an answer, or within its calls. The run itself is
    /// paused where it was.
    CutShort,
    /// Its model refused to answer, or its provider filtered the answer. The run itself is paused where it
    /// was.
    Refused,
    /// It handed its task over, and the agent that took the task gave no answer. If that agent answers, the run
    /// ends in that answer.
    HandedOver,
    /// Its last step could not be stored, so it went no further.
    #[serde(rename = "unkept")]
    NotPersisted,
}

impl Ended {
    /// The reason in a word or two, for the record.
    pub(in crate::agent) const fn how(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::TurnLimit => "turn limit",
            Self::Repeated => "repeated denials",
            Self::Denied => "denials in a row",
            Self::Malformed => "malformed calls",
            Self::Looping => "the same call again and again",
            Self::Cancelled => "cancelled",
            Self::Budget => "out of budget",
            Self::ModelFailed => "failed",
            Self::Unfit => "unfit answers",
            Self::NoAnswer => "no answer",
            Self::CutShort => "cut short",
            Self::Refused => "refused by the model",
            Self::HandedOver => "handed over",
            Self::NotPersisted => "not kept",
        }
    }

    /// Whether a stored run may be resumed later: the run itself is not over, and something outside it is
    /// missing.
    pub(in crate::agent) const fn may_go_on(self) -> bool {
        matches!(
            self,
            Self::TurnLimit
                | Self::Budget
                | Self::ModelFailed
                | Self::NotPersisted
                | Self::NoAnswer
                | Self::CutShort
                | Self::Refused
        )
    }
}

/// A call that the guard refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DenialNote {
    /// The turn in which it was asked for, from 1.
    pub turn: u32,
    /// The id of the call.
    pub call_id: String,
    /// The tool as the model named it.
    pub tool: String,
    /// The stable name of the reason.
    pub kind: String,
    /// Identifies the call apart from its id: see [`CallOutcome::Denied`](super::CallOutcome::Denied).
    pub fingerprint: String,
}

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finished {
    /// Why it is over.
    pub ended: Ended,
    /// The answer, or the reason why there is no answer. An answer is the model's text as it is: escape it
    /// before it reaches a terminal.
    pub text: String,
    /// Why the model last stopped; an answer after [`StopReason::MaxTokens`] may be cut short.
    pub stop: Option<StopReason>,
    /// The number of its completions.
    pub turns: u32,
    /// The cost of its completions, as far as their providers said it.
    pub usage: Usage,
    /// The number of completions whose cost their providers did not say; `usage` does not include them.
    pub unmeasured: u32,
    /// The exposure of the run; an agent that takes the answer takes the exposure too.
    pub exposure: Exposure,
    /// The calls that the guard refused, in their order.
    pub denials: Vec<DenialNote>,
}
