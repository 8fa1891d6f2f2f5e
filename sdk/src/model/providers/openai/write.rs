//! Writes a request.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::NAME;
use crate::model::providers::members::{Members, carried, object};
use crate::model::providers::sendable::Sendable;
use crate::model::{Message, ModelError, Request, ToolCall};

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
    #[serde(flatten)]
    carried: Members,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: String,
}

/// The members of a request; `max_tokens` is what the server calls the most tokens to write.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub(in crate::model::providers) fn body(
    request: &Request,
    names: &Sendable,
    max_tokens: &str,
    is_streamed: bool,
) -> Result<Members, ModelError> {
    let mut members = Members::default();
    members.put("messages", &messages(request, names)?)?;
    members.put("stream", &is_streamed)?;
    if is_streamed {
        members.put("stream_options", &json!({ "include_usage": true }))?;
    }
    if let Some(max) = request.max_output_tokens {
        members.put(max_tokens, &max)?;
    }
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request
            .tools
            .iter()
            .map(|tool| {
                json!({ "type": "function", "function": {
                    "name": names.name(&tool.name),
                    "description": tool.description,
                    "parameters": tool.parameters,
                } })
            })
            .collect();
        members.put("tools", &tools)?;
    }
    if let Some(output) = &request.output {
        let format = json!({ "type": "json_schema", "json_schema": {
            "name": output.name,
            "strict": true,
            "schema": closed(&output.schema),
        } });
        members.put("response_format", &format)?;
    }
    Ok(members)
}

fn messages(request: &Request, names: &Sendable) -> Result<Vec<Box<RawValue>>, ModelError> {
    let mut messages = Vec::with_capacity(request.messages.len().saturating_add(1));
    let mut put = |role: &str, members: Members| {
        let mut message = Members::default();
        message.put("role", &role)?;
        message.extend(members);
        messages.push(message.to_raw()?);
        Ok::<(), ModelError>(())
    };
    if let Some(system) = &request.system {
        put("system", Members::one("content", system)?)?;
    }
    for message in &request.messages {
        match message {
            Message::System { text } => put("system", Members::one("content", text)?)?,
            Message::User { text } => put("user", Members::one("content", text)?)?,
            Message::Assistant {
                text,
                calls,
                carried: thoughts,
            } => {
                let text = text.as_deref().filter(|text| !text.is_empty());
                // An empty turn is refused by some.
                if text.is_none() && calls.is_empty() {
                    continue;
                }
                let mut said = Members::one("content", &text)?;
                if !calls.is_empty() {
                    let calls = calls.iter().map(|call| write(call, names));
                    let calls: Vec<Call<'_>> = calls.collect::<Result<_, _>>()?;
                    said.put("tool_calls", &calls)?;
                }
                said.extend(carried(thoughts, NAME)?);
                put("assistant", said)?;
            }
            Message::Tool {
                call_id,
                outcome,
                is_error,
                ..
            } => {
                let mut result = Members::one("tool_call_id", &names.id(call_id))?;
                // There is no flag for it on the way.
                if *is_error {
                    result.put("content", &format!("error: {outcome}"))?;
                } else {
                    result.put("content", outcome)?;
                }
                put("tool", result)?;
            }
        }
    }
    Ok(messages)
}

fn write<'a>(call: &'a ToolCall, names: &'a Sendable) -> Result<Call<'a>, ModelError> {
    Ok(Call {
        id: names.id(&call.id),
        kind: "function",
        function: Function {
            name: names.name(&call.name),
            arguments: object(&call.arguments)?.get().to_owned(),
        },
        carried: carried(&call.carried, NAME)?,
    })
}

/// The schema, with no object in it open to further members unless it says so: the strict mode wants that.
fn closed(schema: &Value) -> Value {
    match schema {
        Value::Array(all) => Value::Array(all.iter().map(closed).collect()),
        Value::Object(members) => {
            let mut out: Map<String, Value> = members
                .iter()
                .map(|(name, value)| match &**name {
                    "const" | "enum" | "default" | "examples" => (name.clone(), value.clone()),
                    _ => (name.clone(), closed(value)),
                })
                .collect();
            if out.get("type").is_some_and(|kind| kind == "object") {
                out.entry("additionalProperties")
                    .or_insert(Value::Bool(false));
            }
            Value::Object(out)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_of_a_schema_are_closed_unless_they_say_that_they_are_open() {
        let schema = json!({ "type": "object", "properties": {
            "type": { "type": "object", "additionalProperties": true },
            "list": { "type": "array", "items": { "type": "object" } },
        }, "default": { "type": "object" } });
        let right = json!({ "type": "object", "additionalProperties": false, "properties": {
            "type": { "type": "object", "additionalProperties": true },
            "list": { "type": "array", "items": { "type": "object", "additionalProperties": false } },
        }, "default": { "type": "object" } });
        assert_eq!(closed(&schema), right);
    }
}
