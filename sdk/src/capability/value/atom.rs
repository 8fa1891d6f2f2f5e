//! Values as a token compares them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::canonical;
use super::decimal::Decimal;
use crate::id::hex::Hex;

/// A value as a token compares it: a string, a truth value, a number of at most six decimals, or
/// the SHA-256 of the canonical JSON of anything else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A string.
    Str(String),
    /// A truth value.
    Bool(bool),
    /// A number that fits [`Decimal`].
    Num(Decimal),
    /// An array, an object, or a number that does not fit [`Decimal`].
    Hash([u8; 32]),
}

/// Which of the four types an [`Atom`] has; sets hold atoms of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum AtomType {
    Str,
    Bool,
    Num,
    Hash,
}

impl Atom {
    /// The atom of a JSON value; `None` for `null` and for a value that canonical JSON cannot write.
    #[must_use]
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(Self::Str(text.clone())),
            Value::Bool(truth) => Some(Self::Bool(*truth)),
            Value::Number(number) => match Decimal::of(number) {
                Some(decimal) => Some(Self::Num(decimal)),
                None => canonical::check(value)
                    .ok()
                    .map(|()| Self::Hash(canonical::hash(value))),
            },
            Value::Array(_) | Value::Object(_) => canonical::check(value)
                .ok()
                .map(|()| Self::Hash(canonical::hash(value))),
        }
    }

    pub(crate) const fn kind(&self) -> AtomType {
        match self {
            Self::Str(_) => AtomType::Str,
            Self::Bool(_) => AtomType::Bool,
            Self::Num(_) => AtomType::Num,
            Self::Hash(_) => AtomType::Hash,
        }
    }
}

impl fmt::Debug for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Num(number) => write!(f, "{number}"),
            Self::Hash(hash) => write!(f, "sha256:{}", Hex(hash)),
        }
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Atom {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<bool> for Atom {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Decimal> for Atom {
    fn from(number: Decimal) -> Self {
        Self::Num(number)
    }
}

impl From<i32> for Atom {
    fn from(number: i32) -> Self {
        Self::Num(number.into())
    }
}

/// The elements of a non-empty array whose elements have one type, without order and repetition.
pub type AtomSet = BTreeSet<Atom>;
