//! Attacks 13, 15, 16, 20 and 24: on calls, their values, their context and their approvals, as
//! far as a token can tell. Replay is the guard's.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use bailiwick::capability::{
    AgentKey, ApprovalRequest, Authority, Call, CallNonce, Chain, Facts, Grant, Held, KeyRing,
    Kind, Mandate, MintError, PublicKey, Quorum, Refusal, Risk, Scope, Sensitivity, Skip, eq,
    one_of, path_under, prefix, range, subset_of,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::format::schema;
use prost::Message;
use serde_json::{Value, json};

type Verdict = Result<(), (Kind, Option<u32>)>;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
}

fn facts() -> Facts {
    Facts {
        audience: Some("here".to_owned()),
        ..Facts::at(at(0))
    }
}

fn call(capability: &str, args: &Value) -> Call {
    Call::new(capability, args.as_object().unwrap().clone()).unwrap()
}

fn ask(chain: &Chain, call: &Call, facts: &Facts) -> Verdict {
    chain
        .explain(call, facts, Skip::default())
        .map_err(|refusal| (refusal.kind(), refusal.hop()))
}

fn kind<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Kind {
    result.unwrap_err().kind()
}

fn copy(key: &AgentKey) -> AgentKey {
    AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap()
}

/// A ring and a token with `scope`, and its holder's key.
fn token(scope: &Scope) -> (KeyRing, Chain, AgentKey) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(scope, &Mandate::default(), key.public(), at(0))
        .unwrap();
    let ring = KeyRing::new([root.root()]);
    // What verifies is what was read.
    let chain = ring.chain(&chain.to_bytes()).unwrap();
    (ring, chain, key)
}

fn hold(chain: &Chain, key: &AgentKey) -> Held {
    chain.clone().held_by(copy(key)).unwrap()
}

fn payer() -> Scope {
    Scope::new()
        .grant(
            Grant::new("pay")
                .arg("to", one_of(["a", "b"]))
                .arg("sum", range(0, 100)),
        )
        .grant(
            Grant::new("mail")
                .arg("to", one_of(["a", "b"]))
                .arg("sum", range(0, 100)),
        )
}

#[test]
fn attack_13_a_wire_call_is_good_for_nothing_else() {
    let (ring, chain, key) = token(&payer());
    let args = json!({ "to": "a", "sum": 5 });
    let asked = call("pay", &args);
    let bytes = hold(&chain, &key)
        .wire_call(&asked, &facts(), Duration::from_secs(30))
        .unwrap();
    let wire = ring.wire_call(&bytes).unwrap();
    assert_eq!(ask(wire.chain(), &asked, &facts()), Ok(()));
    let with = |capability: &str, args: &Value, nonce| {
        Call::with_nonce(capability, args.as_object().unwrap().clone(), nonce).unwrap()
    };
    let same = asked.nonce();
    for (what, other, refused) in [
        ("another tool", with("mail", &args, same), Kind::Tool),
        (
            "another recipient",
            with("pay", &json!({ "to": "b", "sum": 5 }), same),
            Kind::Argument,
        ),
        (
            "another sum",
            with("pay", &json!({ "to": "a", "sum": 6 }), same),
            Kind::Argument,
        ),
        (
            "the same again",
            with("pay", &args, CallNonce::fresh()),
            Kind::Argument,
        ),
    ] {
        assert_eq!(
            ask(wire.chain(), &other, &facts()),
            Err((refused, Some(1))),
            "{what}"
        );
    }
    let known = |audience: Option<&str>, task: Option<&str>| Facts {
        audience: audience.map(str::to_owned),
        task: task.map(str::to_owned),
        ..facts()
    };
    for other in [
        known(Some("there"), None),
        known(None, None),
        known(Some("here"), Some("t")),
    ] {
        assert_eq!(
            ask(wire.chain(), &asked, &other),
            Err((Kind::Argument, Some(1))),
            "{other:?}"
        );
    }
    // The call block of one token on another, whose holder is another.
    let (other_ring, other, other_key) = token(&payer());
    let block = forge::block(&forge::parts(&bytes).blocks[0]);
    let forged = Forge::after(&other.to_bytes(), &other_key).edited(&block, |_| {});
    let moved = other_ring.wire_call(&forged.sealed()).unwrap();
    assert_eq!(
        ask(moved.chain(), &asked, &facts()),
        Err((Kind::Argument, Some(1)))
    );
    let mut spliced = forge::parts(&bytes);
    spliced.authority = forge::parts(&other.to_bytes()).authority;
    assert_eq!(
        kind(other_ring.wire_call(&forge::bytes(&spliced))),
        Kind::BadSignature
    );
}

