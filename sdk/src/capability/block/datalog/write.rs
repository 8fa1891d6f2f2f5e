//! Writes a typed block in its one spelling.

use std::collections::BTreeSet;

use super::query::{Bin, Content, date};
use super::raw::Term;
use super::table::Table;
use super::{Block, CallBlock, PROFILE, grant};
use crate::capability::block::{protobuf::Writer, wire};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Bounds, Caveats, Grants, MAX_QUORUM, Quorum};
use crate::capability::value::Label;

/// Datalog 3.0, 3.1 (for `trusting`) and 3.2 (for third-party blocks).
const DATALOG_3_0: u64 = 3;
const DATALOG_3_1: u64 = 4;
const DATALOG_3_2: u64 = 5;

pub(super) fn block(block: &Block, table: &mut Table) -> Vec<u8> {
    let size = table.size();
    let mut content = Content::new(table);
    let version = match block {
        Block::Authority(authority) => {
            content.fact("bailiwick", |terms| {
                terms.term(Term::Integer(PROFILE));
                terms.term(Term::Bytes(&authority.lineage));
            });
            let names = authority.bounds.capabilities().unwrap_or_default();
            content.fact("grants", |terms| terms.set(|set| set.strs(names)));
            content.fact("ends", |terms| terms.term(date(authority.ends)));
            for (name, text) in [
                ("principal", &authority.principal),
                ("intent", &authority.intent),
            ] {
                if let Some(text) = text {
                    content.fact(name, |terms| terms.str(text));
                }
            }
            bounds(&authority.bounds, &mut content)
        }
        Block::Hop(hop) => {
            content.fact("agent", |terms| terms.str(&hop.role));
            if let Some(decision) = &hop.decision {
                content.fact("decision", |terms| terms.str(decision));
            }
            bounds(&hop.bounds, &mut content)
        }
        Block::Approval(approval) => {
            content.fact("approval", |terms| {
                terms.term(Term::Bytes(&approval.call));
                terms.term(date(approval.expires));
                terms.term(Term::Bytes(&approval.id));
            });
            DATALOG_3_2
        }
        Block::Call(block) => {
            call(block, &mut content);
            DATALOG_3_0
        }
    };
    let content = content.done();
    let (strings, keys) = table.since(size);
    let mut out = Writer::with_capacity(content.as_bytes().len() + 512);
    for text in strings {
        out.bytes(1, text.as_bytes());
    }
    out.number(3, version);
    out.fields(content.as_bytes());
    for key in keys {
        out.message(8, |out| wire::key(out, key));
    }
    out.into_bytes()
}

fn call(call: &CallBlock, content: &mut Content<'_>) {
    content.check(|check| {
        check.query(|query| {
            let tool = query.str(&call.capability);
            query.predicate("tool", &[tool]);
            query.predicate("call", &[Term::Bytes(&call.digest)]);
            query.predicate("nonce", &[Term::Bytes(&call.nonce)]);
            let audience = query.str(&call.audience);
            query.predicate("aud", &[audience]);
            let t = query.var("t");
            query.predicate("time", &[t]);
            query.expression(|in_time| in_time.compare(t, Bin::LessThan, date(call.expires)));
        });
    });
}

/// Writes the checks of a block, and returns the version of Datalog that they need.
fn bounds(bounds: &Bounds, content: &mut Content<'_>) -> u64 {
    match &bounds.grants {
        Grants::Inherit => {}
        // `check if false`.
        Grants::Only(grants) if grants.is_empty() => content.check(|check| {
            check.query(|query| query.expression(|never| never.value(Term::Bool(false))));
        }),
        Grants::Only(grants) => content.check(|check| {
            for grant in grants {
                check.query(|query| grant::write(grant, query));
            }
        }),
    }
    caveats(&bounds.caveats, content);
    if bounds.approvers().next().is_some() {
        DATALOG_3_1
    } else {
        DATALOG_3_0
    }
}

