//! Spans of `tracing`, named after OpenTelemetry's conventions for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>): `invoke_agent` for a run, `chat` for a turn of
//! its model, `execute_tool` for a call.
//!
//! The names and fields are those that `tracing-opentelemetry` hands on. No text of a conversation, no
//! argument and no result is in a span: a person who may read traces need not be permitted to read the data.

use tracing::field::Empty;
use tracing::{Span, info_span};

use super::super::core::AgentCore;
use super::super::run::{CallOutcome, Ended, Finished};
use crate::capability::Kind;
use crate::model::{Completion, ModelError, Request, StopReason, ToolCall};

/// A run of an agent, until it ends.
pub(super) fn run(core: &AgentCore) -> Span {
    info_span!(
        target: "bailiwick",
        "invoke_agent",
        otel.name = %format_args!("invoke_agent {}", core.role),
        gen_ai.operation.name = "invoke_agent",
        gen_ai.agent.name = %core.role,
        gen_ai.agent.id = %core.id,
        gen_ai.conversation.id = core.run_store.as_ref().map(|run_store| tracing::field::display(run_store.run)),
        bailiwick.agent.path = %core.path,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        error.type = Empty,
    )
}

/// How the run of the current span ended.
pub(super) fn ended(finished: &Finished) {
    let (span, usage) = (Span::current(), finished.usage);
    // What was read from a cache was read too.
    span.record(
        "gen_ai.usage.input_tokens",
        usage.input.saturating_add(usage.cached),
    );
    span.record("gen_ai.usage.output_tokens", usage.output);
    if finished.ended != Ended::Answer {
        span.record("error.type", finished.ended.how());
    }
}

/// A turn of a model.
pub(super) fn turn(core: &AgentCore, model: &str, request: &Request) -> Span {
    info_span!(
        target: "bailiwick",
        "chat",
        otel.name = %format_args!("chat {model}"),
        otel.kind = "client",
        gen_ai.operation.name = "chat",
        gen_ai.request.model = model,
        gen_ai.request.max_tokens = request.max_output_tokens,
        gen_ai.agent.name = %core.role,
        gen_ai.agent.id = %core.id,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.response.finish_reasons = Empty,
        error.type = Empty,
    )
}

/// What came of the turn.
pub(super) fn answered(span: &Span, completion: &Result<Completion, ModelError>) {
    match completion {
        Ok(Completion { usage, stop, .. }) => {
            if let Some(usage) = usage {
                span.record(
                    "gen_ai.usage.input_tokens",
                    usage.input.saturating_add(usage.cached),
                );
                span.record("gen_ai.usage.output_tokens", usage.output);
                span.record("gen_ai.usage.cache_read.input_tokens", usage.cached);
            }
            span.record("gen_ai.response.finish_reasons", reason(*stop));
        }
        Err(error) => {
            let name = if error.is_transient() {
                "transient"
            } else {
                "permanent"
            };
            span.record("error.type", name);
        }
    }
}

/// A call that a model asks for.
pub(super) fn call(core: &AgentCore, call: &ToolCall) -> Span {
    // A name that is not the name of a tool can be any text of the model.
    let name = crate::text::printable(&call.name);
    info_span!(
        target: "bailiwick",
        "execute_tool",
        otel.name = %format_args!("execute_tool {name}"),
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = %name,
        gen_ai.tool.call.id = %call.id,
        gen_ai.tool.type = "function",
        gen_ai.agent.name = %core.role,
        gen_ai.agent.id = %core.id,
        error.type = Empty,
    )
}

/// What came of the call of the current span: for a denial, its kind.
pub(super) fn called(outcome: &CallOutcome) {
    let error = match outcome {
        CallOutcome::Value(_) | CallOutcome::HandedOver { answered: true, .. } => return,
        CallOutcome::Denied { kind, .. } => kind.as_str(),
        CallOutcome::Unreadable { .. } => Kind::Argument.name(),
        CallOutcome::UnknownTool(_) => "unknown_tool",
        CallOutcome::Failed(_) | CallOutcome::HandedOver { .. } => "failed",
    };
    Span::current().record("error.type", error);
}

const fn reason(stop: StopReason) -> &'static str {
    match stop {
        StopReason::End => "stop",
        StopReason::ToolCalls => "tool_calls",
        StopReason::MaxTokens => "length",
        StopReason::Refused => "content_filter",
        StopReason::Other => "other",
    }
}
