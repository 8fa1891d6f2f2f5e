//! The text of a call's arguments: no panic; canonical JSON is read as what it was written from, and
//! written again as itself; `serde_json` reads the same value, and reads nothing more but what is
//! refused for a reason that stands here.

#![no_main]

use bailiwick::capability::canonical::{MAX_DEPTH, check, hash, read, read_object, write};
use bailiwick::capability::{Atom, Call, Decimal, Facts, stock_facts};
use bailiwick_fuzz::block_kind::now;
use bailiwick_fuzz::worst::within;
use bailiwick_fuzz::{meter, strict};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        // What is allocated is a small multiple of the text; nothing is compared, compiled or verified.
        let most = (1 << 20) + 4096 * data.len() as u64;
        meter::at_most(most, "arguments", || {
            within([0; 4], "arguments", || all(text))
        });
    }
});

fn all(text: &str) {
    decimal(text);
    let ours = read(text);
    let theirs = serde_json::from_str::<Value>(text);
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert!(same(ours, theirs), "{ours} {theirs}");
            assert_eq!(strict::fault(text), None, "accepted all the same");
            written(ours);
            if let Value::Number(number) = ours {
                exact(text, number);
            }
        }
        (Ok(ours), Err(error)) => panic!("only ours reads {ours}: {error}"),
        (Err(error), Ok(_)) => {
            assert!(
                strict::fault(text).is_some(),
                "refused for no reason: {error}"
            );
        }
        (Err(_), Err(_)) => {}
    }
    let object = read_object(text);
    let call = Call::parse("t", text);
    assert_eq!(object.is_ok(), ours.as_ref().is_ok_and(Value::is_object));
    assert_eq!(object.is_ok(), call.is_ok());
    if let (Ok(call), Ok(object)) = (call, object) {
        arguments(&call, object);
    }
}

/// What is written is read back, as itself.
fn written(value: &Value) {
    check(value).expect("what was read has a canonical form");
    let text = write(value);
    let again = read(&text).expect("canonical text is read");
    assert_eq!(write(&again), text, "canonical text is written as itself");
    assert_eq!(
        (hash(value), Atom::of(value)),
        (hash(&again), Atom::of(&again))
    );
    assert!(same(value, &again), "{value} {again}");
    let theirs: Value = serde_json::from_str(&text).expect("canonical text is JSON");
    assert!(same(value, &theirs), "{value} {theirs}");
    assert!(
        text.len() < 1 << 20,
        "a short text has a short canonical form"
    );
    if let Value::Number(number) = value
        && let Some(decimal) = Decimal::of(number)
    {
        let back = decimal
            .to_number()
            .expect("what was read from JSON has a JSON form");
        assert_eq!(Decimal::of(&back), Some(decimal));
    }
}

/// A number alone is what the standard library reads, to the last digit.
fn exact(text: &str, number: &serde_json::Number) {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let theirs: f64 = text.parse().expect("a number");
    assert_eq!(number.as_f64(), Some(theirs), "{text}");
}

fn arguments(call: &Call, mut object: serde_json::Map<String, Value>) {
    object.retain(|_, value| !value.is_null());
    assert_eq!(call.arguments(), &object);
    // Another text of the same value is the same call.
    let canonical = write(&Value::Object(object.clone()));
    let again = Call::parse("t", &canonical).expect("canonical text is read");
    let facts = Facts::at(now());
    assert_eq!(
        stock_facts(call, &facts, 0, None),
        stock_facts(&again, &facts, 0, None),
        "{canonical}"
    );
}

fn decimal(text: &str) {
    if let Ok(decimal) = text.parse::<Decimal>() {
        let written = decimal.to_string();
        assert_eq!(written.parse(), Ok(decimal), "{written}");
        assert!(written.len() <= text.len(), "{written} {text}");
        let exact = text.parse::<f64>().expect("a decimal is a number");
        let near = decimal.micros() as f64 / 1e6;
        assert!((exact - near).abs() <= near.abs() * 1e-15, "{exact} {near}");
        if let Some(number) = decimal.to_number() {
            assert_eq!(Decimal::of(&number), Some(decimal));
        }
    }
}

/// Whether two values are one: integers by value, fractions but for the last digits, in which
/// `serde_json` is off where they are many.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let integers = |number: &serde_json::Number| {
                number
                    .as_i64()
                    .map(i128::from)
                    .or(number.as_u64().map(i128::from))
            };
            match (integers(a), integers(b)) {
                (Some(a), Some(b)) => a == b,
                _ => match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) => {
                        // Next to nothing, a last digit is no longer a small part of the number.
                        let far = (a.abs() * 1e-14).max(1e-322);
                        a == b || (a - b).abs() <= far
                    }
                    _ => false,
                },
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// The bound on nesting is the one that the reasons count with.
const _: () = assert!(MAX_DEPTH == strict::DEPTH);
