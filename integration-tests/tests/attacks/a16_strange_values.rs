//! Attack 16: strange values.

use std::time::Duration;

use bailiwick::capability::{
    AgentKey, Call, CallNonce, Grant, Kind, Scope, eq, one_of, path_under, prefix, range,
};
use serde_json::{Value, json};

use crate::common::call::{ask, call, facts, hold, kind, token};

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
