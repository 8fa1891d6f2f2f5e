//! Writes a grant as the alternative of a check that stands for it.

use std::collections::BTreeSet;

use super::halves;
use crate::capability::block::{
    datalog::query::{Bin, Expression, Query},
    datalog::raw::Term,
};
use crate::capability::scope::{Constraint, Grant, wrap_pattern};
use crate::capability::value::{AtomType, Cidr, UrlPattern};

const fn predicate_of(kind: AtomType) -> &'static str {
    match kind {
        AtomType::Str => "arg_str",
        AtomType::Bool => "arg_bool",
        AtomType::Num => "arg_num",
        AtomType::Hash => "arg_json",
    }
}

/// The alternative of the grants check that stands for `grant`.
pub(crate) fn write(grant: &Grant, query: &mut Query<'_>) {
    let capability = query.str(&grant.capability);
    query.predicate("tool", &[capability]);
    let n = query.var("n");
    query.predicate("arg_names", &[n]);
    query.expression(|all| {
        all.among(n, |names| names.strs(grant.args.keys().map(String::as_str)));
    });
    // Only a set has a union: `contains` alone would also take an element.
    query.expression(|set| {
        set.compare(n, Bin::Union, n);
        set.value(n);
        set.binary(Bin::Equal);
    });
    for (index, (name, constraint)) in grant.args.iter().enumerate() {
        argument(query, index, name, constraint);
    }
    if let Some(approver) = grant.approvers.first() {
        approval(query);
        query.trusting(approver);
    }
}

/// `call($h), approval($h, $e, $i), time($t), $t < $e`.
pub(crate) fn approval(query: &mut Query<'_>) {
    let (h, e, i, t) = (
        query.var("h"),
        query.var("e"),
        query.var("i"),
        query.var("t"),
    );
    query.predicate("call", &[h]);
    query.predicate("approval", &[h, e, i]);
    query.predicate("time", &[t]);
    query.expression(|in_time| in_time.compare(t, Bin::LessThan, e));
}

fn argument(query: &mut Query<'_>, index: usize, name: &str, constraint: &Constraint) {
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
            query.expression(|any| hosts(any, v, names));
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
        Constraint::Cidr(networks) => cidr(query, index, label, networks),
        Constraint::Url(pattern) => url(query, index, label, pattern),
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

fn hosts(any: &mut Expression<'_>, v: Term<'_>, hosts: &BTreeSet<String>) {
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

fn cidr(query: &mut Query<'_>, index: usize, label: Term<'_>, networks: &BTreeSet<Cidr>) {
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

fn url(query: &mut Query<'_>, index: usize, label: Term<'_>, pattern: &UrlPattern) {
    let mut var = |letter: char| query.var(&format!("{letter}{index}"));
    let (s, h, p, q) = (var('s'), var('h'), var('p'), var('q'));
    query.predicate("arg_url", &[label, s, h, p, q]);
    if let Some(schemes) = &pattern.schemes {
        let schemes = schemes.iter().map(String::as_str);
        query.expression(|any| any.among(s, |set| set.strs(schemes)));
    }
    if let Some(names) = &pattern.hosts {
        query.expression(|any| hosts(any, h, names));
    }
    if let Some(ports) = &pattern.ports {
        let ports = ports.iter().map(|port| Term::Integer(i64::from(*port)));
        query.expression(|any| any.among(p, |set| ports.for_each(|port| set.term(port))));
    }
    if let Some(paths) = &pattern.paths {
        any(query, q, Bin::Prefix, paths);
    }
}
