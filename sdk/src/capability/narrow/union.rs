//! Whether several grants of a parent together allow all that a child's grant does.
//!
//! What each argument of the child may be is cut into parts, so small that each grant of the parent allows
//! all of a part or nothing that matters of it: single values and prefixes, ranges between the ends of the
//! parent's ranges, halves of networks down to the parent's. The child is covered when for each choice of
//! one part an argument some grant of the parent allows them all.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::mem::discriminant;

use super::cover::{Cover, cover, reads_text, values};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Constraint, Grant};
use crate::capability::value::{Atom, Cidr, Decimal, UrlPattern};

/// The most parts of one argument, and the most choices of parts that differ in who allows them.
const MAX_PARTS: usize = 1024;

/// Which of the parent's grants, at most 64 as in a block, allow something: certainly, and perhaps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Allowing {
    certainly: u64,
    perhaps: u64,
}

/// Whether the union of `parents` covers `child`, grants of the same capability; `left` is how often a part
/// may still be looked for in a grant.
///
/// `Undecided` where a part cannot be decided, or where there are too many.
pub(super) fn covered(child: &Grant, parents: &[&Grant], left: &Cell<usize>) -> Cover {
    decide(child, parents, left).unwrap_or(Cover::Undecided)
}

fn decide(child: &Grant, parents: &[&Grant], left: &Cell<usize>) -> Option<Cover> {
    if parents.len() > 64 {
        return None;
    }
    let mut choices = BTreeSet::from([allowing(parents, |_| Cover::Yes)]);
    let names = parents.iter().flat_map(|parent| parent.args.keys());
    let names: BTreeSet<&String> = child.args.keys().chain(names).collect();
    for name in names {
        let Some(constraint) = listed(child, name) else {
            let rule = allowing(parents, |parent| {
                matches!(listed(parent, name), None | Some(Constraint::Any)).into()
            });
            choices = choose(&choices, &[rule])?;
            continue;
        };
        let theirs: Vec<_> = parents.iter().map(|parent| listed(parent, name)).collect();
        let parts = parts(constraint, &theirs)?;
        spend(left, parts.len().checked_mul(parents.len())?)?;
        let each = parts
            .iter()
            .map(|part| allowing(parents, |parent| inside(part, listed(parent, name))));
        choices = choose(&choices, &each.collect::<Vec<_>>())?;
    }
    let asks = |approver: Option<&PublicKey>| {
        allowing(parents, |parent: &Grant| {
            let free = parent.approvers.is_empty();
            (free || approver.is_some_and(|key| parent.approvers.contains(key))).into()
        })
    };
    let approvals: Vec<_> = match child.approvers.is_empty() {
        true => vec![asks(None)],
        false => child.approvers.iter().map(|key| asks(Some(key))).collect(),
    };
    choices = choose(&choices, &approvals)?;
    Some(if choices.iter().all(|choice| choice.certainly != 0) {
        Cover::Yes
    } else if choices.iter().any(|choice| choice.perhaps == 0) {
        Cover::No
    } else {
        Cover::Undecided
    })
}

/// Takes `looks` from what is left; `None` where that is less.
fn spend(left: &Cell<usize>, looks: usize) -> Option<()> {
    left.set(left.get().checked_sub(looks)?);
    Some(())
}

fn allowing(parents: &[&Grant], test: impl Fn(&Grant) -> Cover) -> Allowing {
    let mut allowing = Allowing {
        certainly: 0,
        perhaps: 0,
    };
    for (index, parent) in parents.iter().enumerate() {
        let answer = test(parent);
        allowing.certainly |= u64::from(answer == Cover::Yes) << index;
        allowing.perhaps |= u64::from(answer != Cover::No) << index;
    }
    allowing
}

/// Each choice so far with each of the parts of one more argument; `None` where there are too many that
/// differ.
fn choose(choices: &BTreeSet<Allowing>, parts: &[Allowing]) -> Option<BTreeSet<Allowing>> {
    let parts: BTreeSet<&Allowing> = parts.iter().collect();
    let mut all = BTreeSet::new();
    for one in choices {
        for part in &parts {
            all.insert(Allowing {
                certainly: one.certainly & part.certainly,
                perhaps: one.perhaps & part.perhaps,
            });
        }
        if all.len() > MAX_PARTS {
            return None;
        }
    }
    Some(all)
}

/// Whether a grant that has `parent` for an argument allows all of a part.
fn inside(part: &Constraint, parent: Option<&Constraint>) -> Cover {
    let Some(parent) = parent else {
        return Cover::No;
    };
    let mut atoms = values(parent).into_iter().flatten();
    let text = reads_text(parent) || atoms.any(|atom| matches!(atom, Atom::Str(_)));
    match cover(part, parent) {
        // Of one text read in two ways, several grants may allow what no single one does.
        Cover::No if reads_text(part) && text && discriminant(part) != discriminant(parent) => {
            Cover::Undecided
        }
        answer => answer,
    }
}

/// The parts of what one argument may be, their union; `None` where there are too many.
fn parts(constraint: &Constraint, parents: &[Option<&Constraint>]) -> Option<Vec<Constraint>> {
    use Constraint as C;
    // Most arguments are the same in all grants of a parent, and need no parts.
    let whole =
        |parent: &Option<&C>| parent.is_some_and(|one| cover(constraint, one) == Cover::Yes);
    if parents.iter().all(whole) {
        return Some(vec![constraint.clone()]);
    }
    Some(match constraint {
        C::OneOf(set) => singles(set, C::OneOf)?,
        C::Prefix(set) => singles(set, C::Prefix)?,
        C::PathUnder(set) => singles(set, C::PathUnder)?,
        C::Host(set) => singles(set, C::Host)?,
        C::Matches(set) => singles(set, C::Matches)?,
        C::Cidr(set) => networks(set, parents)?,
        C::Range { min, max } => ranges(*min, *max, parents)?,
        C::Url(pattern) => urls(pattern)?,
        other => vec![other.clone()],
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
    parents: &[Option<&Constraint>],
) -> Option<Vec<Constraint>> {
    let first = min.unwrap_or(Decimal::MIN).micros();
    let last = max.unwrap_or(Decimal::MAX).micros();
    // Where a part begins.
    let mut starts = BTreeSet::from([first]);
    let mut cut = |low: Option<Decimal>, high: Option<Decimal>| {
        let after = high.and_then(|high| high.micros().checked_add(1));
        let ends = low.map(Decimal::micros).into_iter().chain(after);
        starts.extend(ends.filter(|at| (first..=last).contains(at)));
        (starts.len() <= MAX_PARTS).then_some(())
    };
    for parent in parents.iter().flatten() {
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

/// The networks, each halved as long as one of a parent's lies inside it.
fn networks(set: &BTreeSet<Cidr>, parents: &[Option<&Constraint>]) -> Option<Vec<Constraint>> {
    let theirs: BTreeSet<Cidr> = parents
        .iter()
        .flatten()
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

/// What the grant says about an argument that may be given.
pub(super) fn listed<'a>(grant: &'a Grant, name: &str) -> Option<&'a Constraint> {
    grant
        .args
        .get(name)
        .filter(|one| !matches!(one, Constraint::Absent))
}
