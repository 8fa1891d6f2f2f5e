//! What the macros write refers to. Not for use by hand, and without any promise of stability.

pub use async_trait::async_trait;
pub use serde;
pub use serde_json;

use serde_json::{Map, Value};

use crate::tool::{Resource, ToolError};

/// Reads a stream of OpenAI's protocol that arrives in pieces of so many bytes, for the benchmark `stream`.
/// Returns the bytes of the arguments of its calls.
///
/// # Errors
///
/// As [`Model::generate`](crate::model::Model::generate).
#[cfg(feature = "providers")]
pub fn read_stream(body: &[u8], piece: usize) -> Result<usize, crate::model::ModelError> {
    let completion = crate::model::providers::read_stream(body, piece)?;
    Ok(completion
        .calls
        .iter()
        .map(|call| call.arguments.len())
        .sum())
}

/// What a `#[tool]` function gives back.
#[diagnostic::on_unimplemented(
    message = "a tool gives back a `Result`, not `{Self}`",
    note = "write `-> Result<T, ToolError>`; any error that is a `std::error::Error` does for `ToolError`, through `?`"
)]
pub trait Fallible {
    /// What the tool gives back when it does not fail.
    type Value;

    /// The result with the one error that a tool has.
    fn settle(self) -> Result<Self::Value, ToolError>;
}

impl<T, E: Into<ToolError>> Fallible for Result<T, E> {
    type Value = T;

    fn settle(self) -> Result<T, ToolError> {
        self.map_err(Into::into)
    }
}

/// One argument, as a schema describes it.
#[derive(Debug)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it is, in words; may be empty.
    pub description: &'static str,
    /// The schema of its type.
    pub schema: Value,
    /// Whether it must be given.
    pub required: bool,
}

/// The schema of an object with these members and no others.
#[must_use]
pub fn object(members: impl IntoIterator<Item = Described>) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for member in members {
        let mut schema = member.schema;
        if let (false, Some(schema)) = (member.description.is_empty(), schema.as_object_mut()) {
            schema.insert("description".to_owned(), member.description.into());
        }
        if member.required {
            required.push(Value::from(member.name));
        }
        properties.insert(member.name.to_owned(), schema);
    }
    serde_json::json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The one place that asks whether a type may stand under `#[resource]`.
pub fn resource<T: Resource>(value: &mut T) -> &mut dyn Resource {
    value
}
