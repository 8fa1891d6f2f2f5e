//! What is wider, in words that stay short however long the lists are.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::capability::scope::{Constraint, either};

/// How many of a list are named.
const NAMED: usize = 10;
/// How many bytes one text has at most, about.
const LONGEST: usize = 2000;

/// As [`either`], of a list that is cut after its first entries.
pub(super) fn few(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut items = items.into_iter();
    let named: Vec<_> = items.by_ref().take(NAMED).collect();
    more(either(named), items.count())
}

/// The constraint in words, its lists cut after their first entries.
pub(super) fn constraint(one: &Constraint) -> String {
    let mut short = one.clone();
    let left = match &mut short {
        Constraint::OneOf(set) | Constraint::SubsetOf(set) => cut(set),
        Constraint::Prefix(set)
        | Constraint::PathUnder(set)
        | Constraint::Host(set)
        | Constraint::Matches(set) => cut(set),
        Constraint::Cidr(set) => cut(set),
        Constraint::Url(pattern) => {
            let sets = [&mut pattern.schemes, &mut pattern.hosts, &mut pattern.paths];
            let texts: usize = sets.into_iter().flatten().map(cut).sum();
            texts + pattern.ports.as_mut().map_or(0, cut)
        }
        _ => 0,
    };
    more(short.to_string(), left)
}

fn cut<T: Ord + Clone>(set: &mut BTreeSet<T>) -> usize {
    let last = set.iter().nth(NAMED).cloned();
    last.map_or(0, |first| set.split_off(&first).len())
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

/// A number with its thousands apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let before = |index: usize| index > 0 && (digits.len() - index).is_multiple_of(3);
    let each = digits.chars().enumerate();
    each.flat_map(|(index, digit)| before(index).then_some(',').into_iter().chain([digit]))
        .collect()
}
