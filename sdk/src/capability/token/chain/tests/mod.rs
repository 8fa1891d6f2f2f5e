//! The life of a token from minting to a verdict, over bytes at every step.

use std::collections::BTreeSet;
use std::time::Duration;

use biscuit_auth::Biscuit;
use serde_json::json;

use super::super::held::Held;
use super::*;
use crate::capability::check::Skip;
use crate::capability::keys::{AgentKey, Authority, PublicKey};
use crate::capability::scope::{
    Budget, Grant, Quorum, Scope, any, minutes, one_of, path_under, url,
};
use crate::capability::token::{KeyRing, Mandate, MintError, PositionError};
use crate::capability::value::{BudgetKey, Call, Facts, Kind, UrlPattern};

mod approved;
mod ends;
mod renewed;

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
        .explain(call, facts, Skip::default())
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
fn the_innermost_root_is_of_the_grants_that_allow_the_call() {
    let root = Authority::generate();
    let mint = |scope: &Scope| {
        root.mint(scope, &Mandate::default(), key().public(), at(0))
            .unwrap()
    };
    let asked = read("/a/b/x");
    let of = |grants: &[Grant]| {
        let scope = grants.iter().cloned().fold(Scope::new(), Scope::grant);
        mint(&scope).innermost_root(&asked, "path")
    };
    let path = |tool: &str, constraint| Grant::new(tool).arg("path", constraint);
    let wide = path("fs.read", path_under("/a"));
    assert_eq!(of(std::slice::from_ref(&wide)).as_deref(), Some("/a/"));
    let other = path("fs.write", path_under("/a/b"));
    assert_eq!(of(&[wide.clone(), other]).as_deref(), Some("/a/"));
    let elsewhere = path("fs.read", path_under("/a/b/c"));
    assert_eq!(of(&[wide.clone(), elsewhere]).as_deref(), Some("/a/"));
    let inner = path("fs.read", path_under(["/", "/a/b"]));
    assert_eq!(of(&[wide.clone(), inner]).as_deref(), Some("/a/b/"));
    // `any` names no directory, and a value is its own directory.
    assert_eq!(of(&[path("fs.read", any())]), None);
    assert_eq!(of(&[path("fs.read", any()), wide]).as_deref(), Some("/a/"));
    let value = path("fs.read", one_of(["/a/b/x"]));
    assert!(of(&[value]).is_some_and(|root| root.starts_with("/a/b/x")));
}

#[test]
fn an_address_is_named_by_every_block_that_grants() {
    let root = Authority::generate();
    let asked = call("http.get", json!({ "url": "http://10.0.0.1/" }));
    let scope = |grants: &[Grant]| {
        let spawn = Scope::new().grant(Grant::spawn(["reader"]));
        grants.iter().cloned().fold(spawn, Scope::grant)
    };
    let get = |constraint| Grant::new("http.get").arg("url", constraint);
    let hosts = |hosts: &[&str]| get(url(UrlPattern::new("http", hosts.to_vec())));
    let open = || {
        get(url(UrlPattern {
            schemes: Some(["http".to_owned()].into()),
            ..UrlPattern::default()
        }))
    };
    let names = |chain: &Chain, ip: &str| {
        chain.names_address(&asked, &Facts::at(at(0)), "url", ip.parse().unwrap())
    };
    let mint = |grants: &[Grant]| {
        let holder = key();
        root.mint(&scope(grants), &Mandate::default(), holder.public(), at(0))
            .unwrap()
            .held_by(holder)
            .unwrap()
    };
    let named = mint(&[hosts(&["10.0.0.1", "a.org"])]);
    assert!(names(named.chain(), "10.0.0.1"));
    assert!(!names(named.chain(), "10.0.0.2"));
    assert!(!names(named.chain(), "::1"));
    for other in [open(), get(any()), hosts(&["a.org"])] {
        assert!(!names(mint(&[other]).chain(), "10.0.0.1"));
    }
    // The call is of another capability.
    let write = Grant::new("http.post").arg("url", url(UrlPattern::new("http", "10.0.0.1")));
    assert!(!names(mint(&[open(), write]).chain(), "10.0.0.1"));
    // Neither the grant of the root nor that of the hop is enough alone; a block that inherits does not count.
    let hop = |held: &Held, scope: &Scope| {
        held.danger_append("reader", scope, key().public(), at(0))
            .unwrap()
    };
    let inherits = hop(&named, &Scope::inherit());
    assert!(names(&inherits, "10.0.0.1"));
    assert!(!names(&hop(&named, &scope(&[open()])), "10.0.0.1"));
    let wide = mint(&[open()]);
    assert!(!names(
        &hop(&wide, &scope(&[hosts(&["10.0.0.1"])])),
        "10.0.0.1"
    ));
}

#[test]
fn a_chain_has_32_blocks_and_16_kib_at_most() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let mut holder = key();
    let mut chain = root
        .mint(&lead("/a"), &Mandate::default(), holder.public(), at(0))
        .unwrap();
    for _ in 1..32 {
        let next = key();
        chain = chain
            .held_by(holder)
            .unwrap()
            .delegate("lead", &Scope::inherit(), next.public(), at(0))
            .unwrap();
        holder = next;
    }
    assert_eq!(ring.chain(&chain.to_bytes()).unwrap().depth(), 31);
    let error = chain
        .held_by(holder)
        .unwrap()
        .delegate("lead", &Scope::inherit(), key().public(), at(0))
        .unwrap_err();
    assert!(error.to_string().contains("32 blocks"), "{error}");

    let holder = key();
    let mint = |letters: usize| {
        let mandate = Mandate {
            intent: Some("i".repeat(letters)),
            ..Mandate::default()
        };
        root.mint(&lead("/a"), &mandate, holder.public(), at(0))
    };
    let around = mint(15_000).unwrap().to_bytes().len();
    let letters = 15_000 + (16 * 1024 - around);
    let full = mint(letters).unwrap().to_bytes();
    assert_eq!(full.len(), 16 * 1024);
    assert_eq!(ring.chain(&full).unwrap().to_bytes(), full);
    assert!(mint(letters + 1).is_err());
}

#[test]
fn a_demand_for_all_five_of_five_reads_back() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let approvers = [(); 5].map(|()| AgentKey::generate().public());
    for need in 1..=5 {
        let scope = lead("/a").quorum(Quorum::new(["fs.read"], need, approvers));
        let chain = root
            .mint(&scope, &Mandate::default(), key().public(), at(0))
            .unwrap();
        let again = ring.chain(&chain.to_bytes()).unwrap();
        assert!(again.bounds().eq(chain.bounds()), "{need} of 5");
    }
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
