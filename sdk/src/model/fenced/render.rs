//! Describes, for a model without native calls, its tools and the calls that it made.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::model::{Message, OutputSchema, Request, ToolSpec};

const FENCED_FORM: &str = "\
You can call tools. To call one, answer with a block like this, one for each call, and nothing else:

```tool_call
{\"name\": \"the name of the tool\", \"arguments\": {}}
```

You are then told the results. When you need no further call, answer in plain words, without a block.";

const SCHEMA_FORM: &str = "\
You can call tools. Answer with a JSON object: {\"calls\": [{\"name\": \"the name of the tool\", \
\"arguments\": {}}]} to call some, or {\"answer\": …} when you know the answer. You are told the \
results of the calls.";

/// The same request in words: no tools, no calls and no results beside the text.
pub(super) fn in_words(request: &Request, max_calls: Option<usize>) -> Request {
    let form = if max_calls.is_some() {
        SCHEMA_FORM
    } else {
        FENCED_FORM
    };
    let mut system = request.system.clone().unwrap_or_default();
    if !system.is_empty() {
        system.push_str("\n\n");
    }
    system.push_str(form);
    system.push_str("\n\nThe tools:\n");
    for tool in &request.tools {
        let _ = write!(
            system,
            "\n- `{}`: {}\n  arguments: {}",
            tool.name, tool.description, tool.parameters
        );
    }
    let mut messages: Vec<Message> = Vec::with_capacity(request.messages.len());
    let mut follows_result = false;
    for message in &request.messages {
        let is_result = matches!(message, Message::Tool { .. });
        let said = match message {
            Message::Assistant { text, calls, .. } => {
                let mut said = text.clone().unwrap_or_default();
                for call in calls {
                    let call = call_object(&call.name, &call.arguments);
                    push_block(&mut said, "tool_call", &call);
                }
                Message::Assistant {
                    text: Some(said),
                    calls: Vec::new(),
                    carried: Vec::new(),
                }
            }
            Message::Tool {
                tool,
                outcome,
                is_error,
                ..
            } => {
                // As a JSON string the output has no line of its own, so it closes no block.
                let kind = if *is_error { "error" } else { "result" };
                let result = json!({ "tool": tool, kind: outcome }).to_string();
                // The results of one turn are one message: some servers want roles to alternate.
                if let Some(Message::User { text }) = messages.last_mut()
                    && follows_result
                {
                    push_block(text, "tool_result", &result);
                    continue;
                }
                let mut said = String::new();
                push_block(&mut said, "tool_result", &result);
                Message::User { text: said }
            }
            other => other.clone(),
        };
        messages.push(said);
        follows_result = is_result;
    }
    Request {
        system: Some(system),
        messages,
        tools: Vec::new(),
        max_output_tokens: request.max_output_tokens,
        output: max_calls.map_or_else(
            || request.output.clone(),
            |max| Some(schema(&request.tools, request.output.as_ref(), max)),
        ),
    }
}

fn push_block(text: &mut String, tag: &str, body: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let _ = write!(text, "```{tag}\n{body}\n```");
}

/// A call as the model is to write it. Argument text that is not a JSON object is shown as a string.
fn call_object(name: &str, arguments: &str) -> String {
    let is_object = matches!(
        serde_json::from_str::<Value>(arguments),
        Ok(Value::Object(_))
    );
    let arguments = if is_object && !arguments.contains('\n') {
        arguments.to_owned()
    } else {
        json!(arguments).to_string()
    };
    format!("{{\"name\": {}, \"arguments\": {arguments}}}", json!(name))
}

/// Calls of these tools, or an answer. The array is bounded: a weak model fills an open one until
/// its tokens end.
fn schema(tools: &[ToolSpec], output: Option<&OutputSchema>, max_calls: usize) -> OutputSchema {
    let call = |tool: &ToolSpec| {
        json!({
            "type": "object",
            "properties": { "name": { "const": tool.name }, "arguments": tool.parameters },
            "required": ["name", "arguments"],
            "additionalProperties": false,
        })
    };
    let calls: Vec<Value> = tools.iter().map(call).collect();
    let calls = json!({
        "type": "array",
        "items": { "anyOf": calls },
        "minItems": 1,
        "maxItems": max_calls.max(1),
    });
    let answer = output.map_or_else(
        || json!({ "type": "string" }),
        |output| output.schema.clone(),
    );
    // One or the other: a model that must write both answers before it knows, and calls again after.
    let either = [("calls", calls), ("answer", answer)].map(|(key, inner)| {
        json!({
            "type": "object",
            "properties": { key: inner },
            "required": [key],
            "additionalProperties": false,
        })
    });
    let schema = json!({ "anyOf": either });
    OutputSchema::new("calls_or_answer", schema)
}
