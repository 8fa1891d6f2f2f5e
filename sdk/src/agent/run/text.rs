//! How a model's text is identified and quoted.

use sha2::{Digest, Sha256};

use crate::capability::canonical;
use crate::id::hex;
use crate::text::printable;

/// A longer fingerprint is cut, with a hash of all of it.
const LONGEST_FINGERPRINT: usize = 512;

/// The arguments of a call in canonical form: the same arguments in another order or spacing
/// are the same call. Text that is not JSON stays as it is.
pub(super) fn spelled(arguments: &str) -> String {
    canonical::read(arguments)
        .map_or_else(|_| arguments.to_owned(), |value| canonical::write(&value))
}

/// The fingerprint by which a refused call is recognised; its length is bounded.
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
    printable(&id.chars().take(64).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
