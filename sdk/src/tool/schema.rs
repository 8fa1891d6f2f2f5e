//! How a type of argument is described to a model.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::capability::Decimal;

/// A type that a `#[tool]` function may take as an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a tool",
    note = "implement `bailiwick::tool::Parameter` for it, which gives its JSON schema; a borrowed type cannot be one"
)]
pub trait Parameter {
    /// Whether the argument must be given.
    const REQUIRED: bool = true;

    /// The JSON schema of the type.
    fn schema() -> Value;
}

macro_rules! parameter {
    ($schema:expr => $($type:ty),+) => {
        $(impl Parameter for $type {
            fn schema() -> Value {
                $schema
            }
        })+
    };
}

parameter!(json!({ "type": "string" }) => String);
parameter!(json!({ "type": "boolean" }) => bool);
parameter!(json!({ "type": "integer" }) => i8, i16, i32, i64, u8, u16, u32, u64);
parameter!(json!({ "type": "number" }) => f64, Decimal);
parameter!(json!({}) => Value);
parameter!(json!({ "type": "object" }) => Map<String, Value>);

impl<T: Parameter> Parameter for Option<T> {
    const REQUIRED: bool = false;

    fn schema() -> Value {
        T::schema()
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    fn schema() -> Value {
        json!({ "type": "array", "items": T::schema() })
    }
}

impl<T: Parameter> Parameter for BTreeMap<String, T> {
    fn schema() -> Value {
        json!({ "type": "object", "additionalProperties": T::schema() })
    }
}