#[test]
fn attack_13_a_call_is_meant_for_one_audience() {
    // Signed for `there`, under a digest that was computed for `here`: the block contradicts itself.
    let (ring, chain, key) = token(&payer());
    let asked = call("pay", &json!({ "to": "a", "sum": 5 }));
    let bytes = hold(&chain, &key)
        .wire_call(&asked, &facts(), Duration::from_secs(30))
        .unwrap();
    let block = forge::block(&forge::parts(&bytes).blocks[0]);
    let forged = Forge::after(&chain.to_bytes(), &key).edited(&block, |block| {
        for text in &mut block.symbols {
            *text = text.replace("here", "there");
        }
    });
    let wire = ring.wire_call(&forged.sealed()).unwrap();
    assert_eq!(
        ask(wire.chain(), &asked, &facts()),
        Err((Kind::Audience, Some(1)))
    );
    assert!(
        hold(&chain, &key)
            .wire_call(&asked, &Facts::at(at(0)), Duration::from_secs(1))
            .is_err()
    );
}

#[test]
fn attack_13_a_call_block_holds_its_one_check_and_nothing_else() {
    let (ring, chain, key) = token(&payer());
    let asked = call("pay", &json!({ "to": "a", "sum": 5 }));
    let bytes = hold(&chain, &key)
        .wire_call(&asked, &facts(), Duration::from_secs(30))
        .unwrap();
    let genuine = forge::block(&forge::parts(&bytes).blocks[0]);
    let start = Forge::after(&chain.to_bytes(), &key);
    ring.wire_call(&start.clone().edited(&genuine, |_| {}).sealed())
        .unwrap();
    type Change = fn(&mut schema::Block);
    let changes: [(&str, Change); 8] = [
        ("a second check", |block| {
            block.checks.push(block.checks[0].clone())
        }),
        ("an alternative", |block| {
            let query = block.checks[0].queries[0].clone();
            block.checks[0].queries.push(query);
        }),
        ("no expiry", |block| {
            block.checks[0].queries[0].expressions.clear()
        }),
        ("no nonce", |block| {
            drop(block.checks[0].queries[0].body.remove(2))
        }),
        ("no time", |block| {
            drop(block.checks[0].queries[0].body.pop())
        }),
        ("check all", |block| block.checks[0].kind = Some(1)),
        ("another order", |block| {
            block.checks[0].queries[0].body.swap(0, 1)
        }),
        ("nothing", |block| block.checks.clear()),
    ];
    for (what, change) in changes {
        let forged = start.clone().edited(&genuine, change);
        assert_eq!(
            kind(ring.wire_call(&forged.sealed())),
            Kind::Malformed,
            "{what}"
        );
        assert!(ring.chain(&forged.token()).is_err(), "{what}");
    }
}

