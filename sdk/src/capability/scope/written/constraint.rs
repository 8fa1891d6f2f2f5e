//! Constraints as they are written, and back: `"any"`, `{"path_under": "/srv"}`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::node::Node;
use super::{DECIMAL, HASH, displayed, object, strings};
use crate::capability::scope::{
    builder::ScopeError,
    constraint::{Constraint, strip_slash, with_slash},
};
use crate::capability::value::{Atom, Decimal, UrlPattern};
use crate::id::hex::{self, Hex};

const WORDS: [&str; 2] = ["any", "absent"];
const KINDS: [&str; 10] = [
    "eq",
    "one_of",
    "prefix",
    "range",
    "subset_of",
    "path_under",
    "url",
    "host",
    "cidr",
    "matches",
];

pub(super) fn read(node: &Node<'_>) -> Result<Constraint, ScopeError> {
    if let Value::String(word) = node.value {
        return match word.as_str() {
            "any" => Ok(Constraint::Any),
            "absent" => Ok(Constraint::Absent),
            kind if KINDS.contains(&kind) => Err(node.fault(format!(
                "`{kind}` is written with its value: {{\"{kind}\": …}}"
            ))),
            other => Err(node.unknown(
                "constraint",
                other,
                &WORDS.iter().chain(&KINDS).copied().collect::<Vec<_>>(),
            )),
        };
    }
    let object = node.object("a constraint (`any`, `absent`, or an object such as {\"eq\": …})")?;
    let mut members = object.iter();
    let (Some((kind, value)), None) = (members.next(), members.next()) else {
        let names: Vec<_> = object.keys().map(|key| format!("`{key}`")).collect();
        let names = if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        };
        return Err(node.fault(format!(
            "a constraint is an object with one key, this one has {names}"
        )));
    };
    let inner = node.member(kind, value);
    let constraint = match kind.as_str() {
        "eq" => Constraint::Eq(atom(&inner)?),
        "one_of" => Constraint::OneOf(atoms(&inner)?),
        "subset_of" => Constraint::SubsetOf(atoms(&inner)?),
        "prefix" => Constraint::Prefix(inner.texts()?),
        "range" => range(&inner)?,
        "path_under" => Constraint::PathUnder(slashed(&inner)?),
        "url" => Constraint::Url(url(&inner)?),
        "host" => Constraint::Host(inner.texts()?),
        "cidr" => Constraint::Cidr(networks(&inner)?),
        "matches" => Constraint::Matches(inner.texts()?),
        word if WORDS.contains(&word) => {
            return Err(node.fault(format!("`{word}` is written as a bare string: \"{word}\"")));
        }
        other => return Err(node.unknown("constraint", other, &KINDS)),
    };
    // A constraint that allows no value, or every value, is found without the rest of the scope.
    let open = Constraint::Range {
        min: None,
        max: None,
    };
    let limits = constraint != open && constraint != Constraint::Url(UrlPattern::default());
    let fault = match limits {
        true => constraint.empty_fault(),
        false => constraint.fault(),
    };
    fault.map_or(Ok(constraint), |what| Err(node.fault(what)))
}

fn atom(node: &Node<'_>) -> Result<Atom, ScopeError> {
    if let Some(stand_in) = stand_in(node)? {
        return Ok(stand_in);
    }
    let atom = Atom::of(node.value).ok_or_else(|| match node.value {
        Value::Null => {
            node.fault("null is not a value; write `absent` for an argument that must not be given")
        }
        _ => node.fault("the value is nested too deep, or holds an integer of more than 64 bits"),
    })?;
    match hidden_stand_in(node.value) {
        None => Ok(atom),
        Some(name) => Err(node.fault(format!(
            "`{name}` stands for a whole value and not for a part of one; write the whole value by its hash, {{\"{HASH}\": …}}"
        ))),
    }
}

/// The value for which `{"$sha256": …}` or `{"$decimal": …}` stands; `None` for any other value.
fn stand_in(node: &Node<'_>) -> Result<Option<Atom>, ScopeError> {
    let Some(object) = node.value.as_object() else {
        return Ok(None);
    };
    let Some(name) = [HASH, DECIMAL]
        .into_iter()
        .find(|name| object.contains_key(*name))
    else {
        return Ok(None);
    };
    let only = [name];
    let field = node.fields(&only)?;
    let Some(inner) = field(name) else {
        return Ok(None);
    };
    if name == DECIMAL {
        return inner.parse("a number as a string").map(Atom::Num).map(Some);
    }
    let text = inner.text("a hash as a string")?;
    let hash = hex::read(text)
        .ok_or_else(|| inner.fault("a hash is written as 64 hexadecimal digits in lower case"))?;
    Ok(Some(Atom::Hash(hash)))
}

/// The stand-in inside a value, where it would be compared as a plain object.
fn hidden_stand_in(value: &Value) -> Option<&'static str> {
    match value {
        Value::Array(items) => items.iter().find_map(hidden_stand_in),
        Value::Object(members) => [HASH, DECIMAL]
            .into_iter()
            .find(|name| members.contains_key(*name))
            .or_else(|| members.values().find_map(hidden_stand_in)),
        _ => None,
    }
}

