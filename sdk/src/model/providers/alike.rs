//! Events that are the same but for one text.
//!
//! Servers send a text in pieces of a few bytes, each in an event with a hundred bytes around it that are the
//! same every time. Such an event is compared with the one before it, and not read again.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// The most bytes around a text that are compared.
const MAX_AROUND: usize = 4096;

/// What the text of an event is.
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
    #[cfg(test)]
    missed: usize,
}

impl Alike {
    /// The text of an event that is as the one before but for its text.
    pub(super) fn said<'a>(&self, data: &'a [u8]) -> Option<(What, Cow<'a, str>)> {
        let what = self.what?;
        let inner = data
            .strip_prefix(&*self.before)?
            .strip_suffix(&*self.after)?;
        let is_plain = |byte: &u8| *byte >= b' ' && !matches!(byte, b'"' | b'\\');
        if inner.iter().all(is_plain) {
            return Some((what, Cow::Borrowed(std::str::from_utf8(inner).ok()?)));
        }
        // With its quotes it is one JSON string, or the event is another.
        let begin = self.before.len().checked_sub(1)?;
        let end = begin.checked_add(inner.len())?.checked_add(2)?;
        let text: String = serde_json::from_slice(data.get(begin..end)?).ok()?;
        Some((what, Cow::Owned(text)))
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
        let keep = |kept: &mut Vec<u8>, parts: [&[u8]; 2]| {
            kept.clear();
            kept.extend(parts.into_iter().flatten());
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
