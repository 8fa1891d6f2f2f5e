//! Finds the calls that a model marked as such, and none that it only quotes.
//!
//! The text is gone through once, line by line. A mark counts at the beginning of a line, outside of
//! thinking, of quotes and of fenced code. Without any mark, an answer that is a call and nothing else
//! counts, and so does a last fence with calls alone.

use super::aside::{Aside, Edge};
use super::calls::{CALL_FENCES, CLOSERS, MARKS, calls_in, is_between, may_begin};
use super::scan::{items, value};
use crate::model::{ToolCall, ToolSpec};

/// A line that is indented by more is code, and no mark.
const MAX_INDENT: usize = 3;

/// The words of `text` and the calls in it.
pub(super) fn read(text: &str, tools: &[ToolSpec]) -> (String, Vec<ToolCall>) {
    if let Some(calls) = alone(text, tools) {
        return (String::new(), calls);
    }
    let mut reader = Reader::new(text, tools);
    while reader.at < text.len() {
        reader.step();
    }
    reader.end()
}

/// The calls in a text that holds nothing else.
fn alone(text: &str, tools: &[ToolSpec]) -> Option<Vec<ToolCall>> {
    let mut rest = text.trim();
    let mut calls = Vec::new();
    while !rest.is_empty() {
        let span = Some(rest).filter(|rest| may_begin(rest)).map(value)?;
        let found = calls_in(span, false, tools);
        let expected = match span.text.starts_with('[') {
            true => items(span.text).len(),
            false => 1,
        };
        if found.len() < expected {
            return None;
        }
        calls.extend(found);
        let after = rest.get(span.text.len()..).unwrap_or_default();
        rest = after.trim_start_matches(is_between);
    }
    Some(calls).filter(|calls| !calls.is_empty())
}

/// A block of code that is open.
struct Fence<'a> {
    sign: char,
    length: usize,
    /// What it is of, in lower case.
    tag: &'a str,
    /// Where the block begins, and where what is in it does.
    begin: usize,
    inside: usize,
}

impl Fence<'_> {
    /// Whether a line ends the block.
    fn is_closed_by(&self, line: &str) -> bool {
        let (length, after) = run(line.trim_start(), self.sign);
        length >= self.length && after.trim().is_empty()
    }
}

/// How often `sign` stands at the beginning of `text`, and what stands after.
fn run(text: &str, sign: char) -> (usize, &str) {
    let after = text.trim_start_matches(sign);
    ((text.len() - after.len()) / sign.len_utf8(), after)
}

struct Reader<'a> {
    text: &'a str,
    tools: &'a [ToolSpec],
    at: usize,
    /// Where the line ends that `at` is in, which is looked for once.
    line_end: usize,
    aside: Aside,
    fence: Option<Fence<'a>>,
    /// Where the words begin that no piece holds yet.
    kept: usize,
    pieces: Vec<&'a str>,
    calls: Vec<ToolCall>,
    /// Where the thinking ended that nothing but thinking stood before.
    thought: usize,
    /// Whether anything was said since then.
    has_prose: bool,
    /// A fence of no language or of JSON after which nothing came: where it begins, and what is in it.
    last: Option<(usize, &'a str)>,
}

