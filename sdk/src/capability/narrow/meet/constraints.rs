//! The intersection of two constraints on one argument.

use std::collections::BTreeSet;

use crate::capability::narrow::cover::{Cover, cover, host_under, satisfies};
use crate::capability::scope::{Constraint, strip_slash};
use crate::capability::value::{Atom, UrlPattern};

/// No single constraint expresses the intersection.
#[derive(Debug)]
pub(super) struct Inexpressible;

/// The constraint that allows what both allow of an argument that is given; `None` if they have no value in
/// common.
pub(super) fn meet(a: &Constraint, b: &Constraint) -> Result<Option<Constraint>, Inexpressible> {
    use Constraint as C;
    if a == b {
        return Ok(Some(a.clone()));
    }
    match (a, b) {
        (C::Any, one) | (one, C::Any) => Ok(Some(one.clone())),
        (C::Eq(atom), other) | (other, C::Eq(atom)) => {
            Ok(filtered([atom], other)?.pop().map(C::Eq))
        }
        (C::OneOf(atoms), other) | (other, C::OneOf(atoms)) => Ok(some(
            filtered(atoms, other)?.into_iter().collect(),
            C::OneOf,
        )),
        (
            C::Range {
                min: low,
                max: high,
            },
            C::Range { min, max },
        ) => {
            let min = (*low).max(*min);
            let max = high.iter().chain(max).min().copied();
            let empty = matches!((min, max), (Some(min), Some(max)) if min > max);
            Ok((!empty).then_some(C::Range { min, max }))
        }
        (C::SubsetOf(a), C::SubsetOf(b)) => Ok(some(a & b, C::SubsetOf)),
        (C::Prefix(a), C::Prefix(b)) => Ok(some(longer(a, b), C::Prefix)),
        (C::PathUnder(a), C::PathUnder(b)) => Ok(some(longer(a, b), C::PathUnder)),
        (C::Host(a), C::Host(b)) => Ok(some(hosts(a, b), C::Host)),
        (C::Cidr(a), C::Cidr(b)) => Ok(some(
            nested(a, b, |x, y| {
                cover(&C::Cidr([*x].into()), &C::Cidr([*y].into())) == Cover::Yes
            }),
            C::Cidr,
        )),
        (C::Url(a), C::Url(b)) => Ok(urls(a, b).map(C::Url)),
        (C::PathUnder(roots), C::Prefix(prefixes)) | (C::Prefix(prefixes), C::PathUnder(roots)) => {
            Ok(some(roots_with_prefix(roots, prefixes)?, C::PathUnder))
        }
        // A path begins with `/`, a URL holds one, and neither hosts nor addresses do.
        (C::PathUnder(_), C::Url(_) | C::Host(_) | C::Cidr(_)) => Ok(None),
        (C::Url(_) | C::Host(_) | C::Cidr(_), C::PathUnder(_)) => Ok(None),
        (C::Url(_), C::Host(_) | C::Cidr(_)) | (C::Host(_) | C::Cidr(_), C::Url(_)) => Ok(None),
        _ if a.reads_text() && b.reads_text() => match (cover(a, b), cover(b, a)) {
            (Cover::Yes, _) => Ok(Some(a.clone())),
            (_, Cover::Yes) => Ok(Some(b.clone())),
            _ => Err(Inexpressible),
        },
        // One reads numbers and the other text or lists, so they have no value in common.
        _ => Ok(None),
    }
}

fn some<T>(set: BTreeSet<T>, constraint: impl Fn(BTreeSet<T>) -> Constraint) -> Option<Constraint> {
    (!set.is_empty()).then(|| constraint(set))
}

/// The values of a list that the other constraint allows.
fn filtered<'a>(
    atoms: impl IntoIterator<Item = &'a Atom>,
    other: &Constraint,
) -> Result<Vec<Atom>, Inexpressible> {
    let mut allowed = Vec::new();
    for atom in atoms {
        match satisfies(atom, other) {
            Cover::Yes => allowed.push(atom.clone()),
            Cover::No => {}
            Cover::Undecided => return Err(Inexpressible),
        }
    }
    Ok(allowed)
}

/// For two sets whose elements are nested or disjoint, the inner element of each nested pair.
fn nested<T: Ord + Clone>(
    a: &BTreeSet<T>,
    b: &BTreeSet<T>,
    inside: impl Fn(&T, &T) -> bool,
) -> BTreeSet<T> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x, y)));
    pairs
        .filter_map(|(x, y)| {
            if inside(x, y) {
                Some(x)
            } else {
                inside(y, x).then_some(y)
            }
        })
        .cloned()
        .collect()
}

fn longer(a: &BTreeSet<String>, b: &BTreeSet<String>) -> BTreeSet<String> {
    nested(a, b, |x, y| x.starts_with(y.as_str()))
}

fn hosts(a: &BTreeSet<String>, b: &BTreeSet<String>) -> BTreeSet<String> {
    nested(a, b, |x, y| host_under(x, &BTreeSet::from([y.clone()])))
}

/// The intersection of a part of both; `None` if it is empty.
fn part<T: Ord + Clone>(
    a: &Option<BTreeSet<T>>,
    b: &Option<BTreeSet<T>>,
    both: impl Fn(&BTreeSet<T>, &BTreeSet<T>) -> BTreeSet<T>,
) -> Option<Option<BTreeSet<T>>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)).filter(|set| !set.is_empty()).map(Some),
        (one, other) => Some(one.as_ref().or(other.as_ref()).cloned()),
    }
}

fn urls(a: &UrlPattern, b: &UrlPattern) -> Option<UrlPattern> {
    Some(UrlPattern {
        schemes: part(&a.schemes, &b.schemes, |a, b| a & b)?,
        hosts: part(&a.hosts, &b.hosts, hosts)?,
        ports: part(&a.ports, &b.ports, |a, b| a & b)?,
        paths: part(&a.paths, &b.paths, longer)?,
    })
}

/// The roots all of whose paths start with a prefix, provided that no path of the other roots does.
fn roots_with_prefix(
    roots: &BTreeSet<String>,
    prefixes: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Inexpressible> {
    let mut inside = BTreeSet::new();
    for root in roots {
        if prefixes
            .iter()
            .any(|prefix| strip_slash(root).starts_with(prefix.as_str()))
        {
            inside.insert(root.clone());
        } else if prefixes
            .iter()
            .any(|prefix| prefix.starts_with(root.as_str()))
        {
            return Err(Inexpressible);
        }
    }
    Ok(inside)
}
