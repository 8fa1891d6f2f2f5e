//! The messages of a conversation, and what a model answers.
//!
//! These types are stored with a run; the run's version covers them, and an unknown field is refused.

use serde::{Deserialize, Serialize};

use super::Carried;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Message {
    /// Instructions of the program that runs the model.
    System {
        /// The words.
        text: String,
    },
    /// A message to the model.
    User {
        /// The words.
        text: String,
    },
    /// What the model answered.
    Assistant {
        /// Its words, if it said any.
        text: Option<String>,
        /// The calls it asks for.
        calls: Vec<ToolCall>,
        /// What the provider wants back with the turn; opaque to all but the model's adapter.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        carried: Vec<Carried>,
    },
    /// The result of one call.
    Tool {
        /// The id of the call.
        call_id: String,
        /// The tool as the model named it, which need not exist.
        tool: String,
        /// The result, or why there is no result.
        outcome: String,
        /// Whether the call was refused or failed.
        is_error: bool,
    },
}

/// A call that a model asks for; nothing about it was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The provider's id for the call; providers leave it empty or repeat it.
    pub id: String,
    /// The tool as the model named it.
    pub name: String,
    /// The argument text exactly as it arrived. It is read once, by the gate: what is parsed here
    /// and again there could be read as two different things (attack 14).
    pub arguments: String,
    /// What the provider wants back with this call; opaque to all but the model's adapter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
}

impl ToolCall {
    /// A call of `name` with the raw argument text.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        arguments: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
            carried: Vec::new(),
        }
    }

    /// The same call with what the provider wants back with it.
    #[must_use]
    pub fn with_carried(mut self, carried: Carried) -> Self {
        self.carried.push(carried);
        self
    }
}

/// The tokens that a completion cost, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens read, those from the provider's cache not among them.
    pub input: u64,
    /// Tokens written.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cached: u64,
}

impl Usage {
    /// The sum of two costs; it stops at the largest number there is.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
        }
    }

    /// All tokens together.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.input
            .saturating_add(self.output)
            .saturating_add(self.cached)
    }
}

/// Why a model stopped writing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StopReason {
    /// It had finished.
    #[default]
    End,
    /// It waits for the results of its calls.
    ToolCalls,
    /// It reached the limit of tokens, so its text or arguments may be cut short.
    MaxTokens,
    /// The provider or the model refused to answer.
    Refused,
    /// The provider gave another reason, or no reason.
    Other,
}

/// What a model answered to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Completion {
    /// Its words, if it said any.
    pub text: Option<String>,
    /// The calls it asks for, in its order; an empty list means that this is the final answer.
    pub calls: Vec<ToolCall>,
    /// What the turn cost; `None` when the provider did not say, or said something that is not a count.
    /// An unknown cost is not a cost of 0.
    pub usage: Option<Usage>,
    /// Why it stopped.
    pub stop: StopReason,
    /// What the provider wants back with the turn: it goes into the [`Message::Assistant`] of the turn as it
    /// is, and is opaque to all but the model's adapter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<Carried>,
}

impl Completion {
    /// A final answer.
    pub fn answer(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// A turn that asks for calls.
    pub fn calling(calls: impl IntoIterator<Item = ToolCall>) -> Self {
        Self {
            calls: calls.into_iter().collect(),
            stop: StopReason::ToolCalls,
            ..Self::default()
        }
    }

    /// The same with words beside the calls.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same at this cost.
    #[must_use]
    pub const fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// The same with what the provider wants back with the turn.
    #[must_use]
    pub fn with_carried(mut self, carried: impl IntoIterator<Item = Carried>) -> Self {
        self.carried.extend(carried);
        self
    }

    /// The same, stopped for this reason.
    #[must_use]
    pub const fn with_stop(mut self, stop: StopReason) -> Self {
        self.stop = stop;
        self
    }
}
