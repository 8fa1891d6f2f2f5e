//! What one argument may be as a predicate and its comparisons, and back.

use std::collections::BTreeSet;

use crate::capability::block::{
    datalog::query::{Bin, Comparison, Expression, Query},
    datalog::raw::Term,
    datalog::read::{atom, atoms, elements, int, str_of, strs},
    datalog::table::Table,
};
use crate::capability::scope::{Constraint, wrap_pattern};
use crate::capability::value::{AtomType, Cidr, Decimal, UrlPattern};

const fn predicate_of(kind: AtomType) -> &'static str {
    match kind {
        AtomType::Str => "arg_str",
        AtomType::Bool => "arg_bool",
        AtomType::Num => "arg_num",
        AtomType::Hash => "arg_json",
    }
}

/// Writes the predicate and the comparisons that stand for what the argument `name` may be.
pub(super) fn write(query: &mut Query<'_>, index: usize, name: &str, constraint: &Constraint) {
    let label = query.str(name);
    let about = |query: &mut Query<'_>, predicate| {
        let v = query.var(&format!("v{index}"));
        query.predicate(predicate, &[label, v]);
        v
    };
    match constraint {
        Constraint::Any | Constraint::Absent => {}
        Constraint::Eq(atom) => {
            let literal = query.atom(atom);
            query.predicate(predicate_of(atom.kind()), &[label, literal]);
        }
        Constraint::OneOf(set) => {
            let first = set.first();
            let predicate = first.map_or("arg_json", |atom| predicate_of(atom.kind()));
            let v = about(query, predicate);
            query.expression(|any| any.among(v, |allowed| allowed.atoms(set)));
        }
        Constraint::SubsetOf(set) => {
            let v = about(query, "arg_set");
            query.expression(|all| all.among(v, |allowed| allowed.atoms(set)));
        }
        Constraint::Prefix(prefixes) => {
            let v = about(query, "arg_str");
            any(query, v, Bin::Prefix, prefixes);
        }
        Constraint::Matches(patterns) => {
            let v = about(query, "arg_str");
            let wrapped: Vec<String> = patterns.iter().map(|source| wrap_pattern(source)).collect();
            any(query, v, Bin::Regex, &wrapped);
        }
        Constraint::PathUnder(roots) => {
            let v = about(query, "arg_path");
            any(query, v, Bin::Prefix, roots);
        }
        Constraint::Host(names) => {
            let v = about(query, "arg_host");
            query.expression(|any| write_hosts(any, v, names));
        }
        Constraint::Range { min, max } => {
            let v = about(query, "arg_num");
            let low = min.map(|min| (Bin::GreaterOrEqual, min.micros()));
            let high = max.map(|max| (Bin::LessOrEqual, max.micros()));
            query.expression(|both| {
                for (index, (kind, end)) in low.into_iter().chain(high).enumerate() {
                    both.compare(v, kind, Term::Integer(end));
                    both.join(index, Bin::And);
                }
            });
        }
        Constraint::Cidr(networks) => write_cidr(query, index, label, networks),
        Constraint::Url(pattern) => write_url(query, index, label, pattern),
    }
}

/// `$v op "text"` for one of the texts.
fn any<'s>(
    query: &mut Query<'_>,
    v: Term<'_>,
    kind: Bin,
    texts: impl IntoIterator<Item = &'s String>,
) {
    query.expression(|any| any.each(0, v, kind, texts.into_iter().map(String::as_str)));
}

fn write_hosts(any: &mut Expression<'_>, v: Term<'_>, hosts: &BTreeSet<String>) {
    let wild = |host: &&String| host.starts_with('.');
    let exact: Vec<String> = hosts
        .iter()
        .filter(|host| !wild(host))
        .map(|host| format!(".{host}"))
        .collect();
    if !exact.is_empty() {
        any.among(v, |names| names.strs(exact.iter().map(String::as_str)));
    }
    let before = usize::from(!exact.is_empty());
    let names = hosts.iter().filter(wild).map(String::as_str);
    any.each(before, v, Bin::Suffix, names);
}

/// `low <= $v && $v <= high`.
fn between(both: &mut Expression<'_>, v: Term<'_>, low: i64, high: i64) {
    both.compare(v, Bin::GreaterOrEqual, Term::Integer(low));
    both.compare(v, Bin::LessOrEqual, Term::Integer(high));
    both.binary(Bin::And);
}