#[test]
fn attack_15_what_is_not_known_refuses_and_the_empty_set_is_no_way_round() {
    let scope = Scope::new()
        .grant(Grant::new("ping"))
        .audience("here")
        .task("t")
        .step("s")
        .dataset(["d"])
        .max_risk(Risk::Low)
        .max_sensitivity(Sensitivity::Public)
        .taint(["web"]);
    let (_, chain, _) = token(&scope);
    let ping = call("ping", &json!({}));
    let set = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    let mut all = facts();
    (all.task, all.step) = (Some("t".to_owned()), Some("s".to_owned()));
    (all.dataset, all.taint) = (set(&["d"]), set(&[]));
    (all.risk, all.sensitivity) = (Some(Risk::Low), Some(Sensitivity::Public));
    assert_eq!(ask(&chain, &ping, &all), Ok(()));
    type Change = fn(&mut Facts);
    let unknown: [(Kind, Change); 7] = [
        (Kind::Audience, |facts| facts.audience = None),
        (Kind::Task, |facts| facts.task = None),
        (Kind::Step, |facts| facts.step = None),
        (Kind::Dataset, |facts| facts.dataset = None),
        (Kind::Risk, |facts| facts.risk = None),
        (Kind::Sensitivity, |facts| facts.sensitivity = None),
        (Kind::Taint, |facts| facts.taint = None),
    ];
    for (refused, change) in unknown {
        let mut facts = all.clone();
        change(&mut facts);
        assert_eq!(ask(&chain, &ping, &facts), Err((refused, Some(0))));
    }
    // A caller that writes context into the arguments has written arguments.
    for name in [
        "task", "step", "dataset", "taint", "risk", "time", "tool", "approval",
    ] {
        let claimed = call("ping", &json!({ name: "t" }));
        assert_eq!(
            ask(&chain, &claimed, &all),
            Err((Kind::Argument, Some(0))),
            "{name}"
        );
    }
    // Empty lists of arguments satisfy no list of values.
    let (_, chain, _) = token(&Scope::new().grant(Grant::new("tag").arg("tags", subset_of(["a"]))));
    for (tags, fine) in [
        (json!(["a"]), true),
        (json!([]), false),
        (json!([[]]), false),
        (json!(["a", 1]), false),
        (json!("a"), false),
    ] {
        assert_eq!(
            ask(&chain, &call("tag", &json!({ "tags": tags })), &facts()).is_ok(),
            fine,
            "{tags}"
        );
    }
}

#[test]
fn attack_16_a_value_is_of_its_type_and_spelling() {
    let scope = Scope::new()
        .grant(Grant::new("text").arg("v", eq("1")))
        .grant(Grant::new("number").arg("v", eq(1)))
        .grant(Grant::new("truth").arg("v", eq(true)))
        .grant(Grant::new("sum").arg("v", range(0, 100)))
        .grant(Grant::new("word").arg("v", one_of(["paypal", ""])))
        .grant(Grant::new("start").arg("v", prefix("a\"")))
        .grant(Grant::new("path").arg("v", path_under("/srv")));
    let (ring, chain, key) = token(&scope);
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let cases = [
        ("text", json!("1"), true),
        ("text", json!(1), false),
        ("text", json!(true), false),
        ("text", json!(["1"]), false),
        ("number", json!(1), true),
        ("number", json!(1.0), true),
        ("number", json!("1"), false),
        ("number", json!(true), false),
        ("truth", json!(true), true),
        ("truth", json!("true"), false),
        ("truth", json!(1), false),
        ("sum", json!(100), true),
        ("sum", json!(100.000001), false),
        ("sum", json!(-0.0), true),
        ("sum", json!(-1), false),
        ("sum", json!(-0.000001), false),
        ("sum", json!(1e308), false),
        ("sum", json!(-1e308), false),
        ("sum", json!("5"), false),
        ("sum", number("9007199254740993"), false),
        ("sum", json!(u64::MAX), false),
        ("sum", json!(i64::MIN), false),
        ("sum", json!(0.0000001), false),
        ("sum", json!("NaN"), false),
        ("sum", number("1e-7"), false),
        ("sum", number("1e2"), true),
        ("word", json!("paypal"), true),
        ("word", json!(""), true),
        ("word", json!("pаypal"), false),
        ("word", json!("paypal\0"), false),
        ("word", json!("pay\u{200b}pal"), false),
        ("word", json!("ｐaypal"), false),
        ("word", json!("\u{202e}lapyap"), false),
        ("word", json!("PayPal"), false),
        ("start", json!("a\") or true; //"), true),
        ("start", json!("a"), false),
        ("start", json!("a\\\""), false),
        ("path", json!("/srv/x"), true),
        ("path", json!("/srv/\0"), false),
        ("path", json!("/srv/\u{202e}"), false),
        ("path", json!("／srv/x"), false),
    ];
    for (capability, value, fine) in cases {
        let asked = call(capability, &json!({ "v": value }));
        let expected = if fine {
            Ok(())
        } else {
            Err((Kind::Argument, Some(0)))
        };
        assert_eq!(
            ask(&chain, &asked, &facts()),
            expected,
            "{capability} {value}"
        );
        // With every text, the token that carries the call reads back.
        let bytes = hold(&chain, &key)
            .wire_call(&asked, &facts(), Duration::from_secs(30))
            .unwrap();
        assert_eq!(
            ask(ring.wire_call(&bytes).unwrap().chain(), &asked, &facts()),
            expected
        );
    }
    for capability in ["text\0", "Text", "text ", "\u{202e}txet", "text\") or true"] {
        assert_eq!(
            ask(&chain, &call(capability, &json!({ "v": "1" })), &facts()),
            Err((Kind::Tool, Some(0)))
        );
    }
}

