//! Reads the alternative of a check as the grant that it stands for.

use std::collections::BTreeSet;

use super::address;
use crate::capability::block::{
    datalog::query::{Bin, Comparison, comparisons},
    datalog::raw::{Predicate, Rule, Term},
    datalog::read::{atom, atoms, elements, int, str_of, strs},
    datalog::table::Table,
};
use crate::capability::scope::{Constraint, Grant};
use crate::capability::value::{Cidr, Decimal, UrlPattern};

/// Reads the grant that an alternative of the grants check stands for.
///
/// `compared` is room for its comparisons, whatever it holds.
pub(crate) fn read<'a>(
    rule: &Rule<'a>,
    table: &Table,
    compared: &mut Vec<Comparison<'a>>,
) -> Option<Grant> {
    comparisons(rule, compared)?;
    let found = Found(compared);
    let mut predicates = rule.body();
    let mut next = |name: &str| {
        let predicate: Predicate<'a> = predicates.next()??;
        let [term] = *predicate.terms() else {
            return None;
        };
        (table.string(predicate.name)? == name).then_some(term)
    };
    let (capability, names) = (next("tool")?, next("arg_names")?);
    let mut grant = Grant::closed(str_of(capability, table)?);
    let mut about = found.about(names)?;
    let listed = about.find(|found| found.kind == Bin::Contains)?;
    for name in strs(listed.left, table)? {
        grant.args.insert(name, Constraint::Any);
    }
    for predicate in predicates {
        let predicate = predicate?;
        let (label, terms) = match (table.string(predicate.name)?, predicate.terms()) {
            ("call" | "approval" | "time", _) => continue,
            (_, [label, terms @ ..]) => (str_of(*label, table)?, terms),
            _ => return None,
        };
        let constraint = constraint(table.string(predicate.name)?, terms, table, &found)?;
        grant.args.insert(label.to_owned(), constraint);
    }
    if let Some(key) = rule.trusting {
        grant.approvers = BTreeSet::from([*table.key(key)?]);
    }
    Some(grant)
}

/// The comparisons of one alternative.
struct Found<'f, 'a>(&'f [Comparison<'a>]);

impl<'f, 'a> Found<'f, 'a> {
    /// Those that a variable takes part in; `None` of anything else.
    fn about(
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

fn constraint(
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
