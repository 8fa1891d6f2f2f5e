//! The type that Cedar gives to an argument, from its JSON schema, and the value of that type.

use std::collections::BTreeMap;

use cedar_policy::RestrictedExpression;
use serde_json::{Map, Value, json};

use crate::capability::{Decimal, canonical};
use crate::text::printable;

/// The most values, with those inside of lists and objects, that the arguments of one call may have.
pub const MAX_POLICY_VALUES: usize = 4096;
/// The deepest nesting of lists and objects that get types of their own; what is deeper is JSON text.
const MAX_DEPTH: usize = 8;
/// One unit of the fourth decimal, in millionths.
const UNIT: i64 = 100;

/// The type of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Bool,
    Long,
    Decimal,
    /// A list, whose order and repetitions a set does not keep.
    Set(Box<Shape>),
    /// An object with no members but these.
    Record(Members),
    /// Anything: its canonical JSON, as a text.
    Json,
}

/// The members of an object, and whether each must be given.
pub(super) type Members = BTreeMap<String, (Shape, bool)>;

impl Shape {
    /// The type for a JSON schema. A schema that allows several types, or objects whose members it does not
    /// list, gives [`Shape::Json`].
    fn of(schema: &Value, depth: usize) -> Self {
        let composed = ["$ref", "allOf", "anyOf", "oneOf", "not", "prefixItems"];
        if depth > MAX_DEPTH || composed.iter().any(|word| schema.get(word).is_some()) {
            return Self::Json;
        }
        let said = match schema.get("type") {
            Some(Value::String(said)) => Some(said.as_str()),
            Some(Value::Array(said)) => match said.as_slice() {
                [Value::String(said), Value::String(null)] if null == "null" => Some(said.as_str()),
                [Value::String(null), Value::String(said)] if null == "null" => Some(said.as_str()),
                _ => None,
            },
            _ => None,
        };
        match said {
            Some("string") => Self::Text,
            Some("boolean") => Self::Bool,
            Some("integer") => Self::Long,
            Some("number") => Self::Decimal,
            Some("array") => match schema.get("items") {
                Some(items) => Self::Set(Box::new(Self::of(items, depth + 1))),
                None => Self::Json,
            },
            Some("object") if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                Self::Record(members(schema, depth))
            }
            _ => Self::Json,
        }
    }

    /// The type as Cedar's schemas write it in JSON.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Text | Self::Json => json!({ "type": "String" }),
            Self::Bool => json!({ "type": "Boolean" }),
            Self::Long => json!({ "type": "Long" }),
            Self::Decimal => json!({ "type": "Extension", "name": "decimal" }),
            Self::Set(element) => json!({ "type": "Set", "element": element.to_json() }),
            Self::Record(members) => record(members),
        }
    }

    /// The value of this type that stands for `value`.
    fn express(&self, value: &Value, spent: &mut usize) -> Result<RestrictedExpression, Unfit> {
        spend(spent)?;
        let unlike = |expected| {
            Err(Unfit::new(format!(
                "{expected} is declared, and the value is {}",
                kind(value)
            )))
        };
        match (self, value) {
            (Self::Json, value) => Ok(RestrictedExpression::new_string(canonical::write(value))),
            (_, Value::Null) => Err(Unfit::new(
                "Cedar has no null; leave the member out".to_owned(),
            )),
            (Self::Text, Value::String(text)) => Ok(RestrictedExpression::new_string(text.clone())),
            (Self::Text, _) => unlike("a string"),
            (Self::Bool, Value::Bool(value)) => Ok(RestrictedExpression::new_bool(*value)),
            (Self::Bool, _) => unlike("a boolean"),
            (Self::Long, Value::Number(number)) => match number.as_i64() {
                Some(long) => Ok(RestrictedExpression::new_long(long)),
                None => Err(Unfit::new(format!(
                    "Cedar's integers have 64 bits with a sign, and `{number}` does not fit; send a smaller integer, or a string"
                ))),
            },
            (Self::Long, _) => unlike("an integer"),
            (Self::Decimal, Value::Number(number)) => match Decimal::of(number) {
                Some(decimal) if decimal.micros() % UNIT == 0 => Ok(
                    RestrictedExpression::new_decimal(four_decimals(decimal.micros() / UNIT)),
                ),
                _ => Err(Unfit::new(format!(
                    "Cedar's decimals have four places and 64 bits, and `{number}` does not fit; round it, or send a string"
                ))),
            },
            (Self::Decimal, _) => unlike("a number"),
            (Self::Set(element), Value::Array(items)) => {
                let mut set = Vec::with_capacity(items.len().min(MAX_POLICY_VALUES));
                for (at, item) in items.iter().enumerate() {
                    let item = element.express(item, spent);
                    set.push(item.map_err(|unfit| unfit.inside(&at.to_string()))?);
                }
                Ok(RestrictedExpression::new_set(set))
            }
            (Self::Set(_), _) => unlike("a list"),
            (Self::Record(members), Value::Object(map)) => express(members, map, spent),
            (Self::Record(_), _) => unlike("an object"),
        }
    }
}

