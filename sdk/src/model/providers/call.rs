//! A call, put together from its pieces.

use super::fault::wrong;
use super::piece::Arguments;
use crate::model::{Carried, ModelError, ToolCall};

/// A call, put together so far.
#[derive(Default)]
pub(super) struct Call {
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    pub(super) carried: Vec<Carried>,
    /// The arguments came as an object, so no piece of them follows.
    is_closed: bool,
    scan: Scan,
}

/// How far into a JSON object a text is. It is kept piece by piece, since reading all of the text again with
/// each piece would cost its square.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    is_whole: bool,
}

impl Scan {
    fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.after_backslash => self.after_backslash = false,
                b'\\' if self.in_string => self.after_backslash = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth = self.depth.saturating_add(1),
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_whole |= self.depth == 0;
                }
                _ => {}
            }
        }
    }
}

impl Call {
    /// A call of which nothing else is known.
    pub(super) fn new(index: Option<u64>) -> Self {
        Self {
            index,
            ..Self::default()
        }
    }

    /// Takes a piece of the argument text, or all of it.
    ///
    /// # Errors
    ///
    /// When the call has arguments, and other arguments come as a whole.
    pub(super) fn arguments(&mut self, arguments: &Arguments<'_>) -> Result<(), ModelError> {
        let text = &arguments.text;
        if text.is_empty() || (self.is_whole() && self.arguments == *text) {
            return Ok(());
        }
        if self.is_closed || (arguments.is_object && !self.arguments.is_empty()) {
            return Err(wrong("one call has its arguments twice"));
        }
        self.is_closed = arguments.is_object;
        self.arguments.push_str(text);
        self.scan.push(text);
        Ok(())
    }

    /// Whether its arguments are as long as a JSON object is.
    pub(super) const fn is_whole(&self) -> bool {
        self.scan.is_whole
    }

    /// The call as the gate gets it; the answer is whole or was cut short.
    pub(super) fn into_call(self, is_whole: bool) -> ToolCall {
        let mut call = ToolCall::new(self.id, self.name, self.arguments);
        // A call without arguments is written as an empty text; if the answer was cut short, it may be any call.
        if is_whole && call.arguments.trim().is_empty() {
            "{}".clone_into(&mut call.arguments);
        }
        call.carried = self.carried;
        call
    }
}
