//! JSON read strictly, and written in one way only.
//!
//! Canonical JSON v1 is RFC 8785 except that 64-bit integers are written in full, and that larger
//! integers and every text that this reader refuses have no canonical form. Strings are not normalised.
//!
//! This module does not depend on features of `serde_json`, which another crate of the same build may
//! turn on: numbers are read from their own text, so neither `float_roundtrip` nor
//! `arbitrary_precision` changes a value, and keys are sorted here.

use std::fmt;

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

mod read;

pub use read::{read, read_object};

/// The longest arguments of a call, in bytes: of the text that is read, and of the canonical text of
/// what was read.
pub const MAX_ARGUMENTS: usize = 1 << 20;

/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// The prefix of keys to which `serde_json` gives a meaning of its own; data must not use them.
const RESERVED: &str = "$serde_json::private::";

/// Why a text or a value has no canonical form, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {location}: {fault}")]
pub struct JsonError {
    location: Location,
    fault: String,
}

/// A position in a text or in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Location {
    Byte(usize),
    Pointer(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Pointer(path) if path.is_empty() => f.write_str("the top"),
            Self::Pointer(path) => write!(f, "`{path}`"),
        }
    }
}

impl JsonError {
    fn byte(offset: usize, fault: impl Into<String>) -> Self {
        Self {
            location: Location::Byte(offset),
            fault: fault.into(),
        }
    }

    fn here(fault: impl Into<String>) -> Self {
        Self {
            location: Location::Pointer(String::new()),
            fault: fault.into(),
        }
    }

    /// The same error, seen from the array or object that holds the value under `key`.
    fn inside(self, key: &str) -> Self {
        match self.location {
            Location::Pointer(path) => Self {
                location: Location::Pointer(format!("/{}{path}", shown(key))),
                fault: self.fault,
            },
            Location::Byte(_) => self,
        }
    }

    fn parse(text: &str, error: &serde_json::Error) -> Self {
        let before = match error.line() {
            0 | 1 => 0,
            line => text
                .match_indices('\n')
                .nth(line - 2)
                .map_or(0, |(newline, _)| newline + 1),
        };
        let message = error.to_string();
        let suffix = format!(" at line {} column {}", error.line(), error.column());
        let fault = message.strip_suffix(&suffix).unwrap_or(&message);
        Self::byte(before + error.column().saturating_sub(1), fault)
    }
}

/// User input for a message: escaped, and cut if it is long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let start: String = text.chars().take(LONGEST).collect();
    let mut out = crate::text::printable(&start);
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

fn too_deep() -> String {
    format!("arrays and objects nest more than {MAX_DEPTH} deep; flatten the value")
}

fn too_large(number: &str) -> String {
    format!(
        "integer `{}` does not fit 64 bits; send it as a string",
        shown(number)
    )
}

fn reserved(key: &str) -> String {
    format!("key `{}` is reserved; use another name", shown(key))
}

/// Checks that a value made in memory has a canonical form that reads back.
///
/// # Errors
///
/// Nesting over [`MAX_DEPTH`], a number written as an integer of more than 64 bits (a float such
/// as `1e20`), and keys that `serde_json` reserves.
pub fn check(value: &Value) -> Result<(), JsonError> {
    fits(value, 0)
}

fn fits(value: &Value, depth: usize) -> Result<(), JsonError> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => number_fits(number),
        Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
            Err(JsonError::here(too_deep()))
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
            fits(item, depth + 1).map_err(|error| error.inside(&index.to_string()))
        }),
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            if key.starts_with(RESERVED) {
                return Err(JsonError::here(reserved(key)));
            }
            fits(item, depth + 1).map_err(|error| error.inside(key))
        }),
    }
}

fn number_fits(number: &Number) -> Result<(), JsonError> {
    if number.is_i64() || number.is_u64() {
        return Ok(());
    }
    // Only `arbitrary_precision` makes a number that has none of the three types.
    let finite = number
        .as_f64()
        .filter(|float| number.is_f64() && float.is_finite());
    let fault = || JsonError::here(too_large(&number_text(number)));
    let float = finite.ok_or_else(fault)?;
    let text = ecmascript(float);
    let fine =
        text.contains(['.', 'e']) || text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    fine.then_some(()).ok_or_else(fault)
}

/// The number of bytes of the canonical text of an object, or an error if that is more than the arguments
/// of a call may have. The values in it have passed [`check`].
pub(super) fn arguments_fit(map: &Map<String, Value>) -> Result<(), JsonError> {
    let length = members(map);
    if length > MAX_ARGUMENTS {
        return Err(JsonError::here(too_long(length)));
    }
    Ok(())
}

fn too_long(length: usize) -> String {
    format!(
        "the arguments have {length} bytes, more than {MAX_ARGUMENTS}; send less data, or send its path or URL instead"
    )
}

fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(true) => 4,
        Value::Bool(false) => 5,
        Value::Number(number) => number_text(number).len(),
        Value::String(text) => string_length(text),
        Value::Array(items) => {
            1 + items
                .iter()
                .map(|item| length(item) + 1)
                .sum::<usize>()
                .max(1)
        }
        Value::Object(map) => members(map),
    }
}

fn members(map: &Map<String, Value>) -> usize {
    let each = map
        .iter()
        .map(|(key, item)| string_length(key) + length(item) + 2);
    1 + each.sum::<usize>().max(1)
}

fn string_length(text: &str) -> usize {
    let escaped = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | 8 | b'\t' | b'\n' | 12 | b'\r' => 2,
        0..0x20 => 6,
        _ => 1,
    });
    2 + escaped.sum::<usize>()
}

/// The canonical text of a value that [`check`] passed.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut out = String::with_capacity(256);
    put(value, &mut out);
    out
}

/// The SHA-256 of the canonical text.
#[must_use]
pub fn hash(value: &Value) -> [u8; 32] {
    digest(b"", value)
}

/// The SHA-256 of `prefix`, which names the use, and the canonical text.
#[must_use]
pub fn digest(prefix: &[u8], value: &Value) -> [u8; 32] {
    sha256(prefix, write(value))
}

/// SHA-256 over a prefix and what comes after it.
pub(crate) fn sha256(prefix: &[u8], text: impl AsRef<[u8]>) -> [u8; 32] {
    let hash = Sha256::new().chain_update(prefix).chain_update(text);
    hash.finalize().into()
}

/// As [`write`], of an object.
pub(crate) fn write_object(map: &Map<String, Value>) -> String {
    let mut out = String::with_capacity(256);
    put_object(map, &mut out);
    out
}

/// A member of an object for which there is no [`Value`].
pub(crate) enum Member<'a> {
    Text(&'a str),
    Object(&'a Map<String, Value>),
}

/// As [`digest`], of an object of these members, which are in the order of their names. It is for a digest
/// that every call needs.
pub(super) fn digest_of<'a>(
    prefix: &[u8],
    members: impl IntoIterator<Item = (&'a str, Member<'a>)>,
) -> [u8; 32] {
    let mut out = String::with_capacity(512);
    out.push('{');
    for (index, (name, member)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        put_string(name, &mut out);
        out.push(':');
        match member {
            Member::Text(text) => put_string(text, &mut out),
            Member::Object(map) => put_object(map, &mut out),
        }
    }
    out.push('}');
    sha256(prefix, out)
}

fn put(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => put_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                put(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => put_object(map, out),
    }
}

fn put_object(map: &Map<String, Value>, out: &mut String) {
    let mut members: Vec<_> = map.iter().collect();
    members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (index, (key, item)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        put_string(key, out);
        out.push(':');
        put(item, out);
    }
    out.push('}');
}

fn put_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    // Only ASCII characters are escaped, so the bytes between two of them are whole characters.
    while let Some(at) = rest
        .bytes()
        .position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        let (plain, escaped) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = escaped.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            Some(char) => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

/// The canonical text of a number.
pub(super) fn number_text(number: &Number) -> String {
    if let Some(integer) = number.as_i64() {
        return integer.to_string();
    }
    if let Some(integer) = number.as_u64() {
        return integer.to_string();
    }
    number
        .as_f64()
        .map_or_else(|| number.to_string(), ecmascript)
}

/// The shortest digits that read back as a positive float, and of those the nearest to it, such as
/// `1.25e-7`.
fn shortest(float: f64) -> String {
    let shortest = format!("{float:e}");
    // Halfway between two of that length ECMAScript requires the even one; Rust takes the larger,
    // but rounds to even if the number of digits is given.
    let places = shortest.find('e').unwrap_or(0).saturating_sub(2);
    let even = format!("{float:.places$e}");
    if even.parse() == Ok(float) {
        even
    } else {
        shortest
    }
}

/// ECMAScript's `Number::toString` of a finite number.
fn ecmascript(float: f64) -> String {
    if float == 0.0 {
        return "0".to_owned();
    }
    let sign = if float < 0.0 { "-" } else { "" };
    let text = shortest(float.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|char| *char != '.').collect();
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let count = i32::try_from(digits.len()).unwrap_or(0);
    let (head, tail) = digits
        .split_at_checked(usize::try_from(exponent + 1).unwrap_or(0))
        .unwrap_or((&digits, ""));
    match exponent {
        0..=20 if tail.is_empty() => format!("{sign}{digits}{}", zeros(exponent + 1 - count)),
        0..=20 => format!("{sign}{head}.{tail}"),
        -6..=-1 => format!("{sign}0.{}{digits}", zeros(-exponent - 1)),
        _ => format!("{sign}{mantissa}e{exponent:+}"),
    }
}

#[cfg(test)]
mod tests;
