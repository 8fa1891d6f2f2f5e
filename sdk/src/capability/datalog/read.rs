//! Reads a block's structure. Nothing here decides whether the block is in profile: that is decided
//! by writing the result again and comparing bytes.

use std::collections::{BTreeMap, BTreeSet};

use biscuit_auth::format::schema::{self, Check, Rule, scope, term::Content};

use super::super::absolute::MAX_QUORUM;
use super::super::atom::Atom;
use super::super::bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum};
use super::super::decimal::Decimal;
use super::super::facts::{Risk, Sensitivity};
use super::super::keys::PublicKey;
use super::query::{Bin, Comparison, comparisons};
use super::table::Table;
use super::{ApprovalBlock, AuthorityBlock, Block, CallBlock, HopBlock, PROFILE, grant};
use crate::id::Timestamp;

/// A query taken apart: its predicates by name, and the key it trusts.
pub(super) struct Body<'a> {
    pub(super) predicates: Vec<(&'a str, Vec<&'a Content>)>,
    pub(super) trusting: Option<&'a PublicKey>,
}

impl<'a> Body<'a> {
    pub(super) fn of(rule: &'a Rule, table: &'a Table) -> Option<Self> {
        let predicates = rule
            .body
            .iter()
            .map(|predicate| named(predicate, table))
            .collect::<Option<_>>()?;
        let trusting = match rule.scope.first().map(|scope| &scope.content) {
            Some(Some(scope::Content::PublicKey(index))) => Some(table.key(*index)?),
            _ => None,
        };
        Some(Self {
            predicates,
            trusting,
        })
    }
}

fn named<'a>(
    predicate: &'a schema::Predicate,
    table: &'a Table,
) -> Option<(&'a str, Vec<&'a Content>)> {
    let terms = predicate
        .terms
        .iter()
        .map(|term| term.content.as_ref())
        .collect::<Option<_>>()?;
    Some((table.string(predicate.name)?, terms))
}

pub(super) fn str_of<'a>(term: &Content, table: &'a Table) -> Option<&'a str> {
    match term {
        Content::String(index) => table.string(*index),
        _ => None,
    }
}

pub(super) fn strs(term: &Content, table: &Table) -> Option<BTreeSet<String>> {
    let Content::Set(set) = term else { return None };
    set.set
        .iter()
        .map(|term| str_of(term.content.as_ref()?, table).map(str::to_owned))
        .collect()
}

pub(super) fn atom(term: &Content, table: &Table) -> Option<Atom> {
    match term {
        Content::String(index) => table.string(*index).map(Atom::from),
        Content::Bool(truth) => Some(Atom::Bool(*truth)),
        Content::Integer(micros) => Some(Atom::Num(Decimal::from_micros(*micros))),
        Content::Bytes(hash) => <[u8; 32]>::try_from(hash.as_slice()).ok().map(Atom::Hash),
        _ => None,
    }
}

pub(super) fn atoms(term: &Content, table: &Table) -> Option<BTreeSet<Atom>> {
    let Content::Set(set) = term else { return None };
    set.set
        .iter()
        .map(|term| atom(term.content.as_ref()?, table))
        .collect()
}

fn date(term: &Content) -> Option<Timestamp> {
    match term {
        Content::Date(seconds) => Timestamp::from_secs(*seconds),
        _ => None,
    }
}

fn bytes<const N: usize>(term: &Content) -> Option<[u8; N]> {
    match term {
        Content::Bytes(bytes) => bytes.as_slice().try_into().ok(),
        _ => None,
    }
}

const fn int(term: &Content) -> Option<i64> {
    match term {
        Content::Integer(value) => Some(*value),
        _ => None,
    }
}

/// The typed block that the raw one looks like.
pub(super) fn block(raw: &schema::Block, table: &Table) -> Option<Block> {
    let facts = raw
        .facts
        .iter()
        .map(|fact| named(&fact.predicate, table))
        .collect::<Option<Vec<_>>>()?;
    let Some((first, terms)) = facts.first() else {
        return call(raw, table).map(Block::Call);
    };
    match (*first, terms.as_slice()) {
        ("bailiwick", [Content::Integer(PROFILE), lineage]) => {
            let fact = |name: &str| {
                facts
                    .iter()
                    .find(|(known, _)| *known == name)
                    .and_then(|(_, terms)| terms.first().copied())
            };
            let text = |name: &str| match fact(name) {
                Some(term) => str_of(term, table).map(|text| Some(text.to_owned())),
                None => Some(None),
            };
            Some(Block::Authority(AuthorityBlock {
                lineage: bytes(lineage)?,
                ends: date(fact("ends")?)?,
                principal: text("principal")?,
                intent: text("intent")?,
                bounds: bounds(&raw.checks, table)?,
            }))
        }
        ("agent", [role]) => {
            let decision = match facts.get(1) {
                Some((_, terms)) => Some(str_of(terms.first()?, table)?.to_owned()),
                None => None,
            };
            let role = str_of(role, table)?.to_owned();
            Some(Block::Hop(HopBlock {
                role,
                decision,
                bounds: bounds(&raw.checks, table)?,
            }))
        }
        ("approval", [call, expires, id]) => Some(Block::Approval(ApprovalBlock {
            call: bytes(call)?,
            expires: date(expires)?,
            id: bytes(id)?,
        })),
        _ => None,
    }
}

