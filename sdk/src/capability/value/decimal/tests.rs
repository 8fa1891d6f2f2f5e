use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn of(json: &str) -> Option<i64> {
    match canonical::read(json).unwrap() {
        Value::Number(number) => Decimal::of(&number).map(Decimal::micros),
        other => panic!("{other}"),
    }
}

#[test]
fn reads_the_shortest_text() {
    for (json, micros) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0", 0),
        ("5", 5_000_000),
        ("5.0", 5_000_000),
        ("5e0", 5_000_000),
        ("1e3", 1_000_000_000),
        ("0.1", 100_000),
        ("1e-6", 1),
        ("-12.5", -12_500_000),
        ("98.7", 98_700_000),
        ("1.005", 1_005_000),
        ("0.29", 290_000),
        ("1.10000000", 1_100_000),
        ("9007199254.740993", 9_007_199_254_740_993),
        ("9223372036854", 9_223_372_036_854_000_000),
        ("9223372036854.775", 9_223_372_036_854_775_000),
        ("-9223372036854", -9_223_372_036_854_000_000),
    ] {
        assert_eq!(of(json), Some(micros), "{json}");
    }
}

#[test]
fn what_does_not_fit_is_none() {
    for json in [
        "1e-7",
        "0.0000001",
        "1.0000001",
        "0.30000000000000004",
        "9223372036855",
        "-9223372036855",
        "1e13",
        "1e21",
        "1e308",
        "18446744073709551615",
    ] {
        assert_eq!(of(json), None, "{json}");
    }
}

#[test]
fn text() {
    for text in [
        "0",
        "3",
        "-3",
        "98.7",
        "-0.5",
        "0.000001",
        "9223372036854.775807",
        "-9223372036854.775808",
    ] {
        assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
    }
    assert_eq!("1.500000000".parse(), Ok(Decimal::from_micros(1_500_000)));
    assert_eq!("-0".parse(), Ok(Decimal::from(0)));
    for text in [
        "",
        "-",
        ".",
        "1.",
        ".5",
        "-.5",
        "+1",
        "--1",
        "01",
        "00",
        "-01",
        "1e3",
        "1,5",
        " 1",
        "1 ",
        "1.2.3",
        "1.-5",
        "٣",
        "0x1",
        "1.0000001",
        "9223372036854.775808",
        "-9223372036854.775809",
        "10000000000000",
        "NaN",
    ] {
        let error = text.parse::<Decimal>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with(&format!("`{text}` is not a number")),
            "{error}"
        );
    }
}

#[test]
fn json_takes_numbers_only() {
    let read = serde_json::from_value::<Decimal>;
    assert_eq!(read(json!(12.5)).unwrap(), Decimal::from_micros(12_500_000));
    assert_eq!(
        serde_json::to_value(Decimal::from(7_u16)).unwrap(),
        json!(7)
    );
    assert_eq!(
        serde_json::to_value(Decimal::from_micros(-500_000)).unwrap(),
        json!(-0.5)
    );
    for wrong in [
        json!("12.5"),
        json!(true),
        json!(null),
        json!([1]),
        json!(0.000_000_1),
        json!(1e13),
    ] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn a_number_between_two_floats_is_not_written() {
    assert_eq!(Decimal::MAX.to_number(), None);
    assert!(serde_json::to_value(Decimal::MIN).is_err());
}

proptest! {
    #[test]
    fn text_reads_back(micros in any::<i64>()) {
        let decimal = Decimal::from_micros(micros);
        prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        if let Some(number) = decimal.to_number() {
            prop_assert_eq!(Decimal::of(&number), Some(decimal));
        }
    }

    #[test]
    fn fifteen_digits_always_have_a_number(micros in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let decimal = Decimal::from_micros(micros);
        prop_assert_eq!(decimal.to_number().as_ref().and_then(Decimal::of), Some(decimal));
    }

    #[test]
    fn what_was_read_can_be_written(float in prop_oneof![any::<f64>(), -1e13..1e13_f64, (-1_000_000_000_i64..1_000_000_000).prop_map(|cents| cents as f64 / 100.0)]) {
        let decimal = Number::from_f64(float).as_ref().and_then(Decimal::of);
        if let Some(decimal) = decimal {
            let back = decimal.to_number().unwrap();
            prop_assert_eq!(Decimal::of(&back), Some(decimal));
            prop_assert_eq!(back.as_f64(), Some(float));
        }
    }
}
