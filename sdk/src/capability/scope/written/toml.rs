//! TOML, converted to the JSON that is read; times become strings.

use serde_json::{Map, Number, Value};

use crate::capability::scope::builder::ScopeError;

/// The value of a TOML document.
pub(super) fn value(text: &str) -> Result<Value, ScopeError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        ScopeError::new(
            "scope",
            format!("not TOML: {}", error.to_string().trim_end()),
        )
    })?;
    json(toml::Value::Table(table), "")
}

fn json(value: toml::Value, place: &str) -> Result<Value, ScopeError> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => {
            Number::from_f64(number).map(Value::Number).ok_or_else(|| {
                ScopeError::new(
                    place,
                    format!("`{number}` is not a number that JSON can write"),
                )
            })?
        }
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => {
            let items = items.into_iter().enumerate();
            Value::Array(
                items
                    .map(|(index, item)| json(item, &format!("{place}[{index}]")))
                    .collect::<Result<_, _>>()?,
            )
        }
        toml::Value::Table(table) => {
            let dot = if place.is_empty() { "" } else { "." };
            let members = table.into_iter().map(|(name, item)| {
                let item = json(item, &format!("{place}{dot}{name}"))?;
                Ok((name, item))
            });
            Value::Object(members.collect::<Result<Map<_, _>, ScopeError>>()?)
        }
    })
}