fn call(raw: &schema::Block, table: &Table) -> Option<CallBlock> {
    let rule = raw.checks.first()?.queries.first()?;
    let body = Body::of(rule, table)?;
    let mut terms = body
        .predicates
        .iter()
        .filter_map(|(_, terms)| terms.first().copied());
    let (tool, call, nonce, audience) =
        (terms.next()?, terms.next()?, terms.next()?, terms.next()?);
    let expiry = rule.expressions.iter().flat_map(comparisons).next()?;
    Some(CallBlock {
        capability: str_of(tool, table)?.to_owned(),
        digest: bytes(call)?,
        nonce: bytes(nonce)?,
        audience: str_of(audience, table)?.to_owned(),
        expires: date(expiry.right)?,
    })
}

fn bounds(checks: &[Check], table: &Table) -> Option<Bounds> {
    let mut grants = Grants::Inherit;
    let mut expires = None;
    let mut caveats = Caveats {
        not_before: None,
        expires: Timestamp::default(),
        audience: None,
        task: None,
        step: None,
        dataset: None,
        risk: None,
        sensitivity: None,
        taint: None,
        depth: None,
        budgets: Vec::new(),
        quorums: Vec::new(),
    };
    let mut quorums: BTreeMap<BTreeSet<String>, (BTreeSet<PublicKey>, usize)> = BTreeMap::new();
    for check in checks {
        let rule = check.queries.first()?;
        let body = Body::of(rule, table)?;
        let compared: Vec<Comparison<'_>> = rule.expressions.iter().flat_map(comparisons).collect();
        let right = || compared.first().map(|found| found.right);
        let set = || strs(compared.first()?.left, table);
        let Some((name, terms)) = body.predicates.first() else {
            grants = Grants::Only(Vec::new());
            continue;
        };
        match *name {
            "tool" if matches!(terms.as_slice(), [Content::Variable(_)]) => {
                let (capabilities, keys) = quorum(check, table)?;
                let entry = quorums
                    .entry(capabilities)
                    .or_insert((BTreeSet::new(), keys.len()));
                entry.0.extend(keys);
            }
            "tool" => {
                let read = check.queries.iter().map(|rule| grant::read(rule, table));
                grants = Grants::Only(read.collect::<Option<Vec<Grant>>>()?);
            }
            "time" if compared.first()?.kind == Bin::GreaterOrEqual => {
                caveats.not_before = Some(date(right()?)?)
            }
            "time" => expires = Some(date(right()?)?),
            "aud" => caveats.audience = Some(set()?),
            "task" => caveats.task = Some(set()?),
            "step" => caveats.step = Some(set()?),
            "dataset" => caveats.dataset = Some(set()?),
            "taint" => caveats.taint = Some(set()?),
            "risk" => caveats.risk = Some(Risk::from_rank(int(right()?)?)?),
            "sensitivity" => caveats.sensitivity = Some(Sensitivity::from_rank(int(right()?)?)?),
            "depth" => caveats.depth = Some(u32::try_from(int(right()?)?).ok()?),
            "used" => caveats.budgets.push(budget(terms, right()?, table)?),
            _ => return None,
        }
    }
    caveats.expires = expires?;
    for (capabilities, (of, size)) in quorums {
        // More keys are out of profile, and the checks to write for them grow without bound.
        if of.len() > MAX_QUORUM {
            return None;
        }
        let need = u8::try_from((of.len() + 1).checked_sub(size)?).ok()?;
        caveats.quorums.push(Quorum {
            capabilities,
            of,
            need,
        });
    }
    Some(Bounds { grants, caveats })
}

fn budget(terms: &[&Content], max: &Content, table: &Table) -> Option<Budget> {
    let [kind, id, _] = terms else { return None };
    let id = str_of(id, table)?;
    // `ed25519/<hex>/<label>`: the label is what follows the second slash.
    let (signer, label) = id.rsplit_once('/')?;
    Some(Budget {
        kind: str_of(kind, table)?.to_owned(),
        signer: Some(signer.parse().ok()?),
        label: Some(label.to_owned()),
        max: u64::try_from(int(max)?).ok()?,
    })
}

/// The capabilities of one check of a quorum, and the keys any one of which satisfies it.
fn quorum(check: &Check, table: &Table) -> Option<(BTreeSet<String>, BTreeSet<PublicKey>)> {
    let (first, rest) = check.queries.split_first()?;
    let listed = first.expressions.iter().flat_map(comparisons).next()?;
    let keys = rest
        .iter()
        .map(|rule| Body::of(rule, table)?.trusting.copied())
        .collect::<Option<_>>()?;
    Some((strs(listed.left, table)?, keys))
}
