//! Writes scopes and bounds so that they read back unchanged.

use serde_json::{Map, Value, json};

use super::{constraint, displayed, lifetime, object, strings};
use crate::capability::scope::{
    bounds::{Bounds, Budget, Grant, Grants, Quorum},
    builder::{Expiry, Scope},
};

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

fn grant(grant: &Grant) -> Value {
    let mut args: Map<_, _> = grant
        .args
        .iter()
        .map(|(name, one)| (name.clone(), constraint::write(one)))
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
