//! Finds calls in the words of a model.

use super::scan::{Members, Span, items, members, unquoted, value};
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
const CALL_FENCES: [&str; 5] = [
    "tool_call",
    "tool_calls",
    "tool_code",
    "tool",
    "function_call",
];
/// Other marks that models are trained to set before a call.
const MARKS: [&str; 4] = [
    "<tool_call>",
    "<function_call>",
    "[TOOL_CALLS]",
    "<|python_tag|>",
];
const CLOSERS: [&str; 3] = ["```", "</tool_call>", "</function_call>"];

/// The words of `text` and the calls in it.
///
/// What is marked as a call is one, whatever it says. Elsewhere an object is a call when it has a
/// name and arguments and nothing else, or names a tool that there is.
pub(super) fn read(text: &str, tools: &[ToolSpec]) -> (String, Vec<ToolCall>) {
    let (mut words, mut calls) = (Words::default(), Vec::new());
    let mut rest = text;
    // Within a block that began with a call: whether it is marked as one of calls.
    let mut block: Option<bool> = None;
    while let Some((before, candidate)) = rest
        .find(['{', '['])
        .and_then(|at| rest.split_at_checked(at))
    {
        if !before.trim_matches(is_between).is_empty() {
            block = None;
        }
        if block.is_none() {
            words.push(before);
        }
        if !may_begin(candidate) {
            let (bracket, after) = candidate.split_at_checked(1).unwrap_or((candidate, ""));
            words.push(bracket);
            rest = after;
            continue;
        }
        let span = value(candidate);
        rest = candidate.get(span.text.len()..).unwrap_or_default();
        let opener = words.opener().filter(|_| block.is_none());
        let is_marked = opener.map_or(block == Some(true), |(_, marked)| marked);
        let found = calls_in(span, is_marked, tools);
        if found.is_empty() {
            words.push(span.text);
            block = None;
            continue;
        }
        calls.extend(found);
        if let Some((at, marked)) = opener {
            words.cut(at);
            block = Some(marked);
        }
        words.had_call = true;
        let closed = CLOSERS
            .iter()
            .find_map(|closer| rest.trim_start().strip_prefix(closer));
        if let Some(after) = closed.filter(|_| block.is_some()) {
            rest = after;
            block = None;
        }
    }
    words.push(rest);
    (words.text.trim().to_owned(), calls)
}

/// What stands between two calls of one block.
fn is_between(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// What is said beside the calls.
#[derive(Default)]
struct Words {
    text: String,
    /// Counted as they come, so that a long text is gone through once.
    fences: usize,
    /// A call stood here; what comes next begins a line.
    had_call: bool,
    /// What they end with, while they stay as they are: a thousand calls may follow them.
    opened: Option<Option<(usize, bool)>>,
}

impl Words {
    fn push(&mut self, text: &str) {
        let mut text = text;
        if self.had_call {
            text = text.trim_start();
            if text.is_empty() {
                return;
            }
            self.text.truncate(self.text.trim_end().len());
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.had_call = false;
        }
        self.fences += text.matches("```").count();
        self.text.push_str(text);
        self.opened = None;
    }

    fn cut(&mut self, at: usize) {
        let gone = self.text.get(at..).unwrap_or_default();
        self.fences = self.fences.saturating_sub(gone.matches("```").count());
        self.text.truncate(at);
        self.opened = None;
    }

    /// Where the mark begins that the words end with, and whether it says that a call follows.
    fn opener(&mut self) -> Option<(usize, bool)> {
        let found = self.opened.unwrap_or_else(|| self.look());
        self.opened = Some(found);
        found
    }

    fn look(&self) -> Option<(usize, bool)> {
        let words = self.text.trim_end();
        if let Some(mark) = MARKS.iter().find(|mark| words.ends_with(**mark)) {
            return Some((words.len() - mark.len(), true));
        }
        let head = words.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let tag = words.get(head.len()..)?.to_lowercase();
        // An even fence closes a block.
        let before = head.strip_suffix("```").filter(|_| self.fences % 2 == 1)?;
        Some((before.len(), CALL_FENCES.contains(&tag.as_str())))
    }
}

/// Whether what stands here may be an object, or an array of objects, and not a bracket in prose.
fn may_begin(text: &str) -> bool {
    let inner = text.get(1..).unwrap_or_default().trim_start();
    if text.starts_with('{') {
        inner.starts_with(['"', '\''])
    } else {
        inner.starts_with('{')
    }
}

fn calls_in(span: Span<'_>, is_marked: bool, tools: &[ToolSpec]) -> Vec<ToolCall> {
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
        // Once, whatever is within: it is a model's text, and may go on like that for ever.
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
        // Said to be a call, and nobody's: that there is no such tool is what its model is told.
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
        // Which of two it means is not ours to say. The whole is passed on, and refused.
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
