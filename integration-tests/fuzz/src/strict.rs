//! Why strict reading refuses what `serde_json` accepts, found in another way than the library
//! finds it.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};

/// The deepest nesting.
pub const DEPTH: usize = 32;

/// A value reduced to whether it is at fault.
struct Shape {
    depth: usize,
    fault: Option<&'static str>,
}

/// What is wrong with a text that is JSON, if anything is.
#[must_use]
pub fn fault(text: &str) -> Option<&'static str> {
    let shape: Shape = serde_json::from_str(text).ok()?;
    if shape.depth > DEPTH {
        return Some("too deep");
    }
    shape.fault.or_else(|| numbers(text))
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look)
    }
}

struct Look;

fn plain<E>() -> Result<Shape, E> {
    Ok(Shape {
        depth: 0,
        fault: None,
    })
}

impl<'de> Visitor<'de> for Look {
    type Value = Shape;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        plain()
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        plain()
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        plain()
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        plain()
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        plain()
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        plain()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let (mut depth, mut fault) = (0, None);
        while let Some(inner) = seq.next_element::<Shape>()? {
            depth = depth.max(inner.depth);
            fault = fault.or(inner.fault);
        }
        Ok(Shape {
            depth: depth + 1,
            fault,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let (mut depth, mut fault) = (0, None);
        let mut keys = BTreeSet::new();
        while let Some((key, inner)) = map.next_entry::<String, Shape>()? {
            depth = depth.max(inner.depth);
            fault = fault.or(inner.fault);
            if key.starts_with("$serde_json::private::") {
                fault = Some("reserved key");
            }
            if !keys.insert(key) {
                fault = Some("key given twice");
            }
        }
        Ok(Shape {
            depth: depth + 1,
            fault,
        })
    }
}

/// Whether a number of the text is a whole one past 64 bits, in any form of writing, or one
/// past the largest float, which `serde_json` may round down to it.
fn numbers(text: &str) -> Option<&'static str> {
    // Strings out of the way first: what is left of numbers is what is not punctuation.
    let (mut rest, mut inside, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            _ if inside => {}
            _ => rest.push(letter),
        }
    }
    let tokens = rest.split(|letter: char| "[]{},: \t\r\n".contains(letter));
    let large = |token: &&str| {
        let Ok(number) = token.parse::<f64>() else {
            return false;
        };
        if token
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_digit())
        {
            return token.parse::<i128>().is_err()
                || token.parse::<i128>().is_ok_and(|whole| !fits(whole));
        }
        if number.is_infinite() {
            return true;
        }
        // A float is written as a whole number up to 10²¹, its shortest digits and then zeros.
        number.fract() == 0.0 && number.abs() < 1e21 && !number.to_string().parse().is_ok_and(fits)
    };
    tokens
        .filter(|token| token.starts_with(|first: char| first == '-' || first.is_ascii_digit()))
        .find(large)
        .map(|_| "a number that is too large")
}

fn fits(whole: i128) -> bool {
    i64::try_from(whole).is_ok() || u64::try_from(whole).is_ok()
}
