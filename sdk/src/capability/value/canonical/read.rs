//! The strict reader.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{
    JsonError, MAX_ARGUMENTS, MAX_DEPTH, RESERVED, check, reserved, shown, too_deep, too_large,
    too_long,
};

/// The key under which `arbitrary_precision` hands a number to a visitor.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads exactly one JSON value, strictly.
///
/// # Errors
///
/// Besides text that is not JSON: duplicate keys at any depth, lone surrogates, nesting over
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

/// Reads exactly one JSON object, as the arguments of a call are: [`read`], and the value must be an
/// object.
///
/// # Errors
///
/// As [`read`], and for any other value or an empty text. A text of more than [`MAX_ARGUMENTS`] bytes is
/// refused before it is read.
pub fn read_object(text: &str) -> Result<Map<String, Value>, JsonError> {
    if text.len() > MAX_ARGUMENTS {
        return Err(JsonError::byte(0, too_long(text.len())));
    }
    match read(text)? {
        Value::Object(map) => Ok(map),
        _ => Err(JsonError::byte(
            0,
            "not an object; send one JSON object, such as `{}`",
        )),
    }
}

/// The numbers of a text in order, each read from its own digits; depth and range are checked in the same
/// pass, before any recursion.
///
/// On a text that is not JSON the list may be wrong or short. This does no harm: the parser refuses the
/// text, and so does a short list.
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

/// The value of a number token; `None` if it is not a number, for which the parser has the better error.
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
