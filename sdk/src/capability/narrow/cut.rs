//! Texts about what is wider, which stay short however long the lists are.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::capability::scope::{Constraint, Lists, either};
use crate::capability::value::{Atom, UrlPattern};

/// How many of a list are named.
const NAMED: usize = 10;
/// About how many bytes one text has at most.
const LONGEST: usize = 2000;

/// As [`either`], for a list that is cut after its first entries.
pub(super) fn few(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut items = items.into_iter();
    let named: Vec<_> = items.by_ref().take(NAMED).collect();
    more(either(named), items.count())
}

/// The constraint in words, with its lists cut after their first entries.
pub(super) fn constraint(one: &Constraint) -> String {
    let (short, left) = match one.lists() {
        Lists::Nothing | Lists::One(_) => (one.clone(), 0),
        Lists::Atoms(set, kind) => made(kind, set),
        Lists::Texts(set, kind) => made(kind, set),
        Lists::Networks(set) => made(Constraint::Cidr, set),
        Lists::Url(pattern) => {
            let mut left = 0;
            let mut texts = |set: &Option<BTreeSet<String>>| {
                let (first, more) = set.as_ref().map(first).unzip();
                left += more.unwrap_or(0);
                first
            };
            let (schemes, hosts) = (texts(&pattern.schemes), texts(&pattern.hosts));
            let paths = texts(&pattern.paths);
            let (ports, more) = pattern.ports.as_ref().map(first).unzip();
            let short = UrlPattern {
                schemes,
                hosts,
                ports,
                paths,
            };
            (Constraint::Url(short), left + more.unwrap_or(0))
        }
    };
    more(short.to_string(), left)
}

/// These values in words, cut after the first few.
pub(super) fn values<'a>(atoms: impl IntoIterator<Item = &'a Atom>) -> String {
    let mut atoms = atoms.into_iter();
    let named = atoms.by_ref().take(NAMED).cloned().collect();
    more(Constraint::OneOf(named).to_string(), atoms.count())
}

fn made<T: Ord + Clone>(
    kind: impl FnOnce(BTreeSet<T>) -> Constraint,
    set: &BTreeSet<T>,
) -> (Constraint, usize) {
    let (first, left) = first(set);
    (kind(first), left)
}

/// The first entries, and the number of the others.
fn first<T: Ord + Clone>(set: &BTreeSet<T>) -> (BTreeSet<T>, usize) {
    let named = set.iter().take(NAMED).cloned().collect();
    (named, set.len().saturating_sub(NAMED))
}

fn more(mut text: String, left: usize) -> String {
    if left > 0 {
        text.push_str(&format!(" … and {} more", grouped(left)));
    }
    text
}

/// A long text without its end.
pub(super) fn short(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end));
        let cut = text.len() - end.unwrap_or(0);
        text.truncate(end.unwrap_or(0));
        text.push_str(&format!("… and {} bytes more", grouped(cut)));
    }
    text
}

/// A number with its thousands separated.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let before = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    let each = digits.chars().enumerate();
    each.flat_map(|(index, digit)| before(index).then_some(',').into_iter().chain([digit]))
        .collect()
}
