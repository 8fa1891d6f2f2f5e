//! Events that are the same but for one text.
//!
//! Servers send a text in pieces of a few bytes, each in an event with a hundred bytes around it that are the
//! same every time. Such an event is compared with the one before it, and not read again.

use std::borrow::Cow;

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

/// The event before, where all that it said was one text, and that a JSON string.
///
/// An event that has the same bytes before and after another JSON string is the same JSON with another text,
/// so it says that text and nothing else.
#[derive(Default)]
pub(super) struct Alike {
    /// Up to the text, its quote included.
    before: Vec<u8>,
    /// From the text on, its quote included.
    after: Vec<u8>,
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
        let inner = data
            .strip_prefix(&*self.before)?
            .strip_suffix(&*self.after)?;
        if let Some(text) = plain(inner) {
            return Some((what, Cow::Borrowed(text)));
        }
        let mut text = std::mem::take(&mut self.room);
        text.clear();
        if unescape(inner, &mut text).is_none() {
            // With its quotes it is one JSON string, or the event is another.
            let begin = self.before.len().checked_sub(1)?;
            let end = begin.checked_add(inner.len())?.checked_add(2)?;
            text = serde_json::from_slice(data.get(begin..end)?).ok()?;
        }
        Some((what, Cow::Owned(text)))
    }

    /// Takes a text back when it was used, for its room.
    pub(super) fn done(&mut self, text: Cow<'_, str>) {
        if let Cow::Owned(text) = text {
            self.room = text;
        }
    }

    /// Keeps an event, all of which is `text`, a JSON string in it.
    pub(super) fn learn(&mut self, data: &[u8], text: &RawValue, what: What) {
        let text = text.get();
        let at = text.as_ptr().addr().checked_sub(data.as_ptr().addr());
        let Some((before, rest)) = at.and_then(|at| data.split_at_checked(at)) else {
            return;
        };
        let Some((inner, after)) = rest.split_at_checked(text.len()) else {
            return;
        };
        let is_text = inner.len() >= 2 && inner.starts_with(b"\"") && inner.ends_with(b"\"");
        if !is_text || before.len().saturating_add(after.len()) > MAX_AROUND {
            return;
        }
        let keep = |kept: &mut Vec<u8>, [first, second]: [&[u8]; 2]| {
            kept.clear();
            kept.extend_from_slice(first);
            kept.extend_from_slice(second);
        };
        keep(&mut self.before, [before, b"\""]);
        keep(&mut self.after, [b"\"", after]);
        self.what = Some(what);
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
