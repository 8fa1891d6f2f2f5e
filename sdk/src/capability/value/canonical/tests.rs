use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const VECTORS: &str = include_str!("../../../../../integration-tests/vectors/canonical-json.jsonl");

#[test]
fn vectors() {
    let mut seen = 0;
    for (index, line) in VECTORS.lines().enumerate() {
        let case = read(line).unwrap_or_else(|error| panic!("line {}: {error}", index + 1));
        let text = case["in"].as_str().unwrap();
        let got = read(text).map(|value| write(&value));
        match case.get("out") {
            Some(out) => assert_eq!(
                got.as_deref(),
                Ok(out.as_str().unwrap()),
                "line {}: {text}",
                index + 1
            ),
            None => {
                assert_eq!(case["error"], json!(true), "line {}", index + 1);
                assert!(got.is_err(), "line {}: {text} gave {got:?}", index + 1);
            }
        }
        seen += 1;
    }
    assert!(seen > 80, "{seen}");
}

/// RFC 8785, appendix B.
#[test]
fn rfc_8785_numbers() {
    for (bits, text) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        assert_eq!(ecmascript(f64::from_bits(bits)), text);
    }
}

/// RFC 8785, section 3.2.3.
#[test]
fn rfc_8785_sorting() {
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
        "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control",
        "\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let sorted = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
        \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(write(&read(text).unwrap()), sorted);
}

#[test]
fn depth_is_counted_in_containers() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH)).is_ok());
    assert!(read(&nested(MAX_DEPTH + 1)).is_err());
    assert!(read(&"[".repeat(10_000_000)).is_err());
    assert!(read(&"{\"a\":".repeat(1_000_000)).is_err());
    let value = |depth| (1..depth).fold(json!([]), |inner, _| json!({ "a": inner }));
    assert!(check(&value(MAX_DEPTH)).is_ok());
    assert!(check(&value(MAX_DEPTH + 1)).is_err());
    let list = |depth| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    assert!(check(&list(MAX_DEPTH)).is_ok());
    assert!(check(&list(MAX_DEPTH + 1)).is_err());
}

#[test]
fn floats_are_read_exactly_whatever_the_features() {
    // Without `float_roundtrip` this is off by one unit in the last place.
    for text in [
        "1.7976931348623157e308",
        "2.638344616030823e-256",
        "5e-324",
        "31.245270191439438",
    ] {
        let float: f64 = text.parse().unwrap();
        assert_eq!(read(text).unwrap().as_f64(), Some(float), "{text}");
    }
}

#[test]
fn values_made_in_memory() {
    for fine in [
        json!(1e21),
        json!(-9.2e18),
        json!(1.8e19),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(-0.0),
    ] {
        check(&fine).unwrap();
        assert_eq!(write(&read(&write(&fine)).unwrap()), write(&fine));
    }
    for wide in [
        json!(1e20),
        json!(-1e19),
        json!(1.844_674_407_370_955_2e19),
        json!(9.9e20),
    ] {
        assert!(check(&wide).is_err(), "{wide}");
    }
    assert!(check(&json!({ "$serde_json::private::Number": "1" })).is_err());
}

#[test]
fn digests() {
    let empty = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let hex = |bytes: [u8; 32]| bytes.map(|byte| format!("{byte:02x}")).concat();
    assert_eq!(hex(hash(&json!({}))), empty);
    assert_ne!(digest(b"a\0", &json!({})), hash(&json!({})));
}

proptest! {
    #[test]
    fn a_digest_of_members_is_that_of_their_object(
        text in any::<String>(),
        map in proptest::collection::btree_map(any::<String>(), any::<String>(), 0..4),
    ) {
        let map: Map<String, Value> = map.into_iter().map(|(key, text)| (key, text.into())).collect();
        let whole = json!({ "a": map, "b": text });
        let members = [("a", Member::Object(&map)), ("b", Member::Text(&text))];
        prop_assert_eq!(digest_of(b"p", members), digest(b"p", &whole));
        prop_assert_eq!(digest_of(b"p", []), digest(b"p", &json!({})));
    }
}

