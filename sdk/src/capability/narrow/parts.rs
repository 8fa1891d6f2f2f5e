//! The values that one argument of a child may have, cut into parts. Each part is so small that a grant of
//! the parent allows all of it or no relevant part of it.
//!
//! The parts are single values and prefixes, combinations of a URL's parts, ranges between the ends of the
//! parent's ranges, and halves of networks down to the parent's.

use std::collections::BTreeSet;

use super::cover::values;
use crate::capability::scope::{Constraint, Lists};
use crate::capability::value::{Atom, Cidr, Decimal, UrlPattern};

/// The most parts of one argument, and the most choices of parts that differ in the grants that allow them.
pub(super) const MAX_PARTS: usize = 1024;

/// The parts whose union is what one argument may be; `None` if there are too many.
pub(super) fn parts(constraint: &Constraint, parents: &[&Constraint]) -> Option<Vec<Constraint>> {
    Some(match (constraint, constraint.lists()) {
        (_, Lists::Texts(set, kind)) => singles(set, kind)?,
        (_, Lists::Networks(set)) => networks(set, parents)?,
        (_, Lists::Url(pattern)) => urls(pattern)?,
        (Constraint::Range { min, max }, _) => ranges(*min, *max, parents)?,
        (other, _) => vec![other.clone()],
    })
}

fn singles<T: Ord + Clone>(
    set: &BTreeSet<T>,
    make: impl Fn(BTreeSet<T>) -> Constraint,
) -> Option<Vec<Constraint>> {
    let single = |one: &T| make(BTreeSet::from([one.clone()]));
    (set.len() <= MAX_PARTS).then(|| set.iter().map(single).collect())
}

/// The range between each two neighbours of its own ends and those of the parents.
fn ranges(
    min: Option<Decimal>,
    max: Option<Decimal>,
    parents: &[&Constraint],
) -> Option<Vec<Constraint>> {
    let first = min.unwrap_or(Decimal::MIN).micros();
    let last = max.unwrap_or(Decimal::MAX).micros();
    // The starts of the parts.
    let mut starts = BTreeSet::from([first]);
    let mut cut = |low: Option<Decimal>, high: Option<Decimal>| {
        let after = high.and_then(|high| high.micros().checked_add(1));
        let ends = low.map(Decimal::micros).into_iter().chain(after);
        starts.extend(ends.filter(|at| (first..=last).contains(at)));
        (starts.len() <= MAX_PARTS).then_some(())
    };
    for parent in parents {
        if let Constraint::Range { min, max } = parent {
            cut(*min, *max)?;
        }
        for atom in values(parent).into_iter().flatten() {
            if let Atom::Num(number) = atom {
                cut(Some(*number), Some(*number))?;
            }
        }
    }
    let ends = starts.iter().skip(1).map(|next| next - 1).chain([last]);
    let part = |(low, high): (&i64, i64)| Constraint::Range {
        min: Some(Decimal::from_micros(*low)),
        max: Some(Decimal::from_micros(high)),
    };
    Some(starts.iter().zip(ends).map(part).collect())
}

/// The networks, each halved as long as a network of a parent lies inside it.
fn networks(set: &BTreeSet<Cidr>, parents: &[&Constraint]) -> Option<Vec<Constraint>> {
    let theirs: BTreeSet<Cidr> = parents
        .iter()
        .flat_map(|parent| match parent {
            Constraint::Cidr(set) => set.iter().copied().collect(),
            _ => Vec::new(),
        })
        .collect();
    let mut open: Vec<Cidr> = set.iter().copied().collect();
    let mut done = Vec::new();
    while let Some(network) = open.pop() {
        match network.halves() {
            Some(halves)
                if theirs
                    .iter()
                    .any(|one| *one != network && network.contains(*one)) =>
            {
                open.extend(halves);
            }
            _ => done.push(Constraint::Cidr([network].into())),
        }
        if open.len() + done.len() > MAX_PARTS {
            return None;
        }
    }
    Some(done)
}

/// The pattern with one alternative of each of its parts.
fn urls(pattern: &UrlPattern) -> Option<Vec<Constraint>> {
    fn each<T: Ord + Clone>(set: Option<&BTreeSet<T>>) -> Vec<Option<BTreeSet<T>>> {
        let single = |one: &T| Some(BTreeSet::from([one.clone()]));
        set.map_or_else(|| vec![None], |set| set.iter().map(single).collect())
    }
    let both = UrlPattern::every_scheme();
    let schemes = each(Some(pattern.schemes.as_ref().unwrap_or(&both)));
    let hosts = each(pattern.hosts.as_ref());
    let ports = each(pattern.ports.as_ref());
    let paths = each(pattern.paths.as_ref());
    let count = [hosts.len(), ports.len(), paths.len()]
        .into_iter()
        .try_fold(schemes.len(), usize::checked_mul)?;
    if count > MAX_PARTS {
        return None;
    }
    let mut parts = Vec::with_capacity(count);
    for schemes in &schemes {
        for hosts in &hosts {
            for ports in &ports {
                parts.extend(paths.iter().map(|paths| {
                    Constraint::Url(UrlPattern {
                        schemes: schemes.clone(),
                        hosts: hosts.clone(),
                        ports: ports.clone(),
                        paths: paths.clone(),
                    })
                }));
            }
        }
    }
    Some(parts)
}
