//! Server-sent events, cut out of bytes that arrive in any pieces.
//!
//! The format is that of <https://html.spec.whatwg.org/multipage/server-sent-events.html>, of which the two
//! protocols use the data alone.

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::fault::too_long;
use crate::model::ModelError;

/// The most bytes of a line, and of the data of an event.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of a stream.
const MAX_STREAM_BYTES: usize = 256 * 1024 * 1024;
/// The most events of a stream.
const MAX_EVENTS: usize = 1024 * 1024;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A function that is given the data of each event and returns whether it wants more.
pub(super) type Take<'a> = &'a mut dyn FnMut(&[u8]) -> Result<bool, ModelError>;

/// A stream of events, read so far. A byte is copied twice at most: into a line that is not whole yet, and
/// into the data of its event.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was a carriage return, so a line feed that follows ends no further line.
    after_return: bool,
    lines: usize,
    events: usize,
    bytes: usize,
    copied: usize,
}

impl Events {
    /// Takes the next bytes. Returns `false` once `take` wants no more.
    ///
    /// # Errors
    ///
    /// When a bound is passed, or `take` fails.
    pub(super) fn push(&mut self, mut bytes: &[u8], take: Take<'_>) -> Result<bool, ModelError> {
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.bytes > MAX_STREAM_BYTES {
            return Err(too_long("the stream has more bytes", MAX_STREAM_BYTES));
        }
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        while let Some(at) = memchr2(b'\n', b'\r', bytes) {
            let (part, rest) = bytes.split_at(at);
            let is_return = rest.first() == Some(&b'\r');
            let rest = rest.get(1..).unwrap_or_default();
            self.after_return = is_return && rest.is_empty();
            bytes = match is_return {
                true => rest.strip_prefix(b"\n").unwrap_or(rest),
                false => rest,
            };
            let goes_on = if let Some((data, rest)) = self.whole(part, bytes) {
                bytes = rest;
                self.lines = self.lines.saturating_add(2);
                self.taken(data, take)?
            } else if self.line.is_empty() {
                self.line(part, take)?
            } else {
                self.hold(part)?;
                let mut line = std::mem::take(&mut self.line);
                let goes_on = self.line(&line, take)?;
                line.clear();
                self.line = line;
                goes_on
            };
            if !goes_on {
                return Ok(false);
            }
        }
        self.hold(bytes)?;
        Ok(true)
    }

    /// Takes the end of the stream: an event that no empty line ended counts where its data is whole JSON.
    ///
    /// # Errors
    ///
    /// When `take` fails.
    pub(super) fn end(&mut self, take: Take<'_>) -> Result<(), ModelError> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.line(&line, &mut |_| Ok(true))?;
        }
        let is_whole = serde_json::from_slice::<IgnoredAny>(&self.data).is_ok();
        if self.has_data && (is_whole || self.data == b"[DONE]") {
            take(&self.data)?;
        }
        Ok(())
    }

    /// How many bytes were copied.
    #[cfg(test)]
    pub(super) const fn copied(&self) -> usize {
        self.copied
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), ModelError> {
        if self.line.len().saturating_add(part.len()) > MAX_EVENT_BYTES {
            return Err(too_long("a line has more bytes", MAX_EVENT_BYTES));
        }
        self.line.extend_from_slice(part);
        self.copied = self.copied.saturating_add(part.len());
        Ok(())
    }

    fn line(&mut self, line: &[u8], take: Take<'_>) -> Result<bool, ModelError> {
        let line = match self.lines {
            0 => line.strip_prefix(BOM).unwrap_or(line),
            _ => line,
        };
        self.lines = self.lines.saturating_add(1);
        if line.is_empty() {
            return self.event(take);
        }
        let Some(value) = data_of(line) else {
            // A comment, or a field that says nothing that the data does not.
            return Ok(true);
        };
        let held = self.data.len().saturating_add(value.len());
        if held.saturating_add(1) > MAX_EVENT_BYTES {
            return Err(too_long("an event has more bytes", MAX_EVENT_BYTES));
        }
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value);
        self.copied = self.copied.saturating_add(value.len());
        Ok(true)
    }

    fn event(&mut self, take: Take<'_>) -> Result<bool, ModelError> {
        if !self.has_data {
            return Ok(true);
        }
        self.has_data = false;
        let mut data = std::mem::take(&mut self.data);
        let goes_on = self.taken(&data, take)?;
        data.clear();
        self.data = data;
        Ok(goes_on)
    }

    /// The data of an event that is one line, and what comes after the empty line that ends it: most events
    /// are such, and all of theirs is here, so nothing of it is copied.
    fn whole<'a>(&self, line: &'a [u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        // The first line may begin with a mark of the byte order.
        if !self.line.is_empty() || self.has_data || self.lines == 0 {
            return None;
        }
        let rest = rest
            .strip_prefix(b"\n")
            .or_else(|| rest.strip_prefix(b"\r\n"))?;
        let data = data_of(line).filter(|data| data.len() < MAX_EVENT_BYTES)?;
        Some((data, rest))
    }

    fn taken(&mut self, data: &[u8], take: Take<'_>) -> Result<bool, ModelError> {
        self.events = self.events.saturating_add(1);
        if self.events > MAX_EVENTS {
            return Err(too_long("the stream has more events", MAX_EVENTS));
        }
        take(data)
    }
}

/// The data in a line, if it has any.
fn data_of(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data:") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => (line == b"data").then_some(b"".as_slice()),
    }
}

#[cfg(test)]
mod tests;
