//! Events that are the same but for one text.
//!
//! Servers send a text in pieces of a few bytes, each in an event with a hundred bytes around it that are the
//! same every time, or that differ in a number or a padding that nothing reads. Such an event is compared with
//! the one before it, and not read again.

#[cfg(test)]
pub(super) mod fields;
mod json;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;
use serde_json::value::RawValue;

/// The most bytes around a text that are compared.
const MAX_AROUND: usize = 4096;

/// Where the text of an event belongs.
#[derive(Clone, Copy)]
pub(super) enum What {
    /// Words; of the block of this index, where the protocol has blocks.
    Words(u64),
    /// Arguments of the call at this place.
    Arguments(usize),
}

/// A part of an event.
enum Part {
    /// So many of the kept bytes, which are the same in each event.
    Same(usize),
    /// The text, a JSON string.
    Text,
    /// A string or a number that nothing reads.
    Unread,
}

/// The event before, where all that it said was one text, and that a JSON string.
///
/// An event that has the same bytes around another JSON string is the same JSON with another text, so it says that
/// text and nothing else. A member of the event itself that no reader looks at may differ too.
#[derive(Default)]
pub(super) struct Alike {
    parts: Vec<Part>,
    /// The bytes of the parts that are the same in each event.
    same: Vec<u8>,
    what: Option<What>,
    /// Room for a text that is not in the event as it is.
    room: String,
    #[cfg(test)]
    missed: usize,
}

impl Alike {
    /// The text of an event that is as the one before but for its text. [`Alike::done`] takes it back.
    pub(super) fn said<'a>(&mut self, data: &'a [u8]) -> Option<(What, Cow<'a, str>)> {
        let what = self.what?;
        let quoted = self.text(data)?;
        let inner = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if let Some(text) = plain(inner) {
            return Some((what, Cow::Borrowed(text)));
        }
        let mut text = std::mem::take(&mut self.room);
        text.clear();
        if unescape(inner, &mut text).is_none() {
            text = serde_json::from_slice(quoted).ok()?;
        }
        Some((what, Cow::Owned(text)))
    }

    /// The JSON string that is in the place of the text, if the rest of the event is as it was.
    fn text<'a>(&self, data: &'a [u8]) -> Option<&'a [u8]> {
        let (mut rest, mut same, mut text) = (data, &*self.same, None);
        for part in &self.parts {
            match part {
                Part::Same(len) => {
                    let (expected, later) = same.split_at_checked(*len)?;
                    rest = rest.strip_prefix(expected)?;
                    same = later;
                }
                Part::Text => {
                    let (quoted, later) = json::string(rest)?;
                    text = Some(quoted);
                    rest = later;
                }
                Part::Unread => rest = json::after_scalar(rest)?,
            }
        }
        text.filter(|_| rest.is_empty())
    }

    /// Takes a text back when it was used, for its room.
    pub(super) fn done(&mut self, text: Cow<'_, str>) {
        if let Cow::Owned(text) = text {
            self.room = text;
        }
    }

    /// Keeps an event, all of which is `text`, a JSON string in it. `read` names the members of the event that
    /// the reader looks at.
    pub(super) fn learn(&mut self, data: &[u8], text: &RawValue, what: What, read: &[&str]) {
        let text = text.get();
        let is_text = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        let begin = text.as_ptr().addr().checked_sub(data.as_ptr().addr());
        let around = data.len().saturating_sub(text.len());
        let (Some(begin), true) = (begin, is_text && around <= MAX_AROUND) else {
            return;
        };
        if self
            .cut(data, begin..begin.saturating_add(text.len()), read)
            .is_some()
        {
            self.what = Some(what);
        }
    }

    /// Cuts the event into its parts.
    fn cut(&mut self, data: &[u8], text: Range<usize>, read: &[&str]) -> Option<()> {
        self.parts.clear();
        self.same.clear();
        let mut others: Vec<_> = json::unread(data, read)
            .into_iter()
            .map(|range| (range, Part::Unread))
            .collect();
        others.push((text, Part::Text));
        others.sort_by_key(|(range, _)| range.start);
        let mut at = 0;
        for (range, part) in others {
            let same = data.get(at..range.start)?;
            self.same.extend_from_slice(same);
            self.parts.extend([Part::Same(same.len()), part]);
            at = range.end;
        }
        let same = data.get(at..)?;
        self.same.extend_from_slice(same);
        self.parts.push(Part::Same(same.len()));
        Some(())
    }

    /// Forgets the event before: one that is not as it may change what the same event means.
    pub(super) const fn forget(&mut self) {
        self.what = None;
        #[cfg(test)]
        {
            self.missed += 1;
        }
    }

    /// How many events were not as the one before.
    #[cfg(test)]
    pub(super) const fn missed(&self) -> usize {
        self.missed
    }
}

/// The text of the inside of a JSON string that has no escape, or `None`.
fn plain(inner: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
    match inner.iter().all(is_plain) {
        true => std::str::from_utf8(inner).ok(),
        false => None,
    }
}

/// Adds the text of the inside of a JSON string to `text`. `None` where it is not such a text, or has an escape by number.
fn unescape(inner: &[u8], text: &mut String) -> Option<()> {
    let mut rest = inner;
    while let Some(at) = memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(at);
        text.push_str(plain(before)?);
        text.push(match escape.get(1)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            _ => return None,
        });
        rest = escape.get(2..)?;
    }
    text.push_str(plain(rest)?);
    Some(())
}
