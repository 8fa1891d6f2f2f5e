//! Whether the caveats of a child are those of a parent or narrower.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::{Excess, cut};
use crate::capability::scope::{Bounds, Budget, Caveats, Plain, Quorum};

/// Adds the ways in which the child's caveats are wider than the parent's.
pub(super) fn excesses(child: &Caveats, parent: &Caveats, found: &mut Vec<Excess>) {
    for (label, child) in child.labels.iter() {
        if let Some(parent) = parent.labels.get(label) {
            let name = label.name();
            let more: BTreeSet<_> = child.difference(parent).collect();
            if !more.is_empty() {
                found.push(Excess::new(
                    name,
                    format!(
                        "{name} is {}",
                        cut::few(more.into_iter().map(|one| Plain(one)))
                    ),
                    format!("is {}", cut::few(parent.iter().map(|one| Plain(one)))),
                ));
            }
        }
    }
    // The text is made only if it is wider: a chain has many parents, and few are exceeded.
    let mut most = |place: &str, wider: bool, child: &dyn Display, parent: &dyn Display| {
        if wider {
            found.push(Excess::new(
                place,
                format!("{place} is {child}"),
                format!("is {parent}"),
            ));
        }
    };
    most(
        "expires_at",
        child.expires > parent.expires,
        &child.expires,
        &parent.expires,
    );
    if let (Some(child), Some(parent)) = (child.not_before, parent.not_before) {
        most("not_before", child < parent, &child, &parent);
    }
    if let (Some(child), Some(parent)) = (child.risk, parent.risk) {
        most("max_risk", child > parent, &child, &parent);
    }
    if let (Some(child), Some(parent)) = (child.sensitivity, parent.sensitivity) {
        most("max_sensitivity", child > parent, &child, &parent);
    }
    if let (Some(child), Some(parent)) = (child.depth, parent.depth) {
        most("max_depth", child > parent, &child, &parent);
    }
    for (index, quorum) in child.quorums.iter().enumerate() {
        let same = parent
            .quorums
            .iter()
            .find(|other| other.capabilities == quorum.capabilities);
        if let Some(stronger) = same.filter(|same| meets(same, quorum) && !meets(quorum, same)) {
            let place = format!("approvals[{index}]");
            found.push(Excess::new(
                place,
                format!("demand is that {quorum}"),
                format!("is that {stronger}"),
            ));
        }
    }
}

/// Whether all approvals that meet `strong` also meet `weak`.
pub(super) fn meets(strong: &Quorum, weak: &Quorum) -> bool {
    let elsewhere = strong.of.difference(&weak.of).count();
    usize::from(strong.need).saturating_sub(elsewhere) >= usize::from(weak.need)
}

/// The way in which a budget is wider than the budget that it restates, or the fault that it restates no
/// budget.
pub(super) fn budget_excess(budget: &Budget, parents: &[&Bounds]) -> Option<Excess> {
    let signer = budget.signer?;
    let place = format!("budget.{}", budget.kind);
    let named = || {
        let budgets = parents.iter().flat_map(|parent| &parent.caveats.budgets);
        budgets.filter(|other| {
            (&other.kind, other.signer, &other.label) == (&budget.kind, Some(signer), &budget.label)
        })
    };
    match named().map(|other| other.max).min() {
        Some(max) if budget.max <= max => None,
        Some(max) => Some(Excess::new(
            place,
            format!("budget is {budget}"),
            format!("is at most {max}"),
        )),
        None => {
            let named = parents
                .iter()
                .flat_map(|parent| &parent.caveats.budgets)
                .map(|other| format!("`{other}`"));
            let what = format!(
                "budgets are {}: no earlier block names this one",
                cut::few(named)
            );
            Some(Excess::new(place, format!("budget is {budget}"), what))
        }
    }
}
