//! What a server sends, as far as it is looked at.

use serde::Deserialize;

use crate::model::providers::fault::broken;
use crate::model::providers::json::Raw;
use crate::model::providers::stop::Stop;
use crate::model::providers::usage::{Count, usage};
use crate::model::{ModelError, StopReason, Usage};

#[derive(Deserialize)]
pub(super) struct Chunk<'a> {
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
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
    pub(super) delta: Option<Said<'a>>,
    #[serde(borrow, default)]
    pub(super) message: Option<Said<'a>>,
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
    pub(super) tool_calls: Option<Vec<CallPiece<'a>>>,
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
    pub(super) function: Option<Function<'a>>,
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
    pub(super) prompt_tokens_details: Option<PromptDetails<'a>>,
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
    let cached = Count::read(details.and_then(|details| details.cached_tokens));
    usage(
        Count::read(cost.prompt_tokens),
        cached.or(Count::read(cost.prompt_cache_hit_tokens)),
        Count::read(cost.completion_tokens),
    )
}
