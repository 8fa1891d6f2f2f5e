//! Writes scopes and bounds so that they are read back as they were.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{DECIMAL, HASH, lifetime};
use crate::capability::scope::{
    bounds::{Bounds, Budget, Grant, Grants, Quorum},
    builder::{Expiry, Scope},
    constraint::{Constraint, strip_slash},
};
use crate::capability::value::{Atom, Decimal, UrlPattern};
use crate::id::hex::Hex;

pub(super) fn bounds(bounds: &Bounds) -> Value {
    let caveats = bounds.caveats.clone();
    scope(&Scope {
        grants: bounds.grants.clone(),
        not_before: caveats.not_before,
        expires: Some(Expiry::At(caveats.expires)),
        labels: caveats.labels,
        risk: caveats.risk,
        sensitivity: caveats.sensitivity,
        depth: caveats.depth,
        budgets: caveats.budgets,
        quorums: caveats.quorums,
    })
}

pub(super) fn scope(scope: &Scope) -> Value {
    let grants = match &scope.grants {
        Grants::Inherit => json!("inherit"),
        Grants::Only(grants) => grants.iter().map(grant).collect(),
    };
    let (life, end) = match scope.expires {
        Some(Expiry::In(life)) => (Some(lifetime::write(life)), None),
        Some(Expiry::At(end)) => (None, Some(end.to_string())),
        None => (None, None),
    };
    let quorums = (!scope.quorums.is_empty()).then(|| scope.quorums.iter().map(quorum).collect());
    let labels = scope.labels.iter();
    let labels = labels.map(|(label, names)| (label.name(), Some(strings(names))));
    let first = [
        ("grants", Some(grants)),
        (
            "not_before",
            scope.not_before.map(|start| start.to_string().into()),
        ),
        ("expires_in", life.map(Into::into)),
        ("expires_at", end.map(Into::into)),
    ];
    let last = [
        ("max_risk", scope.risk.map(|risk| risk.name().into())),
        (
            "max_sensitivity",
            scope.sensitivity.map(|level| level.name().into()),
        ),
        ("max_depth", scope.depth.map(Into::into)),
        (
            "budget",
            (!scope.budgets.is_empty()).then(|| budgets(&scope.budgets)),
        ),
        ("approvals", quorums),
    ];
    object(first.into_iter().chain(labels).chain(last))
}

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

fn grant(grant: &Grant) -> Value {
    let mut args: Map<_, _> = grant
        .args
        .iter()
        .map(|(name, one)| (name.clone(), constraint(one)))
        .collect();
    // A block's grant of a spawn may not list what a written one leaves free.
    for name in grant.left_free() {
        args.entry(*name).or_insert_with(|| json!("absent"));
    }
    object([
        ("tool", Some(grant.capability.as_str().into())),
        ("args", (!args.is_empty()).then(|| args.into())),
        (
            "approved_by",
            (!grant.approvers.is_empty()).then(|| displayed(&grant.approvers)),
        ),
    ])
}

fn constraint(constraint: &Constraint) -> Value {
    match constraint {
        Constraint::Eq(value) => json!({"eq": atom(value)}),
        Constraint::OneOf(set) => json!({"one_of": atoms(set)}),
        Constraint::Prefix(set) => json!({"prefix": strings(set)}),
        Constraint::Range { min, max } => {
            let number = |end: &Option<Decimal>| end.map(decimal);
            json!({"range": object([("min", number(min)), ("max", number(max))])})
        }
        Constraint::SubsetOf(set) => json!({"subset_of": atoms(set)}),
        Constraint::PathUnder(set) => {
            json!({"path_under": set.iter().map(|root| short(root)).collect::<Value>()})
        }
        Constraint::Url(pattern) => json!({"url": url(pattern)}),
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

fn atoms(set: &BTreeSet<Atom>) -> Value {
    set.iter().map(atom).collect()
}

fn atom(atom: &Atom) -> Value {
    match atom {
        Atom::Str(text) => text.as_str().into(),
        Atom::Bool(truth) => (*truth).into(),
        Atom::Num(number) => decimal(*number),
        Atom::Hash(hash) => json!({HASH: Hex(hash).to_string()}),
    }
}

fn decimal(number: Decimal) -> Value {
    number
        .to_number()
        .map_or_else(|| json!({DECIMAL: number.to_string()}), Value::Number)
}

fn url(pattern: &UrlPattern) -> Value {
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

fn budgets(budgets: &[Budget]) -> Value {
    let mut kinds = Map::new();
    for one in budgets {
        let limits = kinds.entry(one.kind.clone()).or_insert_with(|| json!([]));
        if let Value::Array(limits) = limits {
            limits.push(budget(one));
        }
    }
    for limits in kinds.values_mut() {
        if let Value::Array(items) = limits
            && items.len() == 1
            && let Some(one) = items.pop()
        {
            *limits = one;
        }
    }
    kinds.into()
}

fn budget(budget: &Budget) -> Value {
    if budget.label.is_none() && budget.signer.is_none() {
        return budget.max.into();
    }
    object([
        ("max", Some(budget.max.into())),
        ("shared", budget.label.as_deref().map(Into::into)),
        (
            "set_by",
            budget.signer.map(|signer| signer.to_string().into()),
        ),
    ])
}

fn quorum(quorum: &Quorum) -> Value {
    json!({"tools": strings(&quorum.capabilities), "need": quorum.need, "of": displayed(&quorum.of)})
}
