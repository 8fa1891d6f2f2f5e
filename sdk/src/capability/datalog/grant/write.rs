//! Writes a grant as the alternative of a check that stands for it.

use std::collections::BTreeSet;

use biscuit_auth::format::schema::{Op, Rule, Term};

use super::halves;
use crate::capability::atom::AtomType;
use crate::capability::bounds::Grant;
use crate::capability::cidr::Cidr;
use crate::capability::constraint::{Constraint, wrap_pattern};
use crate::capability::datalog::query::{Bin, Query, binary, compare, int, join, set_of, value};
use crate::capability::datalog::table::Table;
use crate::capability::url_pattern::UrlPattern;

const fn predicate_of(kind: AtomType) -> &'static str {
    match kind {
        AtomType::Str => "arg_str",
        AtomType::Bool => "arg_bool",
        AtomType::Num => "arg_num",
        AtomType::Hash => "arg_json",
    }
}

/// The alternative of the grants check that stands for `grant`.
pub(crate) fn write(grant: &Grant, table: &mut Table) -> Rule {
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
        binary(Bin::Union),
        value(n),
        binary(Bin::Equal),
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
pub(crate) fn approval(query: &mut Query<'_>) {
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
    v: &Term,
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

fn host(query: &mut Query<'_>, v: &Term, hosts: &BTreeSet<String>) -> Vec<Op> {
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

fn cidr(query: &mut Query<'_>, index: usize, label: Term, networks: &BTreeSet<Cidr>) {
    let between = |v: &Term, low: i64, high: i64| {
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

fn url(query: &mut Query<'_>, index: usize, label: Term, pattern: &UrlPattern) {
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