#[test]
fn attack_16_one_text_is_one_value() {
    for text in [
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"b\":1,\"b\":1}}",
        "{\"a\":NaN}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":18446744073709551616}",
        "{\"a\":1} x",
        "[1]",
        "",
        "{\"a\":1e400}",
    ] {
        assert_eq!(kind(Call::parse("t", text)), Kind::Argument, "{text}");
    }
    let nonce = CallNonce::fresh();
    let holder = AgentKey::generate().public();
    let digest = |text: &str| {
        let parsed = Call::parse("t", text).unwrap();
        Call::with_nonce("t", parsed.arguments().clone(), nonce)
            .unwrap()
            .digest(&holder, None, None)
    };
    assert_eq!(digest("{\"a\":1,\"b\":null}"), digest("{ \"a\" : 1.0 }"));
    assert_eq!(digest("{\"a\":1,\"b\":2}"), digest("{\"b\":2,\"a\":1}"));
    for other in [
        "{\"a\":\"1\"}",
        "{\"a\":true}",
        "{\"A\":1}",
        "{\"a\":[1]}",
        "{\"a\":1.000001}",
    ] {
        assert_ne!(digest("{\"a\":1}"), digest(other), "{other}");
    }
}

#[test]
fn attack_20_the_end_is_exclusive_to_the_tick() {
    let (ring, chain, key) = token(
        &payer()
            .expires_in(Duration::from_secs(60))
            .not_before(at(10_000)),
    );
    let pay = call("pay", &json!({ "to": "a", "sum": 1 }));
    let when = |millis| Facts {
        time: at(millis),
        ..facts()
    };
    for (millis, expected) in [
        (9_999, Err((Kind::NotYetValid, Some(0)))),
        (10_000, Ok(())),
        (59_999, Ok(())),
        (60_000, Err((Kind::Expired, Some(0)))),
        (u64::MAX >> 40, Err((Kind::Expired, Some(0)))),
    ] {
        assert_eq!(ask(&chain, &pay, &when(millis)), expected, "{millis}");
    }
    assert_eq!(
        ask(
            &chain,
            &pay,
            &Facts {
                time: Timestamp::MAX,
                ..facts()
            }
        ),
        Err((Kind::Expired, Some(0)))
    );
    // A verdict is not kept: the chain that allowed refuses a tick later, read from bytes or held.
    let bytes = hold(&chain, &key)
        .wire_call(&pay, &when(10_000), Duration::from_secs(5))
        .unwrap();
    let wire = ring.wire_call(&bytes).unwrap();
    assert_eq!(ask(wire.chain(), &pay, &when(14_999)), Ok(()));
    assert_eq!(
        ask(wire.chain(), &pay, &when(15_000)),
        Err((Kind::Expired, Some(1)))
    );
    assert_eq!(
        ask(ring.wire_call(&bytes).unwrap().chain(), &pay, &when(15_000)),
        Err((Kind::Expired, Some(1)))
    );
}

