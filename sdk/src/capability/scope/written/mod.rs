//! The written form of a scope, JSON or TOML, as it is reviewed in pull requests.
//!
//! Reading is strict: a field, constraint, unit or level that is not known is an error that names
//! its place. No part is ever ignored, since an ignored part would be a limit without effect.
//!
//! ```
//! use bailiwick::capability::Scope;
//!
//! let scope = Scope::from_json(r#"{
//!   "grants": [ { "tool": "fs.read", "args": { "path": {"path_under": "/srv/docs"} } } ],
//!   "expires_in": "10m"
//! }"#)?;
//! let error = Scope::from_json(r#"{ "grants": [ { "tool": "fs.read", "arg": {} } ] }"#);
//! assert!(error.unwrap_err().to_string().starts_with("grants[0]: unknown field `arg`"));
//! # Ok::<(), bailiwick::capability::ScopeError>(())
//! ```

mod constraint;
mod lifetime;
mod node;
mod scope;
mod strict;
#[cfg(feature = "toml")]
mod toml;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use super::bounds::Bounds;
use super::builder::{Scope, ScopeError};
use crate::capability::value::canonical;

/// The one member of an object that stands for a value by the SHA-256 of its canonical JSON.
const HASH: &str = "$sha256";
/// The one member of an object that stands for a number that no JSON number holds exactly.
const DECIMAL: &str = "$decimal";

/// An object of the members that are there.
fn object<'a>(members: impl IntoIterator<Item = (&'a str, Option<Value>)>) -> Value {
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<Map<_, _>>()
        .into()
}

fn strings(set: &BTreeSet<String>) -> Value {
    set.iter().map(String::as_str).collect()
}

fn displayed(set: impl IntoIterator<Item = impl ToString>) -> Value {
    set.into_iter().map(|item| item.to_string()).collect()
}

impl Scope {
    /// Reads the written form in JSON. A key that occurs twice in one object is an error.
    ///
    /// # Errors
    ///
    /// The error names the place and the fault.
    pub fn from_json(text: &str) -> Result<Self, ScopeError> {
        let value =
            canonical::read(text).map_err(|error| ScopeError::new("scope", error.to_string()))?;
        Self::from_value(&value)
    }

    /// Reads the written form in TOML, which has the fields of the JSON form.
    ///
    /// # Errors
    ///
    /// As [`Scope::from_json`].
    #[cfg(feature = "toml")]
    pub fn from_toml(text: &str) -> Result<Self, ScopeError> {
        Self::from_value(&toml::value(text)?)
    }

    /// Reads the written form from JSON that is parsed already. A key that occurs twice in the text is lost
    /// by then; to read text, use [`Scope::from_json`].
    ///
    /// # Errors
    ///
    /// As [`Scope::from_json`].
    pub fn from_value(value: &Value) -> Result<Self, ScopeError> {
        scope::read(&node::Node::root(value))
    }

    /// The written form, which [`Scope::from_value`] reads back.
    ///
    /// A lifetime is written in whole seconds, rounded down. An array, an object, or a number of
    /// more than six decimals in `eq`, `one_of` or `subset_of` is written `{"$sha256": "…"}`, since
    /// the scope keeps only its hash. A [`Decimal`](crate::capability::Decimal) that no JSON number
    /// holds exactly is written `{"$decimal": "…"}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        write::scope(self)
    }
}

impl Bounds {
    /// The written form in absolute terms (`expires_at`), which [`Scope::from_value`] reads back.
    #[must_use]
    pub fn to_json(&self) -> Value {
        write::bounds(self)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scope {
    /// As [`Scope::from_json`]: in every format, a key that occurs twice in one object is an error, and so is
    /// nesting that is too deep.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let strict::Strict(value) = strict::Strict::deserialize(deserializer)?;
        canonical::check(&value).map_err(de::Error::custom)?;
        Self::from_value(&value).map_err(de::Error::custom)
    }
}
