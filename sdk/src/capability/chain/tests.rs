//! The life of a token from minting to a verdict, over bytes at every step.

use std::collections::BTreeSet;
use std::time::Duration;

use biscuit_auth::Biscuit;
use serde_json::json;

use super::super::authority::Authority;
use super::super::bounds::{Budget, Grant, Quorum};
use super::super::call::Call;
use super::super::facts::{BudgetKey, Facts};
use super::super::held::Held;
use super::super::keyring::KeyRing;
use super::super::keys::{AgentKey, PublicKey};
use super::super::make::{one_of, path_under};
use super::super::mint::{Mandate, MintError};
use super::super::question::Apart;
use super::super::refusal::Kind;
use super::super::scope::{Scope, minutes};
use super::*;

fn at(secs: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000 + secs).unwrap()
}

fn facts(secs: u64) -> Facts {
    Facts {
        audience: Some("here".to_owned()),
        ..Facts::at(at(secs))
    }
}

fn call(capability: &str, args: serde_json::Value) -> Call {
    Call::new(capability, args.as_object().unwrap().clone()).unwrap()
}

fn read(path: &str) -> Call {
    call("fs.read", json!({ "path": path }))
}

fn reader(root: &str) -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", path_under(root)))
}

fn lead(root: &str) -> Scope {
    reader(root)
        .grant(Grant::spawn(["reader", "lead"]))
        .expires_in(minutes(30))
}

fn key() -> Arc<AgentKey> {
    Arc::new(AgentKey::generate())
}

/// A root, its ring, and a chain of three hops, each under a narrower directory.
fn three_hops() -> (Authority, KeyRing, Held) {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let mut holder = key();
    let mut chain = root
        .mint(&lead("/a"), &Mandate::default(), holder.public(), at(0))
        .unwrap();
    for dir in ["/a/b", "/a/b/c", "/a/b/c/d"] {
        let next = key();
        chain = ring.chain(&chain.to_bytes()).unwrap();
        chain = chain
            .held_by(holder)
            .unwrap()
            .delegate("lead", &lead(dir), next.public(), at(0))
            .unwrap();
        holder = next;
    }
    let held = ring
        .chain(&chain.to_bytes())
        .unwrap()
        .held_by(holder)
        .unwrap();
    (root, ring, held)
}

fn ask(chain: &Chain, call: &Call, facts: &Facts) -> Result<(), (Kind, Option<u32>)> {
    chain
        .explain(call, facts, Apart::default())
        .map_err(|refusal| (refusal.kind(), refusal.hop()))
}

#[test]
fn a_chain_allows_what_every_hop_allows() {
    let (_, _, held) = three_hops();
    let chain = held.chain();
    assert_eq!(chain.depth(), 3);
    assert_eq!(ask(chain, &read("/a/b/c/d/x"), &facts(0)), Ok(()));
    for (path, hop) in [("/x", 0), ("/a/x", 1), ("/a/b/x", 2), ("/a/b/c/x", 3)] {
        assert_eq!(
            ask(chain, &read(path), &facts(0)),
            Err((Kind::Argument, Some(hop))),
            "{path}"
        );
    }
    assert_eq!(
        ask(chain, &call("fs.write", json!({})), &facts(0)),
        Err((Kind::Tool, Some(0)))
    );
    assert_eq!(ask(chain, &read("/a/b/c/d/x"), &facts(1799)), Ok(()));
    assert_eq!(
        ask(chain, &read("/a/b/c/d/x"), &facts(1800)),
        Err((Kind::Expired, Some(0)))
    );
    assert!(chain.could("fs.read") && !chain.could("fs.write"));
}

#[test]
fn bytes_read_back_as_the_same_chain() {
    let (_, ring, held) = three_hops();
    let bytes = held.chain().to_bytes();
    let warm = ring.chain(&bytes).unwrap();
    let cold = KeyRing::new(ring.roots()).chain(&bytes).unwrap();
    for chain in [&warm, &cold] {
        assert_eq!(chain.to_bytes(), bytes);
        assert!(chain.bounds().eq(held.chain().bounds()));
        assert_eq!(chain.id(), held.chain().id());
        assert_eq!(chain.lineage(), held.chain().lineage());
    }
    let roles: Vec<_> = cold
        .hops()
        .map(|hop| (hop.number, hop.role.map(str::to_owned)))
        .collect();
    assert_eq!(roles[0], (0, None));
    assert_eq!(roles[3], (3, Some("lead".to_owned())));
    assert!(cold.hops().all(|hop| !hop.datalog().is_empty()));
}

