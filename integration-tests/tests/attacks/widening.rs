//! Attacks 1 to 5: a token that tries to do more than the one it is derived from.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bailiwick::capability::{
    AgentKey, Authority, Budget, Call, Chain, Facts, Grant, Held, KeyRing, Kind, Mandate,
    MintError, PositionError, Risk, Scope, Skip, UrlPattern, any, at_most, eq, host, hours,
    matches, minutes, one_of, path_under, prefix, range, subset_of, url,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::format::schema::{self, scope::Content};
use serde_json::{Value, json};

type Verdict = Result<(), (Kind, Option<u32>)>;

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

fn call(capability: &str, args: &Value) -> Call {
    Call::new(capability, args.as_object().unwrap().clone()).unwrap()
}

fn ask(chain: &Chain, call: &Call, facts: &Facts) -> Verdict {
    chain
        .explain(call, facts, Skip::default())
        .map_err(|refusal| (refusal.kind(), refusal.hop()))
}

fn kind<T: std::fmt::Debug>(result: Result<T, bailiwick::capability::Refusal>) -> Kind {
    result.unwrap_err().kind()
}

/// A root, its ring, and a token with `scope` in the hands of its first holder.
fn held(scope: &Scope) -> (Authority, KeyRing, Held) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(scope, &Mandate::default(), key.public(), now())
        .unwrap();
    let ring = KeyRing::new([root.root()]);
    (root, ring, chain.held_by(key).unwrap())
}

fn reader() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
        .grant(Grant::spawn(["reader"]))
}

#[test]
fn attack_01_no_grants_allow_nothing_at_the_root_and_at_every_hop() {
    let (root, ring, nothing) = held(&Scope::new());
    let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
    assert_eq!(
        ask(nothing.chain(), &read, &Facts::at(now())),
        Err((Kind::Tool, Some(0)))
    );
    assert_eq!(
        ask(nothing.chain(), &call("", &json!({})), &Facts::at(now())),
        Err((Kind::Tool, Some(0)))
    );

    let key = AgentKey::generate();
    let inherits = root.mint(&Scope::inherit(), &Mandate::default(), key.public(), now());
    assert_eq!(
        inherits.unwrap_err(),
        MintError::Position(PositionError::AuthorityInherits)
    );

    let (_, _, parent) = held(&reader());
    let child = parent
        .delegate("reader", &Scope::new(), key.public(), now())
        .unwrap();
    assert_eq!(
        ask(&child, &read, &Facts::at(now())),
        Err((Kind::Tool, Some(1)))
    );

    // A root block without a grants check, signed by the genuine root, is no block of the profile.
    let lineage = "00".repeat(16);
    let open = format!(
        "bailiwick(1, hex:{lineage}); grants({{\"fs.read\"}}); ends(2030-01-01T00:00:00Z);
         check if time($x), $x < 2030-01-01T00:00:00Z"
    );
    let forged = Forge::root(&secret_of(&root), &open);
    assert_eq!(kind(ring.chain(&forged.token())), Kind::Malformed);
}

fn secret_of(root: &Authority) -> ed25519_dalek::SigningKey {
    forge::secret(&AgentKey::from_pem(&root.danger_to_pem().unwrap()).unwrap())
}

