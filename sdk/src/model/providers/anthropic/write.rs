//! Writes a request.

use serde::Serialize;
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::NAME;
use crate::model::providers::members::{Members, object, raw};
use crate::model::providers::sendable::Sendable;
use crate::model::{Carried, Message, ModelError, Request, ToolCall};

/// The most tokens where a request does not say: the protocol wants a number.
const MAX_TOKENS: u32 = 8192;

#[derive(Serialize)]
struct Turn {
    role: &'static str,
    content: Vec<Box<RawValue>>,
}

/// The members of a request.
///
/// # Errors
///
/// When it cannot be written as JSON.
pub(in crate::model::providers) fn body(
    request: &Request,
    names: &Sendable,
    is_streamed: bool,
) -> Result<Members, ModelError> {
    let mut members = Members::default();
    let mut system: Vec<&str> = request.system.as_deref().into_iter().collect();
    let mut turns: Vec<Turn> = Vec::new();
    for message in &request.messages {
        let (role, content) = match message {
            Message::System { text } => {
                system.push(text);
                continue;
            }
            Message::User { text } => ("user", words(text)?.into_iter().collect()),
            Message::Assistant {
                text,
                calls,
                carried,
            } => (
                "assistant",
                assistant(text.as_deref(), calls, carried, names)?,
            ),
            Message::Tool {
                call_id,
                outcome,
                is_error,
                ..
            } => {
                let result = json!({
                    "type": "tool_result",
                    "tool_use_id": names.id(call_id),
                    "content": outcome,
                    "is_error": is_error,
                });
                ("user", vec![written(&result)?])
            }
        };
        // Turns without content are refused, and those of one role are one turn.
        match turns.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.extend(content),
            _ => turns.push(Turn { role, content }),
        }
    }
    members.put("messages", &turns)?;
    let system = system.join("\n\n");
    if !system.trim().is_empty() {
        members.put("system", &system)?;
    }
    members.put(
        "max_tokens",
        &request.max_output_tokens.unwrap_or(MAX_TOKENS),
    )?;
    members.put("stream", &is_streamed)?;
    if !request.tools.is_empty() {
        let tool = |tool: &crate::model::ToolSpec| {
            json!({
                "name": names.name(&tool.name),
                "description": tool.description,
                "input_schema": tool.parameters,
            })
        };
        members.put("tools", &request.tools.iter().map(tool).collect::<Vec<_>>())?;
    }
    if let Some(output) = &request.output {
        let format = json!({ "type": "json_schema", "schema": output.schema });
        members.put("output_config", &json!({ "format": format }))?;
    }
    Ok(members)
}

fn assistant(
    text: Option<&str>,
    calls: &[ToolCall],
    carried: &[Carried],
    names: &Sendable,
) -> Result<Vec<Box<RawValue>>, ModelError> {
    let said = text.map(words).transpose()?.flatten();
    // A thought alone is not a turn.
    if said.is_none() && calls.is_empty() {
        return Ok(Vec::new());
    }
    let thoughts = |place: usize| {
        let is_here = move |it: &&Carried| it.protocol() == NAME && it.calls_before() == place;
        carried
            .iter()
            .filter(is_here)
            .map(|it| raw(it.json()).map(ToOwned::to_owned))
    };
    let mut content = thoughts(0).collect::<Result<Vec<_>, _>>()?;
    content.extend(said);
    for (nth, call) in calls.iter().enumerate() {
        let mut made = Members::one("type", &"tool_use")?;
        made.put("id", &names.id(&call.id))?;
        made.put("name", &names.name(&call.name))?;
        made.put("input", &object(&call.arguments)?)?;
        content.push(made.to_raw()?);
        let after = thoughts(nth.saturating_add(1));
        content.extend(after.collect::<Result<Vec<_>, _>>()?);
    }
    Ok(content)
}

/// A block of words; white space alone is refused, so it is left out.
fn words(text: &str) -> Result<Option<Box<RawValue>>, ModelError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    written(&json!({ "type": "text", "text": text })).map(Some)
}

fn written(value: &serde_json::Value) -> Result<Box<RawValue>, ModelError> {
    to_raw_value(value)
        .map_err(|error| ModelError::permanent(format!("the request cannot be written: {error}")))
}