#[test]
fn only_the_named_key_holds() {
    let (_, _, held) = three_hops();
    let refusal = held
        .chain()
        .clone()
        .held_by(AgentKey::generate())
        .unwrap_err();
    assert_eq!(refusal.kind(), Kind::NotHolder);
}

#[test]
fn a_wire_call_is_good_for_its_call_alone_and_for_stock_libraries() {
    let (root, ring, held) = three_hops();
    let asked = read("/a/b/c/d/x");
    let bytes = held
        .wire_call(&asked, &facts(0), Duration::from_secs(600))
        .unwrap();
    let wire = ring.wire_call(&bytes).unwrap();
    assert_eq!(wire.nonce(), asked.nonce().0);
    assert_eq!(wire.expires(), at(60));
    assert_eq!(ask(wire.chain(), &asked, &facts(59)), Ok(()));
    assert_eq!(
        ask(wire.chain(), &asked, &facts(60)),
        Err((Kind::Expired, Some(4)))
    );
    assert_eq!(
        ask(wire.chain(), &read("/a/b/c/d/x"), &facts(0)),
        Err((Kind::Argument, Some(4)))
    );
    let there = Facts {
        audience: Some("there".to_owned()),
        ..facts(0)
    };
    assert_eq!(
        ask(wire.chain(), &asked, &there),
        Err((Kind::Argument, Some(4)))
    );

    assert_eq!(ring.chain(&bytes).unwrap_err().kind(), Kind::NotHolder);
    assert_eq!(
        ring.wire_call(&held.chain().to_bytes()).unwrap_err().kind(),
        Kind::NotHolder
    );

    let stock = stock_key(&root.public());
    Biscuit::from(&bytes, stock).unwrap();
    for index in (0..bytes.len()).step_by(37) {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1;
        assert!(
            Biscuit::from(&flipped, stock).is_err() || ring.wire_call(&flipped).is_err(),
            "byte {index}"
        );
        assert!(ring.wire_call(&flipped).is_err(), "byte {index}");
    }
}

fn stock_key(key: &PublicKey) -> biscuit_auth::PublicKey {
    biscuit_auth::PublicKey::from_bytes(key.as_bytes(), biscuit_auth::Algorithm::Ed25519).unwrap()
}

/// A token that pays up to any sum when one of `any` approves, and asks `need` of `of` besides.
fn payer(any: &[PublicKey], need: u8, of: &[PublicKey]) -> (KeyRing, Held) {
    let root = Authority::generate();
    let holder = key();
    let mut scope = Scope::new().grant(
        Grant::new("pay")
            .arg("to", one_of(["a", "b"]))
            .approved_by(any.iter().copied()),
    );
    if need > 0 {
        scope = scope.quorum(Quorum::new(["pay"], need, of.iter().copied()));
    }
    let chain = root
        .mint(&scope, &Mandate::default(), holder.public(), at(0))
        .unwrap();
    (KeyRing::new([root.root()]), chain.held_by(holder).unwrap())
}

fn approve(held: &Held, call: &Call, by: &AgentKey) -> Result<Held, MintError> {
    held.with_approval(&held.approval_request(call, &facts(0)).approve(by, at(100)))
}

#[test]
fn one_approver_of_a_grant_is_enough_until_the_approval_expires() {
    let (a, b) = (key(), key());
    let (ring, held) = payer(&[a.public(), b.public()], 0, &[]);
    let (pay, other) = (
        call("pay", json!({ "to": "a" })),
        call("pay", json!({ "to": "b" })),
    );
    let refused = Err((Kind::Approval, Some(0)));
    assert_eq!(ask(held.chain(), &pay, &facts(0)), refused);
    assert_eq!(
        held.chain().explain(
            &pay,
            &facts(0),
            Apart {
                approvals: true,
                budgets: false
            }
        ),
        Ok(())
    );
    let approved = approve(&held, &pay, &b).unwrap();
    let chain = ring.chain(&approved.chain().to_bytes()).unwrap();
    assert_eq!(ask(&chain, &pay, &facts(99)), Ok(()));
    assert_eq!(ask(&chain, &pay, &facts(100)), refused);
    assert_eq!(ask(&chain, &other, &facts(0)), refused);
    // The same arguments again are another call.
    assert_eq!(
        ask(&chain, &call("pay", json!({ "to": "a" })), &facts(0)),
        refused
    );
    let stranger = approve(&held, &pay, &key()).unwrap();
    assert_eq!(ask(stranger.chain(), &pay, &facts(0)), refused);
    let wire = ring
        .wire_call(
            &approved
                .wire_call(&pay, &facts(0), Duration::from_secs(9))
                .unwrap(),
        )
        .unwrap();
    assert_eq!(ask(wire.chain(), &pay, &facts(0)), Ok(()));
    assert_eq!(held.chain().holder(), approved.chain().holder());
}

