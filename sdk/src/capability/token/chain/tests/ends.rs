//! When a child with a stated lifetime ends, and each way in which it is wider.

use super::*;
use crate::capability::scope::seconds;

fn minted(scope: &Scope, secs: u64) -> Held {
    let (root, key) = (Authority::generate(), key());
    root.mint(scope, &Mandate::default(), key.public(), at(secs))
        .unwrap()
        .held_by(key)
        .unwrap()
}

fn child(parent: &Held, scope: &Scope, secs: u64) -> Result<Held, MintError> {
    let key = key();
    let chain = parent.delegate("reader", scope, key.public(), at(secs))?;
    Ok(chain.held_by(key).unwrap())
}

fn places(error: MintError) -> Vec<String> {
    let MintError::Widens(widens) = error else {
        panic!("{error}");
    };
    let excesses = widens.excesses().iter();
    excesses.map(|excess| excess.place().to_owned()).collect()
}

#[test]
fn the_lifetime_of_the_parent_said_again_ends_with_the_parent() {
    let spawner = || lead("/a").max_depth(9);
    let parent = minted(&spawner().expires_in(minutes(10)), 0);
    for (secs, life, ends) in [
        (0, minutes(10), Some(600)),
        (1, minutes(10), Some(600)),
        (599, minutes(10), Some(600)),
        (1, seconds(599), Some(600)),
        (1, seconds(30), Some(31)),
        (0, seconds(601), None),
        (1, seconds(601), None),
        (599, minutes(11), None),
    ] {
        let made = child(&parent, &reader("/a").expires_in(life), secs);
        match (made, ends) {
            (Ok(made), Some(ends)) => assert_eq!(made.chain().expires(), at(ends)),
            (Err(error), None) => assert_eq!(places(error), ["expires_at"]),
            (made, _) => panic!("{secs} {life:?}: {made:?}"),
        }
    }
    // A moment that is written is not moved.
    let absolute = reader("/a").expires_at(at(601));
    assert_eq!(
        places(child(&parent, &absolute, 1).unwrap_err()),
        ["expires_at"]
    );
    // A lifetime that was cut means the same for a grandchild, whether it was written or left out.
    let middle = child(&parent, &spawner().expires_in(minutes(10)), 60).unwrap();
    let leaf = child(&middle, &reader("/a").expires_in(minutes(10)), 61).unwrap();
    assert_eq!(leaf.chain().expires(), at(600));
    let silent = child(&parent, &reader("/a").grant(Grant::spawn(["reader"])), 60).unwrap();
    let leaf = child(&silent, &reader("/a").expires_in(minutes(10)), 61).unwrap();
    assert_eq!(leaf.chain().expires(), at(600));
    // An expired parent has no children.
    assert!(child(&parent, &reader("/a").expires_in(minutes(10)), 600).is_err());
}

#[test]
fn a_token_read_from_bytes_asked_for_no_more_than_its_tree_has_lived_at_its_end() {
    let (root, first) = (Authority::generate(), key());
    let scope = lead("/a").expires_in(minutes(10));
    let chain = root
        .mint(&scope, &Mandate::default(), first.public(), at(0))
        .unwrap();
    let read = KeyRing::new([root.root()])
        .chain(&chain.to_bytes())
        .unwrap();
    let parent = read.held_by(first).unwrap();
    let same = child(&parent, &reader("/a").expires_in(minutes(10)), 1).unwrap();
    assert_eq!(same.chain().expires(), at(600));
    for wider in [
        reader("/a").expires_in(seconds(601)),
        reader("/a").expires_at(at(601)),
    ] {
        assert_eq!(
            places(child(&parent, &wider, 1).unwrap_err()),
            ["expires_at"]
        );
    }
    // Without an expiry, the child ends with its parent.
    let silent = child(&parent, &reader("/a"), 1).unwrap();
    assert_eq!(silent.chain().expires(), at(600));
}

#[test]
fn a_renewed_parent_keeps_what_it_asked_for() {
    let (root, first, second) = (Authority::generate(), key(), key());
    let mandate = Mandate {
        ends: Some(at(3600)),
        ..Mandate::default()
    };
    let scope = lead("/a").expires_in(minutes(10));
    let chain = root.mint(&scope, &mandate, first.public(), at(0)).unwrap();
    let renewed = root.renew(&chain, at(900), second.public()).unwrap();
    let parent = renewed.held_by(second).unwrap();
    let made = child(&parent, &reader("/a").expires_in(minutes(10)), 400).unwrap();
    assert_eq!(made.chain().expires(), at(900));
}

#[test]
fn every_way_is_listed_beside_the_depth() {
    let parent = minted(&lead("/a").audience("here").max_depth(0), 0);
    let wide = reader("/")
        .grant(Grant::new("pay"))
        .audience(["here", "there"])
        .expires_at(at(7200))
        .max_depth(3)
        .budget(Budget::new("calls", 9).shared("x").set_by(key().public()));
    let error = child(&parent, &wide, 0).unwrap_err();
    let said = error.to_string();
    assert_eq!(
        places(error),
        [
            "grants[0].args.path",
            "grants[1].tool",
            "audience",
            "expires_at",
            "max_depth",
            "budget.calls",
            "max_depth",
        ]
    );
    assert!(
        said.contains("max_depth is 3") && said.contains("hop 1"),
        "{said}"
    );
    // Only the depth is wider.
    assert_eq!(
        places(child(&parent, &reader("/a"), 0).unwrap_err()),
        ["max_depth"]
    );
}

#[test]
fn each_block_that_gives_another_reason_is_listed() {
    let parent = minted(&lead("/a").audience(["p", "q"]).max_depth(9), 0);
    let middle = child(&parent, &lead("/a/b").audience("p"), 0).unwrap();
    let wide = reader("/z").audience(["q", "z"]);
    let MintError::Widens(widens) = child(&middle, &wide, 0).unwrap_err() else {
        panic!("it is wider");
    };
    let said: Vec<_> = widens
        .excesses()
        .iter()
        .map(|way| (way.place(), way.child(), way.parent()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "grants[0].args.path",
                "path is under /z",
                "path is under /a"
            ),
            (
                "grants[0].args.path",
                "path is under /z",
                "path is under /a/b"
            ),
            ("audience", "audience is z", "is p or q"),
            ("audience", "audience is q or z", "is p"),
        ]
    );
}
