//! Attack 3: a child block with facts, rules, `trusting`, `reject if`, `check all`, closures.

use bailiwick::capability::{KeyRing, Kind};
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::format::schema;
use biscuit_auth::format::schema::scope::Content;

use crate::common::widening::{CHECK, hostile_holder, kind, scope};

fn assert_malformed(ring: &KeyRing, forged: &Forge, what: &str) {
    for refused in [
        ring.chain(&forged.token()).err(),
        ring.wire_call(&forged.sealed()).err(),
    ] {
        assert_eq!(
            refused.map(|refusal| refusal.kind()),
            Some(Kind::Malformed),
            "{what}"
        );
    }
}

#[test]
fn attack_03_a_child_block_with_anything_but_checks_of_the_profile_is_malformed() {
    let (ring, token, key) = hostile_holder();
    let base = format!("agent(\"reader\"); {CHECK}");
    let genuine = Forge::after(&token, &key).append(&base);
    // The same text without the attack is in profile, so it is the attack that is refused.
    ring.chain(&genuine.token()).unwrap();
    let additions = [
        "grants({\"pay\"})",
        "tool(\"fs.read\")",
        "time(2020-01-01T00:00:00Z)",
        "approval(hex:00, 2030-01-01T00:00:00Z, hex:00)",
        "bailiwick(1, hex:00)",
        "agent(\"admin\")",
        "ends(2030-01-01T00:00:00Z)",
        "principal(\"root\")",
        "decision(\"a\"); decision(\"b\")",
        "decision(1)",
        "tool($x) <- arg_names($x)",
        "time($t) <- tool($x), time($t)",
        "check if tool($x) trusting previous",
        "check if tool($x) trusting authority",
        "check all tool($x), $x == \"fs.read\"",
        "check all time($x), $x < 2030-01-01T00:00:00Z",
        "reject if tool(\"pay\")",
        "check if arg_set(\"a\", $s), $s.any($x -> $x == 1)",
        "check if arg_set(\"a\", $s), $s.all($x -> $x.matches(\"a\"))",
        "check if true",
        "check if tool($x) or true",
        "check if time($x), $x < 2030-01-01T00:00:00Z or true",
        "check if time($x), $x < 2030-01-01T00:00:00Z, true",
        "check if time($x), $x <= 2030-01-01T00:00:00Z",
        "check if time($x), 2030-01-01T00:00:00Z > $x",
        "check if aud($x), \"here\" == $x",
        "check if depth($x), $x <= -1",
        "check if depth($x), $x <= 4294967296",
        "check if risk($x), $x <= 4",
        "check if used(\"calls\", \"nobody/x\", $x), $x <= 1",
        "check if tool(\"fs.read\")",
        "check if tool(\"fs.read\"), arg_names($n), {\"path\"}.contains($n)",
        "check if nonce($n)",
        "check if call($h), approval($h, $e, $i)",
    ];
    for addition in additions {
        for first in [false, true] {
            let forged = Forge::after(&token, &key).merged(&base, addition, first);
            assert_malformed(&ring, &forged, addition);
        }
    }
    for text in [
        "",
        "agent(\"reader\")",
        "agent(\"Reader\"); check if time($x), $x < 2030-01-01T00:00:00Z",
        CHECK,
    ] {
        assert_malformed(&ring, &Forge::after(&token, &key).append(text), text);
    }
}

#[test]
fn attack_03_no_field_of_a_block_can_be_used_otherwise() {
    let (ring, token, key) = hostile_holder();
    let start = Forge::after(&token, &key);
    let genuine = start.clone().append(&format!("agent(\"reader\"); {CHECK}"));
    let block = forge::block(genuine.blocks.last().unwrap());
    type Change = fn(&mut schema::Block);
    let changes: [(&str, Change); 18] = [
        ("context", |block| block.context = Some("x".to_owned())),
        ("empty context", |block| block.context = Some(String::new())),
        ("a version that is not needed", |block| {
            block.version = Some(4)
        }),
        ("no version", |block| block.version = None),
        ("a later version", |block| block.version = Some(6)),
        ("a check kind that says the default", |block| {
            block.checks[0].kind = Some(0)
        }),
        ("a check kind that is unknown", |block| {
            block.checks[0].kind = Some(9)
        }),
        ("reject", |block| block.checks[0].kind = Some(2)),
        ("an unused string", |block| {
            block.symbols.push("spare".to_owned())
        }),
        ("a default string", |block| {
            block.symbols.push("read".to_owned())
        }),
        ("the check twice", |block| {
            block.checks.push(block.checks[0].clone())
        }),
        ("no check", |block| block.checks.clear()),
        ("an empty check", |block| block.checks[0].queries.clear()),
        ("trusting authority", |block| {
            block.scope.push(scope(Content::ScopeType(0)))
        }),
        ("trusting previous", |block| {
            block.scope.push(scope(Content::ScopeType(1)))
        }),
        ("trusting a key", |block| {
            block.scope.push(scope(Content::PublicKey(0)));
            block.public_keys.push(forge::public(&forge::key(5)));
        }),
        ("a check that trusts previous", |block| {
            block.checks[0].queries[0]
                .scope
                .push(scope(Content::ScopeType(1)))
        }),
        ("a string out of range", |block| {
            block.facts[0].predicate.name = u64::MAX
        }),
    ];
    for (what, change) in changes {
        let forged = start.clone().edited(&block, change);
        assert_eq!(kind(ring.chain(&forged.token())), Kind::Malformed, "{what}");
    }
}
