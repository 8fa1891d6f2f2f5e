//! Numbers as tokens compare them: exact, and counted in millionths.

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
/// of a tool's argument it takes only a JSON number: `12.5`, never `"12.5"`; a number
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

    /// The value of a JSON number; `None` if it does not fit six decimals and 64 bits.
    ///
    /// It is read from the number's canonical text, not by arithmetic on floats, so `0.1` is a tenth, and
    /// `5`, `5.0` and `5e0` are one value.
    #[must_use]
    pub fn of(number: &Number) -> Option<Self> {
        // Canonical text has an exponent only below 10⁻⁶ and from 10²¹ on, which is out of range.
        canonical::number_text(number).parse().ok()
    }

    /// The number with this many millionths.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The number in millionths.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The JSON number that [`Decimal::of`] reads back as this same number; `None` if there is no such
    /// number.
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
#[error("`{}` is not {DECIMAL}", crate::text::printable(.0))]
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
mod tests;
