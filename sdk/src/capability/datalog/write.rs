//! Writes a typed block in its one spelling.

use std::collections::BTreeSet;

use biscuit_auth::format::schema::{self, Check, Fact, Predicate, Term, term::Content};

use super::super::absolute::MAX_QUORUM;
use super::super::bounds::{Bounds, Caveats, Grants, Quorum};
use super::super::keys::PublicKey;
use super::query::{Bin, Query, bytes, check, compare, date, int, negate, of, value};
use super::table::Table;
use super::{Block, CallBlock, PROFILE, grant};

/// Datalog 3.0, 3.1 (for `trusting`) and 3.2 (for third-party blocks).
const DATALOG_3_0: u32 = 3;
const DATALOG_3_1: u32 = 4;
const DATALOG_3_2: u32 = 5;

pub(super) fn block(block: &Block, table: &mut Table) -> schema::Block {
    let size = table.size();
    let (facts, checks, version) = match block {
        Block::Authority(authority) => {
            let names = authority.bounds.capabilities().unwrap_or_default();
            let mut facts = vec![
                fact(table, "bailiwick", |_| {
                    vec![int(PROFILE), bytes(&authority.lineage)]
                }),
                fact(table, "grants", |table| vec![Query::new(table).strs(names)]),
                fact(table, "ends", |_| vec![date(authority.ends)]),
            ];
            for (name, text) in [
                ("principal", &authority.principal),
                ("intent", &authority.intent),
            ] {
                facts.extend(
                    text.as_ref()
                        .map(|text| fact(table, name, |table| vec![Query::new(table).str(text)])),
                );
            }
            let (checks, version) = bounds(&authority.bounds, table);
            (facts, checks, version)
        }
        Block::Hop(hop) => {
            let mut facts = vec![fact(table, "agent", |table| {
                vec![Query::new(table).str(&hop.role)]
            })];
            let decision = hop.decision.as_ref();
            facts
                .extend(decision.map(|text| {
                    fact(table, "decision", |table| vec![Query::new(table).str(text)])
                }));
            let (checks, version) = bounds(&hop.bounds, table);
            (facts, checks, version)
        }
        Block::Approval(approval) => {
            let terms = vec![
                bytes(&approval.call),
                date(approval.expires),
                bytes(&approval.id),
            ];
            (
                vec![fact(table, "approval", |_| terms)],
                Vec::new(),
                DATALOG_3_2,
            )
        }
        Block::Call(call) => (Vec::new(), vec![call_check(call, table)], DATALOG_3_0),
    };
    let (symbols, public_keys) = table.since(size);
    schema::Block {
        symbols,
        context: None,
        version: Some(version),
        facts,
        rules: Vec::new(),
        checks,
        scope: Vec::new(),
        public_keys,
    }
}

pub(super) fn fact(
    table: &mut Table,
    name: &str,
    terms: impl FnOnce(&mut Table) -> Vec<Term>,
) -> Fact {
    let name = table.intern(name);
    Fact {
        predicate: Predicate {
            name,
            terms: terms(table),
        },
    }
}

fn call_check(call: &CallBlock, table: &mut Table) -> Check {
    let mut query = Query::new(table);
    for (name, text) in [
        ("tool", Some(&call.capability)),
        ("call", None),
        ("nonce", None),
        ("aud", Some(&call.audience)),
    ] {
        let term = match (name, text) {
            (_, Some(text)) => query.str(text),
            ("call", None) => bytes(&call.digest),
            _ => bytes(&call.nonce),
        };
        query.predicate(name, vec![term]);
    }
    let t = query.var("t");
    query.predicate("time", vec![t.clone()]);
    query.expression(compare(t, Bin::LessThan, date(call.expires)));
    check(vec![query.done()])
}

/// The checks of a block, and the version of Datalog that they need.
fn bounds(bounds: &Bounds, table: &mut Table) -> (Vec<Check>, u32) {
    let mut checks = Vec::new();
    match &bounds.grants {
        Grants::Inherit => {}
        Grants::Only(grants) if grants.is_empty() => checks.push(never(table)),
        Grants::Only(grants) => checks.push(check(
            grants
                .iter()
                .map(|grant| grant::write(grant, table))
                .collect(),
        )),
    }
    caveats(&bounds.caveats, table, &mut checks);
    let version = if bounds.approvers().next().is_some() {
        DATALOG_3_1
    } else {
        DATALOG_3_0
    };
    (checks, version)
}

