//! Compares one grant of a child with the grants of its capability in one block of a parent.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;

use super::cover::{Cover, Listed, values};
use super::difference::{Answer, Difference, differences};
use super::same::{Argument, Same, Set, listed};
use crate::capability::scope::{Constraint, Grant};

/// The answers found so far. Each answer is kept, so that a comparison is made once for both acceptance and
/// refusal.
pub(super) struct Search<'a> {
    pub(super) child: &'a Grant,
    pub(super) same: &'a Same<'a>,
    /// The arguments that both the child's grant and some of the others list.
    pub(super) arguments: BTreeMap<&'a str, Asked<'a>>,
}

/// An argument of the child, and the answers known for each of the different constraints.
pub(super) struct Asked<'a> {
    pub(super) constraint: &'a Constraint,
    pub(super) theirs: &'a Argument<'a>,
    answers: Vec<Cell<Option<Answer>>>,
    list: OnceCell<Vec<Listed<'a>>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(child: &'a Grant, same: &'a Same<'a>) -> Self {
        let arguments = child.args.iter().filter_map(|(name, constraint)| {
            let theirs = same.arguments.get(name.as_str())?;
            listed(child, name)?;
            Some((name.as_str(), Asked::new(constraint, theirs)))
        });
        Self {
            child,
            same,
            arguments: arguments.collect(),
        }
    }

    /// The grants that may allow a part of the child's grant: they list its arguments and require no others.
    pub(super) fn fitting(&self) -> Set {
        let wanted = |name: &&String| listed(self.child, name).is_some();
        if self.child.args.keys().filter(wanted).count() > self.arguments.len() {
            return 0;
        }
        let arguments = self.same.arguments.iter();
        arguments.fold(self.same.all(), |fit, (name, theirs)| {
            fit & match self.arguments.contains_key(name) {
                true => theirs.listing,
                false => !theirs.requiring,
            }
        })
    }

    /// Whether one of the grants allows all that the child's grant allows.
    pub(super) fn in_one(&self, fitting: Set) -> bool {
        let grants = self.same.grants.iter().enumerate();
        let mut fit = grants.filter(|(index, _)| fitting & (1 << index) != 0);
        fit.any(|(index, _)| self.differences(index).next().is_none())
    }

    /// The grant with the fewest differences, and among equals the one with decided differences: one of those
    /// that fit, if any does.
    pub(super) fn nearest(&self, fitting: Set) -> Option<usize> {
        let all = 0..self.same.grants.len();
        let fit = all.filter(|index| fitting == 0 || fitting & (1 << index) != 0);
        fit.min_by_key(|index| {
            let differences = self.differences(*index);
            differences.fold((0, false), |(count, undecided), difference| {
                (count + 1, undecided || difference.is_undecided())
            })
        })
    }

    /// The ways in which the child's grant is wider than one of the grants, lazily.
    pub(super) fn differences(&self, index: usize) -> impl Iterator<Item = Difference<'a>> {
        let parent = self.same.grants.get(index);
        let ask = move |name: &str, child: &Constraint, parent: &Constraint| {
            let asked = self.arguments.get(name);
            let known = asked.and_then(|asked| asked.answer(asked.theirs.place(index)?));
            known.unwrap_or_else(|| Answer::of(child, parent))
        };
        let child = self.child;
        parent
            .into_iter()
            .flat_map(move |parent| differences(child, parent, ask))
    }
}

impl<'a> Asked<'a> {
    fn new(constraint: &'a Constraint, theirs: &'a Argument<'a>) -> Self {
        Self {
            constraint,
            theirs,
            answers: theirs.different.iter().map(|_| Cell::new(None)).collect(),
            list: OnceCell::new(),
        }
    }

    /// The values, if the argument is a list of several.
    pub(super) fn list(&self) -> Option<&[Listed<'a>]> {
        let Constraint::OneOf(_) = self.constraint else {
            return None;
        };
        let atoms = || values(self.constraint).into_iter().flatten();
        let list = self.list.get_or_init(|| atoms().map(Listed::new).collect());
        Some(list)
    }

    /// The answer known for the constraint at index `place` of the different ones.
    pub(super) fn answer(&self, place: usize) -> Option<Answer> {
        let kept = self.answers.get(place)?;
        if let Some(answer) = kept.get() {
            return Some(answer);
        }
        let theirs = self.theirs.different.get(place)?.constraint;
        let answer = match self.list() {
            Some(list) => of_list(list, theirs),
            None => Answer::of(self.constraint, theirs),
        };
        kept.set(Some(answer));
        Some(answer)
    }
}

/// As [`cover`] for a list, up to the first value that is not allowed.
fn of_list(list: &[Listed<'_>], theirs: &Constraint) -> Answer {
    let mut cover = Cover::Yes;
    let mut inside = None;
    for (index, value) in list.iter().enumerate() {
        let answer = value.satisfies(theirs);
        if answer == Cover::Yes {
            continue;
        }
        inside.get_or_insert((index, answer));
        cover = answer;
        // As in `cover`, one value that is not allowed decides the answer.
        if answer == Cover::No {
            break;
        }
    }
    let inside = inside.or(Some((list.len(), Cover::Yes)));
    Answer { cover, inside }
}
