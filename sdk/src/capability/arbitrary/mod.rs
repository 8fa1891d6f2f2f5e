//! Scopes, calls and worlds over a small alphabet, so that they overlap often. They are for tests.

mod world;

use std::collections::BTreeSet;

use proptest::collection::{btree_set, vec};
use proptest::option::{of, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::capability::keys::PublicKey;
use crate::capability::scope::{Bounds, Budget, Constraint, Expiry, Grant, Grants, Quorum, Scope};
use crate::capability::value::{Atom, Cidr, Decimal, Label, Labels, Risk, Sensitivity, UrlPattern};
use crate::id::Timestamp;
pub(crate) use world::{World, allowed, world};

/// The moment at which scopes are made absolute here.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_000_000).unwrap()
}

/// One of three keys.
pub(crate) fn key(index: u8) -> PublicKey {
    let secret = ed25519_dalek::SigningKey::from_bytes(&[index + 1; 32]);
    PublicKey::from_bytes(secret.verifying_key().to_bytes()).unwrap()
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

/// A value that a constraint compares.
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
    // Boxed, since nested trees of this size overflow the stack of a test's thread.
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
    .boxed()
}

fn keys(most: usize) -> impl Strategy<Value = BTreeSet<PublicKey>> {
    btree_set((0..3_u8).prop_map(key), 0..=most)
}

/// A grant as people write it, with several approvers and types of value.
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
    let labels = sets.prop_map(|(audience, task, step, dataset, taint)| {
        let mut labels = Labels::new();
        labels.set(Label::Audience, audience);
        labels.set(Label::Task, task);
        labels.set(Label::Step, step);
        labels.set(Label::Dataset, dataset);
        labels.set(Label::Taint, taint);
        labels
    });
    (grants(), labels, levels, lists).prop_map(|(grants, labels, levels, (budgets, quorums))| {
        Scope {
            grants,
            not_before: levels.3.and_then(Timestamp::from_secs),
            expires: levels
                .4
                .and_then(|life| Timestamp::from_secs(1_000_000 + life))
                .map(Expiry::At),
            labels,
            risk: levels.0,
            sensitivity: levels.1,
            depth: levels.2,
            budgets,
            quorums,
        }
    })
}

/// Bounds, as [`Scope::at`] makes them.
pub(crate) fn bounds() -> impl Strategy<Value = Bounds> {
    scope()
        .prop_filter_map("a scope that can be made absolute", |scope| {
            scope.at(now()).ok()
        })
        .boxed()
}

/// Bounds, and others that were made from them by a few changes; one is often, but not always, inside the
/// other.
fn changed() -> impl Strategy<Value = (Bounds, Bounds)> {
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

/// Two bounds that differ only in one constraint of one argument.
fn single() -> impl Strategy<Value = (Bounds, Bounds)> {
    let one = |constraint| {
        Scope::new()
            .grant(Grant::new("t").arg("x", constraint))
            .at(now())
            .ok()
    };
    let kinds = (constraint(), constraint(), constraint());
    kinds.prop_filter_map("two bounds", move |(first, second, third)| {
        // Constraints of one kind give the most cases to decide.
        let alike = std::mem::discriminant(&first) == std::mem::discriminant(&third);
        Some((one(first)?, one(if alike { third } else { second })?))
    })
}

/// Two bounds, of which one is often, but not always, inside the other.
pub(crate) fn related() -> impl Strategy<Value = (Bounds, Bounds)> {
    prop_oneof![changed().boxed(), single().boxed()]
}