#[test]
fn attack_20_a_child_does_not_outlive_its_parent() {
    let spawn = payer()
        .grant(Grant::spawn(["a"]))
        .expires_in(Duration::from_secs(60));
    let (ring, chain, key) = token(&spawn);
    let to = AgentKey::generate();
    let longer = Scope::inherit().expires_in(Duration::from_secs(61));
    assert!(matches!(
        hold(&chain, &key).delegate("a", &longer, to.public(), at(0)),
        Err(MintError::Widens(_))
    ));
    let raw = hold(&chain, &key)
        .danger_append("a", &longer, to.public(), at(0))
        .unwrap();
    let raw = ring.chain(&raw.to_bytes()).unwrap();
    let pay = call("pay", &json!({ "to": "a", "sum": 1 }));
    assert_eq!(
        ask(
            &raw,
            &pay,
            &Facts {
                time: at(59_999),
                ..facts()
            }
        ),
        Ok(())
    );
    assert_eq!(
        ask(
            &raw,
            &pay,
            &Facts {
                time: at(60_000),
                ..facts()
            }
        ),
        Err((Kind::Expired, Some(0)))
    );
    assert_eq!(raw.expires(), at(60_000));
}

/// A token whose payments ask for the approval of `by`.
fn approvable(by: &[PublicKey]) -> (KeyRing, Chain, AgentKey) {
    token(
        &Scope::new().grant(
            Grant::new("pay")
                .arg("to", one_of(["a", "b"]))
                .approved_by(by.iter().copied()),
        ),
    )
}

#[test]
fn attack_24_an_approval_is_for_one_call_of_one_token() {
    let approver = AgentKey::generate();
    let (ring, chain, key) = approvable(&[approver.public()]);
    let (_, other, other_key) = approvable(&[approver.public()]);
    let (a, b) = (
        call("pay", &json!({ "to": "a" })),
        call("pay", &json!({ "to": "b" })),
    );
    let held = hold(&chain, &key);
    let approval = held
        .approval_request(&a, &facts())
        .approve(&approver, at(60_000));
    let approved = held.with_approval(&approval).unwrap();
    let approved = ring.chain(&approved.chain().to_bytes()).unwrap();
    let refused = Err((Kind::Approval, Some(0)));
    assert_eq!(ask(&approved, &a, &facts()), Ok(()));
    assert_eq!(ask(&approved, &b, &facts()), refused, "other arguments");
    assert_eq!(
        ask(
            &approved,
            &a,
            &Facts {
                task: Some("t".to_owned()),
                ..facts()
            }
        ),
        refused,
        "another task"
    );
    assert_eq!(
        ask(
            &approved,
            &a,
            &Facts {
                time: at(60_000),
                ..facts()
            }
        ),
        refused,
        "expired"
    );
    assert!(
        hold(&other, &other_key).with_approval(&approval).is_err(),
        "another token"
    );

    // The same by bytes: the approval spliced behind another token of the same approver.
    let block = forge::parts(&approved.to_bytes()).blocks[0].clone();
    let mut spliced = forge::parts(&other.to_bytes());
    spliced.blocks.push(block);
    assert_eq!(
        kind(ring.chain(&forge::bytes(&spliced))),
        Kind::UntrustedRoot
    );
    let mut twice = forge::parts(&approved.to_bytes());
    twice.blocks.push(twice.blocks[0].clone());
    assert_eq!(kind(ring.chain(&forge::bytes(&twice))), Kind::BadSignature);
    let by_someone = held
        .approval_request(&a, &facts())
        .approve(&AgentKey::generate(), at(60_000));
    let by_someone = held.with_approval(&by_someone).unwrap();
    assert_eq!(
        ask(by_someone.chain(), &a, &facts()),
        refused,
        "a non-approver"
    );
}

