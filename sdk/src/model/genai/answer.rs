//! A completion, from the events of a stream.

use std::future::poll_fn;
use std::pin::Pin;

use ::genai::chat::{
    ChatStream, ChatStreamEvent, StopReason as Reason, StreamEnd, ToolCall as Call, Usage as Cost,
};
use futures_core::Stream;
use serde_json::Value;

use super::failure::failure;
use super::quiet::quiet;
use crate::model::{Completion, Delta, ModelError, StopReason, ToolCall, Usage};

/// An answer longer than this is none.
const MAX_BYTES: usize = 16 * 1024 * 1024;

pub(super) async fn gather(
    mut stream: ChatStream,
    delta: Delta<'_>,
    secret: &str,
) -> Result<Completion, ModelError> {
    let mut text = String::new();
    let mut calls: Vec<ToolCall> = Vec::new();
    let mut has_begun = false;
    loop {
        let event = quiet(poll_fn(|context| Pin::new(&mut stream).poll_next(context))).await;
        // The first one is there before the request is.
        has_begun |= matches!(&event, Some(Ok(event)) if !matches!(event, ChatStreamEvent::Start));
        match event {
            Some(Ok(ChatStreamEvent::Chunk(chunk))) if chunk.content.is_empty() => {}
            Some(Ok(ChatStreamEvent::Chunk(chunk))) => {
                delta(&chunk.content);
                text.push_str(&chunk.content);
            }
            Some(Ok(ChatStreamEvent::ToolCallChunk(chunk))) => take(&mut calls, chunk.tool_call),
            // Some streams that break off end all the same, without saying why.
            Some(Ok(ChatStreamEvent::End(end))) if end.captured_stop_reason.is_some() => {
                return Ok(completion(text, calls, &end));
            }
            Some(Ok(ChatStreamEvent::End(_))) | None => {
                let what = "the answer is no stream of its provider, or broke off";
                return Err(ModelError::transient(what).unsettled());
            }
            // What a model thinks, and signs of life.
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let error = failure(&error, secret);
                return Err(if has_begun { error.unsettled() } else { error });
            }
        }
        let asked: usize = calls.iter().map(|call| call.arguments.len()).sum();
        if text.len().saturating_add(asked) > MAX_BYTES {
            return Err(ModelError::permanent("the answer is too long").unsettled());
        }
    }
}

/// Takes a piece of a call. Where pieces are texts, each has all that came before it; parsed
/// arguments come whole.
fn take(calls: &mut Vec<ToolCall>, call: Call) {
    let Value::String(arguments) = call.fn_arguments else {
        let arguments = call.fn_arguments.to_string();
        calls.push(ToolCall::new(call.call_id, call.fn_name, arguments));
        return;
    };
    let begun = calls.iter_mut().rev().find(|begun| {
        begun.id == call.call_id
            && begun.name == call.fn_name
            && arguments.starts_with(&begun.arguments)
    });
    match begun {
        Some(begun) => begun.arguments = arguments,
        None => calls.push(ToolCall::new(call.call_id, call.fn_name, arguments)),
    }
}

fn completion(text: String, mut calls: Vec<ToolCall>, end: &StreamEnd) -> Completion {
    let stop = match end.captured_stop_reason {
        Some(Reason::MaxTokens(_)) => StopReason::MaxTokens,
        Some(Reason::ContentFilter(_)) => StopReason::Refused,
        // Some say that they are done, and mean with their calls.
        _ if !calls.is_empty() => StopReason::ToolCalls,
        Some(Reason::Completed(_) | Reason::StopSequence(_)) => StopReason::End,
        _ => StopReason::Other,
    };
    let is_whole = matches!(
        end.captured_stop_reason,
        Some(Reason::Completed(_) | Reason::ToolCall(_) | Reason::StopSequence(_))
    );
    if is_whole {
        // No text is how a call without arguments is written; cut short, it may be any call.
        for call in calls.iter_mut().filter(|call| call.arguments.is_empty()) {
            call.arguments.push_str("{}");
        }
    }
    Completion {
        text: (!text.is_empty()).then_some(text),
        calls,
        usage: end.captured_usage.as_ref().map(usage),
        stop,
        carried: Vec::new(),
    }
}

fn usage(cost: &Cost) -> Usage {
    let count = |tokens: Option<i32>| u64::try_from(tokens.unwrap_or(0)).unwrap_or(0);
    let details = cost.prompt_tokens_details.as_ref();
    let cached = count(details.and_then(|details| details.cached_tokens));
    Usage {
        input: count(cost.prompt_tokens).saturating_sub(cached),
        output: count(cost.completion_tokens),
        cached,
    }
}
