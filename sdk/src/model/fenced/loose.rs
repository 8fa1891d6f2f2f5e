//! Finds calls anywhere in the words of a model.

use super::calls::{CALL_FENCES, CLOSERS, MARKS, calls_in, is_between, may_begin};
use super::scan::value;
use crate::model::{ToolCall, ToolSpec};

/// The words of `text` and the calls in it.
///
/// Text that is marked as a call is always a call. Elsewhere an object is a call when it has a
/// name and arguments and nothing else, or names a tool that exists.
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

/// The words beside the calls.
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
