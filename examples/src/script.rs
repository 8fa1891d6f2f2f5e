//! What the scripted models of the examples read out of a conversation.
//!
//! The models follow scripts, so that a run needs no key and no network. Their answers are made of the results
//! that the tools really gave them.

use std::collections::HashMap;

use bailiwick::model::{Message, Request, ToolCall};
use serde_json::Value;

/// What the agent was asked.
#[must_use]
pub fn task(request: &Request) -> &str {
    let texts = request.messages.iter().rev();
    let mut texts = texts.filter_map(|message| match message {
        Message::User { text } => Some(text.as_str()),
        _ => None,
    });
    texts.next().unwrap_or_default()
}

/// The calls that were made and succeeded, each with what it gave back.
#[must_use]
pub fn results(request: &Request) -> Vec<(&ToolCall, &str)> {
    let mut asked = HashMap::new();
    let mut results = Vec::new();
    for message in &request.messages {
        match message {
            Message::Assistant { calls, .. } => {
                asked.extend(calls.iter().map(|call| (call.id.as_str(), call)))
            }
            Message::Tool {
                call_id,
                outcome,
                is_error: false,
                ..
            } => {
                results.extend(
                    asked
                        .get(call_id.as_str())
                        .map(|call| (*call, outcome.as_str())),
                );
            }
            _ => {}
        }
    }
    results
}

/// The string that an object has there, or none.
#[must_use]
pub fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The first word of a text that is a path, without the full stop after it.
#[must_use]
pub fn path_in(text: &str) -> &str {
    let mut words = text.split_whitespace();
    let path = words.find(|word| word.starts_with('/')).unwrap_or_default();
    path.trim_end_matches(['.', ',', ':'])
}

/// The first line of a document, without what marks it as a heading.
#[must_use]
pub fn title(document: &str) -> &str {
    let first = document.lines().next().unwrap_or_default();
    first.trim_start_matches(['#', ' '])
}
