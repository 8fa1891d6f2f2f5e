//! Whether the grants of a parent allow all that a child's grant does.

use std::collections::BTreeSet;

use super::Way;
use crate::capability::bounds::Grant;
use crate::capability::constraint::Constraint;
use crate::capability::cover::{Cover, cover, satisfies, values};
use crate::capability::words::{Plain, either, texts};

/// The most parts that one grant is split into, to be looked for in several grants of a parent.
const MAX_PIECES: usize = 1024;

/// The ways in which `child` is wider than the union of `allowed`.
pub(super) fn ways(place: impl Fn() -> String, child: &Grant, allowed: &[Grant]) -> Vec<Way> {
    let same: Vec<&Grant> = allowed
        .iter()
        .filter(|grant| grant.capability == child.capability)
        .collect();
    let faults = same.iter().map(|parent| faults(&place, child, parent));
    let Some(nearest) =
        faults.min_by_key(|ways| (ways.len(), ways.iter().any(|way| way.undecided)))
    else {
        let names: BTreeSet<&str> = allowed
            .iter()
            .map(|grant| grant.capability.as_str())
            .collect();
        let parent = format!("grants are of {}", texts(names));
        return vec![Way::new(
            format!("{}.tool", place()),
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
    child.capability == parent.capability && faults(&String::new, child, parent).is_empty()
}

fn listed<'a>(grant: &'a Grant, name: &str) -> Option<&'a Constraint> {
    grant
        .args
        .get(name)
        .filter(|one| !matches!(one, Constraint::Absent))
}

/// The ways in which `child` is wider than `parent`, a grant of the same capability.
fn faults(place: &impl Fn() -> String, child: &Grant, parent: &Grant) -> Vec<Way> {
    let mut ways = Vec::new();
    let names: BTreeSet<&String> = child.args.keys().chain(parent.args.keys()).collect();
    for name in names {
        let place = || format!("{}.args.{name}", place());
        let words = |one: &Constraint| format!("{} {one}", Plain(name));
        let (says, may) = match (listed(child, name), listed(parent, name)) {
            (None, None | Some(Constraint::Any)) => continue,
            (None, Some(parent)) => (format!("{} may be left out", Plain(name)), words(parent)),
            (Some(child), None) => (words(child), format!("grant does not list {}", Plain(name))),
            (Some(child), Some(parent)) => match cover(child, parent) {
                Cover::Yes => continue,
                answer => {
                    let mut way =
                        Way::new(place(), words(&wider_part(child, parent)), words(parent));
                    way.undecided = answer == Cover::Undecided;
                    ways.push(way);
                    continue;
                }
            },
        };
        ways.push(Way::new(place(), says, may));
    }
    let approved = !child.approvers.is_empty() && child.approvers.is_subset(&parent.approvers);
    if !parent.approvers.is_empty() && !approved {
        let says = match child.approvers.is_empty() {
            true => "grant asks no approval".to_owned(),
            false => format!("grant asks approval by {}", either(&child.approvers)),
        };
        let may = format!("asks approval by {}", either(&parent.approvers));
        ways.push(Way::new(format!("{}.approved_by", place()), says, may));
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
