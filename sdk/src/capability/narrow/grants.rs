//! Whether the grants of a parent allow all that a child's grant allows.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::cover::Cover;
use super::difference::covers;
use super::same::Same;
use super::search::Search;
use super::{Excess, cut, union};
use crate::capability::scope::{Grant, Plain};

/// How often one `narrow` searches for a part of a child's grant in one of several grants of a parent.
pub(super) const MAX_SEARCH: usize = 1 << 16;

/// How many ways one `narrow` writes out before it stops searching.
pub(super) const MAX_WAYS: usize = 512;

/// Adds the ways in which `child` is wider than the union of `allowed`; `left` is the number of searches for
/// a part of a grant that are left.
pub(super) fn excesses(
    place: impl Fn() -> String,
    child: &Grant,
    allowed: &mut Allowed<'_>,
    left: &Cell<usize>,
    found: &mut Vec<Excess>,
) {
    if found.len() >= MAX_WAYS {
        return;
    }
    let grants = allowed.grants;
    let same = allowed.of(&child.capability);
    let search = Search::new(child, same);
    let fitting = search.fitting();
    if search.in_one(fitting) || same.beyond.iter().any(|parent| covers(child, parent)) {
        return;
    }
    // The ways are counted without text: of many grants only the nearest is reported.
    let Some(nearest) = search.nearest(fitting) else {
        let names: BTreeSet<&str> = grants
            .iter()
            .map(|grant| grant.capability.as_str())
            .collect();
        found.push(Excess::new(
            format!("{}.tool", place()),
            format!("tool is {}", Plain(&child.capability)),
            format!("grants are of {}", cut::few(names.into_iter().map(Plain))),
        ));
        return;
    };
    let mut undecided = !same.beyond.is_empty();
    if same.grants.len() > 1 {
        match union::covered(&search, fitting, left) {
            Cover::Yes => return,
            answer => undecided |= answer == Cover::Undecided,
        }
    }
    let room = MAX_WAYS - found.len();
    found.extend(search.differences(nearest).take(room).map(|difference| {
        let mut excess = difference.excess(&place);
        excess.undecided |= undecided;
        excess
    }));
}

/// The grants of one block. Those of a capability are collected when they are first needed.
pub(super) struct Allowed<'a> {
    grants: &'a [Grant],
    known: BTreeMap<&'a str, Same<'a>>,
    none: Same<'a>,
}

impl<'a> Allowed<'a> {
    pub(super) const fn new(grants: &'a [Grant]) -> Self {
        Self {
            grants,
            known: BTreeMap::new(),
            none: Same::none(),
        }
    }

    /// The grants of the capability.
    fn of(&mut self, capability: &str) -> &Same<'a> {
        let grants = self.grants;
        let of = |grant: &&Grant| grant.capability == capability;
        if !self.known.contains_key(capability)
            && let Some(first) = grants.iter().find(of)
        {
            let same = Same::of(capability, grants);
            self.known.insert(&first.capability, same);
        }
        self.known.get(capability).unwrap_or(&self.none)
    }
}
