//! Reads a block's structure. Nothing here decides whether the block is in profile: that is decided
//! by writing the result again and comparing bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::query::{Bin, Comparison, comparisons};
use super::raw::{Check, Predicate, RawBlock, Term};
use super::table::Table;
use super::{ApprovalBlock, AuthorityBlock, Block, CallBlock, HopBlock, PROFILE, grant};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Bounds, Budget, Caveats, Grant, Grants, MAX_QUORUM, Quorum};
use crate::capability::value::{Atom, Decimal, Label, Labels, Risk, Sensitivity};
use crate::id::Timestamp;

pub(super) fn str_of<'a>(term: Term<'_>, table: &'a Table) -> Option<&'a str> {
    match term {
        Term::String(index) => table.string(index),
        _ => None,
    }
}

pub(super) fn strs(term: Term<'_>, table: &Table) -> Option<BTreeSet<String>> {
    elements(term, |term| str_of(term, table).map(str::to_owned))
}

pub(super) fn atom(term: Term<'_>, table: &Table) -> Option<Atom> {
    match term {
        Term::String(index) => table.string(index).map(Atom::from),
        Term::Bool(truth) => Some(Atom::Bool(truth)),
        Term::Integer(micros) => Some(Atom::Num(Decimal::from_micros(micros))),
        Term::Bytes(hash) => hash.try_into().ok().map(Atom::Hash),
        _ => None,
    }
}

pub(super) fn atoms(term: Term<'_>, table: &Table) -> Option<BTreeSet<Atom>> {
    elements(term, |term| atom(term, table))
}

/// The elements of a set, each read by `of`.
pub(super) fn elements<'a, T: Ord>(
    term: Term<'a>,
    of: impl Fn(Term<'a>) -> Option<T>,
) -> Option<BTreeSet<T>> {
    let Term::Set(set) = term else { return None };
    set.terms().map(|term| of(term?)).collect()
}

fn date(term: Term<'_>) -> Option<Timestamp> {
    match term {
        Term::Date(seconds) => Timestamp::from_secs(seconds),
        _ => None,
    }
}

fn bytes<const N: usize>(term: Term<'_>) -> Option<[u8; N]> {
    match term {
        Term::Bytes(bytes) => bytes.try_into().ok(),
        _ => None,
    }
}

pub(super) const fn int(term: Term<'_>) -> Option<i64> {
    match term {
        Term::Integer(value) => Some(value),
        _ => None,
    }
}

/// The typed block whose shape the raw block has.
pub(super) fn block(raw: &RawBlock<'_>, table: &Table) -> Option<Block> {
    let Some(first) = raw.facts().next() else {
        return call(raw, table).map(Block::Call);
    };
    let first = first?;
    match (table.string(first.name)?, first.terms()) {
        ("bailiwick", &[Term::Integer(PROFILE), lineage]) => {
            let fact = |name: &str| {
                let mut facts = raw.facts().flatten();
                let fact = facts.find(|fact| table.string(fact.name) == Some(name))?;
                fact.terms().first().copied()
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
                bounds: bounds(raw, table)?,
            }))
        }
        ("agent", &[role]) => {
            let decision = match raw.facts().nth(1) {
                Some(fact) => Some(str_of(*fact?.terms().first()?, table)?.to_owned()),
                None => None,
            };
            let role = str_of(role, table)?.to_owned();
            Some(Block::Hop(HopBlock {
                role,
                decision,
                bounds: bounds(raw, table)?,
            }))
        }
        ("approval", &[call, expires, id]) => Some(Block::Approval(ApprovalBlock {
            call: bytes(call)?,
            expires: date(expires)?,
            id: bytes(id)?,
        })),
        _ => None,
    }
}

fn call(raw: &RawBlock<'_>, table: &Table) -> Option<CallBlock> {
    let rule = raw.checks().next()??.first()?;
    let mut body = rule.body();
    let mut first = || body.next()??.terms().first().copied();
    let (tool, call, nonce, audience) = (first()?, first()?, first()?, first()?);
    let mut compared = Vec::new();
    comparisons(&rule, &mut compared)?;
    Some(CallBlock {
        capability: str_of(tool, table)?.to_owned(),
        digest: bytes(call)?,
        nonce: bytes(nonce)?,
        audience: str_of(audience, table)?.to_owned(),
        expires: date(compared.first()?.right)?,
    })
}

fn bounds(raw: &RawBlock<'_>, table: &Table) -> Option<Bounds> {
    let mut grants = Grants::Inherit;
    let mut expires = None;
    let mut caveats = Caveats {
        not_before: None,
        expires: Timestamp::default(),
        labels: Labels::new(),
        risk: None,
        sensitivity: None,
        depth: None,
        budgets: Vec::new(),
        quorums: Vec::new(),
    };
    let mut quorums: BTreeMap<BTreeSet<String>, (BTreeSet<PublicKey>, usize)> = BTreeMap::new();
    let mut compared: Vec<Comparison<'_>> = Vec::new();
    for check in raw.checks() {
        let check = check?;
        let rule = check.first()?;
        let Some(predicate) = rule.body().next() else {
            grants = Grants::Only(Vec::new());
            continue;
        };
        let predicate = predicate?;
        comparisons(&rule, &mut compared)?;
        let right = || compared.first().map(|found| found.right);
        let set = || strs(compared.first()?.left, table);
        match table.string(predicate.name)? {
            "tool" if matches!(predicate.terms(), [Term::Variable(_)]) => {
                let entry = quorums.entry(set()?);
                let keys = approvers(check, table)?;
                let entry = entry.or_insert((BTreeSet::new(), keys.len()));
                entry.0.extend(keys);
            }
            "tool" => {
                let rules = check.queries();
                let read = rules.map(|rule| grant::read(&rule?, table, &mut compared));
                grants = Grants::Only(read.collect::<Option<Vec<Grant>>>()?);
            }
            "time" if compared.first()?.kind == Bin::GreaterOrEqual => {
                caveats.not_before = Some(date(right()?)?)
            }
            "time" => expires = Some(date(right()?)?),
            "risk" => caveats.risk = Some(Risk::from_rank(int(right()?)?)?),
            "sensitivity" => caveats.sensitivity = Some(Sensitivity::from_rank(int(right()?)?)?),
            "depth" => caveats.depth = Some(u32::try_from(int(right()?)?).ok()?),
            "used" => caveats.budgets.push(budget(&predicate, right()?, table)?),
            name => caveats.labels.set(Label::of_predicate(name)?, Some(set()?)),
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

fn budget(used: &Predicate<'_>, max: Term<'_>, table: &Table) -> Option<Budget> {
    let [kind, id, _] = *used.terms() else {
        return None;
    };
    let id = str_of(id, table)?;
    // `ed25519/<hex>/<label>`: the label follows the second slash.
    let (signer, label) = id.rsplit_once('/')?;
    Some(Budget {
        kind: str_of(kind, table)?.to_owned(),
        signer: Some(signer.parse().ok()?),
        label: Some(label.to_owned()),
        max: u64::try_from(int(max)?).ok()?,
    })
}

/// The keys any one of which satisfies a check of a quorum: those of all alternatives but the first.
fn approvers(check: Check<'_>, table: &Table) -> Option<BTreeSet<PublicKey>> {
    let others = check.queries().skip(1);
    others
        .map(|rule| table.key(rule?.trusting?).copied())
        .collect()
}