/// Every way in which a hop can be wider, each refused by `delegate`, and each of no effect when
/// the hop is appended all the same.
#[test]
fn attack_02_a_wider_child_is_refused_and_an_appended_one_widens_nothing() {
    let pay = Grant::new("pay")
        .arg("to", one_of(["a", "b"]))
        .arg("sum", range(0, 100))
        .arg("tags", subset_of(["x"]));
    let spawn = Grant::spawn(["reader"]);
    let parent_scope = Scope::new()
        .grant(pay.clone())
        .grant(spawn.clone())
        .expires_in(minutes(10))
        .audience("here")
        .task("t")
        .step("s")
        .dataset(["d"])
        .taint(["web"])
        .max_risk(Risk::Medium)
        .max_depth(2);
    let (_, ring, parent) = held(&parent_scope);
    let mut facts = Facts::at(now());
    facts.audience = Some("here".to_owned());
    (facts.task, facts.step) = (Some("t".to_owned()), Some("s".to_owned()));
    (facts.dataset, facts.taint) = (
        Some(["d".to_owned()].into()),
        Some(["web".to_owned()].into()),
    );
    facts.risk = Some(Risk::Medium);
    let good = json!({ "to": "a", "sum": 5, "tags": ["x"] });
    assert_eq!(ask(parent.chain(), &call("pay", &good), &facts), Ok(()));

    let with = |name: &str, value: Value| {
        let mut args = good.clone();
        args[name] = value;
        call("pay", &args)
    };
    let without = |name: &str| {
        let mut args = good.clone();
        args.as_object_mut().unwrap().remove(name);
        call("pay", &args)
    };
    let grant = |grant: Grant| Scope::new().grant(grant);
    let arguments = [
        (
            "a tool",
            grant(Grant::new("fs.read")),
            call("fs.read", &json!({})),
            Kind::Tool,
        ),
        (
            "a dropped constraint",
            grant(drop_arg(&pay, "to")),
            without("to"),
            Kind::Argument,
        ),
        (
            "a loosened list",
            grant(pay.clone().arg("to", one_of(["a", "b", "c"]))),
            with("to", json!("c")),
            Kind::Argument,
        ),
        (
            "a loosened range",
            grant(pay.clone().arg("sum", at_most(101))),
            with("sum", json!(101)),
            Kind::Argument,
        ),
        (
            "an open end",
            grant(pay.clone().arg("sum", at_most(100))),
            with("sum", json!(-1)),
            Kind::Argument,
        ),
        (
            "a retyped value",
            grant(pay.clone().arg("sum", eq("5"))),
            with("sum", json!("5")),
            Kind::Argument,
        ),
        (
            "a free argument",
            grant(pay.clone().arg("note", any())),
            with("note", json!("x")),
            Kind::Argument,
        ),
        (
            "any for a list",
            grant(pay.clone().arg("to", any())),
            with("to", json!("z")),
            Kind::Argument,
        ),
        (
            "prefix for a list",
            grant(pay.clone().arg("to", prefix(""))),
            with("to", json!("z")),
            Kind::Argument,
        ),
        (
            "a pattern",
            grant(pay.clone().arg("to", matches(".*"))),
            with("to", json!("z")),
            Kind::Argument,
        ),
        (
            "a larger subset",
            grant(pay.clone().arg("tags", subset_of(["x", "y"]))),
            with("tags", json!(["y"])),
            Kind::Argument,
        ),
    ];
    for (what, scope, wider, refused) in arguments {
        let to = AgentKey::generate();
        let delegated = parent.delegate("reader", &scope, to.public(), now());
        assert!(
            matches!(delegated, Err(MintError::Widens(_))),
            "{what}: {delegated:?}"
        );
        let raw = parent
            .danger_append("reader", &scope, to.public(), now())
            .unwrap();
        let raw = ring.chain(&raw.to_bytes()).unwrap();
        assert_eq!(ask(&raw, &wider, &facts), Err((refused, Some(0))), "{what}");
    }

    let later = Facts {
        time: now().saturating_add(minutes(10)),
        ..facts.clone()
    };
    let other = |change: fn(&mut Facts)| {
        let mut facts = facts.clone();
        change(&mut facts);
        facts
    };
    let set = |word: &str| Some([word.to_owned()].into());
    let mut taint = facts.clone();
    taint.taint = set("mail");
    let mut dataset = facts.clone();
    dataset.dataset = set("e");
    let caveats = [
        (
            "expiry",
            Scope::inherit().expires_in(hours(1)),
            later,
            Kind::Expired,
        ),
        (
            "audience",
            Scope::inherit().audience(["here", "there"]),
            other(|facts| facts.audience = Some("there".to_owned())),
            Kind::Audience,
        ),
        (
            "task",
            Scope::inherit().task(["t", "u"]),
            other(|facts| facts.task = Some("u".to_owned())),
            Kind::Task,
        ),
        (
            "step",
            Scope::inherit().step(["s", "r"]),
            other(|facts| facts.step = None),
            Kind::Step,
        ),
        (
            "dataset",
            Scope::inherit().dataset(["d", "e"]),
            dataset,
            Kind::Dataset,
        ),
        (
            "taint",
            Scope::inherit().taint(["web", "mail"]),
            taint,
            Kind::Taint,
        ),
        (
            "risk",
            Scope::inherit().max_risk(Risk::High),
            other(|facts| facts.risk = Some(Risk::High)),
            Kind::Risk,
        ),
    ];
    for (what, scope, facts, refused) in caveats {
        let to = AgentKey::generate();
        let delegated = parent.delegate("reader", &scope, to.public(), now());
        assert!(
            matches!(delegated, Err(MintError::Widens(_))),
            "{what}: {delegated:?}"
        );
        let raw = parent
            .danger_append("reader", &scope, to.public(), now())
            .unwrap();
        assert_eq!(
            ask(&raw, &call("pay", &good), &facts),
            Err((refused, Some(0))),
            "{what}"
        );
    }
    let deeper = Scope::inherit().max_depth(3);
    assert!(
        parent
            .delegate("reader", &deeper, AgentKey::generate().public(), now())
            .is_err()
    );
}