/// The members that a JSON schema of an object lists.
fn members(schema: &Value, depth: usize) -> Members {
    let listed = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|required| required.as_str() == Some(name)))
    };
    listed
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let shape = Shape::of(schema, depth + 1);
            (name.clone(), (shape, is_required(name)))
        })
        .collect()
}

/// The arguments that a tool's parameters list.
pub(super) fn arguments(parameters: &Value) -> Members {
    members(parameters, 0)
}

/// The type of an object as Cedar's schemas write it in JSON.
pub(super) fn record(members: &Members) -> Value {
    let attributes: Map<String, Value> = members
        .iter()
        .map(|(name, (shape, required))| {
            let mut attribute = shape.to_json();
            if let Value::Object(attribute) = &mut attribute {
                attribute.insert("required".to_owned(), (*required).into());
            }
            (name.clone(), attribute)
        })
        .collect();
    json!({ "type": "Record", "attributes": attributes })
}

/// The record that stands for an object. Nothing is left out: a member that is not listed, or that Cedar cannot
/// represent, is an error.
pub(super) fn express(
    members: &Members,
    map: &Map<String, Value>,
    spent: &mut usize,
) -> Result<RestrictedExpression, Unfit> {
    let mut fields = Vec::with_capacity(map.len().min(MAX_POLICY_VALUES));
    for (name, value) in map {
        let inside = |unfit: Unfit| unfit.inside(name);
        let Some((shape, _)) = members.get(name) else {
            spend(spent)?;
            let what = "the tool's parameters do not list it; declare it, so that policies can be checked against it";
            return Err(inside(Unfit::new(what.to_owned())));
        };
        fields.push((name.clone(), shape.express(value, spent).map_err(inside)?));
    }
    let given = |name: &String| map.contains_key(name);
    if let Some((name, _)) = members
        .iter()
        .find(|(name, (_, required))| *required && !given(name))
    {
        return Err(
            Unfit::new("it is declared as required, and is not given".to_owned()).inside(name),
        );
    }
    RestrictedExpression::new_record(fields).map_err(|error| Unfit::new(error.to_string()))
}

fn spend(spent: &mut usize) -> Result<(), Unfit> {
    *spent += 1;
    match *spent > MAX_POLICY_VALUES {
        true => Err(Unfit::new(format!(
            "the arguments have more than {MAX_POLICY_VALUES} values; send fewer"
        ))),
        false => Ok(()),
    }
}

/// A number of ten-thousandths as Cedar reads it.
fn four_decimals(units: i64) -> String {
    let (sign, units) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    format!("{sign}{}.{:04}", units / 10_000, units % 10_000)
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Why a value has no counterpart in Cedar, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    path: String,
    what: String,
}

impl Unfit {
    const fn new(what: String) -> Self {
        Self {
            path: String::new(),
            what,
        }
    }

    fn inside(mut self, name: &str) -> Self {
        let name: String = name.chars().take(64).collect();
        self.path = format!("/{}{}", printable(&name), self.path);
        self
    }
}

impl std::fmt::Display for Unfit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.what),
            path => write!(f, "`{path}`: {}", self.what),
        }
    }
}