impl<'a> Reader<'a> {
    const fn new(text: &'a str, tools: &'a [ToolSpec]) -> Self {
        Self {
            text,
            tools,
            at: 0,
            line_end: 0,
            aside: Aside::None,
            fence: None,
            kept: 0,
            pieces: Vec::new(),
            calls: Vec::new(),
            thought: 0,
            has_prose: false,
            last: None,
        }
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// Goes past one line, one block, or what stands before the edge of something aside.
    fn step(&mut self) {
        if self.line_end <= self.at {
            let rest = self.slice(self.at, self.text.len());
            let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
            self.line_end = self.at + length;
        }
        let line = self.slice(self.at, self.line_end);
        let begins = line.trim_start_matches([' ', '\t']);
        let indent = line.len() - begins.len();
        if self.fence.is_none() && self.aside == Aside::None {
            let is_code = indent > MAX_INDENT || line.starts_with('\t');
            if !is_code
                && (self.marked(self.at + indent)
                    || self.opens(self.at + indent, self.at + line.len()))
            {
                return;
            }
            if !line.trim().is_empty() {
                self.last = None;
            }
        }
        if let Some(fence) = &self.fence
            && fence.is_closed_by(line)
        {
            let content = self.slice(fence.inside, self.at);
            self.last = Some((fence.begin, content)).filter(|_| is_plain(fence.tag));
            self.fence = None;
            self.at += line.len();
            return;
        }
        self.at += self.past(line);
    }

    /// How much of a line is gone past: all of it, or up to where something aside begins or ends.
    fn past(&mut self, line: &'a str) -> usize {
        let was_outside = self.aside == Aside::None;
        let (begin, end, edge) = self.aside.next(line, self.fence.is_some());
        let said = line.get(..begin).unwrap_or_default();
        self.has_prose |= was_outside && !said.trim().is_empty();
        match edge {
            Edge::None => {}
            Edge::Begins => self.last = None,
            Edge::Ends if self.has_prose => {}
            Edge::Ends => self.thought = self.at + end,
            // All before was thinking. A fence stays open: the author of its text is not known.
            Edge::Unopened => {
                self.calls.clear();
                self.pieces.clear();
                self.kept = 0;
                self.last = None;
                self.has_prose = self.fence.is_some();
                self.thought = self.at + end;
            }
        }
        if self.fence.is_some() {
            line.len()
        } else {
            end
        }
    }

    /// Reads the calls behind a mark at `begin`, if there is one.
    fn marked(&mut self, begin: usize) -> bool {
        let Some(inner) = mark(self.text, begin) else {
            return false;
        };
        let (mut rest, mut calls, mut has_any) = (inner.trim_start(), Vec::new(), false);
        while may_begin(rest) {
            let span = value(rest);
            calls.extend(calls_in(span, true, self.tools));
            has_any = true;
            rest = rest.get(span.text.len()..).unwrap_or_default();
            let next = rest.trim_start_matches(is_between);
            if may_begin(next) {
                rest = next;
            }
        }
        if !has_any {
            return false;
        }
        let ahead = rest.trim_start();
        let closed = CLOSERS.iter().find_map(|closer| ahead.strip_prefix(closer));
        rest = closed.map_or(rest, |after| after.trim_start_matches(['`', '~']));
        self.at = self.text.len() - rest.len();
        if closed.is_none() {
            // The rest of the block is not a call.
            self.fence = fence(self.text, begin);
        }
        if !calls.is_empty() {
            self.pieces.push(self.slice(self.kept, begin));
            self.kept = self.at;
            self.calls.extend(calls);
        }
        self.has_prose = true;
        self.last = None;
        true
    }

    /// Goes past the line that opens a fence, if the one at `begin`, which goes on to `end`, does.
    fn opens(&mut self, begin: usize, end: usize) -> bool {
        let Some(fence) = fence(self.text, begin) else {
            return false;
        };
        let inside = self.slice(fence.inside, end).trim();
        self.has_prose = true;
        self.last = None;
        self.at = end;
        if fence.sign == '`' && inside.contains('`') {
            // A block on one line.
            let content = inside.strip_suffix("```").filter(|_| is_plain(fence.tag));
            self.last = content.map(|content| (begin, content));
        } else {
            self.fence = Some(fence);
        }
        true
    }

    fn end(mut self) -> (String, Vec<ToolCall>) {
        let all = self.text.len();
        if !self.calls.is_empty() {
            self.pieces.push(self.slice(self.kept, all));
            let words = self.pieces.iter().map(|piece| piece.trim());
            let words: Vec<&str> = words.filter(|piece| !piece.is_empty()).collect();
            return (words.join("\n"), self.calls);
        }
        if let Some(fence) = self.fence.take().filter(|fence| is_plain(fence.tag)) {
            // Cut short.
            self.last = Some((fence.begin, self.slice(fence.inside, all)));
        }
        let in_fence = self.last.and_then(|(begin, content)| {
            // Text after a colon is a quotation.
            let is_quoted = self.slice(0, begin).trim_end().ends_with([':', '：']);
            let calls = Some(content).filter(|_| !is_quoted);
            Some((begin, calls.and_then(|content| alone(content, self.tools))?))
        });
        let found = in_fence.or_else(|| {
            let answer = self.slice(self.thought, all);
            let is_over = self.aside == Aside::None;
            Some((self.thought, alone(answer, self.tools).filter(|_| is_over)?))
        });
        found.map_or_else(
            || (self.text.trim().to_owned(), Vec::new()),
            |(begin, calls)| (self.slice(0, begin).trim().to_owned(), calls),
        )
    }
}

/// What stands behind the mark of a call at `begin`.
fn mark(text: &str, begin: usize) -> Option<&str> {
    let rest = text.get(begin..)?;
    if let Some(inner) = MARKS.iter().find_map(|mark| rest.strip_prefix(mark)) {
        return Some(inner);
    }
    let fence = fence(text, begin)?;
    let mut tags = CALL_FENCES.iter();
    let is_call = tags.any(|tag| tag.eq_ignore_ascii_case(fence.tag));
    text.get(fence.inside..).filter(|_| is_call)
}

/// The fence that opens at `begin`. What is in it may begin on the same line.
fn fence(text: &str, begin: usize) -> Option<Fence<'_>> {
    let rest = text.get(begin..)?;
    let sign = rest
        .chars()
        .next()
        .filter(|sign| matches!(sign, '`' | '~'))?;
    let (length, info) = run(rest, sign);
    let info = info.trim_start_matches([' ', '\t']);
    let end = info.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    let tag = info.get(..end.unwrap_or(info.len())).unwrap_or_default();
    let inside = text.len() - info.len() + tag.len();
    (length >= 3).then_some(Fence {
        sign,
        length,
        tag,
        begin,
        inside,
    })
}

/// Whether a block may hold calls though it is not marked as one of calls.
fn is_plain(tag: &str) -> bool {
    tag.is_empty() || tag.eq_ignore_ascii_case("json")
}

#[cfg(test)]
mod tests;
