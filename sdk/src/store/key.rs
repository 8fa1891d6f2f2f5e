//! Names of what is kept: paths of parts.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

/// The name of a value or a counter: parts with `/` between them, such as `replay/5f0c`.
///
/// Any text can be a part. What would be taken for structure, or would break a line of a log, is
/// written as `%` and two hexadecimal digits, so that different parts never make the same key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

/// A text that is not a key as [`Key`] writes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a key: make it from its parts with `Key::of`")]
pub struct InvalidKey {
    text: String,
}

impl Key {
    /// The key of no parts, above every other key.
    #[must_use]
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// The key of these parts.
    pub fn of<P: AsRef<str>>(parts: impl IntoIterator<Item = P>) -> Self {
        parts
            .into_iter()
            .fold(Self::root(), |key, part| key.child(part.as_ref()))
    }

    /// The key of these parts and one more.
    #[must_use]
    pub fn child(&self, part: &str) -> Self {
        let mut text = self.beneath();
        if part.is_empty() {
            // A bare `%` escapes nothing: without it, no parts and one empty part look the same.
            text.push('%');
        }
        for c in part.chars() {
            if c == '/' || c == '%' || c.is_control() {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("%{byte:02X}"));
                }
            } else {
                text.push(c);
            }
        }
        Self(text)
    }

    /// The parts, as they were given.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        if self.0.is_empty() {
            return Vec::new();
        }
        self.0.split('/').map(unescape).collect()
    }

    /// The key as it is written, which is also its order.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this key has the parts of `other` and more.
    #[must_use]
    pub fn is_beneath(&self, other: &Self) -> bool {
        self.0.starts_with(&other.beneath()) && self.0.len() > other.0.len()
    }

    /// The key of the first `parts` parts, if this key is beneath it: `None` where it has no more parts than that.
    #[must_use]
    pub fn above(&self, parts: usize) -> Option<Self> {
        let Some(last) = parts.checked_sub(1) else {
            return (!self.0.is_empty()).then(Self::root);
        };
        let (end, _) = self.0.match_indices('/').nth(last)?;
        Some(Self(self.0.get(..end)?.to_owned()))
    }

    /// What the text of every key beneath this one starts with, and is longer than: the key and a `/`, and
    /// nothing for [`Key::root`].
    ///
    /// A store whose rows are ordered by the bytes of their keys begins a scan after this text.
    #[must_use]
    pub fn beneath(&self) -> String {
        if self.0.is_empty() {
            String::new()
        } else {
            format!("{}/", self.0)
        }
    }
}

/// Reads `%XX` as a byte; anything else stays, and is caught by comparing with what is written.
fn unescape(part: &str) -> String {
    if part == "%" {
        return String::new();
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, after @ ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a key as it is written, and nothing that [`Key::of`] would write in another way.
impl FromStr for Key {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let key = Self(text.to_owned());
        if Self::of(key.parts()) == key {
            Ok(key)
        } else {
            let start: String = text.chars().take(64).collect();
            let text = crate::text::printable(&start);
            Err(InvalidKey { text })
        }
    }
}

/// A key is found and ordered by its text.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_cannot_pass_for_structure() {
        assert_eq!(Key::of(["replay", "5f0c"]).as_str(), "replay/5f0c");
        assert_eq!(Key::of(["a/b", "100%"]).as_str(), "a%2Fb/100%25");
        assert_eq!(Key::of(["a\nb", "\u{85}"]).as_str(), "a%0Ab/%C2%85");
        assert_eq!(Key::of([""]).as_str(), "%");
        assert_eq!(Key::of(["", ""]).as_str(), "%/%");
        assert_eq!(Key::root().parts(), Vec::<String>::new());
    }

    #[test]
    fn the_keys_above_a_key_have_its_first_parts() {
        let key = Key::of(["a/b", "c", "d"]);
        assert_eq!(key.above(0), Some(Key::root()));
        assert_eq!(key.above(1), Some(Key::of(["a/b"])));
        assert_eq!(key.above(2), Some(Key::of(["a/b", "c"])));
        assert_eq!(key.above(3), None);
        assert_eq!(key.above(usize::MAX), None);
        assert_eq!(Key::of([""]).above(0), Some(Key::root()));
        assert_eq!(Key::root().above(0), None);
    }

    #[test]
    fn only_the_one_way_to_write_a_key_is_read() {
        for text in ["", "a/b", "a%2Fb", "%", "%/%", "é"] {
            assert_eq!(text.parse::<Key>().unwrap().as_str(), text);
        }
        for text in [
            "/", "a/", "a//b", "%2f", "%41", "a%", "%%", "%+1", "a\nb", "%C2", "%C3%A9",
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![any::<String>(), "[/%a2F\u{0}\u{85}]{0,4}"]
    }

    proptest! {
        #[test]
        fn different_parts_make_different_keys(
            one in prop::collection::vec(part(), 0..4),
            two in prop::collection::vec(part(), 0..4),
        ) {
            prop_assert_eq!(Key::of(&one) == Key::of(&two), one == two);
            prop_assert_eq!(&Key::of(&one).parts(), &one);
            let key = Key::of(&one);
            prop_assert!(!key.as_str().contains(char::is_control));
            prop_assert_eq!(key.as_str().parse::<Key>(), Ok(key.clone()));
        }
    }
}