fn caveats(caveats: &Caveats, content: &mut Content<'_>) {
    if let Some(start) = caveats.not_before {
        single(content, "time", Bin::GreaterOrEqual, date(start));
    }
    single(content, "time", Bin::LessThan, date(caveats.expires));
    let labels = |after, content: &mut Content<'_>| {
        for label in Label::beside_levels(after) {
            if let Some(names) = caveats.labels.get(label) {
                among(content, label.predicate(), names);
            }
        }
    };
    labels(false, content);
    let ranks = [
        ("risk", caveats.risk.map(|risk| risk.rank())),
        ("sensitivity", caveats.sensitivity.map(|rank| rank.rank())),
    ];
    for (name, rank) in ranks {
        if let Some(rank) = rank {
            let most = Term::Integer(i64::from(rank));
            single(content, name, Bin::LessOrEqual, most);
        }
    }
    labels(true, content);
    if let Some(depth) = caveats.depth {
        let most = Term::Integer(i64::from(depth));
        single(content, "depth", Bin::LessOrEqual, most);
    }
    for budget in &caveats.budgets {
        content.check(|check| {
            check.query(|query| {
                let kind = query.str(&budget.kind);
                let id = query.str(&budget.id().unwrap_or_default());
                let n = query.var("n");
                query.predicate("used", &[kind, id, n]);
                // Bounds keep the maximum within i64.
                let max = Term::Integer(i64::try_from(budget.max).unwrap_or(i64::MAX));
                query.expression(|enough| enough.compare(n, Bin::LessOrEqual, max));
            });
        });
    }
    for quorum in &caveats.quorums {
        for keys in subsets(quorum) {
            approvals(content, &quorum.capabilities, &keys);
        }
    }
}

/// `check if name($x), $x op bound`.
fn single(content: &mut Content<'_>, name: &str, kind: Bin, bound: Term<'_>) {
    content.check(|check| {
        check.query(|query| {
            let x = query.var("x");
            query.predicate(name, &[x]);
            query.expression(|within| within.compare(x, kind, bound));
        });
    });
}

/// `check if name($x), {…}.contains($x)`.
fn among(content: &mut Content<'_>, name: &str, set: &BTreeSet<String>) {
    content.check(|check| {
        check.query(|query| {
            let x = query.var("x");
            query.predicate(name, &[x]);
            let set = set.iter().map(String::as_str);
            query.expression(|any| any.among(x, |allowed| allowed.strs(set)));
        });
    });
}

/// `check if tool($x), !{…}.contains($x) or … trusting K1 or … trusting K2`.
fn approvals(content: &mut Content<'_>, capabilities: &BTreeSet<String>, keys: &[&PublicKey]) {
    content.check(|check| {
        check.query(|query| {
            let x = query.var("x");
            query.predicate("tool", &[x]);
            let set = capabilities.iter().map(String::as_str);
            query.expression(|other| {
                other.among(x, |listed| listed.strs(set));
                other.negate();
            });
        });
        for key in keys {
            check.query(|query| {
                grant::approval(query);
                query.trusting(key);
            });
        }
    });
}

/// Every set of `n - m + 1` of the n keys: one approval in each set takes m approvers.
fn subsets(quorum: &Quorum) -> Vec<Vec<&PublicKey>> {
    let keys: Vec<&PublicKey> = quorum.of.iter().collect();
    let size = (keys.len() + 1).saturating_sub(usize::from(quorum.need));
    // Bounds list at most MAX_QUORUM keys; a larger number must not shift out of range.
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

#[cfg(test)]
mod tests {
    use biscuit_auth::format::schema;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::super::{HopBlock, Table};
    use super::*;
    use crate::capability::arbitrary;

    proptest! {
        #[test]
        fn the_library_reads_it_and_writes_the_same(
            bounds in arbitrary::bounds(),
            decision in any::<Option<String>>(),
        ) {
            let role = "reader".to_owned();
            let hop = Block::Hop(HopBlock { role, decision, bounds });
            let bytes = block(&hop, &mut Table::default());
            let raw = schema::Block::decode(&*bytes).unwrap();
            prop_assert_eq!(raw.encode_to_vec(), bytes);
        }
    }
}
