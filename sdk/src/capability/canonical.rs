//! JSON read strictly, and written in one way only.
//!
//! Canonical JSON v1 is RFC 8785 except that 64-bit integers are written in full, larger ones are
//! refused, and so is whatever this reader refuses. Strings are not normalised.
//!
//! Nothing here depends on features of `serde_json`, which another crate of the same build may
//! turn on: numbers are read from their own text, so neither `float_roundtrip` nor
//! `arbitrary_precision` changes a value, and keys are sorted here.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

/// The deepest nesting of arrays and objects.
pub const MAX_DEPTH: usize = 32;

/// Keys that `serde_json` gives a meaning of its own; data must not.
const RESERVED: &str = "$serde_json::private::";
/// The key under which `arbitrary_precision` hands a number to a visitor.
const NUMBER: &str = "$serde_json::private::Number";

/// Why a text or a value has no canonical form, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {place}: {fault}")]
pub struct JsonError {
    place: Place,
    fault: String,
}

/// Where in a text, or where in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Byte(usize),
    Pointer(String),
}

impl fmt::Display for Place {
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
            place: Place::Byte(offset),
            fault: fault.into(),
        }
    }

    fn here(fault: impl Into<String>) -> Self {
        Self {
            place: Place::Pointer(String::new()),
            fault: fault.into(),
        }
    }

    /// The same error, seen from the array or object that holds the value under `key`.
    fn inside(self, key: &str) -> Self {
        match self.place {
            Place::Pointer(path) => Self {
                place: Place::Pointer(format!("/{}{path}", shown(key))),
                fault: self.fault,
            },
            Place::Byte(_) => self,
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

/// User input for a message: escaped, and cut where it is long.
fn shown(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
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

/// Reads exactly one JSON value, strictly.
///
/// # Errors
///
/// Besides what is not JSON: duplicate keys at any depth, lone surrogates, nesting over
/// [`MAX_DEPTH`], integers of more than 64 bits, numbers that are not finite, and anything after
/// the value.
pub fn read(text: &str) -> Result<Value, JsonError> {
    let mut numbers = numbers(text)?.into_iter();
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Strict {
        numbers: &mut numbers,
    }
    .deserialize(&mut parser)
    .and_then(|value| parser.end().map(|()| value))
    .map_err(|error| JsonError::parse(text, &error))?;
    check(&value)?;
    Ok(value)
}

/// Reads exactly one JSON object, strictly: [`read`], and the value must be an object.
///
/// # Errors
///
/// As [`read`], and for any other value or an empty text.
pub fn read_object(text: &str) -> Result<Map<String, Value>, JsonError> {
    match read(text)? {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError::byte(
            0,
            "not an object; send one JSON object, such as `{}`",
        )),
    }
}

/// The numbers of a text in order, each from its own digits; depth and range are checked on the
/// way, before any recursion.
///
/// On a text that is not JSON the list may be wrong or short, which is no harm: the parser
/// refuses the text, and a short list refuses it too.
fn numbers(text: &str) -> Result<Vec<Number>, JsonError> {
    let mut found = Vec::new();
    let mut bytes = text.bytes().enumerate().peekable();
    let (mut depth, mut string) = (0_usize, false);
    while let Some((offset, byte)) = bytes.next() {
        match byte {
            b'"' => string = !string,
            b'\\' if string => drop(bytes.next()),
            _ if string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(JsonError::byte(offset, too_deep()));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'-' | b'0'..=b'9' => {
                let mut end = offset + 1;
                while bytes
                    .next_if(|(_, byte)| {
                        matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
                    })
                    .is_some()
                {
                    end += 1;
                }
                let token = text.get(offset..end).unwrap_or_default();
                match literal(token).map_err(|fault| JsonError::byte(offset, fault))? {
                    Some(number) => found.push(number),
                    None => break,
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The value of a number token; `None` when it is not one, which the parser says better.
fn literal(token: &str) -> Result<Option<Number>, String> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let signed = token.parse::<i64>().map(Number::from);
        return signed
            .or_else(|_| token.parse::<u64>().map(Number::from))
            .map(Some)
            .map_err(|_| too_large(token));
    }
    let Ok(float) = token.parse::<f64>() else {
        return Ok(None);
    };
    match Number::from_f64(float) {
        Some(number) => Ok(Some(number)),
        None => Err(format!(
            "number `{}` is too large; send it as a string",
            shown(token)
        )),
    }
}

/// Builds a value, taking each number from the list that [`numbers`] made.
///
/// With `arbitrary_precision` a number arrives as an object of the one key [`NUMBER`]. Such an
/// object in the text itself takes a number that is not its own, so the list runs out and the
/// text is refused, in every build.
struct Strict<'n> {
    numbers: &'n mut std::vec::IntoIter<Number>,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict {
            numbers: self.numbers,
        }
    }

    fn number<E: serde::de::Error>(self) -> Result<Value, E> {
        self.numbers
            .next()
            .map(Value::Number)
            .ok_or_else(|| E::custom(reserved(NUMBER)))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Value, E> {
        self.number()
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Value, E> {
        self.number()
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Value, E> {
        self.number()
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.inner())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if key == NUMBER && map.is_empty() {
                access.next_value::<String>()?;
                return self.number();
            }
            if key.starts_with(RESERVED) {
                return Err(A::Error::custom(reserved(&key)));
            }
            if map.contains_key(&key) {
                let fault = format!(
                    "key `{}` is given twice in one object; give it once",
                    shown(&key)
                );
                return Err(A::Error::custom(fault));
            }
            map.insert(key, access.next_value_seed(self.inner())?);
        }
        Ok(Value::Object(map))
    }
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
    // Only `arbitrary_precision` makes a number that is none of the three.
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

/// The canonical text of a value that [`check`] passed.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut out = String::new();
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
    Sha256::new()
        .chain_update(prefix)
        .chain_update(write(value))
        .finalize()
        .into()
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
        Value::Object(map) => {
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
    }
}

fn put_string(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
}

/// The canonical text of a number.
pub(crate) fn number_text(number: &Number) -> String {
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

/// The shortest digits that read back as a positive float, and of those the nearest, as
/// `1.25e-7`.
fn shortest(float: f64) -> String {
    let shortest = format!("{float:e}");
    // Halfway between two of that length ECMAScript wants the even one; Rust takes the larger,
    // but rounds to even when it is told how many digits to write.
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
