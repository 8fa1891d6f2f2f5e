//! Numbers as tokens compare them: exact, in millionths.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Number;

use super::canonical;

const MICROS: i64 = 1_000_000;
const PLACES: usize = 6;

/// An exact number of at most six decimals, between about -9.22 and 9.22 million million.
///
/// It is kept as a count of millionths in an `i64`, so sums of money compare exactly. As the type
/// of a tool's argument it takes a JSON number and nothing else: `12.5`, never `"12.5"`; a number
/// that needs a seventh decimal or lies outside the range is an error, never rounded.
///
/// JSON's own fractions are floats of about 16 significant digits: from 10⁹ on, one with all six
/// decimals may be read as its neighbour, and may have no JSON form; see [`Decimal::to_number`].
///
/// ```ignore
/// let limit: Decimal = "98.7".parse()?;
/// assert_eq!(limit.micros(), 98_700_000);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i64);

impl Decimal {
    /// The least value, -9223372036854.775808.
    pub const MIN: Self = Self(i64::MIN);
    /// The greatest value, 9223372036854.775807.
    pub const MAX: Self = Self(i64::MAX);

    /// The value of a JSON number; `None` where six decimals or 64 bits do not hold it.
    ///
    /// Read from the number's canonical text, not by arithmetic on floats, so `0.1` is a tenth and
    /// `5`, `5.0` and `5e0` are one value.
    #[must_use]
    pub fn of(number: &Number) -> Option<Self> {
        // Canonical text has an exponent only below 10⁻⁶ and from 10²¹ on: outside in any case.
        canonical::number_text(number).parse().ok()
    }

    /// The number of so many millionths.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// How many millionths the number is.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The JSON number that [`Decimal::of`] reads back as this very number; `None` where there is
    /// none.
    ///
    /// A whole number always has one, and so has any number of at most 15 significant digits
    /// (every fraction under 10⁹) and any that was read from JSON. Others may lie between two
    /// floats; to write a neighbour instead would change what was granted or approved.
    #[must_use]
    pub fn to_number(self) -> Option<Number> {
        if self.0 % MICROS == 0 {
            return Some(Number::from(self.0 / MICROS));
        }
        let number = Number::from_f64(self.to_string().parse().ok()?)?;
        (Self::of(&number) == Some(self)).then_some(number)
    }
}

/// Why a text is not a [`Decimal`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {DECIMAL}", .0.escape_debug())]
pub struct DecimalError(String);

const DECIMAL: &str = "a number of at most six decimals such as `-12.5`, between -9223372036854.775808 and 9223372036854.775807; write it without exponent, plus sign or leading zeros";

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        parse(text).ok_or_else(|| DecimalError(text.chars().take(64).collect()))
    }
}

fn parse(text: &str) -> Option<Decimal> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
        None => (unsigned, ""),
    };
    let zeros = whole.len() > 1 && whole.starts_with('0');
    // Thirteen digits before the point are the most that fit, so what follows cannot overflow.
    if whole.is_empty() || zeros || whole.len() > 13 || fraction.len() > PLACES {
        return None;
    }
    let padding = std::iter::repeat_n(b'0', PLACES - fraction.len());
    let magnitude = whole
        .bytes()
        .chain(fraction.bytes())
        .chain(padding)
        .try_fold(0_i128, |sum, byte| {
            byte.is_ascii_digit()
                .then(|| sum * 10 + i128::from(byte - b'0'))
        })?;
    let micros = if unsigned.len() < text.len() {
        -magnitude
    } else {
        magnitude
    };
    i64::try_from(micros).ok().map(Decimal)
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (magnitude, unit) = (self.0.unsigned_abs(), MICROS.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (magnitude / unit, magnitude % unit);
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i32> for Decimal {
    fn from(number: i32) -> Self {
        Self(i64::from(number) * MICROS)
    }
}

impl From<u32> for Decimal {
    fn from(number: u32) -> Self {
        Self(i64::from(number) * MICROS)
    }
}

impl From<u16> for Decimal {
    fn from(number: u16) -> Self {
        Self(i64::from(number) * MICROS)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let number = self.to_number().ok_or_else(|| {
            serde::ser::Error::custom(format!(
                "`{self}` has more digits than a JSON number carries; round it first"
            ))
        })?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Number::deserialize(deserializer)?;
        Self::of(&number).ok_or_else(|| serde::de::Error::custom(DecimalError(number.to_string())))
    }
}

#[cfg(test)]
mod tests {
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
}