#[test]
fn attack_24_an_approval_that_is_not_the_approvers_does_not_hold() {
    let approver = AgentKey::generate();
    let (ring, chain, key) = approvable(&[approver.public()]);
    let pay = call("pay", &json!({ "to": "a" }));
    let held = hold(&chain, &key);
    let genuine = held
        .with_approval(
            &held
                .approval_request(&pay, &facts())
                .approve(&approver, at(60_000)),
        )
        .unwrap();
    let block = forge::parts(&genuine.chain().to_bytes()).blocks[0].clone();
    let before = forge::blocks(&forge::parts(&chain.to_bytes()));
    let (mine, next) = (forge::secret(&key), forge::key(1));
    let refused = |signed: schema::SignedBlock, expected: Kind, what: &str| {
        let blocks = [before.clone(), vec![signed]].concat();
        assert_eq!(
            kind(ring.chain(&forge::bytes(&forge::token(&blocks)))),
            expected,
            "{what}"
        );
    };
    // Signed by a stranger who calls himself the approver.
    let mut forged =
        forge::sign_external(&before, block.block.clone(), &forge::key(9), &mine, &next);
    forged.external_signature.as_mut().unwrap().public_key =
        forge::public(&forge::secret(&approver));
    refused(forged, Kind::BadSignature, "another's name");
    refused(
        forge::sign(&before, block.block.clone(), &mine, &next),
        Kind::Malformed,
        "no approver at all",
    );
    refused(
        forge::sign_external(&before, block.block.clone(), &mine, &mine, &next),
        Kind::Malformed,
        "the holder",
    );
    let third = forge::secret(&approver);
    refused(
        forge::sign_external(&before, block.block.clone(), &third, &mine, &third),
        Kind::Malformed,
        "given to the approver",
    );
    // By the true approver, but not an approval and nothing else.
    let approval = "approval(hex:0000000000000000000000000000000000000000000000000000000000000000, 2030-01-01T00:00:00Z, hex:00000000000000000000000000000000)";
    for text in [
        "agent(\"admin\"); check if time($x), $x < 2030-01-01T00:00:00Z".to_owned(),
        format!("{approval}; {approval}"),
        format!("{approval}; tool(\"pay\")"),
        format!("{approval}; approval($h, $e, $i) <- call($h), time($e), nonce($i)"),
        format!("{approval}; check if time($x), $x < 2030-01-01T00:00:00Z"),
        "approval(hex:00, 2030-01-01T00:00:00Z, hex:00)".to_owned(),
        "call(hex:00)".to_owned(),
        "check if true".to_owned(),
    ] {
        let mut bytes = schema::Block::decode(forge::datalog(&[], &text).as_slice()).unwrap();
        bytes.version = Some(5);
        let bytes = bytes.encode_to_vec();
        refused(
            forge::sign_external(&before, bytes, &third, &mine, &next),
            Kind::Malformed,
            &text,
        );
    }
    // A hop after an approval.
    let signed = forge::sign_external(&before, block.block, &third, &mine, &next);
    let approved = forge::bytes(&forge::token(&[before.clone(), vec![signed]].concat()));
    let after = Forge::after(&approved, &forge::agent(&next)).in_hands_of(&next);
    ring.chain(&after.token()).unwrap();
    let hop = after.append("agent(\"reader\"); check if time($x), $x < 2030-01-01T00:00:00Z");
    assert_eq!(kind(ring.chain(&hop.token())), Kind::Malformed);
}

#[test]
fn attack_24_two_by_one_approver_are_one() {
    let keys = [(); 3].map(|()| AgentKey::generate());
    let of = keys.each_ref().map(AgentKey::public);
    let scope = Scope::new()
        .grant(Grant::new("pay"))
        .quorum(Quorum::new(["pay"], 2, of));
    let (ring, chain, key) = token(&scope);
    let pay = call("pay", &json!({}));
    let with = |approvers: &[usize]| {
        let mut held = hold(&chain, &key);
        for index in approvers {
            let request: ApprovalRequest = held.approval_request(&pay, &facts());
            held = held
                .with_approval(&request.approve(&keys[*index], at(60_000)))
                .unwrap();
        }
        ask(
            &ring.chain(&held.chain().to_bytes()).unwrap(),
            &pay,
            &facts(),
        )
    };
    let refused = Err((Kind::Approval, Some(0)));
    for (approvers, expected) in [
        (&[][..], refused),
        (&[0], refused),
        (&[0, 0], refused),
        (&[1, 1, 1], refused),
        (&[0, 1], Ok(())),
        (&[2, 0], Ok(())),
        (&[0, 0, 2], Ok(())),
        (&[0, 1, 2], Ok(())),
    ] {
        assert_eq!(with(approvers), expected, "{approvers:?}");
    }
}
