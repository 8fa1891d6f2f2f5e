//! The grants of one capability in one block of a parent, with equal constraints of an argument merged.

use std::collections::BTreeMap;

use super::cover::values;
use crate::capability::scope::{Constraint, Grant};
use crate::capability::value::Atom;

/// A subset of at most 64 grants, the most in a block, with a bit for each.
pub(super) type Set = u64;

/// Grants of one capability.
pub(super) struct Same<'a> {
    /// In the order in which the block has them.
    pub(super) grants: Vec<&'a Grant>,
    /// The grants beyond the last bit, which occur only in bounds outside a block.
    pub(super) beyond: Vec<&'a Grant>,
    /// The constraints of each argument that one of the grants lists.
    pub(super) arguments: BTreeMap<&'a str, Argument<'a>>,
}

/// The constraints of one argument in the grants.
#[derive(Default)]
pub(super) struct Argument<'a> {
    /// The different constraints, in the order of their first use.
    pub(super) different: Vec<Theirs<'a>>,
    /// Each grant that lists the argument, in order, and the index in `different` of its constraint.
    places: Vec<(usize, usize)>,
    /// The grants that list it.
    pub(super) listing: Set,
    /// The grants under which the argument may not be left out.
    pub(super) requiring: Set,
}

/// One of the different constraints of an argument.
pub(super) struct Theirs<'a> {
    pub(super) constraint: &'a Constraint,
    /// The grants that have it.
    pub(super) whose: Set,
    /// Whether it allows some text.
    pub(super) text: bool,
}

impl<'a> Same<'a> {
    /// No grants.
    pub(super) const fn none() -> Self {
        Self {
            grants: Vec::new(),
            beyond: Vec::new(),
            arguments: BTreeMap::new(),
        }
    }

    /// The grants in `allowed` that are of the capability.
    pub(super) fn of(capability: &str, allowed: &'a [Grant]) -> Self {
        let of = |grant: &&Grant| grant.capability == capability;
        let mut all = allowed.iter().filter(of);
        let grants: Vec<&Grant> = all.by_ref().take(64).collect();
        let beyond = all.collect();
        // Equal constraints are found by their order, so each is compared with few others.
        let mut known: BTreeMap<(&str, &Constraint), usize> = BTreeMap::new();
        let mut arguments: BTreeMap<&str, Argument<'_>> = BTreeMap::new();
        for (index, grant) in grants.iter().enumerate() {
            for (name, constraint) in &grant.args {
                if listed(grant, name).is_none() {
                    continue;
                }
                let argument = arguments.entry(name).or_default();
                let place = *known.entry((name, constraint)).or_insert_with(|| {
                    argument.different.push(Theirs::new(constraint));
                    argument.different.len() - 1
                });
                argument.listed_by(index, place);
            }
        }
        Self {
            grants,
            beyond,
            arguments,
        }
    }

    /// All of the grants.
    pub(super) fn all(&self) -> Set {
        (0..self.grants.len()).fold(0, |all, index| all | 1 << index)
    }
}

impl Argument<'_> {
    fn listed_by(&mut self, grant: usize, place: usize) {
        self.places.push((grant, place));
        self.listing |= 1 << grant;
        if let Some(theirs) = self.different.get_mut(place) {
            theirs.whose |= 1 << grant;
            if !matches!(theirs.constraint, Constraint::Any) {
                self.requiring |= 1 << grant;
            }
        }
    }

    /// The index in `different` of the constraint of a grant.
    pub(super) fn place(&self, grant: usize) -> Option<usize> {
        let found = self
            .places
            .binary_search_by_key(&grant, |(grant, _)| *grant);
        let (_, place) = self.places.get(found.ok()?)?;
        Some(*place)
    }
}

impl<'a> Theirs<'a> {
    fn new(constraint: &'a Constraint) -> Self {
        let mut atoms = values(constraint).into_iter().flatten();
        let text = constraint.reads_text() || atoms.any(|atom| matches!(atom, Atom::Str(_)));
        Self {
            constraint,
            whose: 0,
            text,
        }
    }
}

/// The constraint of the grant on an argument, if the argument may be given.
pub(super) fn listed<'a>(grant: &'a Grant, name: &str) -> Option<&'a Constraint> {
    grant
        .args
        .get(name)
        .filter(|one| !matches!(one, Constraint::Absent))
}
