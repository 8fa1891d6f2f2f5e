//! Reads the fields of a scope.

use std::collections::BTreeSet;

use serde_json::Value;

use super::node::Node;
use super::{constraint, lifetime};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{
    absolute::NAMES_NOTHING,
    bounds::{Budget, Grant, Grants, Quorum},
    builder::{ASKS_NO_KEY, Expiry, Scope, ScopeError},
};
use crate::capability::value::{Label, Labels, Risk, Sensitivity};

/// The fields before those of the labels, and those after.
const FIELDS: [&[&str]; 2] = [
    &["grants", "not_before", "expires_in", "expires_at"],
    &[
        "max_risk",
        "max_sensitivity",
        "max_depth",
        "budget",
        "approvals",
    ],
];

pub(super) fn read(node: &Node<'_>) -> Result<Scope, ScopeError> {
    let [before, after] = FIELDS;
    let fields = [before, &Label::ALL.map(Label::name), after].concat();
    let field = node.fields(&fields)?;
    let grants = field("grants").ok_or_else(|| {
        node.fault(
            "`grants` is missing; write a list, which may be empty, or \"inherit\" to keep all",
        )
    })?;
    Ok(Scope {
        grants: self::grants(&grants)?,
        not_before: field("not_before")
            .map(|node| node.parse("a time in RFC 3339"))
            .transpose()?,
        expires: expiry(field("expires_in"), field("expires_at"))?,
        labels: labels(&field)?,
        risk: field("max_risk")
            .map(|node| level(&node, "risk", Risk::ALL, Risk::name))
            .transpose()?,
        sensitivity: field("max_sensitivity")
            .map(|node| level(&node, "sensitivity", Sensitivity::ALL, Sensitivity::name))
            .transpose()?,
        depth: field("max_depth").map(|node| depth(&node)).transpose()?,
        budgets: field("budget").map_or(Ok(Vec::new()), |node| budgets(&node))?,
        quorums: match field("approvals") {
            Some(node) => {
                let entries = node.list("a list of approvals")?;
                if entries.is_empty() {
                    return Err(node.fault(ASKS_NOTHING));
                }
                entries.iter().map(quorum).collect::<Result<_, _>>()?
            }
            None => Vec::new(),
        },
    })
}

const ASKS_NOTHING: &str = "an empty list asks for no approval; leave it out, or write one";
const LIMITS_NOTHING: &str =
    "nothing is limited here; leave it out, or write the most that may be used";

fn labels<'a>(field: &impl Fn(&str) -> Option<Node<'a>>) -> Result<Labels, ScopeError> {
    let mut labels = Labels::new();
    for label in Label::ALL {
        let read = field(label.name()).map(|node| match label.is_single() {
            true => names(&node),
            false => node.texts(),
        });
        labels.set(label, read.transpose()?);
    }
    Ok(labels)
}

/// One name, or a non-empty list of names.
fn names(node: &Node<'_>) -> Result<BTreeSet<String>, ScopeError> {
    let names = node.texts()?;
    match names.is_empty() {
        true => Err(node.fault(NAMES_NOTHING)),
        false => Ok(names),
    }
}

