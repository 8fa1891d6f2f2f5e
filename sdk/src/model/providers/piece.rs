//! A piece of a call, as it arrives.

use std::borrow::Cow;

use super::fault::wrong;
use super::json::{Raw, is_object, kind, text};
use crate::model::{Carried, ModelError};

/// A piece of a call.
#[derive(Default)]
pub(super) struct Piece<'a> {
    pub(super) index: Option<u64>,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) arguments: Arguments<'a>,
    /// Whether the piece stands alone among those that arrived with it.
    pub(super) is_alone: bool,
    pub(super) carried: Option<Carried>,
}

/// Argument text, or a piece of it.
#[derive(Default)]
pub(super) struct Arguments<'a> {
    pub(super) text: Cow<'a, str>,
    /// It came as an object, so it is all of the text.
    pub(super) is_object: bool,
}

impl<'a> Arguments<'a> {
    /// A piece of the text.
    pub(super) const fn piece(text: Cow<'a, str>) -> Self {
        Self {
            text,
            is_object: false,
        }
    }

    /// What a provider sent as the arguments: a string, which is a piece of the text, or an object, whose
    /// JSON is the text as it arrived.
    ///
    /// # Errors
    ///
    /// When it is anything else.
    pub(super) fn read(raw: Raw<'a>) -> Result<Self, ModelError> {
        let Some(value) = raw.filter(|value| !value.get().starts_with('"')) else {
            return Ok(Self::piece(text(raw, "arguments")?.unwrap_or_default()));
        };
        if !is_object(value) {
            return Err(wrong(format_args!(
                "the arguments of a call are {}, and must be an object or its text",
                kind(value.get())
            )));
        }
        Ok(Self {
            text: Cow::Borrowed(value.get()),
            is_object: true,
        })
    }
}
