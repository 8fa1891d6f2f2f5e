//! Members of a request, each as the JSON that is sent.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use crate::model::{Carried, ModelError};

/// Members of a JSON object, in their order.
#[derive(Default)]
pub(super) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// One member.
    ///
    /// # Errors
    ///
    /// As [`Members::put`].
    pub(super) fn one(name: &str, value: &impl Serialize) -> Result<Self, ModelError> {
        let mut members = Self::default();
        members.put(name, value)?;
        Ok(members)
    }

    /// Sets a member, and replaces a member of the same name.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub(super) fn put(&mut self, name: &str, value: &impl Serialize) -> Result<(), ModelError> {
        let raw = to_raw_value(value).map_err(unwritten)?;
        match self.0.iter_mut().find(|(it, _)| it == name) {
            Some((_, value)) => *value = raw,
            None => self.0.push((name.to_owned(), raw)),
        }
        Ok(())
    }

    /// Adds the members of `others`.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// The object as JSON.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn to_raw(&self) -> Result<Box<RawValue>, ModelError> {
        to_raw_value(self).map_err(unwritten)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The values that providers of `protocol` want back, as members; a later member replaces an earlier one of its name.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn carried(all: &[Carried], protocol: &str) -> Result<Members, ModelError> {
    let mut members = Members::default();
    for it in all.iter().filter(|it| it.protocol() == protocol) {
        members.put(it.name(), &raw(it.json())?)?;
    }
    Ok(members)
}

/// JSON text as it is.
///
/// # Errors
///
/// When the text is not JSON.
pub(super) fn raw(json: &str) -> Result<&RawValue, ModelError> {
    serde_json::from_str(json).map_err(unwritten)
}

/// Arguments of a call that was made, for the model to see again. Providers take objects only; arguments
/// that were refused because they are not an object are sent as a text.
///
/// # Errors
///
/// When it cannot be written.
pub(super) fn object(arguments: &str) -> Result<Box<RawValue>, ModelError> {
    match serde_json::from_str::<Box<RawValue>>(arguments) {
        Ok(raw) if raw.get().starts_with('{') => Ok(raw),
        _ => to_raw_value(&json!({ "unreadable": arguments })).map_err(unwritten),
    }
}

fn unwritten(error: serde_json::Error) -> ModelError {
    ModelError::permanent(format!("the request cannot be written: {error}"))
}
