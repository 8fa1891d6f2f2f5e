//! Scopes, calls and worlds over a small alphabet, so that they meet often, and an oracle of what
//! bounds allow that is as simple as it can be. For tests.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum};
use super::call::{Atom, Call};
use super::constraint::{Cidr, Constraint, UrlPattern};
use super::decimal::Decimal;
use super::facts::{BudgetKey, Facts, Risk, Sensitivity};
use super::keys::PublicKey;
use super::scope::{Expiry, Scope};
use crate::id::Timestamp;

/// A call and all that a verifier knows about it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) call: Call,
    pub(crate) facts: Facts,
    pub(crate) depth: u32,
    pub(crate) approvals: BTreeSet<PublicKey>,
}

/// The moment at which scopes are made absolute here.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_000_000).unwrap()
}

/// One of three keys.
pub(crate) fn key(index: u8) -> PublicKey {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[index + 1; 32]);
    PublicKey::from_bytes(secret.verifying_key().to_bytes()).unwrap()
}

fn matches(source: &str, text: &str) -> bool {
    regex::Regex::new(source)
        .unwrap()
        .find_iter(text)
        .any(|found| found.range() == (0..text.len()))
}

/// Whether one block with these bounds allows what happens in this world.
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
    let one = |set: &Option<BTreeSet<String>>, fact: &Option<String>| {
        set.as_ref()
            .is_none_or(|set| fact.as_ref().is_some_and(|fact| set.contains(fact)))
    };
    let all = |set: &Option<BTreeSet<String>>, fact: &Option<BTreeSet<String>>| {
        set.as_ref()
            .is_none_or(|set| fact.as_ref().is_some_and(|fact| fact.is_subset(set)))
    };
    caveats.not_before.is_none_or(|start| start <= time)
        && time < caveats.expires
        && one(&caveats.audience, &facts.audience)
        && one(&caveats.task, &facts.task)
        && one(&caveats.step, &facts.step)
        && all(&caveats.dataset, &facts.dataset)
        && all(&caveats.taint, &facts.taint)
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

/// The counter of a budget, also of one whose block is not signed yet.
pub(crate) fn counter(budget: &Budget) -> BudgetKey {
    BudgetKey {
        kind: budget.kind.clone(),
        id: format!("{:?}/{:?}", budget.signer, budget.label),
    }
}

const TEXTS: &[&str] = &[
    "",
    "a",
    "ab",
    "abc",
    "b",
    "/",
    "/a",
    "/a/b",
    "/a/b/c",
    "/ab",
    "/b",
    "/a/",
    "/a/../b",
    "a.org",
    "b.org",
    "x.b.org",
    "y.x.b.org",
    "xb.org",
    "10.0.0.1",
    "10.1.0.1",
    "192.168.0.1",
    "2001:db8::1",
    "[2001:db8::1]",
    "https://a.org/",
    "https://a.org/v1",
    "https://a.org/v1/x?q",
    "http://b.org:8080/v1/",
    "https://x.b.org/v2",
    "https://10.0.0.1/",
];

/// A string of the alphabet.
pub(crate) fn text() -> impl Strategy<Value = String> {
    select(TEXTS).prop_map(str::to_owned)
}

fn names(of: &'static [&'static str]) -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(select(of).prop_map(str::to_owned), 1..3)
}

fn decimal() -> impl Strategy<Value = Decimal> {
    select(vec![
        -1_000_000, 0, 500_000, 1_000_000, 2_000_000, 5_000_000,
    ])
    .prop_map(Decimal::from_micros)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::String),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => decimal().prop_map(|number| Value::Number(number.to_number().unwrap())),
        1 => select(vec![json!(1e-7), json!(1e30), json!({}), json!({"k": 1}), json!([1]), json!(["a"])]),
    ]
}

/// An argument of a call.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![5 => scalar(), 2 => vec(scalar(), 0..3).prop_map(Value::Array), 1 => Just(Value::Null)]
}