#[test]
fn a_quorum_counts_each_approver_once() {
    let keys = [key(), key(), key()];
    let public = keys.clone().map(|key| key.public());
    let (ring, held) = payer(&[], 2, &public);
    let pay = call("pay", json!({ "to": "a" }));
    let one = approve(&held, &pay, &keys[0]).unwrap();
    let same = approve(&one, &pay, &keys[0]).unwrap();
    let two = approve(&one, &pay, &keys[2]).unwrap();
    for (held, verdict) in [(&held, false), (&one, false), (&same, false), (&two, true)] {
        let chain = ring.chain(&held.chain().to_bytes()).unwrap();
        let expected = if verdict {
            Ok(())
        } else {
            Err((Kind::Approval, Some(0)))
        };
        assert_eq!(ask(&chain, &pay, &facts(0)), expected);
    }
    // Made for the token as it was, an approval does not fit the token that has one more.
    let stale = held
        .approval_request(&pay, &facts(0))
        .approve(&keys[1], at(100));
    assert!(matches!(
        one.with_approval(&stale),
        Err(MintError::Profile(_))
    ));
    assert!(
        one.delegate("x", &Scope::new(), key().public(), at(0))
            .is_err()
    );
}

#[test]
fn an_approver_is_neither_holder_nor_root() {
    let root = Authority::generate();
    let (holder, approver) = (key(), key());
    let scope = |by: PublicKey| {
        Scope::new()
            .grant(Grant::new("pay").approved_by([by]))
            .grant(Grant::spawn(["reader"]))
    };
    let mint = |by: PublicKey| root.mint(&scope(by), &Mandate::default(), holder.public(), at(0));
    assert!(matches!(mint(holder.public()), Err(MintError::Profile(_))));
    assert!(matches!(mint(root.public()), Err(MintError::Profile(_))));
    let held = mint(approver.public())
        .unwrap()
        .held_by(holder.clone())
        .unwrap();
    let to_approver = held.delegate("reader", &Scope::inherit(), approver.public(), at(0));
    assert!(matches!(to_approver, Err(MintError::Profile(_))));
    let pay = call("pay", json!({}));
    assert!(matches!(
        approve(&held, &pay, &holder),
        Err(MintError::Profile(_))
    ));
}

#[test]
fn a_renewal_keeps_lineage_budgets_and_place() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let (a, b) = (key(), key());
    let mandate = Mandate {
        ends: Some(at(7200)),
        ..Mandate::default()
    };
    let scope = lead("/a")
        .budget(Budget::new("calls", 9))
        .expires_in(minutes(10));
    let first = root.mint(&scope, &mandate, a.public(), at(0)).unwrap();
    let parent = first.clone().held_by(a.clone()).unwrap();
    let child = parent
        .delegate(
            "reader",
            &reader("/a/b").budget(Budget::new("turns", 3)),
            b.public(),
            at(0),
        )
        .unwrap();
    assert_eq!(child.expires(), at(600));

    // Not past the parent's own expiry, so the parent is renewed first.
    assert!(parent.renew(&child, at(900), "d1", key().public()).is_err());
    let renewed = root.renew(&first, at(1200), a.public()).unwrap();
    assert!(root.renew(&first, at(7201), a.public()).is_err());
    assert!(
        Authority::generate()
            .renew(&first, at(1200), a.public())
            .is_err()
    );
    let parent = ring
        .chain(&renewed.to_bytes())
        .unwrap()
        .held_by(a.clone())
        .unwrap();
    let fresh = parent.renew(&child, at(900), "d1", key().public()).unwrap();
    let fresh = ring.chain(&fresh.to_bytes()).unwrap();
    assert_eq!(
        (fresh.lineage(), fresh.expires(), fresh.depth()),
        (child.lineage(), at(900), 1)
    );
    let ids = |chain: &Chain| {
        chain
            .budgets()
            .map(|(key, max, hop)| (key.clone(), max, hop))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&fresh), ids(&child));
    assert_eq!(fresh.hops().last().unwrap().decision, Some("d1"));
    assert_ne!(fresh.id(), child.id());
    // Under a fresh key of its delegator the child's own counter cannot stay what it was.
    let again = key();
    let moved = root
        .renew(&first, at(1200), again.public())
        .unwrap()
        .held_by(again)
        .unwrap();
    assert!(matches!(
        moved.renew(&child, at(900), "d1", key().public()),
        Err(MintError::Profile(_) | MintError::Widens(_))
    ));
    let plain = parent
        .delegate("reader", &reader("/a/b"), key().public(), at(0))
        .unwrap();
    moved
        .renew(
            &plain,
            at(3700).min(moved.chain().expires()),
            "d2",
            key().public(),
        )
        .unwrap_err();
    let short = parent
        .delegate(
            "reader",
            &reader("/a/b").expires_in(minutes(1)),
            key().public(),
            at(0),
        )
        .unwrap();
    moved.renew(&short, at(1000), "d2", key().public()).unwrap();
    // Another holder under the same parent renews nothing of it.
    let sibling = key();
    let sibling = parent
        .delegate("lead", &Scope::inherit(), sibling.public(), at(0))
        .unwrap()
        .held_by(sibling)
        .unwrap();
    assert!(
        sibling
            .renew(&child, at(700), "d3", key().public())
            .is_err()
    );
}