fn write_cidr(query: &mut Query<'_>, index: usize, label: Term<'_>, networks: &BTreeSet<Cidr>) {
    if networks.iter().any(|network| network.v4_range().is_some()) {
        let v = query.var(&format!("v{index}"));
        query.predicate("arg_ip4", &[label, v]);
        let ranges = networks.iter().filter_map(|network| network.v4_range());
        query.expression(|any| {
            for (index, (low, high)) in ranges.enumerate() {
                between(any, v, i64::from(low), i64::from(high));
                any.join(index, Bin::Or);
            }
        });
        return;
    }
    let (a, b) = (
        query.var(&format!("a{index}")),
        query.var(&format!("b{index}")),
    );
    query.predicate("arg_ip6", &[label, a, b]);
    let ranges = networks.iter().filter_map(|network| network.v6_range());
    query.expression(|any| {
        for (index, (low, high)) in ranges.enumerate() {
            let ((low_a, low_b), (high_a, high_b)) = (halves(low), halves(high));
            if low_a == high_a {
                any.compare(a, Bin::Equal, Term::Integer(low_a));
                any.compare(b, Bin::GreaterOrEqual, Term::Integer(low_b));
                any.binary(Bin::And);
                any.compare(b, Bin::LessOrEqual, Term::Integer(high_b));
                any.binary(Bin::And);
            } else {
                between(any, a, low_a, high_a);
            }
            any.join(index, Bin::Or);
        }
    });
}

fn write_url(query: &mut Query<'_>, index: usize, label: Term<'_>, pattern: &UrlPattern) {
    let mut var = |letter: char| query.var(&format!("{letter}{index}"));
    let (s, h, p, q) = (var('s'), var('h'), var('p'), var('q'));
    query.predicate("arg_url", &[label, s, h, p, q]);
    if let Some(schemes) = &pattern.schemes {
        let schemes = schemes.iter().map(String::as_str);
        query.expression(|any| any.among(s, |set| set.strs(schemes)));
    }
    if let Some(names) = &pattern.hosts {
        query.expression(|any| write_hosts(any, h, names));
    }
    if let Some(ports) = &pattern.ports {
        let ports = ports.iter().map(|port| Term::Integer(i64::from(*port)));
        query.expression(|any| any.among(p, |set| ports.for_each(|port| set.term(port))));
    }
    if let Some(paths) = &pattern.paths {
        any(query, q, Bin::Prefix, paths);
    }
}

/// The comparisons of one alternative.
pub(super) struct Found<'f, 'a>(pub(super) &'f [Comparison<'a>]);

impl<'f, 'a> Found<'f, 'a> {
    /// Those that a variable takes part in; `None` of anything else.
    pub(super) fn about(
        &self,
        var: Term<'_>,
    ) -> Option<impl Iterator<Item = Comparison<'a>> + Clone + use<'f, 'a>> {
        let Term::Variable(var) = var else {
            return None;
        };
        let is = move |term| matches!(term, Term::Variable(v) if v == var);
        let all = self.0.iter().copied();
        Some(all.filter(move |found| is(found.left) || is(found.right)))
    }
}