#[test]
fn the_digest_of_a_call_is_over_what_the_token_says() {
    let holder = crate::capability::keys::AgentKey::generate().public();
    let call =
        crate::capability::value::Call::parse("fs.read", r#"{"path":"/a","at":[1]}"#).unwrap();
    let id = call.nonce().0.map(|byte| format!("{byte:02x}")).concat();
    let body = |more: Value| {
        let mut body = json!({
            "args": {"path": "/a", "at": [1]}, "capability": "fs.read",
            "holder": holder.to_string(), "id": id,
        });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        digest(b"bailiwick/call/1\0", &body)
    };
    assert_eq!(call.digest(&holder, None, None), body(json!({})));
    let both = body(json!({ "task": "t", "audience": "a" }));
    assert_eq!(call.digest(&holder, Some("t"), Some("a")), both);
    assert_eq!(
        call.digest(&holder, Some("t"), None),
        body(json!({ "task": "t" }))
    );
}

#[test]
fn errors_say_where() {
    let shown = |text: &str| read(text).unwrap_err().to_string();
    assert_eq!(
        shown("[1, 99999999999999999999]"),
        "at byte 4: integer `99999999999999999999` does not fit 64 bits; send it as a string"
    );
    assert_eq!(
        shown("{\"a\":\n{\"b\":1,\"b\":2}}"),
        "at byte 15: key `b` is given twice in one object; give it once"
    );
    assert_eq!(
        shown("{\"a\":[0,1e20]}"),
        "at `/a/1`: integer `100000000000000000000` does not fit 64 bits; send it as a string"
    );
    // This is found before any recursion: the brackets opened here are never closed.
    assert_eq!(
        shown(&"[".repeat(40)),
        "at byte 32: arrays and objects nest more than 32 deep; flatten the value"
    );
    assert_eq!(
        shown(&"{\"a\":".repeat(40)),
        "at byte 160: arrays and objects nest more than 32 deep; flatten the value"
    );
    assert_eq!(
        check(&json!(1e20)).unwrap_err().to_string(),
        "at the top: integer `100000000000000000000` does not fit 64 bits; send it as a string"
    );
    assert_eq!(
        check(&json!([{ "$serde_json::private::Number": "1" }]))
            .unwrap_err()
            .to_string(),
        "at `/0`: key `$serde_json::private::Number` is reserved; use another name"
    );
    assert!(read_object(" ").is_err());
    assert!(read_object("[]").is_err());
    assert_eq!(read_object("{}"), Ok(Map::new()));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u64>().prop_map(|bits| Value::from(f64::from_bits(bits))),
        (-1e22_f64..1e22).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON, joined so that many texts are nearly JSON.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\\"",
        "\\",
        "1",
        "-",
        "0",
        ".5",
        "1e5",
        "1e999",
        "-0",
        "e",
        " ",
        "null",
        "true",
        "\"\\ud800\"",
        "\"$serde_json::private::Number\"",
        "18446744073709551616",
        "\u{feff}",
        "é",
        "\"1\"",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn canonical_text_reads_back_to_itself(value in any_value()) {
        if check(&value).is_ok() {
            let text = write(&value);
            prop_assert_eq!(write(&read(&text).unwrap()), text);
        }
    }

    #[test]
    fn reading_is_stricter_than_serde_json(text in prop_oneof![any_text(), any::<String>()]) {
        if let Ok(value) = read(&text) {
            let theirs: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(write(&value), write(&theirs));
        }
    }

    #[test]
    fn floats_read_back(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        if float.is_finite() {
            let text = ecmascript(float);
            prop_assert_eq!(text.parse::<f64>().unwrap(), float, "{}", text);
        }
    }

    /// The formatter of `serde_json` finds the same digits by another method, halves included.
    #[test]
    fn digits_are_those_of_serde_json(bits in any::<u64>(), quarters in 1_u64 << 51..1 << 54) {
        for float in [f64::from_bits(bits), quarters as f64 / 4.0, quarters as f64 / 1024.0] {
            if let Some(number) = Number::from_f64(float) {
                let digits = |text: &str| {
                    let mantissa = text.split('e').next().unwrap().replace(['.', '-'], "");
                    mantissa.trim_matches('0').to_owned()
                };
                prop_assert_eq!(digits(&ecmascript(float)), digits(&number.to_string()), "{}", float);
            }
        }
    }
}