/// What a constraint compares.
pub(crate) fn atom() -> impl Strategy<Value = Atom> {
    scalar().prop_map(|value| Atom::of(&value).unwrap())
}

fn atoms() -> impl Strategy<Value = BTreeSet<Atom>> {
    btree_set(atom(), 1..5)
}

fn url() -> impl Strategy<Value = UrlPattern> {
    let parts = (
        of(names(&["http", "https"])),
        of(names(&[
            "a.org", "b.org", ".b.org", ".x.b.org", "x.b.org", "10.0.0.1",
        ])),
        of(btree_set(select(vec![80_u16, 443, 8080]), 1..3)),
        of(names(&["/", "/v1/", "/v1/x/", "/v2/"])),
    );
    parts.prop_filter_map("a part", |(schemes, hosts, ports, paths)| {
        let pattern = UrlPattern {
            schemes,
            hosts,
            ports,
            paths,
        };
        (pattern != UrlPattern::default()).then_some(pattern)
    })
}

fn network() -> impl Strategy<Value = Cidr> {
    let texts = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.0/9",
        "10.0.0.0/16",
        "10.1.0.0/16",
        "10.0.0.1",
        "::/0",
        "2001:db8::/32",
    ];
    select(texts.to_vec()).prop_map(|text| text.parse().unwrap())
}

/// A constraint of any kind.
pub(crate) fn constraint() -> impl Strategy<Value = Constraint> {
    prop_oneof![
        2 => atom().prop_map(Constraint::Eq),
        4 => atoms().prop_map(Constraint::OneOf),
        2 => names(&["", "/", "/a", "/a/", "a", "ab", "h", "https://a.org", "10."]).prop_map(Constraint::Prefix),
        2 => (of(decimal()), of(decimal())).prop_filter_map("a range", |(min, max)| {
            let fine = min.is_none_or(|min| max.is_none_or(|max| min <= max)) && (min, max) != (None, None);
            fine.then_some(Constraint::Range { min, max })
        }),
        2 => atoms().prop_map(Constraint::SubsetOf),
        3 => names(&["/", "/a/", "/a/b/", "/ab/", "/b/"]).prop_map(Constraint::PathUnder),
        3 => url().prop_map(Constraint::Url),
        2 => names(&["a.org", ".b.org", "b.org", ".x.b.org", "x.b.org", "10.0.0.1"]).prop_map(Constraint::Host),
        2 => btree_set(network(), 1..4).prop_map(Constraint::Cidr),
        2 => names(&["a|ab", "a.*", "/a/.*", "(?i)A", ".*org"]).prop_map(Constraint::Matches),
        3 => Just(Constraint::Any),
        1 => Just(Constraint::Absent),
    ]
}

fn keys(most: usize) -> impl Strategy<Value = BTreeSet<PublicKey>> {
    btree_set((0..3_u8).prop_map(key), 0..=most)
}

/// A grant, as people write it: several approvers and types of value.
pub(crate) fn grant() -> impl Strategy<Value = Grant> {
    let args = proptest::collection::btree_map(
        select(vec!["x", "y"]).prop_map(str::to_owned),
        constraint(),
        0..3,
    );
    let approvers = prop_oneof![4 => Just(BTreeSet::new()), 1 => keys(2)];
    (select(vec!["t", "u"]), args, approvers).prop_map(|(tool, args, approvers)| Grant {
        args,
        approvers,
        ..Grant::new(tool)
    })
}

fn grants() -> impl Strategy<Value = Grants> {
    prop_oneof![1 => Just(Grants::Inherit), 9 => vec(grant(), 0..4).prop_map(Grants::Only)]
}

fn budget() -> impl Strategy<Value = Budget> {
    let label = of(Just("shared".to_owned()));
    (
        select(vec!["calls", "tokens"]),
        of((0..2_u8).prop_map(key)),
        label,
        0..5_u64,
    )
        .prop_map(|(kind, signer, label, max)| Budget {
            kind: kind.to_owned(),
            signer,
            label,
            max,
        })
}

