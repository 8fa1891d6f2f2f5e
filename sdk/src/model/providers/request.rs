//! A request as `genai` takes it.

use ::genai::chat::{
    ChatMessage, ChatOptions, ChatRequest, ChatResponseFormat, ContentPart, JsonSpec,
    MessageContent, Tool, ToolCall as Call, ToolResponse,
};
use serde_json::{Value, json};

use crate::model::{Message, Request, ToolCall};

pub(super) fn chat(request: &Request) -> ChatRequest {
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(request.messages.len());
    let mut results: Vec<ToolResponse> = Vec::new();
    for message in &request.messages {
        if let Message::Tool {
            call_id,
            tool,
            outcome,
            is_error,
        } = message
        {
            // There is no flag for it on the way.
            let text = if *is_error {
                format!("error: {outcome}")
            } else {
                outcome.clone()
            };
            results.push(ToolResponse::new(call_id, text).with_fn_name(tool));
            continue;
        }
        flush(&mut results, &mut messages);
        messages.push(match message {
            Message::System { text } => ChatMessage::system(text),
            Message::Assistant { text, calls, .. } => assistant(text.as_deref(), calls),
            Message::User { text } => ChatMessage::user(text),
            Message::Tool { .. } => continue,
        });
    }
    flush(&mut results, &mut messages);
    let mut chat = ChatRequest::new(messages);
    if let Some(system) = &request.system {
        chat = chat.with_system(system);
    }
    if request.tools.is_empty() {
        return chat;
    }
    chat.with_tools(request.tools.iter().map(|tool| {
        Tool::new(&tool.name)
            .with_description(&tool.description)
            .with_schema(tool.parameters.clone())
    }))
}

/// The results of one turn are one message, as some providers want it.
fn flush(results: &mut Vec<ToolResponse>, messages: &mut Vec<ChatMessage>) {
    if !results.is_empty() {
        let content = MessageContent::from_tool_responses(std::mem::take(results));
        messages.push(ChatMessage::tool(content));
    }
}

fn assistant(text: Option<&str>, calls: &[ToolCall]) -> ChatMessage {
    let said = text
        .filter(|text| !text.is_empty() || calls.is_empty())
        .map(|text| ContentPart::Text(text.to_owned()));
    let made = calls.iter().map(|call| {
        ContentPart::ToolCall(Call {
            call_id: call.id.clone(),
            fn_name: call.name.clone(),
            fn_arguments: shown(&call.arguments),
            thought_signatures: None,
        })
    });
    let parts: Vec<ContentPart> = said.into_iter().chain(made).collect();
    ChatMessage::assistant(MessageContent::from_parts(parts))
}

/// Arguments of a call that was made, for the model to see again. Providers take objects only; of
/// what was refused because it is none, the model sees the text.
fn shown(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(Value::Object(object)) => Value::Object(object),
        _ => json!({ "unreadable": arguments }),
    }
}

pub(super) fn options(request: &Request) -> ChatOptions {
    let mut options = ChatOptions::default()
        .with_capture_usage(true)
        .with_capture_tool_calls(true);
    if let Some(max) = request.max_output_tokens {
        options = options.with_max_tokens(max);
    }
    if let Some(output) = &request.output {
        let spec = JsonSpec::new(&output.name, output.schema.clone());
        options = options.with_response_format(ChatResponseFormat::JsonSpec(spec));
    }
    options
}
