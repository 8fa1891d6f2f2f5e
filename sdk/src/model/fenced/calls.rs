//! What a call is, once it is known where it stands.

use super::scan::{Members, Span, items, members, unquoted};
use crate::model::{ToolCall, ToolSpec};

const NAMES: [&str; 5] = ["name", "tool", "tool_name", "function", "action"];
const ARGUMENTS: [&str; 6] = [
    "arguments",
    "parameters",
    "input",
    "args",
    "params",
    "action_input",
];
/// What may stand beside name and arguments.
const BESIDE: [&str; 3] = ["id", "type", "call_id"];
/// What calls are wrapped in.
const WRAPPERS: [&str; 4] = ["calls", "tool_calls", "tool_call", "call"];

/// Tags of a fence that holds calls and nothing else.
pub(super) const CALL_FENCES: [&str; 5] = [
    "tool_call",
    "tool_calls",
    "tool_code",
    "tool",
    "function_call",
];
/// Other marks that models are trained to set before a call.
pub(super) const MARKS: [&str; 4] = [
    "<tool_call>",
    "<function_call>",
    "[TOOL_CALLS]",
    "<|python_tag|>",
];
pub(super) const CLOSERS: [&str; 4] = ["```", "~~~", "</tool_call>", "</function_call>"];

/// What stands between two calls of one block.
pub(super) fn is_between(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// Whether what stands here may be an object, or an array of objects, and not a bracket in prose.
pub(super) fn may_begin(text: &str) -> bool {
    let inner = text.get(1..).unwrap_or_default().trim_start();
    match text.as_bytes().first() {
        Some(b'{') => inner.starts_with(['"', '\'']),
        Some(b'[') => inner.starts_with('{'),
        _ => false,
    }
}

/// The calls of one object or of an array of objects; text that is marked as a call is always a call.
pub(super) fn calls_in(span: Span<'_>, is_marked: bool, tools: &[ToolSpec]) -> Vec<ToolCall> {
    if span.text.starts_with('[') {
        return items(span.text)
            .into_iter()
            .filter_map(|item| object(item, is_marked, tools))
            .collect();
    }
    let found = members(span.text);
    let wrapped = found.all.iter().find(|(key, inner)| {
        WRAPPERS.contains(&key.as_str()) && inner.text.starts_with(['{', '['])
    });
    match wrapped {
        Some((_, inner)) if inner.text.starts_with('[') => items(inner.text)
            .into_iter()
            .filter_map(|item| object(item, true, tools))
            .collect(),
        Some((_, inner)) => object(*inner, true, tools).into_iter().collect(),
        None => call(span, &found, is_marked, tools).into_iter().collect(),
    }
}

fn object(span: Span<'_>, is_marked: bool, tools: &[ToolSpec]) -> Option<ToolCall> {
    if !span.text.starts_with('{') {
        return None;
    }
    call(span, &members(span.text), is_marked, tools)
}

fn call(
    span: Span<'_>,
    found: &Members<'_>,
    is_marked: bool,
    tools: &[ToolSpec],
) -> Option<ToolCall> {
    // As OpenAI writes it: `{"type": "function", "function": {"name": …, "arguments": …}}`.
    let inner = found
        .all
        .iter()
        .find(|(key, inner)| key == "function" && inner.text.starts_with('{'));
    if let Some((_, inner)) = inner {
        // Only one level is unwrapped: it is a model's text, and may nest without end.
        return plain(*inner, &members(inner.text), true, tools);
    }
    plain(span, found, is_marked, tools)
}

/// A call that is not wrapped in anything.
fn plain(
    span: Span<'_>,
    found: &Members<'_>,
    is_marked: bool,
    tools: &[ToolSpec],
) -> Option<ToolCall> {
    let is_known = |name: &str| tools.iter().any(|tool| tool.name == name);
    let all = &found.all;
    // `{"the_tool": {…}}`
    if let [(key, inner)] = all.as_slice()
        && is_known(key)
        && inner.text.starts_with('{')
    {
        return Some(ToolCall::new("", key, inner.text));
    }
    let named = NAMES.iter().find_map(|name| {
        let is_name = |(key, value): &&(String, Span<'_>)| key == name && is_string(value);
        all.iter().find(is_name)
    });
    let Some((name_key, name)) = named else {
        // Marked as a call, but of no tool: its model is told that there is no such tool.
        return is_marked.then(|| ToolCall::new("", "", span.text));
    };
    let name = unquoted(name.text);
    let given = ARGUMENTS
        .iter()
        .find_map(|word| all.iter().find(|(key, _)| key == word));
    let is_other = |key: &String| {
        let allowed = key == name_key || given.is_some_and(|(given, _)| given == key);
        !allowed && !BESIDE.contains(&key.as_str())
    };
    let has_others = all.iter().any(|(key, _)| is_other(key));
    if !(is_marked || is_known(&name) || (given.is_some() && !has_others)) {
        return None;
    }
    let times = |key: &str| all.iter().filter(|(other, _)| other == key).count();
    let arguments = match given {
        // It is not known which of the two is meant. The whole text is passed on, and refused.
        _ if times(name_key) > 1 => span.text.to_owned(),
        Some((key, _)) if times(key) > 1 => span.text.to_owned(),
        // Cut short before the first of them: not a call without arguments either.
        Some((_, value)) if value.text.trim().is_empty() => span.text.to_owned(),
        Some((_, value)) => argument_text(value),
        // Cut short, or its arguments are beside the name: not a call without arguments.
        None if !found.closed || has_others => span.text.to_owned(),
        None => "{}".to_owned(),
    };
    Some(ToolCall::new("", name, arguments))
}

fn is_string(value: &Span<'_>) -> bool {
    value.closed && value.text.starts_with(['"', '\''])
}

/// The argument text exactly as it is written; where it is written as a string, what that says, as
/// with providers that send it so. `null` and an empty string are no arguments.
fn argument_text(value: &Span<'_>) -> String {
    let text = if is_string(value) {
        unquoted(value.text)
    } else {
        value.text.trim_end().to_owned()
    };
    match text.trim() {
        "" | "null" => "{}".to_owned(),
        _ => text,
    }
}

/// The `answer` of a reply that is an object of the schema.
pub(super) fn answer(text: &str) -> Option<String> {
    let text = text.trim();
    let found = members(text);
    if !text.starts_with('{') || found.all.iter().any(|(key, _)| key == "calls") {
        return None;
    }
    let (_, answer) = found.all.iter().find(|(key, _)| key == "answer")?;
    Some(if answer.text.starts_with('"') {
        unquoted(answer.text)
    } else {
        answer.text.to_owned()
    })
}
