//! What a model is shown of a tool's output, and how what it wrote is told apart.

use sha2::{Digest, Sha256};

use crate::capability::canonical;
use crate::id::hex;

/// A longer fingerprint is cut, with a hash of all of it.
const LONGEST_FINGERPRINT: usize = 512;

/// `text` without control characters other than newline and tab, and no longer than `max` bytes but
/// for a last line that says so.
///
/// A result ends up in logs and on terminals, where an escape sequence would speak for Bailiwick.
/// Line ends of Windows become newlines. The work is bounded by `max`, not by the text.
pub(super) fn shown(text: &str, max: usize) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\n' | '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        if out.len() + c.len_utf8() > max {
            out.push_str(&format!("\n[cut: the first {max} of {} bytes]", text.len()));
            break;
        }
        out.push(c);
    }
    out
}

/// The arguments of a call as they are written in one way: the same ones in another order or spacing
/// are the same call. What is no JSON stays as it is.
pub(super) fn spelled(arguments: &str) -> String {
    canonical::read(arguments)
        .map_or_else(|_| arguments.to_owned(), |value| canonical::write(&value))
}

/// How a refused call is known again: short however long its arguments are.
pub(in crate::agent) fn fingerprint(what: &str, arguments: &str) -> String {
    let whole = format!("{what} {}", spelled(arguments));
    if whole.len() <= LONGEST_FINGERPRINT {
        return whole;
    }
    let start: String = whole.chars().take(64).collect();
    let hash = hex::write(&Sha256::digest(whole.as_bytes()));
    format!("{start}… sha256:{hash}")
}

/// An id in a message for operators: short, and on one line.
pub(super) fn escaped(id: &str) -> String {
    id.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_28_control_characters_do_not_reach_the_model() {
        assert_eq!(
            shown("a\r\nb\tc\u{1b}[31m\u{7}\u{9b}\rd\u{0}", 100),
            "a\nb\tc\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}d\u{fffd}"
        );
    }

    #[test]
    fn a_refused_call_is_known_again_by_little_however_long_it_is() {
        assert_eq!(
            fingerprint("fs.read", r#"{ "b": 1, "a": 2 }"#),
            r#"fs.read {"a":2,"b":1}"#
        );
        let long = |end: &str| {
            fingerprint(
                "fs.read",
                &format!("{{\"a\":\"{}{end}\"}}", "x".repeat(1 << 20)),
            )
        };
        assert!(long("a").len() < 200);
        assert_eq!(long("a"), long("a"));
        assert_ne!(long("a"), long("b"));
    }

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(shown("ééé", 6), "ééé");
        assert_eq!(shown("ééé", 5), "éé\n[cut: the first 5 of 6 bytes]");
        assert_eq!(shown("", 0), "");
        // Replacing a character makes the text longer; the cap holds for what is shown.
        assert!(shown(&"\u{0}".repeat(1000), 100).starts_with(&"\u{fffd}".repeat(33)));
        assert!(shown(&"\u{0}".repeat(1000), 100).len() < 150);
    }
}
