//! Whether a child's bounds are inside those of the chain that it is derived from.

use std::collections::BTreeSet;
use std::fmt;

use super::bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum};
use super::constraint::Constraint;
use super::cover::{Cover, cover, satisfies, values};
use super::words::{Plain, either, texts};

/// The most parts that one grant is split into, to be looked for in several grants of a parent.
const MAX_PIECES: usize = 1024;

/// Every way in which a child is wider than the chain that it is derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widens {
    ways: Vec<Way>,
}

/// One way in which a child is wider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    place: String,
    child: String,
    parent: String,
    undecided: bool,
}

impl Widens {
    /// The chain may not grow to `hop` hops, whatever the scope of the next.
    pub(crate) fn depth(most: u32, hop: u32) -> Self {
        let parent = match most + 1 == hop {
            true => format!("the token ends at {most} hops: it does not grant `agent.spawn`, or `max_depth` is reached"),
            false => format!("the token ends at {most} hops"),
        };
        Self { ways: vec![Way::new("max_depth", format!("hop {hop}"), parent)] }
    }

    /// The ways, grants first; there is at least one.
    #[must_use]
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }
}

impl Way {
    fn new(place: impl Into<String>, child: impl Into<String>, parent: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            child: child.into(),
            parent: parent.into(),
            undecided: false,
        }
    }

    /// Where in the child's bounds, such as `grants[1].args.path`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the child asks for, in words.
    #[must_use]
    pub fn child(&self) -> &str {
        &self.child
    }

    /// The nearest that the parent allows, in words.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Whether the child may be narrower after all, but that cannot be decided.
    #[must_use]
    pub const fn undecided(&self) -> bool {
        self.undecided
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            child,
            parent,
            undecided,
        } = self;
        write!(f, "{place}: the child's {child}; the parent's {parent}")?;
        if *undecided {
            f.write_str(" (whether that is narrower cannot be decided; restate the parent's, or list values)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Widens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.ways.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Widens {}

/// Whether all that `child` states is inside each of `parents`, the blocks of a chain, root first.
///
/// What the child leaves unsaid (`inherit`, a caveat that is not written) it takes from its
/// parents, whose blocks go on holding. So `Ok` means: whatever the chain allows once the child is
/// appended, the chain allowed before, and no statement of the child promises more than that.
///
/// A budget of the child's own, and a further demand for approvals, only add to what the parents
/// ask. Restating a demand for the same capabilities so that the parent's always meets it, and not
/// the other way round, is refused, as a later expiry is.
///
/// # Errors
///
/// [`Widens`] with each way in which the child is wider. What cannot be decided (a pattern against
/// another pattern) is refused and says so.
pub fn narrow(parents: &[&Bounds], child: &Bounds) -> Result<(), Widens> {
    let mut ways = Vec::new();
    if let Grants::Only(grants) = &child.grants {
        for (index, grant) in grants.iter().enumerate() {
            for parent in parents {
                if let Grants::Only(allowed) = &parent.grants {
                    ways.extend(grant_ways(&format!("grants[{index}]"), grant, allowed));
                }
            }
        }
    }
    for parent in parents {
        caveat_ways(&child.caveats, &parent.caveats, &mut ways);
    }
    // Several blocks refuse one place for the same reason; the first is enough.
    let mut seen = BTreeSet::new();
    ways.retain(|way| seen.insert(way.place.clone()));
    ways.extend(
        child
            .caveats
            .budgets
            .iter()
            .filter_map(|budget| budget_way(budget, parents)),
    );
    if ways.is_empty() {
        Ok(())
    } else {
        Err(Widens { ways })
    }
}

/// The ways in which `child` is wider than the union of `allowed`.
fn grant_ways(place: &str, child: &Grant, allowed: &[Grant]) -> Vec<Way> {
    let same: Vec<&Grant> = allowed
        .iter()
        .filter(|grant| grant.capability == child.capability)
        .collect();
    let faults = same.iter().map(|parent| grant_faults(place, child, parent));
    let Some(nearest) =
        faults.min_by_key(|ways| (ways.len(), ways.iter().any(|way| way.undecided)))
    else {
        let names: BTreeSet<&str> = allowed
            .iter()
            .map(|grant| grant.capability.as_str())
            .collect();
        let parent = format!("grants are of {}", texts(names));
        return vec![Way::new(
            format!("{place}.tool"),
            format!("tool is {}", Plain(&child.capability)),
            parent,
        )];
    };
    if !nearest.is_empty() && same.len() > 1 {
        let mut pieces = pieces(child);
        pieces.retain(|piece| !same.iter().any(|parent| covers(piece, parent)));
        if pieces.is_empty() {
            return Vec::new();
        }
    }
    nearest
}

/// Whether one grant of the parent allows all that the child's allows.
pub(crate) fn covers(child: &Grant, parent: &Grant) -> bool {
    child.capability == parent.capability && grant_faults("", child, parent).is_empty()
}

fn listed<'a>(grant: &'a Grant, name: &str) -> Option<&'a Constraint> {
    grant
        .args
        .get(name)
        .filter(|one| !matches!(one, Constraint::Absent))
}

