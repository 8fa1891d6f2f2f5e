//! What a provider wants back with a turn.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::ModelError;

/// The most bytes of JSON that one value holds.
const MAX_BYTES: usize = 1024 * 1024;

/// A value that a provider sent with a turn and wants back with it: signed thoughts, for example.
///
/// It is opaque. The library does not read it and does not show it in `Debug`, spans or errors. Only the model's
/// adapter writes it into a request, and only to a server of the protocol that it came from. The JSON is kept
/// as the text that arrived, since providers sign what they sent.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Carried {
    protocol: String,
    name: String,
    before: usize,
    json: String,
}

impl Carried {
    /// A value of the member `name`, as `json`, for servers that speak `protocol`.
    ///
    /// # Errors
    ///
    /// When `json` is not a JSON value, or is longer than 1 MiB.
    pub fn new(
        protocol: impl Into<String>,
        name: impl Into<String>,
        json: impl Into<String>,
    ) -> Result<Self, ModelError> {
        let json = json.into();
        if json.len() > MAX_BYTES {
            return Err(ModelError::permanent(format!(
                "a value that the provider wants back with the turn has {} bytes, and at most {MAX_BYTES} are kept",
                json.len()
            )));
        }
        if serde_json::from_str::<&RawValue>(&json).is_err() {
            return Err(ModelError::permanent(
                "a value that the provider wants back with the turn is not JSON",
            ));
        }
        Ok(Self {
            protocol: protocol.into(),
            name: name.into(),
            before: 0,
            json,
        })
    }

    /// The same value, which stands after the first `calls` calls of its turn. It stands before all of them
    /// unless this says otherwise.
    #[must_use]
    pub const fn after_calls(mut self, calls: usize) -> Self {
        self.before = calls;
        self
    }

    /// The protocol of the servers that take it.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The member that it is the value of, as the adapter names it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many calls of its turn stand before it.
    #[must_use]
    pub const fn calls_before(&self) -> usize {
        self.before
    }

    /// The JSON text.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carried")
            .field("protocol", &self.protocol)
            .field("name", &self.name)
            .field("bytes", &self.json.len())
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for Carried {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Stored {
            protocol: String,
            name: String,
            before: usize,
            json: String,
        }
        let stored = Stored::deserialize(deserializer)?;
        let read =
            Self::new(stored.protocol, stored.name, stored.json).map_err(D::Error::custom)?;
        Ok(read.after_calls(stored.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_stored_as_it_arrived_and_shown_nowhere() {
        let json = r#"{"b": 1.50, "a": "s3cret", "b": 2}"#;
        let carried = Carried::new("openai", "extra_content", json)
            .unwrap()
            .after_calls(2);
        let stored = serde_json::to_string(&carried).unwrap();
        let again: Carried = serde_json::from_str(&stored).unwrap();
        assert_eq!(again, carried);
        assert_eq!((again.json(), again.calls_before()), (json, 2));
        assert!(!format!("{carried:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_json_or_too_long_is_refused() {
        for json in ["", "{", "{} {}", "nope"] {
            assert!(Carried::new("openai", "x", json).is_err(), "{json}");
        }
        let long = format!("\"{}\"", "x".repeat(MAX_BYTES));
        assert!(Carried::new("openai", "x", long).is_err());
        let stored = r#"{"protocol":"openai","name":"x","before":0,"json":"{"}"#;
        assert!(serde_json::from_str::<Carried>(stored).is_err());
    }
}
