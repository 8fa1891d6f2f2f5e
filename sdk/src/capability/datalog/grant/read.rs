//! Reads the alternative of a check as the grant that it stands for.

use std::collections::BTreeSet;

use biscuit_auth::format::schema::{Rule, term::Content};

use super::address;
use crate::capability::bounds::Grant;
use crate::capability::cidr::Cidr;
use crate::capability::constraint::Constraint;
use crate::capability::datalog::query::{Bin, Comparison, comparisons};
use crate::capability::datalog::read::{Body, atom, atoms, str_of, strs};
use crate::capability::datalog::table::Table;
use crate::capability::decimal::Decimal;
use crate::capability::url_pattern::UrlPattern;

/// Reads the grant that an alternative of the grants check stands for.
pub(crate) fn read(rule: &Rule, table: &Table) -> Option<Grant> {
    let body = Body::of(rule, table)?;
    let mut predicates = body.predicates.iter();
    let [capability] = predicates
        .next()
        .filter(|(name, _)| *name == "tool")?
        .1
        .as_slice()
    else {
        return None;
    };
    let [Content::Variable(n)] = predicates
        .next()
        .filter(|(name, _)| *name == "arg_names")?
        .1
        .as_slice()
    else {
        return None;
    };
    let mut grant = Grant::new(str_of(capability, table)?);
    let compared: Vec<Comparison<'_>> = rule.expressions.iter().flat_map(comparisons).collect();
    let found = Found(&compared);
    let listed = found
        .about(*n)
        .into_iter()
        .find(|found| found.kind == Bin::Contains)?;
    for name in strs(listed.left, table)? {
        grant.args.insert(name, Constraint::Any);
    }
    for (predicate, terms) in predicates {
        let (label, terms) = match (*predicate, terms.as_slice()) {
            ("call" | "approval" | "time", _) => continue,
            (_, [label, terms @ ..]) => (str_of(label, table)?, terms),
            _ => return None,
        };
        let constraint = constraint(predicate, terms, table, &found)?;
        grant.args.insert(label.to_owned(), constraint);
    }
    if let Some(key) = body.trusting {
        grant.approvers = BTreeSet::from([*key]);
    }
    Some(grant)
}

/// The comparisons of one alternative.
struct Found<'a>(&'a [Comparison<'a>]);

impl<'a> Found<'a> {
    /// Those that a variable takes part in.
    fn about(&self, var: u32) -> Vec<&'a Comparison<'a>> {
        let is = |term: &Content| matches!(term, Content::Variable(v) if *v == var);
        self.0
            .iter()
            .filter(|found| is(found.left) || is(found.right))
            .collect()
    }
}

fn constraint(
    predicate: &str,
    terms: &[&Content],
    table: &Table,
    found: &Found<'_>,
) -> Option<Constraint> {
    let found = |term: &Content| match term {
        Content::Variable(var) => Some(found.about(*var)),
        _ => None,
    };
    match (predicate, terms) {
        ("arg_url", [s, h, p, q]) => {
            let pattern = UrlPattern {
                schemes: match found(s)?.first() {
                    Some(listed) => Some(strs(listed.left, table)?),
                    None => None,
                },
                hosts: Some(hosts(&found(h)?, table)?).filter(|set| !set.is_empty()),
                ports: match found(p)?.first() {
                    Some(listed) => Some(ports(listed.left)?),
                    None => None,
                },
                paths: Some(texts(&found(q)?, table)?).filter(|set| !set.is_empty()),
            };
            Some(Constraint::Url(pattern))
        }
        ("arg_ip6", [a, b]) => cidr6(&found(a)?, &found(b)?),
        ("arg_ip4", [v]) => cidr4(&found(v)?),
        ("arg_host", [v]) => Some(Constraint::Host(hosts(&found(v)?, table)?)),
        ("arg_path", [v]) => Some(Constraint::PathUnder(texts(&found(v)?, table)?)),
        ("arg_set", [v]) => Some(Constraint::SubsetOf(atoms(found(v)?.first()?.left, table)?)),
        ("arg_str" | "arg_bool" | "arg_num" | "arg_json", [v @ Content::Variable(_)]) => {
            let found = found(v)?;
            let first = found.first()?;
            match first.kind {
                Bin::Contains => Some(Constraint::OneOf(atoms(first.left, table)?)),
                Bin::Prefix => Some(Constraint::Prefix(texts(&found, table)?)),
                Bin::Regex => texts(&found, table)?
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
                        let comparison = found.iter().find(|found| found.kind == kind)?;
                        int_of(comparison.right).map(Decimal::from_micros)
                    };
                    Some(Constraint::Range {
                        min: bound(Bin::GreaterOrEqual),
                        max: bound(Bin::LessOrEqual),
                    })
                }
                _ => None,
            }
        }
        ("arg_str" | "arg_bool" | "arg_num" | "arg_json", [literal]) => {
            atom(literal, table).map(Constraint::Eq)
        }
        _ => None,
    }
}

const fn int_of(term: &Content) -> Option<i64> {
    match term {
        Content::Integer(value) => Some(*value),
        _ => None,
    }
}

fn texts(found: &[&Comparison<'_>], table: &Table) -> Option<BTreeSet<String>> {
    found
        .iter()
        .map(|comparison| str_of(comparison.right, table).map(str::to_owned))
        .collect()
}

fn hosts(found: &[&Comparison<'_>], table: &Table) -> Option<BTreeSet<String>> {
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

fn ports(set: &Content) -> Option<BTreeSet<u16>> {
    let Content::Set(set) = set else { return None };
    set.set
        .iter()
        .map(|term| u16::try_from(int_of(term.content.as_ref()?)?).ok())
        .collect()
}

/// The pairs `>= low`, `<= high` among comparisons, in order.
fn ranges(found: &[&Comparison<'_>]) -> Option<Vec<(i64, i64)>> {
    let ends: Vec<i64> = found
        .iter()
        .filter(|found| found.kind != Bin::Equal)
        .map(|found| int_of(found.right))
        .collect::<Option<_>>()?;
    ends.chunks(2)
        .map(|pair| Some((*pair.first()?, *pair.get(1)?)))
        .collect()
}

fn cidr4(found: &[&Comparison<'_>]) -> Option<Constraint> {
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

fn cidr6(a: &[&Comparison<'_>], b: &[&Comparison<'_>]) -> Option<Constraint> {
    let network =
        |low: u128, high: u128| Cidr::v6(low, u8::try_from((low ^ high).leading_zeros()).ok()?);
    let wide = ranges(a)?
        .into_iter()
        .map(|(low, high)| network(address(low, i64::MIN), address(high, i64::MAX)));
    let exact = a
        .iter()
        .filter(|found| found.kind == Bin::Equal)
        .map(|found| int_of(found.right));
    let narrow = exact.zip(ranges(b)?).map(|(high_half, (low, high))| {
        let half = high_half?;
        network(address(half, low), address(half, high))
    });
    wide.chain(narrow)
        .collect::<Option<_>>()
        .map(Constraint::Cidr)
}