#[test]
fn budgets_are_counted_under_the_signer_who_set_them() {
    let root = Authority::generate();
    let (a, b) = (key(), key());
    let scope = lead("/a").budget(Budget::new("calls", 9).shared("month"));
    let parent = root
        .mint(&scope, &Mandate::default(), a.public(), at(0))
        .unwrap()
        .held_by(a.clone())
        .unwrap();
    let restated = Budget::new("calls", 5)
        .shared("month")
        .set_by(root.public());
    let own = Budget::new("calls", 100);
    let child = parent
        .delegate(
            "reader",
            &reader("/a").budget(restated).budget(own),
            b.public(),
            at(0),
        )
        .unwrap();
    let found: Vec<_> = child
        .budgets()
        .map(|(key, max, hop)| (key.clone(), max, hop))
        .collect();
    let id = format!("{}/month", root.public());
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: id.clone()
        },
        9,
        0
    )));
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: id.clone()
        },
        5,
        1
    )));
    let mine = format!("{}/{}", a.public(), Hex(b.public().as_bytes()));
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: mine.clone()
        },
        100,
        1
    )));

    let used = |month: u64, own: u64| {
        let used = [(id.clone(), month), (mine.clone(), own)];
        let used = used
            .into_iter()
            .map(|(id, n)| {
                (
                    BudgetKey {
                        kind: "calls".to_owned(),
                        id,
                    },
                    n,
                )
            })
            .collect();
        Facts { used, ..facts(0) }
    };
    assert_eq!(ask(&child, &read("/a/x"), &used(5, 100)), Ok(()));
    assert_eq!(
        ask(&child, &read("/a/x"), &used(6, 100)),
        Err((Kind::Budget, Some(1)))
    );
    assert_eq!(
        ask(&child, &read("/a/x"), &used(10, 0)),
        Err((Kind::Budget, Some(0)))
    );
    assert_eq!(
        ask(&child, &read("/a/x"), &facts(0)),
        Err((Kind::Budget, Some(0)))
    );
    assert_eq!(
        child.explain(
            &read("/a/x"),
            &facts(0),
            Apart {
                budgets: true,
                approvals: false
            }
        ),
        Ok(())
    );

    // A counter under another's key that no block before has named is refused.
    let stray = Budget::new("calls", 1)
        .shared("other")
        .set_by(root.public());
    assert!(
        parent
            .danger_append("reader", &reader("/a").budget(stray), b.public(), at(0))
            .is_err()
    );
}

#[test]
fn delegation_refuses_what_is_wider_and_raw_hops_widen_nothing() {
    let root = Authority::generate();
    let a = key();
    let parent = root
        .mint(&lead("/a"), &Mandate::default(), a.public(), at(0))
        .unwrap()
        .held_by(a)
        .unwrap();
    let b = key();
    let wider = parent
        .delegate("reader", &reader("/"), b.public(), at(0))
        .unwrap_err();
    assert!(matches!(wider, MintError::Widens(_)), "{wider}");
    let raw = parent
        .danger_append("reader", &reader("/"), b.public(), at(0))
        .unwrap();
    assert_eq!(
        ask(&raw, &read("/etc/passwd"), &facts(0)),
        Err((Kind::Argument, Some(0)))
    );
    // A hop that may not spawn ends the chain, however it grows.
    let leaf = raw.held_by(b).unwrap();
    assert!(
        leaf.delegate("reader", &Scope::inherit(), key().public(), at(0))
            .is_err()
    );
    let past = leaf
        .danger_append("reader", &lead("/"), key().public(), at(0))
        .unwrap();
    assert_eq!(
        ask(&past, &read("/a/x"), &facts(0)),
        Err((Kind::Depth, Some(1)))
    );
}
