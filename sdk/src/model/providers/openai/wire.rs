//! What a server sends, as far as it is looked at.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::providers::fault::broken;
use crate::model::providers::json::{Object, Raw};
use crate::model::providers::stop::Stop;
use crate::model::providers::usage::{Count, usage};
use crate::model::{ModelError, StopReason, Usage};

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Object<Choice<'a>>>>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) error: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) x_groq: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) object: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(borrow, default)]
    pub(super) index: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Object<Said<'a>>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Object<Said<'a>>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Said<'a> {
    #[serde(borrow, default)]
    pub(super) content: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Object<CallPiece<'a>>>>,
    #[serde(borrow, default)]
    pub(super) function_call: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) reasoning_details: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) extra_content: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct CallPiece<'a> {
    #[serde(borrow, default)]
    pub(super) index: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) function: Option<Object<Function<'a>>>,
    #[serde(borrow, default)]
    pub(super) extra_content: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) arguments: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Part<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) text: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) refusal: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Cost<'a> {
    #[serde(borrow, default)]
    pub(super) prompt_tokens: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) completion_tokens: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) prompt_tokens_details: Option<Object<PromptDetails<'a>>>,
    #[serde(borrow, default)]
    pub(super) prompt_cache_hit_tokens: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct PromptDetails<'a> {
    #[serde(borrow, default)]
    pub(super) cached_tokens: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct Groq<'a> {
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
}

/// All that a chunk says, where that is one text.
pub(super) enum Only<'a> {
    /// Words.
    Words(&'a RawValue),
    /// A piece of the arguments of the call of this index.
    Arguments(Raw<'a>, &'a RawValue),
}

impl<'a> Chunk<'a> {
    /// The members of a chunk.
    pub(super) const READ: [&'static str; 5] = ["choices", "usage", "error", "x_groq", "object"];

    /// The text that is all that the chunk says. `None` where it says more, or where what it says depends on
    /// more than the call that has its index.
    pub(super) fn only(&self) -> Option<Only<'a>> {
        let [Object(choice)] = self.choices.as_deref()? else {
            return None;
        };
        let is_more = [self.usage, self.error, self.x_groq, choice.finish_reason];
        let Object(said) = choice.delta.as_ref()?;
        let is_said = [
            said.refusal,
            said.function_call,
            said.reasoning_content,
            said.reasoning,
            said.reasoning_details,
            said.extra_content,
        ];
        let is_none = |all: &[Raw<'_>]| all.iter().all(Option::is_none);
        if !is_none(&is_more) || !is_none(&is_said) || choice.message.is_some() {
            return None;
        }
        let is_text = |raw: &&'a RawValue| raw.get().starts_with('"');
        match (said.content, said.tool_calls.as_deref().unwrap_or_default()) {
            (Some(words), []) => Some(words).filter(is_text).map(Only::Words),
            (None, [Object(piece)]) if piece.index.is_some() && piece.extra_content.is_none() => {
                let Object(function) = piece.function.as_ref()?;
                let text = function.arguments.filter(is_text)?;
                Some(Only::Arguments(piece.index, text))
            }
            _ => None,
        }
    }
}

/// Why the answer stopped, of what the server says.
///
/// # Errors
///
/// When the server says that it broke.
pub(super) fn stop(reason: &str) -> Result<Stop, ModelError> {
    let lower = reason.to_ascii_lowercase();
    // Gemini adds its own reason behind a colon.
    let first = lower.split([':', ' ']).next().unwrap_or_default();
    Ok(match first {
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" => Stop::Known(StopReason::End),
        "tool_calls" | "tool_call" | "tool_use" | "function_call" => {
            Stop::Known(StopReason::ToolCalls)
        }
        "length" | "max_tokens" | "model_length" => Stop::Known(StopReason::MaxTokens),
        "content_filter" | "safety" | "recitation" | "refusal" | "prohibited_content"
        | "blocklist" | "spii" | "image_safety" | "sensitive" => Stop::Known(StopReason::Refused),
        "error"
        | "abort"
        | "insufficient_system_resource"
        | "network_error"
        | "malformed_function_call"
        | "function_call_filter" => {
            return Err(broken(&format!("the server stopped it with `{first}`")));
        }
        _ => Stop::Unknown,
    })
}

/// What the turn cost, where both counts are there.
pub(super) fn spent(cost: &Cost<'_>) -> Option<Usage> {
    let details = cost.prompt_tokens_details.as_ref();
    let cached = Count::read(details.and_then(|details| details.0.cached_tokens));
    usage(
        Count::read(cost.prompt_tokens),
        cached.or(Count::read(cost.prompt_cache_hit_tokens)),
        Count::read(cost.completion_tokens),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::providers::alike::fields::fields;

    #[test]
    fn every_member_that_is_read_is_in_the_list() {
        assert_eq!(fields::<Chunk<'static>>(), Chunk::READ);
    }
}