/// `check if false`.
fn never(table: &mut Table) -> Check {
    let mut query = Query::new(table);
    query.expression(vec![value(of(Content::Bool(false)))]);
    check(vec![query.done()])
}

fn caveats(caveats: &Caveats, table: &mut Table, checks: &mut Vec<Check>) {
    if let Some(start) = caveats.not_before {
        checks.push(single(table, "time", Bin::GreaterOrEqual, date(start)));
    }
    checks.push(single(table, "time", Bin::LessThan, date(caveats.expires)));
    let sets = [
        ("aud", &caveats.audience),
        ("task", &caveats.task),
        ("step", &caveats.step),
        ("dataset", &caveats.dataset),
    ];
    checks.extend(
        sets.into_iter()
            .filter_map(|(name, set)| Some(among(table, name, set.as_ref()?))),
    );
    if let Some(risk) = caveats.risk {
        checks.push(single(
            table,
            "risk",
            Bin::LessOrEqual,
            int(i64::from(risk.rank())),
        ));
    }
    if let Some(sensitivity) = caveats.sensitivity {
        checks.push(single(
            table,
            "sensitivity",
            Bin::LessOrEqual,
            int(i64::from(sensitivity.rank())),
        ));
    }
    if let Some(labels) = &caveats.taint {
        checks.push(among(table, "taint", labels));
    }
    if let Some(depth) = caveats.depth {
        checks.push(single(
            table,
            "depth",
            Bin::LessOrEqual,
            int(i64::from(depth)),
        ));
    }
    for budget in &caveats.budgets {
        let mut query = Query::new(table);
        let kind = query.str(&budget.kind);
        let id = query.str(&budget.id().unwrap_or_default());
        let n = query.var("n");
        query.predicate("used", vec![kind, id, n.clone()]);
        // Bounds keep the maximum within i64.
        query.expression(compare(
            n,
            Bin::LessOrEqual,
            int(i64::try_from(budget.max).unwrap_or(i64::MAX)),
        ));
        checks.push(check(vec![query.done()]));
    }
    for quorum in &caveats.quorums {
        for keys in subsets(quorum) {
            checks.push(approvals(table, &quorum.capabilities, &keys));
        }
    }
}

/// `check if name($x), $x op bound`.
fn single(table: &mut Table, name: &str, kind: Bin, bound: Term) -> Check {
    let mut query = Query::new(table);
    let x = query.var("x");
    query.predicate(name, vec![x.clone()]);
    query.expression(compare(x, kind, bound));
    check(vec![query.done()])
}

/// `check if name($x), {…}.contains($x)`.
fn among(table: &mut Table, name: &str, set: &BTreeSet<String>) -> Check {
    let mut query = Query::new(table);
    let x = query.var("x");
    query.predicate(name, vec![x.clone()]);
    let allowed = query.strs(set.iter().map(String::as_str));
    query.expression(compare(allowed, Bin::Contains, x));
    check(vec![query.done()])
}

/// `check if tool($x), !{…}.contains($x) or … trusting K1 or … trusting K2`.
fn approvals(table: &mut Table, capabilities: &BTreeSet<String>, keys: &[&PublicKey]) -> Check {
    let mut query = Query::new(table);
    let x = query.var("x");
    query.predicate("tool", vec![x.clone()]);
    let set = query.strs(capabilities.iter().map(String::as_str));
    let mut ops = compare(set, Bin::Contains, x);
    ops.push(negate());
    query.expression(ops);
    let mut queries = vec![query.done()];
    for key in keys {
        let mut query = Query::new(table);
        grant::approval(&mut query);
        query.trusting(key);
        queries.push(query.done());
    }
    check(queries)
}

/// Every set of `n - m + 1` of the n keys: one approval in each of them takes m approvers.
fn subsets(quorum: &Quorum) -> Vec<Vec<&PublicKey>> {
    let keys: Vec<&PublicKey> = quorum.of.iter().collect();
    let size = (keys.len() + 1).saturating_sub(usize::from(quorum.need));
    // Bounds list at most MAX_QUORUM keys; whatever else comes here must not shift out of range.
    let masks = 0u32..1 << keys.len().min(MAX_QUORUM);
    masks
        .filter(|mask| mask.count_ones() as usize == size)
        .map(|mask| {
            keys.iter()
                .take(MAX_QUORUM)
                .enumerate()
                .filter(|(bit, _)| mask >> bit & 1 == 1)
                .map(|(_, key)| *key)
                .collect()
        })
        .collect()
}
