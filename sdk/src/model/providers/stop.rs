//! Why an answer stopped, before it is known to be an answer.

use crate::model::StopReason;

/// Why an answer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// For one of the reasons of the protocol.
    Known(StopReason),
    /// For a reason that the protocol does not have, or without a reason.
    Unknown,
}

impl Stop {
    /// Whether the model wrote to its end.
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Known(StopReason::End | StopReason::ToolCalls))
    }

    /// This reason and a later one: what cuts an answer short stays.
    pub(super) fn then(self, later: Self) -> Self {
        match self {
            Self::Known(StopReason::MaxTokens | StopReason::Refused) => self,
            _ => later,
        }
    }
}