fn drop_arg(grant: &Grant, name: &str) -> Grant {
    let rest = grant.args().iter().filter(|(known, _)| *known != name);
    rest.fold(
        Grant::new(grant.capability()),
        |grant, (name, constraint)| grant.arg(name, constraint.clone()),
    )
}

#[test]
fn attack_02_a_budget_is_not_raised_reset_or_renamed() {
    let scope = reader().budget(Budget::new("calls", 2).shared("m"));
    let (root, ring, parent) = held(&scope);
    let to = AgentKey::generate();
    let more = Scope::inherit().budget(Budget::new("calls", 3).shared("m").set_by(root.public()));
    assert!(matches!(
        parent.delegate("reader", &more, to.public(), now()),
        Err(MintError::Widens(_))
    ));
    let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
    // Appended raw: the parent's limit still holds, and an own counter only adds to it.
    let own = Scope::inherit().budget(Budget::new("calls", 1000).shared("m"));
    for scope in [&more, &own] {
        let raw = parent
            .danger_append("reader", scope, to.public(), now())
            .unwrap();
        let raw = ring.chain(&raw.to_bytes()).unwrap();
        let used = raw.budgets().map(|(key, _, _)| (key.clone(), 3)).collect();
        assert_eq!(
            ask(
                &raw,
                &read,
                &Facts {
                    used,
                    ..Facts::at(now())
                }
            ),
            Err((Kind::Budget, Some(0)))
        );
    }
    // Counting under a key that signed nothing here is out of profile, with any bytes.
    let (ring, token, key) = hostile_holder();
    let chain = ring.chain(&token).unwrap();
    let held = chain
        .held_by(AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap())
        .unwrap();
    let own = held
        .danger_append("reader", &own, to.public(), now())
        .unwrap()
        .to_bytes();
    let block = forge::block(forge::blocks(&forge::parts(&own)).last().unwrap());
    for (signer, fine) in [
        (key.public(), true),
        (to.public(), false),
        (root.public(), false),
    ] {
        let forged = Forge::after(&token, &key).edited(&block, |block| {
            for text in &mut block.symbols {
                *text = text.replace(&key.public().to_string(), &signer.to_string());
            }
        });
        let read = ring.chain(&forged.token());
        assert_eq!(
            read.err().map(|refusal| refusal.kind()),
            (!fine).then_some(Kind::Malformed)
        );
    }
}

/// A genuine token, and the key of its holder, who is the attacker.
fn hostile_holder() -> (KeyRing, Vec<u8>, AgentKey) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(&reader(), &Mandate::default(), key.public(), now())
        .unwrap();
    (KeyRing::new([root.root()]), chain.to_bytes(), key)
}

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

const CHECK: &str = "check if time($x), $x < 2030-01-01T00:00:00Z;";

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

