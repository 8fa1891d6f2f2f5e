//! One grant as one alternative of a check, and back.

use std::collections::BTreeSet;

use biscuit_auth::format::schema::{Op, Rule, term::Content};

use super::super::bounds::Grant;
use super::super::call::AtomType;
use super::super::cidr::Cidr;
use super::super::constraint::{Constraint, wrap_pattern};
use super::super::decimal::Decimal;
use super::super::url_pattern::UrlPattern;
use super::query::{Bin, Comparison, Query, compare, comparisons, int, join, set_of, value};
use super::read::{Body, atoms, str_of, strs};
use super::table::Table;

const fn predicate_of(kind: AtomType) -> &'static str {
    match kind {
        AtomType::Str => "arg_str",
        AtomType::Bool => "arg_bool",
        AtomType::Num => "arg_num",
        AtomType::Hash => "arg_json",
    }
}

/// An IPv6 address as two integers whose order is the address's.
pub(crate) const fn halves(address: u128) -> (i64, i64) {
    const FLIP: u64 = 1 << 63;
    (
        ((address >> 64) as u64 ^ FLIP) as i64,
        (address as u64 ^ FLIP) as i64,
    )
}

const fn address(high: i64, low: i64) -> u128 {
    const FLIP: u64 = 1 << 63;
    ((high as u64 ^ FLIP) as u128) << 64 | (low as u64 ^ FLIP) as u128
}

/// The alternative of the grants check that stands for `grant`.
pub(super) fn write(grant: &Grant, table: &mut Table) -> Rule {
    let mut query = Query::new(table);
    let capability = query.str(&grant.capability);
    query.predicate("tool", vec![capability]);
    let n = query.var("n");
    query.predicate("arg_names", vec![n.clone()]);
    let names = query.strs(grant.args.keys().map(String::as_str));
    query.expression(compare(names, Bin::Contains, n.clone()));
    // Only a set has a union: `contains` alone would also take an element.
    query.expression(vec![
        value(n.clone()),
        value(n.clone()),
        super::query::binary(Bin::Union),
        value(n),
        super::query::binary(Bin::Equal),
    ]);
    for (index, (name, constraint)) in grant.args.iter().enumerate() {
        argument(&mut query, index, name, constraint);
    }
    if let Some(approver) = grant.approvers.first() {
        approval(&mut query);
        query.trusting(approver);
    }
    query.done()
}

/// `call($h), approval($h, $e, $i), time($t), $t < $e`.
pub(super) fn approval(query: &mut Query<'_>) {
    let (h, e, i, t) = (
        query.var("h"),
        query.var("e"),
        query.var("i"),
        query.var("t"),
    );
    query.predicate("call", vec![h.clone()]);
    query.predicate("approval", vec![h, e.clone(), i]);
    query.predicate("time", vec![t.clone()]);
    query.expression(compare(t, Bin::LessThan, e));
}

fn argument(query: &mut Query<'_>, index: usize, name: &str, constraint: &Constraint) {
    let label = query.str(name);
    let var = |query: &mut Query<'_>, letter: char| query.var(&format!("{letter}{index}"));
    match constraint {
        Constraint::Any | Constraint::Absent => {}
        Constraint::Eq(atom) => {
            let literal = query.atom(atom);
            query.predicate(predicate_of(atom.kind()), vec![label, literal]);
        }
        Constraint::OneOf(set) => {
            let v = var(query, 'v');
            let predicate = set
                .first()
                .map_or("arg_json", |atom| predicate_of(atom.kind()));
            query.predicate(predicate, vec![label, v.clone()]);
            let allowed = query.atoms(set);
            query.expression(compare(allowed, Bin::Contains, v));
        }
        Constraint::SubsetOf(set) => {
            let v = var(query, 'v');
            query.predicate("arg_set", vec![label, v.clone()]);
            let allowed = query.atoms(set);
            query.expression(compare(allowed, Bin::Contains, v));
        }
        Constraint::Prefix(prefixes) => {
            let v = var(query, 'v');
            query.predicate("arg_str", vec![label, v.clone()]);
            let any = each(query, &v, Bin::Prefix, prefixes.iter().map(String::as_str));
            query.expression(join(any, Bin::Or));
        }
        Constraint::Matches(patterns) => {
            let v = var(query, 'v');
            query.predicate("arg_str", vec![label, v.clone()]);
            let wrapped: Vec<String> = patterns.iter().map(|source| wrap_pattern(source)).collect();
            let any = each(query, &v, Bin::Regex, wrapped.iter().map(String::as_str));
            query.expression(join(any, Bin::Or));
        }
        Constraint::PathUnder(roots) => {
            let v = var(query, 'v');
            query.predicate("arg_path", vec![label, v.clone()]);
            let any = each(query, &v, Bin::Prefix, roots.iter().map(String::as_str));
            query.expression(join(any, Bin::Or));
        }
        Constraint::Host(hosts) => {
            let v = var(query, 'v');
            query.predicate("arg_host", vec![label, v.clone()]);
            let any = host(query, &v, hosts);
            query.expression(any);
        }
        Constraint::Range { min, max } => {
            let v = var(query, 'v');
            query.predicate("arg_num", vec![label, v.clone()]);
            let low = min.map(|min| compare(v.clone(), Bin::GreaterOrEqual, int(min.micros())));
            let high = max.map(|max| compare(v, Bin::LessOrEqual, int(max.micros())));
            query.expression(join([low, high].into_iter().flatten().collect(), Bin::And));
        }
        Constraint::Cidr(networks) => cidr(query, index, label, networks),
        Constraint::Url(pattern) => url(query, index, label, pattern),
    }
}