/// The ways in which `child` is wider than `parent`, a grant of the same capability.
fn grant_faults(place: &str, child: &Grant, parent: &Grant) -> Vec<Way> {
    let mut ways = Vec::new();
    let names: BTreeSet<&String> = child.args.keys().chain(parent.args.keys()).collect();
    for name in names {
        let place = format!("{place}.args.{name}");
        let words = |one: &Constraint| format!("{} {one}", Plain(name));
        let (says, may) = match (listed(child, name), listed(parent, name)) {
            (None, None | Some(Constraint::Any)) => continue,
            (None, Some(parent)) => (format!("{} may be left out", Plain(name)), words(parent)),
            (Some(child), None) => (words(child), format!("grant does not list {}", Plain(name))),
            (Some(child), Some(parent)) => match cover(child, parent) {
                Cover::Yes => continue,
                answer => {
                    let mut way = Way::new(place, words(&wider_part(child, parent)), words(parent));
                    way.undecided = answer == Cover::Undecided;
                    ways.push(way);
                    continue;
                }
            },
        };
        ways.push(Way::new(place, says, may));
    }
    let approved = !child.approvers.is_empty() && child.approvers.is_subset(&parent.approvers);
    if !parent.approvers.is_empty() && !approved {
        let says = match child.approvers.is_empty() {
            true => "grant asks no approval".to_owned(),
            false => format!("grant asks approval by {}", either(&child.approvers)),
        };
        let may = format!("asks approval by {}", either(&parent.approvers));
        ways.push(Way::new(format!("{place}.approved_by"), says, may));
    }
    ways
}

/// Of a list of values, those that the parent does not allow; of anything else, all.
fn wider_part(child: &Constraint, parent: &Constraint) -> Constraint {
    match child {
        Constraint::OneOf(_) => {
            let atoms = values(child).into_iter().flatten();
            Constraint::OneOf(
                atoms
                    .filter(|atom| satisfies(atom, parent) != Cover::Yes)
                    .cloned()
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Grants of one alternative for each argument, their union the grant; itself when there are too many.
fn pieces(grant: &Grant) -> Vec<Grant> {
    let mut pieces = vec![grant.clone()];
    for (name, constraint) in &grant.args {
        let parts = alternatives(constraint);
        if pieces.len().saturating_mul(parts.len()) > MAX_PIECES {
            return vec![grant.clone()];
        }
        pieces = pieces
            .into_iter()
            .flat_map(|piece| {
                parts
                    .iter()
                    .map(move |part| piece.clone().arg(name.as_str(), part.clone()))
            })
            .collect();
    }
    pieces
}

fn alternatives(constraint: &Constraint) -> Vec<Constraint> {
    use Constraint as C;
    match constraint {
        C::OneOf(set) => set.iter().cloned().map(C::Eq).collect(),
        C::Prefix(set) => set
            .iter()
            .map(|one| C::Prefix([one.clone()].into()))
            .collect(),
        C::PathUnder(set) => set
            .iter()
            .map(|one| C::PathUnder([one.clone()].into()))
            .collect(),
        C::Host(set) => set
            .iter()
            .map(|one| C::Host([one.clone()].into()))
            .collect(),
        C::Cidr(set) => set.iter().map(|one| C::Cidr([*one].into())).collect(),
        C::Matches(set) => set
            .iter()
            .map(|one| C::Matches([one.clone()].into()))
            .collect(),
        other => vec![other.clone()],
    }
}

fn caveat_ways(child: &Caveats, parent: &Caveats, ways: &mut Vec<Way>) {
    let sets = [
        ("audience", &child.audience, &parent.audience),
        ("task", &child.task, &parent.task),
        ("step", &child.step, &parent.step),
        ("dataset", &child.dataset, &parent.dataset),
        ("taint", &child.taint, &parent.taint),
    ];
    for (name, child, parent) in sets {
        if let (Some(child), Some(parent)) = (child, parent) {
            let more: BTreeSet<_> = child.difference(parent).collect();
            if !more.is_empty() {
                ways.push(Way::new(
                    name,
                    format!("{name} is {}", texts(more)),
                    format!("is {}", texts(parent)),
                ));
            }
        }
    }
    let mut most = |place: &str, wider: bool, child: String, parent: String| {
        if wider {
            ways.push(Way::new(
                place,
                format!("{place} is {child}"),
                format!("is {parent}"),
            ));
        }
    };
    most(
        "expires_at",
        child.expires > parent.expires,
        child.expires.to_string(),
        parent.expires.to_string(),
    );
    if let (Some(child), Some(parent)) = (child.not_before, parent.not_before) {
        most(
            "not_before",
            child < parent,
            child.to_string(),
            parent.to_string(),
        );
    }
    if let (Some(child), Some(parent)) = (child.risk, parent.risk) {
        most(
            "max_risk",
            child > parent,
            child.to_string(),
            parent.to_string(),
        );
    }
    if let (Some(child), Some(parent)) = (child.sensitivity, parent.sensitivity) {
        most(
            "max_sensitivity",
            child > parent,
            child.to_string(),
            parent.to_string(),
        );
    }
    if let (Some(child), Some(parent)) = (child.depth, parent.depth) {
        most(
            "max_depth",
            child > parent,
            child.to_string(),
            parent.to_string(),
        );
    }
    for (index, quorum) in child.quorums.iter().enumerate() {
        let same = parent
            .quorums
            .iter()
            .find(|other| other.capabilities == quorum.capabilities);
        if let Some(stronger) = same.filter(|same| meets(same, quorum) && !meets(quorum, same)) {
            let place = format!("approvals[{index}]");
            ways.push(Way::new(
                place,
                format!("demand is that {quorum}"),
                format!("is that {stronger}"),
            ));
        }
    }
}

/// Whether any approvals that meet `strong` meet `weak`.
pub(crate) fn meets(strong: &Quorum, weak: &Quorum) -> bool {
    let elsewhere = strong.of.difference(&weak.of).count();
    usize::from(strong.need).saturating_sub(elsewhere) >= usize::from(weak.need)
}

fn budget_way(budget: &Budget, parents: &[&Bounds]) -> Option<Way> {
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
        Some(max) => Some(Way::new(
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
                "budgets are {}: no block before names that one",
                either(named)
            );
            Some(Way::new(place, format!("budget is {budget}"), what))
        }
    }
}

#[cfg(test)]
mod tests;
