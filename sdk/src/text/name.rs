//! Names that every provider takes.

use sha2::{Digest, Sha256};

/// The longest name that every provider takes, in bytes.
const MAX_NAME: usize = 64;

/// How many hexadecimal digits of the hash tell apart what otherwise looks alike.
const DIGITS: usize = 12;

/// A name of 1 to 64 of `a-z`, `A-Z`, `0-9`, `_` and `-`, which is what all providers take for the name
/// of a tool or of a schema.
///
/// `name` is ASCII, holds a letter or a digit, and has at most 64 bytes: each other character becomes `_`,
/// as in `fs_read` for `fs.read`. Of any other `name` what can stay does, and 12 digits of its SHA-256
/// follow, as in `tool_ef0d27389860` for `поиск.веб`; so the answer is the same in every process, and two names have one
/// answer only where their hashes meet.
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
