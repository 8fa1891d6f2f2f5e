//! The ways in which one grant of a child is wider than one grant of a parent.

use super::cover::{Cover, cover, satisfies};
use super::same::listed;
use super::{Excess, cut};
use crate::capability::scope::{Constraint, Grant, Plain};

/// Whether a constraint of the parent allows all of an argument.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) cover: Cover,
    /// For a list: how many values are certainly allowed before the first that is not, and that value's answer.
    pub(super) inside: Option<(usize, Cover)>,
}

impl Answer {
    pub(super) fn of(child: &Constraint, parent: &Constraint) -> Self {
        let cover = cover(child, parent);
        Self {
            cover,
            inside: None,
        }
    }
}

/// Whether one grant of the parent allows all that the child's grant allows.
pub(super) fn covers(child: &Grant, parent: &Grant) -> bool {
    child.capability == parent.capability
        && differences(child, parent, |_, child, parent| Answer::of(child, parent))
            .next()
            .is_none()
}

/// One way in which a grant of a child is wider than one of a parent.
pub(super) enum Difference<'a> {
    MayBeLeftOut(&'a str, &'a Constraint),
    NotListed(&'a str, &'a Constraint),
    Wider(&'a str, &'a Constraint, &'a Constraint, Answer),
    Approval(&'a Grant, &'a Grant),
}

/// The ways in which `child` is wider than `parent`, a grant of the same capability, lazily; `ask` says whether
/// the argument of that name is covered.
pub(super) fn differences<'a>(
    child: &'a Grant,
    parent: &'a Grant,
    ask: impl Fn(&str, &Constraint, &Constraint) -> Answer,
) -> impl Iterator<Item = Difference<'a>> {
    let names = child.args.keys().chain(
        parent
            .args
            .keys()
            .filter(|name| !child.args.contains_key(*name)),
    );
    let args = names.filter_map(
        move |name| match (listed(child, name), listed(parent, name)) {
            (None, None | Some(Constraint::Any)) => None,
            (None, Some(parent)) => Some(Difference::MayBeLeftOut(name, parent)),
            (Some(child), None) => Some(Difference::NotListed(name, child)),
            (Some(child), Some(parent)) => {
                let answer = ask(name, child, parent);
                let wider = answer.cover != Cover::Yes;
                wider.then_some(Difference::Wider(name, child, parent, answer))
            }
        },
    );
    let approved = !child.approvers.is_empty() && child.approvers.is_subset(&parent.approvers);
    let approval = !parent.approvers.is_empty() && !approved;
    args.chain(approval.then_some(Difference::Approval(child, parent)))
}

impl Difference<'_> {
    pub(super) const fn is_undecided(&self) -> bool {
        matches!(self, Self::Wider(.., answer) if matches!(answer.cover, Cover::Undecided))
    }

    /// The way in words.
    pub(super) fn excess(&self, place: &impl Fn() -> String) -> Excess {
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
            Self::Wider(name, child, parent, answer) => {
                let child = match wider_values(child, parent, *answer) {
                    Some(values) => format!("{} {values}", Plain(name)),
                    None => words(name, child),
                };
                let mut excess = Excess::new(at(name), child, words(name, parent));
                excess.undecided = answer.cover == Cover::Undecided;
                excess
            }
            Self::Approval(child, parent) => {
                let says = match child.approvers.is_empty() {
                    true => "grant asks for no approval".to_owned(),
                    false => format!("grant asks for approval by {}", cut::few(&child.approvers)),
                };
                let may = format!("asks for approval by {}", cut::few(&parent.approvers));
                Excess::new(format!("{}.approved_by", place()), says, may)
            }
        }
    }
}

/// The values of a list that the parent does not allow, in words.
fn wider_values(child: &Constraint, parent: &Constraint, answer: Answer) -> Option<String> {
    let Constraint::OneOf(atoms) = child else {
        return None;
    };
    // The first such value is already known.
    let (first, skipped) = answer.inside.map_or((0, 0), |(inside, _)| (1, inside));
    let mut rest = atoms.iter().skip(skipped);
    let known: Vec<_> = rest.by_ref().take(first).collect();
    let wider = rest.filter(|atom| satisfies(atom, parent) != Cover::Yes);
    Some(cut::values(known.into_iter().chain(wider)))
}
