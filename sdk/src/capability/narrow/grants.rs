//! Whether the grants of a parent allow all that a child's grant does.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::cover::{Cover, cover, satisfies, values};
use super::union::{self, listed};
use super::{Excess, cut};
use crate::capability::scope::{Constraint, Grant, Plain};

/// How often one `narrow` looks for a part of a child's grant in one of several grants of a parent.
pub(super) const MAX_SEARCH: usize = 1 << 16;

/// The ways in which `child` is wider than the union of `allowed`; `left` is how often a part of a grant
/// may still be looked for.
pub(super) fn excesses(
    place: impl Fn() -> String,
    child: &Grant,
    allowed: &[Grant],
    left: &Cell<usize>,
) -> Vec<Excess> {
    let same: Vec<&Grant> = allowed
        .iter()
        .filter(|grant| grant.capability == child.capability)
        .collect();
    if same.iter().any(|parent| covers(child, parent)) {
        return Vec::new();
    }
    // Counted without words: of many grants only the nearest is told about.
    let nearest = same.iter().min_by_key(|parent| {
        differences(child, parent).fold((0, false), |(count, undecided), difference| {
            (count + 1, undecided || difference.is_undecided())
        })
    });
    let Some(nearest) = nearest else {
        let names: BTreeSet<&str> = allowed
            .iter()
            .map(|grant| grant.capability.as_str())
            .collect();
        let parent = format!("grants are of {}", cut::few(names.into_iter().map(Plain)));
        return vec![Excess::new(
            format!("{}.tool", place()),
            format!("tool is {}", Plain(&child.capability)),
            parent,
        )];
    };
    let mut undecided = false;
    if same.len() > 1 {
        match union::covered(child, &same, left) {
            Cover::Yes => return Vec::new(),
            answer => undecided = answer == Cover::Undecided,
        }
    }
    let mut excesses: Vec<Excess> = differences(child, nearest)
        .map(|difference| difference.excess(&place))
        .collect();
    for excess in &mut excesses {
        excess.undecided |= undecided;
    }
    excesses
}

/// Whether one grant of the parent allows all that the child's allows.
pub(super) fn covers(child: &Grant, parent: &Grant) -> bool {
    child.capability == parent.capability && differences(child, parent).next().is_none()
}

/// One way in which a grant of a child is wider than one of a parent.
enum Difference<'a> {
    MayBeLeftOut(&'a str, &'a Constraint),
    NotListed(&'a str, &'a Constraint),
    /// Whether that is not certain, too.
    Wider(&'a str, &'a Constraint, &'a Constraint, bool),
    Approval(&'a Grant, &'a Grant),
}

/// The ways in which `child` is wider than `parent`, a grant of the same capability, lazily.
fn differences<'a>(child: &'a Grant, parent: &'a Grant) -> impl Iterator<Item = Difference<'a>> {
    let names = child.args.keys().chain(
        parent
            .args
            .keys()
            .filter(|name| !child.args.contains_key(*name)),
    );
    let args = names.filter_map(|name| match (listed(child, name), listed(parent, name)) {
        (None, None | Some(Constraint::Any)) => None,
        (None, Some(parent)) => Some(Difference::MayBeLeftOut(name, parent)),
        (Some(child), None) => Some(Difference::NotListed(name, child)),
        (Some(child), Some(parent)) => match cover(child, parent) {
            Cover::Yes => None,
            answer => {
                let undecided = answer == Cover::Undecided;
                Some(Difference::Wider(name, child, parent, undecided))
            }
        },
    });
    let approved = !child.approvers.is_empty() && child.approvers.is_subset(&parent.approvers);
    let approval = !parent.approvers.is_empty() && !approved;
    args.chain(approval.then_some(Difference::Approval(child, parent)))
}

impl Difference<'_> {
    const fn is_undecided(&self) -> bool {
        matches!(self, Self::Wider(.., true))
    }

    /// In words.
    fn excess(&self, place: &impl Fn() -> String) -> Excess {
        let at = |name: &str| format!("{}.args.{name}", place());
        let words =
            |name: &str, one: &Constraint| format!("{} {}", Plain(name), cut::constraint(one));
        match self {
            Self::MayBeLeftOut(name, parent) => Excess::new(
                at(name),
                format!("{} may be left out", Plain(name)),
                words(name, parent),
            ),
            Self::NotListed(name, child) => Excess::new(
                at(name),
                words(name, child),
                format!("grant does not list {}", Plain(name)),
            ),
            Self::Wider(name, child, parent, undecided) => {
                let child = wider_part(child, parent);
                let mut excess = Excess::new(at(name), words(name, &child), words(name, parent));
                excess.undecided = *undecided;
                excess
            }
            Self::Approval(child, parent) => {
                let says = match child.approvers.is_empty() {
                    true => "grant asks no approval".to_owned(),
                    false => format!("grant asks approval by {}", cut::few(&child.approvers)),
                };
                let may = format!("asks approval by {}", cut::few(&parent.approvers));
                Excess::new(format!("{}.approved_by", place()), says, may)
            }
        }
    }
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