/// Reads the constraint that a predicate of an alternative, with the comparisons of its variables, stands for.
pub(super) fn read(
    predicate: &str,
    terms: &[Term<'_>],
    table: &Table,
    all: &Found<'_, '_>,
) -> Option<Constraint> {
    let found = |var: Term<'_>| all.about(var);
    match (predicate, terms) {
        ("arg_url", &[s, h, p, q]) => {
            let pattern = UrlPattern {
                schemes: match found(s)?.next() {
                    Some(listed) => Some(strs(listed.left, table)?),
                    None => None,
                },
                hosts: Some(hosts(found(h)?, table)?).filter(|set| !set.is_empty()),
                ports: match found(p)?.next() {
                    Some(listed) => Some(elements(listed.left, |port| {
                        u16::try_from(int(port)?).ok()
                    })?),
                    None => None,
                },
                paths: Some(texts(found(q)?, table)?).filter(|set| !set.is_empty()),
            };
            Some(Constraint::Url(pattern))
        }
        ("arg_ip6", &[a, b]) => cidr6(found(a)?, found(b)?),
        ("arg_ip4", &[v]) => cidr4(found(v)?),
        ("arg_host", &[v]) => Some(Constraint::Host(hosts(found(v)?, table)?)),
        ("arg_path", &[v]) => Some(Constraint::PathUnder(texts(found(v)?, table)?)),
        ("arg_set", &[v]) => Some(Constraint::SubsetOf(atoms(found(v)?.next()?.left, table)?)),
        ("arg_str" | "arg_bool" | "arg_num" | "arg_json", &[v @ Term::Variable(_)]) => {
            let found = found(v)?;
            let first = found.clone().next()?;
            match first.kind {
                Bin::Contains => Some(Constraint::OneOf(atoms(first.left, table)?)),
                Bin::Prefix => Some(Constraint::Prefix(texts(found, table)?)),
                Bin::Regex => texts(found, table)?
                    .iter()
                    .map(|wrapped| {
                        wrapped
                            .strip_prefix(r"\A(?:")?
                            .strip_suffix(r")\z")
                            .map(str::to_owned)
                    })
                    .collect::<Option<_>>()
                    .map(Constraint::Matches),
                Bin::GreaterOrEqual | Bin::LessOrEqual => {
                    let bound = |kind: Bin| {
                        let comparison = found.clone().find(|found| found.kind == kind)?;
                        int(comparison.right).map(Decimal::from_micros)
                    };
                    Some(Constraint::Range {
                        min: bound(Bin::GreaterOrEqual),
                        max: bound(Bin::LessOrEqual),
                    })
                }
                _ => None,
            }
        }
        ("arg_str" | "arg_bool" | "arg_num" | "arg_json", &[literal]) => {
            atom(literal, table).map(Constraint::Eq)
        }
        _ => None,
    }
}

fn texts<'a>(
    found: impl Iterator<Item = Comparison<'a>>,
    table: &Table,
) -> Option<BTreeSet<String>> {
    found
        .map(|comparison| str_of(comparison.right, table).map(str::to_owned))
        .collect()
}

fn hosts<'a>(
    found: impl Iterator<Item = Comparison<'a>>,
    table: &Table,
) -> Option<BTreeSet<String>> {
    let mut hosts = BTreeSet::new();
    for comparison in found {
        match comparison.kind {
            Bin::Contains => {
                for host in strs(comparison.left, table)? {
                    hosts.insert(host.strip_prefix('.')?.to_owned());
                }
            }
            _ => {
                hosts.insert(str_of(comparison.right, table)?.to_owned());
            }
        }
    }
    Some(hosts)
}

/// The pairs `>= low`, `<= high` among comparisons, in order.
fn ranges<'a>(found: impl Iterator<Item = Comparison<'a>>) -> Option<Vec<(i64, i64)>> {
    let ends: Vec<i64> = found
        .filter(|found| found.kind != Bin::Equal)
        .map(|found| int(found.right))
        .collect::<Option<_>>()?;
    ends.chunks(2)
        .map(|pair| Some((*pair.first()?, *pair.get(1)?)))
        .collect()
}

fn cidr4<'a>(found: impl Iterator<Item = Comparison<'a>>) -> Option<Constraint> {
    let network = |(low, high): (i64, i64)| {
        let (low, high) = (u32::try_from(low).ok()?, u32::try_from(high).ok()?);
        Cidr::v4(low, u8::try_from((low ^ high).leading_zeros()).ok()?)
    };
    ranges(found)?
        .into_iter()
        .map(network)
        .collect::<Option<_>>()
        .map(Constraint::Cidr)
}

fn cidr6<'a>(
    a: impl Iterator<Item = Comparison<'a>> + Clone,
    b: impl Iterator<Item = Comparison<'a>>,
) -> Option<Constraint> {
    let network =
        |low: u128, high: u128| Cidr::v6(low, u8::try_from((low ^ high).leading_zeros()).ok()?);
    let wide = ranges(a.clone())?
        .into_iter()
        .map(|(low, high)| network(address(low, i64::MIN), address(high, i64::MAX)));
    let exact = a
        .filter(|found| found.kind == Bin::Equal)
        .map(|found| int(found.right));
    let narrow = exact.zip(ranges(b)?).map(|(high_half, (low, high))| {
        let half = high_half?;
        network(address(half, low), address(half, high))
    });
    wide.chain(narrow)
        .collect::<Option<_>>()
        .map(Constraint::Cidr)
}

/// An IPv6 address as two integers whose order is the address's.
pub(crate) const fn halves(address: u128) -> (i64, i64) {
    const FLIP: u64 = 1 << 63;
    (
        ((address >> 64) as u64 ^ FLIP) as i64,
        (address as u64 ^ FLIP) as i64,
    )
}

/// The address whose halves these are.
const fn address(high: i64, low: i64) -> u128 {
    const FLIP: u64 = 1 << 63;
    ((high as u64 ^ FLIP) as u128) << 64 | (low as u64 ^ FLIP) as u128
}
