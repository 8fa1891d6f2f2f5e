//! Conversion of one grant to one alternative of a check, and back.

mod constraint;

use std::collections::BTreeSet;

use constraint::Found;
pub(super) use constraint::halves;

use crate::capability::block::{
    datalog::query::{Bin, Comparison, Query, comparisons},
    datalog::raw::{Predicate, Rule},
    datalog::read::{str_of, strs},
    datalog::table::Table,
};
use crate::capability::scope::{Constraint, Grant};

/// Reads the grant that an alternative of the grants check stands for.
///
/// `compared` is a buffer for its comparisons; its contents are overwritten.
pub(super) fn read<'a>(
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
        let constraint = constraint::read(table.string(predicate.name)?, terms, table, &found)?;
        grant.args.insert(label.to_owned(), constraint);
    }
    if let Some(key) = rule.trusting {
        grant.approvers = BTreeSet::from([*table.key(key)?]);
    }
    Some(grant)
}

/// The alternative of the grants check that stands for `grant`.
pub(super) fn write(grant: &Grant, query: &mut Query<'_>) {
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
        constraint::write(query, index, name, constraint);
    }
    if let Some(approver) = grant.approvers.first() {
        approval(query);
        query.trusting(approver);
    }
}

/// `call($h), approval($h, $e, $i), time($t), $t < $e`.
pub(super) fn approval(query: &mut Query<'_>) {
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
