//! Values of an answer, read strictly.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fault::wrong;
use crate::model::ModelError;

/// A value as it arrived; absent and `null` are the same.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// The text of a string, or `None` where there is no value. `what` names it in the error.
///
/// # Errors
///
/// When it is not a string, or has half a surrogate pair.
pub(super) fn text<'a>(raw: Raw<'a>, what: &str) -> Result<Option<Cow<'a, str>>, ModelError> {
    let Some(json) = raw.map(RawValue::get) else {
        return Ok(None);
    };
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match inner {
        Some(inner) if !inner.contains('\\') => Ok(Some(Cow::Borrowed(inner))),
        Some(_) => serde_json::from_str(json)
            .map(|text: String| Some(Cow::Owned(text)))
            .map_err(|error| wrong(format_args!("`{what}` is not a valid string: {error}"))),
        None => Err(wrong(format_args!(
            "`{what}` is {} where a string is meant",
            kind(json)
        ))),
    }
}

/// A count from 0 up, or `None` where there is no value.
///
/// # Errors
///
/// When it is not a whole number from 0 to 2^64-1, written in digits.
pub(super) fn count(raw: Raw<'_>, what: &str) -> Result<Option<u64>, ModelError> {
    let Some(json) = raw.map(RawValue::get) else {
        return Ok(None);
    };
    json.parse().map(Some).map_err(|_| {
        wrong(format_args!(
            "`{what}` is not a whole number from 0 to 2^64-1, but {}",
            kind(json)
        ))
    })
}

/// What a JSON value is.
pub(super) fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Whether it is an object.
pub(super) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// Whether the member `error` reports an error: an empty value does not.
pub(super) fn is_error(raw: &RawValue) -> bool {
    !matches!(raw.get(), "false" | "{}" | "\"\"" | "[]")
}

/// What is read of a JSON object. A derived reader takes an array too, and finds the members in it by their
/// position; this one does not.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        deserializer
            .deserialize_map(Members(PhantomData))
            .map(Object)
    }
}

/// What the JSON object of `bytes` says.
///
/// # Errors
///
/// When it is not a JSON object, or is not of the type.
pub(super) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ModelError> {
    let Object(value) = serde_json::from_slice(bytes).map_err(wrong)?;
    Ok(value)
}

/// As [`read`], of an object within.
///
/// # Errors
///
/// As [`read`].
pub(super) fn within<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, ModelError> {
    let Object(value) = serde_json::from_str(raw.get()).map_err(wrong)?;
    Ok(value)
}

/// As [`read`], of an array of objects within.
///
/// # Errors
///
/// As [`read`].
pub(super) fn list<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
) -> Result<Vec<Object<T>>, ModelError> {
    serde_json::from_str(raw.get()).map_err(wrong)
}
