//! Calls with the facts known about them, and an oracle for what bounds allow that is as simple as
//! possible.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::{TEXTS, key, keys, value};
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Bounds, Budget, Caveats, Constraint, Grant, Grants};
use crate::capability::value::{BudgetKey, Call, Facts, Label, Reading, Risk, Sensitivity};
use crate::id::Timestamp;

/// Whether the whole text matches; searching would stop at the first alternative that fits.
fn matches(source: &str, text: &str) -> bool {
    regex::Regex::new(&format!(r"\A(?:{source})\z"))
        .unwrap()
        .is_match(text)
}

/// A call and the facts that a verifier knows about it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) call: Call,
    pub(crate) facts: Facts,
    pub(crate) depth: u32,
    pub(crate) approvals: BTreeSet<PublicKey>,
}

/// Whether one block with these bounds allows the call of this world.
pub(crate) fn allowed(bounds: &Bounds, world: &World) -> bool {
    let granted = match &bounds.grants {
        Grants::Inherit => true,
        Grants::Only(grants) => grants.iter().any(|grant| granted(grant, world)),
    };
    granted && caveats(&bounds.caveats, world)
}

fn granted(grant: &Grant, world: &World) -> bool {
    let given = |name: &String| world.call.args().iter().find(|arg| arg.name == *name);
    let names: BTreeSet<&String> = grant
        .args
        .keys()
        .chain(world.call.args().iter().map(|arg| &arg.name))
        .collect();
    grant.capability == world.call.capability()
        && (grant.approvers.is_empty() || !grant.approvers.is_disjoint(&world.approvals))
        && names
            .into_iter()
            .all(|name| match (grant.args.get(name), given(name)) {
                (None | Some(Constraint::Absent | Constraint::Any), None) => true,
                (None, Some(_)) | (Some(_), None) => false,
                (Some(constraint), Some(arg)) => constraint.allows(&arg.reading, matches),
            })
}

fn caveats(caveats: &Caveats, world: &World) -> bool {
    let facts = &world.facts;
    let time = facts.time.floor_to_second();
    let one = |label, fact: &Option<String>| {
        let set = caveats.labels.get(label);
        set.is_none_or(|set| fact.as_ref().is_some_and(|fact| set.contains(fact)))
    };
    let all = |label, fact: &Option<BTreeSet<String>>| {
        let set = caveats.labels.get(label);
        set.is_none_or(|set| fact.as_ref().is_some_and(|fact| fact.is_subset(set)))
    };
    caveats.not_before.is_none_or(|start| start <= time)
        && time < caveats.expires
        && one(Label::Audience, &facts.audience)
        && one(Label::Task, &facts.task)
        && one(Label::Step, &facts.step)
        && all(Label::Dataset, &facts.dataset)
        && all(Label::Taint, &facts.taint)
        && caveats
            .risk
            .is_none_or(|most| facts.risk.is_some_and(|risk| risk <= most))
        && caveats
            .sensitivity
            .is_none_or(|most| facts.sensitivity.is_some_and(|level| level <= most))
        && caveats.depth.is_none_or(|most| world.depth <= most)
        && caveats.budgets.iter().all(|budget| {
            facts
                .used
                .get(&counter(budget))
                .is_some_and(|used| *used <= budget.max)
        })
        && caveats.quorums.iter().all(|quorum| {
            !quorum.capabilities.contains(world.call.capability())
                || quorum.of.intersection(&world.approvals).count() >= usize::from(quorum.need)
        })
}

/// The counter of a budget, even if its block is not signed yet.
fn counter(budget: &Budget) -> BudgetKey {
    BudgetKey {
        kind: budget.kind.clone(),
        id: format!("{:?}/{:?}", budget.signer, budget.label),
    }
}

/// A world in which these bounds have a chance to allow the call.
pub(crate) fn world(bounds: &Bounds) -> impl Strategy<Value = World> + use<> {
    let grants = match &bounds.grants {
        Grants::Only(grants) if !grants.is_empty() => grants.clone(),
        _ => vec![Grant::new("t").arg("x", Constraint::Any)],
    };
    let context = || weighted(0.9, select(vec!["p".to_owned(), "q".to_owned()]));
    let sets = || {
        weighted(
            0.9,
            btree_set(select(vec!["p".to_owned(), "q".to_owned()]), 0..2),
        )
    };
    let used = vec(weighted(0.95, 0..4_u64), 12);
    (
        (
            select(grants),
            vec(any::<Index>(), 3),
            vec(value(), 3),
            0..8_u8,
        ),
        (
            999_995..1_000_015_u64,
            context(),
            context(),
            context(),
            sets(),
            sets(),
        ),
        (
            weighted(0.9, select(Risk::ALL)),
            weighted(0.9, select(Sensitivity::ALL)),
            0..4_u32,
            keys(3),
            used,
        ),
    )
        .prop_map(|((grant, picks, values, odd), facts, more)| {
            let used = used_budgets(&more.4);
            World {
                call: call(&grant, &picks, &values, odd),
                facts: Facts {
                    time: Timestamp::from_secs(facts.0).unwrap(),
                    audience: facts.1,
                    task: facts.2,
                    step: facts.3,
                    dataset: facts.4,
                    risk: more.0,
                    sensitivity: more.1,
                    taint: facts.5,
                    used,
                },
                depth: more.2,
                approvals: more.3,
            }
        })
}

fn used_budgets(values: &[Option<u64>]) -> BTreeMap<BudgetKey, u64> {
    let mut used = BTreeMap::new();
    let mut values = values.iter();
    for kind in ["calls", "tokens"] {
        for signer in [None, Some(key(0)), Some(key(1))] {
            for label in [None, Some("shared".to_owned())] {
                let budget = Budget {
                    kind: kind.to_owned(),
                    signer,
                    label,
                    max: 0,
                };
                if let Some(Some(value)) = values.next() {
                    used.insert(counter(&budget), *value);
                }
            }
        }
    }
    used
}

/// A call that the grant mostly allows; `odd` of 0 gives any values instead.
fn call(grant: &Grant, picks: &[Index], values: &[Value], odd: u8) -> Call {
    let mut args = Map::new();
    for ((name, constraint), (pick, any)) in grant.args.iter().zip(picks.iter().zip(values)) {
        let fitting: Vec<Value> = pool(any)
            .into_iter()
            .filter(|value| constraint.allows(&Reading::of(value), matches))
            .collect();
        let value = if odd == 0 || fitting.is_empty() {
            any
        } else {
            &fitting[pick.index(fitting.len())]
        };
        if !matches!(constraint, Constraint::Absent) {
            args.insert(name.clone(), value.clone());
        }
    }
    if odd == 1 {
        args.insert("y".to_owned(), values[2].clone());
    }
    Call::new(grant.capability(), args).unwrap()
}

/// Every value of the alphabet, and this one.
fn pool(one: &Value) -> Vec<Value> {
    let numbers = [-1.0, 0.0, 0.5, 1.0, 2.0, 5.0].map(|number| json!(number));
    let odd = [
        json!(1e-7),
        json!(1e30),
        json!({}),
        json!({"k": 1}),
        json!([1]),
        json!(["a"]),
        json!(["a", "b"]),
        json!(true),
        json!(false),
    ];
    let texts = TEXTS.iter().map(|text| json!(text));
    let pairs = TEXTS.iter().map(|text| json!([text]));
    texts
        .chain(pairs)
        .chain(numbers)
        .chain(odd)
        .chain([one.clone()])
        .collect()
}