fn quorum() -> impl Strategy<Value = Quorum> {
    (names(&["t", "u"]), keys(3), 1..3_u8)
        .prop_map(|(capabilities, of, need)| Quorum {
            capabilities,
            of,
            need,
        })
        .prop_filter("enough keys", |quorum| {
            quorum.of.len() >= usize::from(quorum.need)
        })
}

/// A scope; some cannot be made absolute (too many patterns, a budget twice).
pub(crate) fn scope() -> impl Strategy<Value = Scope> {
    let rare = |set: &'static [&'static str]| weighted(0.2, names(set));
    let sets = (
        rare(&["p", "q"]),
        rare(&["p", "q"]),
        rare(&["p", "q"]),
        rare(&["p", "q"]),
        rare(&["p", "q"]),
    );
    let levels = (
        weighted(0.2, select(Risk::ALL)),
        weighted(0.2, select(Sensitivity::ALL)),
        weighted(0.2, 0..4_u32),
        weighted(0.2, 999_990..1_000_010_u64),
        weighted(0.5, 1..20_u64),
    );
    let lists = (
        prop_oneof![3 => Just(Vec::new()), 1 => vec(budget(), 1..3)],
        prop_oneof![4 => Just(Vec::new()), 1 => vec(quorum(), 1..3)],
    );
    (grants(), sets, levels, lists).prop_map(|(grants, sets, levels, (budgets, quorums))| Scope {
        grants,
        not_before: levels.3.and_then(Timestamp::from_secs),
        expires: levels
            .4
            .and_then(|life| Timestamp::from_secs(1_000_000 + life))
            .map(Expiry::At),
        audience: sets.0,
        task: sets.1,
        step: sets.2,
        dataset: sets.3,
        risk: levels.0,
        sensitivity: levels.1,
        taint: sets.4,
        depth: levels.2,
        budgets,
        quorums,
    })
}

/// Bounds, as [`Scope::at`] makes them.
pub(crate) fn bounds() -> impl Strategy<Value = Bounds> {
    scope().prop_filter_map("a scope that can be made absolute", |scope| {
        scope.at(now()).ok()
    })
}

/// Bounds, and others that were made from them by a few changes: the one is often, not always, inside the other.
pub(crate) fn related() -> impl Strategy<Value = (Bounds, Bounds)> {
    let changes = vec(
        (
            any::<Index>(),
            any::<Index>(),
            prop_oneof![2 => constraint().prop_map(Some), 1 => Just(None)],
            any::<bool>(),
        ),
        0..3,
    );
    (bounds(), bounds(), changes, 0..4_u8).prop_map(|(first, other, changes, caveats)| {
        let mut second = first.clone();
        if caveats == 0 {
            second.caveats = other.caveats;
        }
        if let Grants::Only(grants) = &mut second.grants {
            for (at, which, constraint, keep) in changes {
                if grants.is_empty() {
                    break;
                }
                let at = at.index(grants.len());
                match constraint {
                    None if keep => {
                        let _ = grants.remove(at);
                    }
                    None => {
                        grants[at].approvers = if grants[at].approvers.is_empty() {
                            [key(0)].into()
                        } else {
                            BTreeSet::new()
                        }
                    }
                    Some(constraint) => {
                        let names: Vec<String> = grants[at].args.keys().cloned().collect();
                        let name = if names.is_empty() {
                            "x".to_owned()
                        } else {
                            names[which.index(names.len())].clone()
                        };
                        grants[at].args.insert(name, constraint);
                    }
                }
            }
        }
        let again = Scope::from_value(&second.to_json()).and_then(|scope| scope.at(now()));
        let second = again.unwrap_or_else(|_| first.clone());
        if caveats % 2 == 0 {
            (first, second)
        } else {
            (second, first)
        }
    })
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
            .filter(|value| constraint.allows(&super::call::Reading::of(value), matches))
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