fn level<T: Copy>(
    node: &Node<'_>,
    what: &str,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, ScopeError> {
    let word = node.text(&format!("a {what}"))?;
    let names: Vec<_> = all.iter().map(|level| name(*level)).collect();
    let found = all.iter().find(|level| name(**level) == word);
    found
        .copied()
        .ok_or_else(|| node.unknown(what, word, &names))
}

fn depth(node: &Node<'_>) -> Result<u32, ScopeError> {
    let hops = node.integer(u64::from(u32::MAX))?;
    u32::try_from(hops).map_err(|error| node.fault(error.to_string()))
}

fn expiry(life: Option<Node<'_>>, end: Option<Node<'_>>) -> Result<Option<Expiry>, ScopeError> {
    match (life, end) {
        (None, None) => Ok(None),
        (Some(life), None) => {
            let text = life.text("a lifetime such as \"10m\", with its unit,")?;
            lifetime::read(text)
                .map(|life| Some(Expiry::In(life)))
                .map_err(|what| life.fault(what))
        }
        (None, Some(end)) => end
            .parse("a time in RFC 3339")
            .map(|end| Some(Expiry::At(end))),
        (Some(_), Some(end)) => {
            Err(end.fault("a scope has `expires_in` or `expires_at`, not both"))
        }
    }
}

fn grants(node: &Node<'_>) -> Result<Grants, ScopeError> {
    match node.value {
        Value::String(word) if word == "inherit" => Ok(Grants::Inherit),
        Value::String(word) => Err(node.fault(format!(
            "`{word}` is neither a list of grants nor \"inherit\""
        ))),
        _ => Ok(Grants::Only(
            node.list("a list of grants or \"inherit\"")?
                .iter()
                .map(grant)
                .collect::<Result<_, _>>()?,
        )),
    }
}

fn grant(node: &Node<'_>) -> Result<Grant, ScopeError> {
    let field = node.fields(&["tool", "args", "approved_by"])?;
    let tool = field("tool")
        .ok_or_else(|| node.fault("`tool` is missing, the capability that is granted"))?;
    let mut grant = Grant::new(tool.text("the name of a capability")?);
    if let Some(args) = field("args") {
        for (name, value) in args.object("an object with a constraint for each argument")? {
            grant = grant.arg(name, constraint::read(&args.member(name, value))?);
        }
    }
    match field("approved_by") {
        Some(node) => Ok(grant.approved_by(keys(&node)?)),
        None => Ok(grant),
    }
}

/// One public key, or a non-empty list of keys.
fn keys(node: &Node<'_>) -> Result<BTreeSet<PublicKey>, ScopeError> {
    match node.value {
        Value::String(_) => Ok(BTreeSet::from([node.parse("a public key")?])),
        _ => {
            let items = node.list("a public key or a list of them")?;
            if items.is_empty() {
                return Err(node.fault(ASKS_NO_KEY));
            }
            let keys: BTreeSet<_> = items
                .iter()
                .map(|key| key.parse("a public key"))
                .collect::<Result<_, _>>()?;
            // Two of n approvers are not two if one of them is written twice.
            if keys.len() < items.len() {
                Err(node.fault("a key is written twice"))
            } else {
                Ok(keys)
            }
        }
    }
}

/// An object from the kind that is counted to one limit, or to a list of limits.
fn budgets(node: &Node<'_>) -> Result<Vec<Budget>, ScopeError> {
    let mut budgets = Vec::new();
    let kinds = node.object("an object from what is counted to the most of it")?;
    if kinds.is_empty() {
        return Err(node.fault(LIMITS_NOTHING));
    }
    for (kind, value) in kinds {
        let limits = node.member(kind, value);
        match value {
            Value::Array(items) if items.is_empty() => {
                return Err(limits.fault(LIMITS_NOTHING));
            }
            Value::Array(_) => {
                for limit in limits.list("a list of limits")? {
                    budgets.push(budget(kind, &limit)?);
                }
            }
            _ => budgets.push(budget(kind, &limits)?),
        }
    }
    Ok(budgets)
}

fn budget(kind: &str, node: &Node<'_>) -> Result<Budget, ScopeError> {
    const MOST: u64 = i64::MAX.unsigned_abs();
    if !node.value.is_object() {
        return Ok(Budget::new(kind, node.integer(MOST)?));
    }
    let field = node.fields(&["max", "shared", "set_by"])?;
    let max =
        field("max").ok_or_else(|| node.fault("`max` is missing, the most that may be used"))?;
    let mut budget = Budget::new(kind, max.integer(MOST)?);
    if let Some(label) = field("shared") {
        budget = budget.shared(label.text("the name of a counter")?);
    }
    if let Some(signer) = field("set_by") {
        budget = budget.set_by(signer.parse("a public key")?);
    }
    Ok(budget)
}

fn quorum(node: &Node<'_>) -> Result<Quorum, ScopeError> {
    let field = node.fields(&["tools", "need", "of"])?;
    let needed = |name: &str| field(name).ok_or_else(|| node.fault(format!("`{name}` is missing")));
    let need = needed("need")?;
    let count = need.integer(5)?;
    let count = u8::try_from(count).map_err(|error| need.fault(error.to_string()))?;
    if count == 0 {
        return Err(need.fault("0 asks for no approval; write how many of the keys must approve"));
    }
    let tools = needed("tools")?;
    let names = tools.texts()?;
    if names.is_empty() {
        return Err(tools.fault(ASKS_NOTHING));
    }
    Ok(Quorum::new(names, count, keys(&needed("of")?)?))
}
