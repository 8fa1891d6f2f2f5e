//! Names that every provider accepts.

use sha2::{Digest, Sha256};

/// The longest name that every provider accepts, in bytes.
const MAX_NAME: usize = 64;

/// How many hexadecimal digits of the hash distinguish names that would otherwise be equal.
const DIGITS: usize = 12;

/// A name of 1 to 64 of `a-z`, `A-Z`, `0-9`, `_` and `-`, which all providers accept as the name
/// of a tool or of a schema.
///
/// If `name` is ASCII, holds a letter or a digit, and has at most 64 bytes, each other character becomes
/// `_`, as in `fs_read` for `fs.read`. Any other `name` keeps the characters that are allowed, and 12
/// digits of its SHA-256 follow, as in `tool_ef0d27389860` for `поиск.веб`. So the result is the same in
/// every process, and two such names have the same result only if their hashes collide.
#[must_use]
pub fn plain_name(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let plain = |letter: char| if is_plain(letter) { letter } else { '_' };
    let has_word = name.contains(|letter: char| letter.is_ascii_alphanumeric());
    if name.is_ascii() && name.len() <= MAX_NAME && has_word {
        return name.chars().map(plain).collect();
    }
    let letters = name.chars().filter(char::is_ascii).map(plain);
    let start: String = letters.take(MAX_NAME - DIGITS - 1).collect();
    let stem = match start.trim_matches('_') {
        "" => "tool",
        stem => stem,
    };
    let hash = Sha256::digest(name.as_bytes());
    let digits = hash.iter().take(DIGITS / 2);
    let digits: String = digits.map(|byte| format!("{byte:02x}")).collect();
    format!("{stem}_{digits}")
}
