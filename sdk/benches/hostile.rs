//! The worst inputs that are known, each beside its floor in one run: what the same work costs that
//! cannot be left out.
//!
//! `cargo bench -p bailiwick --bench hostile`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use std::hint::black_box;
use std::sync::Arc;

use bailiwick::capability::{
    AgentKey, Authority, Call, Facts, Grant, Held, KeyRing, MAX_MATCHED_BYTES, Mandate, Scope,
    Skip, any, eq, matches, one_of,
};
use common::paired::ratio;
use common::table::{head, row};
use common::{Floor, World, now};
use serde_json::{Map, Value};

/// A chain in which so many hops say what the first block says.
fn repeated(authority: &Authority, scope: &Scope, hops: usize) -> Held {
    let key = Arc::new(AgentKey::generate());
    let chain = authority
        .mint(scope, &Mandate::default(), key.public(), now())
        .unwrap();
    (0..hops).fold(chain.held_by(key).unwrap(), |parent, _| {
        let key = Arc::new(AgentKey::generate());
        // As many hops as fit.
        match parent.danger_append("child", scope, key.public(), now()) {
            Ok(chain) => chain.held_by(key).unwrap(),
            Err(_) => parent,
        }
    })
}

fn spawning(scope: Scope) -> Scope {
    scope.grant(Grant::spawn(["child"]))
}

/// Sixteen patterns of sixteen positions.
fn sixteen() -> Scope {
    let each = |n: u8| format!("{}[ab]{{15}}", char::from(b'a' + n));
    let all: Vec<String> = (0..16).map(each).collect();
    spawning(Scope::new().grant(Grant::new("x").arg("a", matches(all))))
}

/// As many grants as a block holds.
fn grants() -> Scope {
    let grant = |n: u8| Grant::new("x").arg(format!("a{n}"), eq("v"));
    spawning((0..63).map(grant).fold(Scope::new(), Scope::grant))
}

/// As many strings as fit.
fn strings() -> Scope {
    let all = (0..900).map(|n| format!("{n}"));
    spawning(Scope::new().grant(Grant::new("x").arg("a", one_of(all))))
}

fn main() {
    let authority = Authority::generate();
    let floor = Floor::new(&World::of(1));
    head(&[
        "admitted from bytes",
        "bytes",
        "blocks",
        "its verifications = 1",
    ]);
    for (name, scope) in [
        ("16 patterns, in every hop again", sixteen()),
        ("63 grants, in every hop again", grants()),
        ("900 strings, in every hop again", strings()),
    ] {
        let held = repeated(&authority, &scope, 31);
        let bytes = held.chain().to_bytes();
        let blocks = held.chain().depth() + 1;
        let ring = KeyRing::new([authority.root()]);
        let ratio = ratio(
            || (),
            |()| ring.chain(black_box(&bytes)).unwrap(),
            || floor.verify(blocks),
        );
        row([
            name.to_owned(),
            bytes.len().to_string(),
            blocks.to_string(),
            format!("{ratio:.2}"),
        ]);
    }
    matched(&authority, &floor);
    delegated(&authority, &floor);
}

/// The dearest patterns beside a verification, on the longest text.
fn matched(authority: &Authority, floor: &Floor) {
    head(&["asked about 8 KiB", "a verification = 1"]);
    let texts = [
        "ab".repeat(MAX_MATCHED_BYTES / 2),
        "a".repeat(MAX_MATCHED_BYTES),
    ];
    for source in [
        "[ab]*a[ab]{250}c",
        "(?:|a)(?:|b)(?:a|b|ab|ba){30}[ab]*",
        r"\w*\w{15}\w*",
    ] {
        let scope = Scope::new().grant(Grant::new("x").arg("a", matches(source)));
        let held = repeated(authority, &scope, 0);
        for text in &texts {
            let arguments = Map::from_iter([("a".to_owned(), Value::from(text.as_str()))]);
            let (call, facts) = (Call::new("x", arguments).unwrap(), Facts::at(now()));
            let ratio = ratio(
                || (),
                |()| {
                    held.chain()
                        .explain(black_box(&call), &facts, Skip::default())
                },
                || floor.verify(1),
            );
            row([format!("`{source}`"), format!("{ratio:.2}")]);
        }
    }
}

/// Delegations beside a signature: accepted, refused, and too large.
fn delegated(authority: &Authority, floor: &Floor) {
    head(&["delegated", "a signature = 1"]);
    let list = |letter: char, last: &str| {
        let all = (0..7).map(|n| n.to_string()).chain([last.to_owned()]);
        one_of(all.map(|value| format!("{letter}{value}")))
    };
    let lists = |count: usize, last: &str| {
        (0..count).fold(Scope::new(), |scope, n| {
            let grant = Grant::new("x")
                .arg("a", list('p', last))
                .arg("b", list('q', last));
            scope.grant(grant.arg(format!("c{}", n % 8), any()))
        })
    };
    let held = repeated(authority, &spawning(lists(30, "7")), 0);
    let child = AgentKey::generate().public();
    let urls = (0..20_000).map(|n| format!("https://a.org/{n}"));
    let large = Scope::new().grant(Grant::new("x").arg("a", one_of(urls)));
    for (name, scope) in [
        ("20 grants of two lists, accepted", lists(20, "7")),
        ("the same, refused", lists(20, "z")),
        ("20,000 URLs, refused for their size", large),
    ] {
        let ratio = ratio(
            || (),
            |()| held.delegate("child", black_box(&scope), child, now()),
            || floor.sign(),
        );
        row([name.to_owned(), format!("{ratio:.1}")]);
    }
}