fn scope(content: Content) -> schema::Scope {
    schema::Scope {
        content: Some(content),
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

#[test]
fn attack_04_nothing_overmatches() {
    let scope = Scope::new()
        .grant(Grant::new("db*"))
        .grant(Grant::new("fs.read").arg("path", path_under("/data")))
        .grant(Grant::new("dns").arg("name", host("example.com")))
        .grant(Grant::new("dns.under").arg("name", host(".example.com")))
        .grant(Grant::new("get").arg(
            "url",
            url(UrlPattern::new("https", ".example.com").paths("/v1")),
        ))
        .grant(Grant::new("mail").arg("to", matches("[a-z]+@x[.]org")));
    let (_, ring, held) = held(&scope);
    let chain = ring.chain(&held.chain().to_bytes()).unwrap();
    let cases = [
        ("db_drop_all", json!({}), Some(Kind::Tool)),
        ("db*", json!({}), None),
        ("DB*", json!({}), Some(Kind::Tool)),
        ("fs.read", json!({ "path": "/data/x" }), None),
        ("fs.read", json!({ "path": "/data" }), None),
        (
            "fs.read",
            json!({ "path": "/database" }),
            Some(Kind::Argument),
        ),
        (
            "fs.read",
            json!({ "path": "/data/../etc" }),
            Some(Kind::Argument),
        ),
        (
            "fs.read",
            json!({ "path": "/data//x" }),
            Some(Kind::Argument),
        ),
        ("dns", json!({ "name": "example.com" }), None),
        (
            "dns",
            json!({ "name": "a.example.com" }),
            Some(Kind::Argument),
        ),
        (
            "dns",
            json!({ "name": "example.com.evil.io" }),
            Some(Kind::Argument),
        ),
        ("dns.under", json!({ "name": "a.example.com" }), None),
        ("dns.under", json!({ "name": "example.com" }), None),
        (
            "dns.under",
            json!({ "name": "evilexample.com" }),
            Some(Kind::Argument),
        ),
        (
            "dns.under",
            json!({ "name": "a.example.com.evil.io" }),
            Some(Kind::Argument),
        ),
        ("get", json!({ "url": "https://a.example.com/v1/x" }), None),
        (
            "get",
            json!({ "url": "https://a.example.com/v10" }),
            Some(Kind::Argument),
        ),
        (
            "get",
            json!({ "url": "https://evilexample.com/v1" }),
            Some(Kind::Argument),
        ),
        (
            "get",
            json!({ "url": "https://example.com@evil.io/v1" }),
            Some(Kind::Argument),
        ),
        (
            "get",
            json!({ "url": "http://a.example.com/v1" }),
            Some(Kind::Argument),
        ),
        ("mail", json!({ "to": "a@x.org" }), None),
        ("mail", json!({ "to": "a@x.org\n" }), Some(Kind::Argument)),
        ("mail", json!({ "to": "b a@x.org" }), Some(Kind::Argument)),
    ];
    for (capability, args, refused) in cases {
        let verdict = ask(&chain, &call(capability, &args), &Facts::at(now()));
        assert_eq!(
            verdict,
            refused.map_or(Ok(()), |kind| Err((kind, Some(0)))),
            "{capability} {args}"
        );
    }
}

#[test]
fn attack_05_depth_is_not_passed_by_the_api_nor_by_raw_blocks() {
    let (_, ring, parent) = held(&reader().max_depth(1));
    let key = AgentKey::generate();
    let child = parent
        .delegate("reader", &Scope::inherit(), key.public(), now())
        .unwrap();
    let child_held = child
        .clone()
        .held_by(AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap())
        .unwrap();
    let to = AgentKey::generate();
    assert!(matches!(
        child_held.delegate("reader", &Scope::inherit(), to.public(), now()),
        Err(MintError::Widens(_))
    ));
    let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
    assert_eq!(ask(&child, &read, &Facts::at(now())), Ok(()));
    let forged =
        Forge::after(&child.to_bytes(), &key).append(&format!("agent(\"reader\"); {CHECK}"));
    let forged = ring.chain(&forged.token()).unwrap();
    assert_eq!(
        ask(&forged, &read, &Facts::at(now())),
        Err((Kind::Depth, Some(0)))
    );
}

#[test]
fn attack_05_an_agent_that_may_not_spawn_has_no_children() {
    let leaf = Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")));
    let (_, ring, parent) = held(&reader());
    let key = AgentKey::generate();
    let child = parent
        .delegate("reader", &leaf, key.public(), now())
        .unwrap();
    let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
    let spawn = "check if tool(\"agent.spawn\"), arg_names($n), {\"role\"}.contains($n), $n.union($n) === $n;";
    for text in [
        format!("agent(\"reader\"); {CHECK}"),
        format!("agent(\"reader\"); {spawn} {CHECK}"),
    ] {
        let forged = Forge::after(&child.to_bytes(), &key).append(&text);
        let forged = ring.chain(&forged.token()).unwrap();
        assert_eq!(
            ask(&forged, &read, &Facts::at(now())),
            Err((Kind::Depth, Some(1))),
            "{text}"
        );
    }
    // A raw block that drops the limit on its own depth is not in profile.
    let key = AgentKey::generate();
    let parent = {
        let root = Authority::generate();
        let first = root
            .mint(&reader(), &Mandate::default(), key.public(), now())
            .unwrap();
        (KeyRing::new([root.root()]), first)
    };
    let own =
        "check if tool(\"fs.read\"), arg_names($n), {\"path\"}.contains($n), $n.union($n) === $n;";
    for (depth, fine) in [
        ("", false),
        ("check if depth($x), $x <= 2", false),
        ("check if depth($x), $x <= 1", true),
    ] {
        let forged = Forge::after(&parent.1.to_bytes(), &key)
            .append(&format!("agent(\"reader\"); {own} {CHECK} {depth}"));
        let read = parent.0.chain(&forged.token());
        assert_eq!(read.is_ok(), fine, "{depth}: {read:?}");
        if let Err(refusal) = read {
            assert_eq!(refusal.kind(), Kind::Malformed);
        }
    }
}