/// `$v op "text"` for each text.
fn each<'s>(
    query: &mut Query<'_>,
    v: &biscuit_auth::format::schema::Term,
    kind: Bin,
    texts: impl Iterator<Item = &'s str>,
) -> Vec<Vec<Op>> {
    texts
        .map(|text| {
            let text = query.str(text);
            compare(v.clone(), kind, text)
        })
        .collect()
}

fn host(
    query: &mut Query<'_>,
    v: &biscuit_auth::format::schema::Term,
    hosts: &BTreeSet<String>,
) -> Vec<Op> {
    let exact: Vec<String> = hosts
        .iter()
        .filter(|host| !host.starts_with('.'))
        .map(|host| format!(".{host}"))
        .collect();
    let mut any = Vec::new();
    if !exact.is_empty() {
        let set = query.strs(exact.iter().map(String::as_str));
        any.push(compare(set, Bin::Contains, v.clone()));
    }
    any.extend(each(
        query,
        v,
        Bin::Suffix,
        hosts
            .iter()
            .map(String::as_str)
            .filter(|host| host.starts_with('.')),
    ));
    join(any, Bin::Or)
}

fn cidr(
    query: &mut Query<'_>,
    index: usize,
    label: biscuit_auth::format::schema::Term,
    networks: &BTreeSet<Cidr>,
) {
    let between = |v: &biscuit_auth::format::schema::Term, low: i64, high: i64| {
        [
            compare(v.clone(), Bin::GreaterOrEqual, int(low)),
            compare(v.clone(), Bin::LessOrEqual, int(high)),
        ]
    };
    if networks.iter().any(|network| network.v4_range().is_some()) {
        let v = query.var(&format!("v{index}"));
        query.predicate("arg_ip4", vec![label, v.clone()]);
        let any = networks.iter().filter_map(|network| network.v4_range());
        let any = any.map(|(low, high)| {
            join(
                between(&v, i64::from(low), i64::from(high)).into(),
                Bin::And,
            )
        });
        query.expression(join(any.collect(), Bin::Or));
        return;
    }
    let (a, b) = (
        query.var(&format!("a{index}")),
        query.var(&format!("b{index}")),
    );
    query.predicate("arg_ip6", vec![label, a.clone(), b.clone()]);
    let any = networks.iter().filter_map(|network| network.v6_range());
    let any = any.map(|(low, high)| {
        let ((low_a, low_b), (high_a, high_b)) = (halves(low), halves(high));
        if low_a == high_a {
            let mut all = vec![compare(a.clone(), Bin::Equal, int(low_a))];
            all.extend(between(&b, low_b, high_b));
            join(all, Bin::And)
        } else {
            join(between(&a, low_a, high_a).into(), Bin::And)
        }
    });
    query.expression(join(any.collect(), Bin::Or));
}

fn url(
    query: &mut Query<'_>,
    index: usize,
    label: biscuit_auth::format::schema::Term,
    pattern: &UrlPattern,
) {
    let mut var = |letter: char| query.var(&format!("{letter}{index}"));
    let (s, h, p, q) = (var('s'), var('h'), var('p'), var('q'));
    query.predicate(
        "arg_url",
        vec![label, s.clone(), h.clone(), p.clone(), q.clone()],
    );
    if let Some(schemes) = &pattern.schemes {
        let set = query.strs(schemes.iter().map(String::as_str));
        query.expression(compare(set, Bin::Contains, s));
    }
    if let Some(hosts) = &pattern.hosts {
        let any = host(query, &h, hosts);
        query.expression(any);
    }
    if let Some(ports) = &pattern.ports {
        let set = set_of(ports.iter().map(|port| int(i64::from(*port))).collect());
        query.expression(compare(set, Bin::Contains, p));
    }
    if let Some(paths) = &pattern.paths {
        let any = each(query, &q, Bin::Prefix, paths.iter().map(String::as_str));
        query.expression(join(any, Bin::Or));
    }
}

/// Reads the grant that an alternative of the grants check stands for.
pub(super) fn read(rule: &Rule, table: &Table) -> Option<Grant> {
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
            super::read::atom(literal, table).map(Constraint::Eq)
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
