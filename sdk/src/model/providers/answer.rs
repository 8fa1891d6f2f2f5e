//! An answer, put together from its pieces.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use zeroize::Zeroizing;

use super::call::Call;
use super::fault::{broken, too_long, wrong};
use super::piece::{Arguments, Piece};
use super::stop::Stop;
use crate::model::{Carried, Completion, ModelError, StopReason, ToolCall, Usage};

/// The most bytes of words, arguments and thoughts.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most calls of one answer. An index at or past it is refused too.
const MAX_CALLS: usize = 1024;

/// The part of an answer that was read so far.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) refusal: String,
    calls: Vec<Call>,
    places: HashMap<u64, usize>,
    ids: HashMap<String, usize>,
    /// The secret that is masked in the provider's errors.
    pub(super) secret: Zeroizing<String>,
    bytes: usize,
    /// Whether more than keep-alive events came so far.
    pub(super) has_begun: bool,
}

impl Answer {
    /// Counts so many more bytes of the answer.
    ///
    /// # Errors
    ///
    /// When they are too many.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), ModelError> {
        self.has_begun = true;
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return Err(too_long("it has more bytes", MAX_BYTES));
        }
        Ok(())
    }

    /// How many calls were begun.
    pub(super) const fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Which call has the pieces of an index.
    pub(super) fn place_of(&self, index: u64) -> Option<usize> {
        self.places.get(&index).copied()
    }

    /// Takes one more piece of the argument text of the call at a place, and nothing else of it.
    ///
    /// # Errors
    ///
    /// As [`Answer::piece`].
    pub(super) fn more(&mut self, at: usize, text: &str) -> Result<(), ModelError> {
        self.grow(text.len())?;
        let Some(call) = self.calls.get_mut(at) else {
            return Err(wrong("a piece of a call belongs to no call"));
        };
        call.arguments(&Arguments::piece(Cow::Borrowed(text)))
    }

    /// How many bytes of words, arguments and thoughts were taken.
    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a piece of a call.
    ///
    /// Pieces with an index are joined by it. A piece without one is of the call that has its id; with no
    /// such id it begins a call if it has a name, and goes on with the last one if it has none, or the name
    /// again while the arguments are not whole. A piece that says again what the whole call says is dropped.
    ///
    /// # Errors
    ///
    /// When it is not known which call the piece is of, or when the call has two names, or arguments twice.
    pub(super) fn piece(&mut self, piece: Piece<'_>) -> Result<(), ModelError> {
        let bytes = piece.id.len().saturating_add(piece.name.len());
        self.grow(bytes.saturating_add(piece.arguments.text.len()))?;
        let at = self.place(&piece)?;
        let Some(call) = self.calls.get_mut(at) else {
            return Err(wrong("a piece of a call belongs to no call"));
        };
        if call.id.is_empty() {
            call.id.push_str(piece.id);
        }
        if call.name.is_empty() {
            call.name.push_str(piece.name);
        } else if !piece.name.is_empty() && call.name != piece.name {
            return Err(wrong("one call has two names"));
        }
        call.carried.extend(piece.carried);
        call.arguments(&piece.arguments)
    }

    fn place(&mut self, piece: &Piece<'_>) -> Result<usize, ModelError> {
        let Some(index) = piece.index else {
            return self.place_without_index(piece);
        };
        if index >= MAX_CALLS as u64 {
            return Err(wrong(format_args!(
                "a call has the index {index}, and an answer has at most {MAX_CALLS} calls"
            )));
        }
        if let Some(&at) = self.places.get(&index) {
            let call = self.calls.get(at);
            let is_same =
                |call: &Call| piece.id.is_empty() || call.id.is_empty() || call.id == piece.id;
            if call.is_some_and(is_same) {
                return Ok(at);
            }
            // Some servers count every call as the first; what is told apart by its id is whole.
            if piece.name.is_empty() || !call.is_some_and(Call::is_whole) {
                return Err(wrong(format_args!("the call of index {index} has two ids")));
            }
        }
        let at = self.begin(Some(index))?;
        self.places.insert(index, at);
        Ok(at)
    }

    fn place_without_index(&mut self, piece: &Piece<'_>) -> Result<usize, ModelError> {
        if !piece.id.is_empty() {
            if let Some(&at) = self.ids.get(piece.id) {
                return Ok(at);
            }
        } else if piece.is_alone
            && let Some(at) = self.calls.len().checked_sub(1)
            && let Some(call) = self.calls.get(at)
        {
            let is_again = call.name == piece.name
                && (!call.is_whole() || call.arguments == piece.arguments.text);
            if piece.name.is_empty() || is_again {
                return Ok(at);
            }
        }
        if piece.name.is_empty() {
            return Err(wrong(
                "a piece of a call has no index, no name and no known id",
            ));
        }
        let at = self.begin(None)?;
        if !piece.id.is_empty() {
            self.ids.insert(piece.id.to_owned(), at);
        }
        Ok(at)
    }

    fn begin(&mut self, index: Option<u64>) -> Result<usize, ModelError> {
        if self.calls.len() >= MAX_CALLS {
            return Err(too_long("it has more calls", MAX_CALLS));
        }
        self.calls.push(Call::new(index));
        Ok(self.calls.len().saturating_sub(1))
    }

    /// The whole answer, which stopped for `stop` at the cost of `usage`.
    ///
    /// # Errors
    ///
    /// When a call has no name, two calls have one id, or the answer says that it makes calls and has no call.
    pub(super) fn finish(
        self,
        stop: Stop,
        usage: Option<Usage>,
        mut carried: Vec<Carried>,
    ) -> Result<Completion, ModelError> {
        let is_whole = stop.is_whole();
        let has_output = self.bytes > 0;
        let mut calls = self.calls;
        if calls.iter().all(|call| call.index.is_some()) {
            calls.sort_by_key(|call| call.index);
        }
        if is_whole && calls.iter().any(|call| call.name.is_empty()) {
            return Err(wrong("a call has no name"));
        }
        let calls = distinct(calls, is_whole)?;
        let reason = match stop {
            Stop::Known(reason) => reason,
            Stop::Unknown if calls.is_empty() => StopReason::Other,
            Stop::Unknown => {
                return Err(wrong(
                    "it has calls and stopped for an unknown reason, so they may not be whole",
                ));
            }
        };
        let is_refused = !self.refusal.is_empty() || reason == StopReason::Refused;
        let reason = match reason {
            _ if is_refused => StopReason::Refused,
            StopReason::ToolCalls if calls.is_empty() => {
                return Err(broken("it says that it makes calls, and has no call"));
            }
            // Some models report the end of the answer although they make calls.
            StopReason::End if !calls.is_empty() => StopReason::ToolCalls,
            StopReason::End if self.text.is_empty() => StopReason::Other,
            reason => reason,
        };
        let text = if self.text.is_empty() {
            self.refusal
        } else {
            self.text
        };
        carried.retain(|it| it.calls_before() <= calls.len());
        Ok(Completion {
            text: (!text.is_empty()).then_some(text),
            calls,
            usage: usage.filter(|usage| is_count(*usage, has_output)),
            stop: reason,
            carried,
        })
    }
}

/// The calls, each id once.
fn distinct(calls: Vec<Call>, is_whole: bool) -> Result<Vec<ToolCall>, ModelError> {
    let mut seen: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut kept = Vec::with_capacity(calls.len());
    for call in calls {
        let call = call.into_call(is_whole);
        let said = (call.name.clone(), call.arguments.clone());
        match seen.get(&call.id) {
            Some(before) if !call.id.is_empty() => {
                if *before != said {
                    return Err(wrong("two different calls have one id"));
                }
            }
            _ => {
                seen.insert(call.id.clone(), said);
                kept.push(call);
            }
        }
    }
    Ok(kept)
}

/// Whether the usage is a real count. A total of 0 is not, nor is an output of 0 for an answer with output.
const fn is_count(usage: Usage, has_output: bool) -> bool {
    usage.total() > 0 && !(has_output && usage.output == 0)
}