fn atoms(node: &Node<'_>) -> Result<BTreeSet<Atom>, ScopeError> {
    node.list("a list of values")?.iter().map(atom).collect()
}

fn range(node: &Node<'_>) -> Result<Constraint, ScopeError> {
    let field = node.fields(&["min", "max"])?;
    let number = |name: &str| field(name).map(|node| decimal(&node)).transpose();
    Ok(Constraint::Range {
        min: number("min")?,
        max: number("max")?,
    })
}

fn decimal(node: &Node<'_>) -> Result<Decimal, ScopeError> {
    if let Some(Atom::Num(number)) = stand_in(node)? {
        return Ok(number);
    }
    let Value::Number(number) = node.value else {
        return Err(node.fault("a number is expected here"));
    };
    Decimal::of(number).ok_or_else(|| {
        node.fault(format!(
            "`{number}` does not fit a number of six decimals up to 9223372036854.775807"
        ))
    })
}

fn slashed(node: &Node<'_>) -> Result<BTreeSet<String>, ScopeError> {
    Ok(node.texts()?.into_iter().map(with_slash).collect())
}

fn url(node: &Node<'_>) -> Result<UrlPattern, ScopeError> {
    let field = node.fields(&["schemes", "hosts", "ports", "paths"])?;
    let texts = |name: &str| field(name).map(|node| node.texts()).transpose();
    Ok(UrlPattern {
        schemes: texts("schemes")?,
        hosts: texts("hosts")?,
        ports: field("ports").map(|node| ports(&node)).transpose()?,
        paths: field("paths").map(|node| slashed(&node)).transpose()?,
    })
}

fn ports(node: &Node<'_>) -> Result<BTreeSet<u16>, ScopeError> {
    let port = |node: &Node<'_>| {
        let number = node.integer(u64::from(u16::MAX))?;
        u16::try_from(number).map_err(|error| node.fault(error.to_string()))
    };
    match node.value {
        Value::Number(_) => Ok(BTreeSet::from([port(node)?])),
        _ => node
            .list("a port or a list of ports")?
            .iter()
            .map(port)
            .collect(),
    }
}

fn networks(node: &Node<'_>) -> Result<BTreeSet<crate::capability::value::Cidr>, ScopeError> {
    match node.value {
        Value::String(_) => Ok(BTreeSet::from([node.parse("a network")?])),
        _ => node
            .list("a network or a list of networks")?
            .iter()
            .map(|item| item.parse("a network"))
            .collect(),
    }
}

/// The constraint as it is read.
pub(super) fn write(constraint: &Constraint) -> Value {
    match constraint {
        Constraint::Eq(value) => json!({"eq": atom_of(value)}),
        Constraint::OneOf(set) => json!({"one_of": atoms_of(set)}),
        Constraint::Prefix(set) => json!({"prefix": strings(set)}),
        Constraint::Range { min, max } => {
            let number = |end: &Option<Decimal>| end.map(number_of);
            json!({"range": object([("min", number(min)), ("max", number(max))])})
        }
        Constraint::SubsetOf(set) => json!({"subset_of": atoms_of(set)}),
        Constraint::PathUnder(set) => {
            json!({"path_under": set.iter().map(|root| short(root)).collect::<Value>()})
        }
        Constraint::Url(pattern) => json!({"url": url_of(pattern)}),
        Constraint::Host(set) => json!({"host": strings(set)}),
        Constraint::Cidr(set) => json!({"cidr": displayed(set)}),
        Constraint::Matches(set) => json!({"matches": strings(set)}),
        Constraint::Any => json!("any"),
        Constraint::Absent => json!("absent"),
    }
}

/// A root without the slash that reading adds.
fn short(root: &str) -> &str {
    let short = strip_slash(root);
    if short.ends_with('/') { root } else { short }
}

fn atoms_of(set: &BTreeSet<Atom>) -> Value {
    set.iter().map(atom_of).collect()
}

fn atom_of(atom: &Atom) -> Value {
    match atom {
        Atom::Str(text) => text.as_str().into(),
        Atom::Bool(truth) => (*truth).into(),
        Atom::Num(number) => number_of(*number),
        Atom::Hash(hash) => json!({HASH: Hex(hash).to_string()}),
    }
}

fn number_of(number: Decimal) -> Value {
    number
        .to_number()
        .map_or_else(|| json!({DECIMAL: number.to_string()}), Value::Number)
}

fn url_of(pattern: &UrlPattern) -> Value {
    object([
        ("schemes", pattern.schemes.as_ref().map(strings)),
        ("hosts", pattern.hosts.as_ref().map(strings)),
        (
            "ports",
            pattern
                .ports
                .as_ref()
                .map(|ports| ports.iter().copied().collect()),
        ),
        ("paths", pattern.paths.as_ref().map(strings)),
    ])
}
