//! Why a model gave no completion.

use std::fmt;
use std::time::Duration;

/// Longer texts are cut: what a provider sends back may be a whole web page.
const MAX_BYTES: usize = 1024;

/// How the keys of well-known providers begin.
const KEY_PREFIXES: [&str; 6] = ["sk-", "AIza", "gsk_", "xai-", "hf_", "ya29."];

/// A model gave no completion.
///
/// The text is made safe to print as it is taken in: cut at 1 KiB, control characters replaced, and
/// what looks like a key masked, since providers quote rejected keys in their answers. The mask
/// knows common forms only; an adapter that holds the key says so with [`ModelError::without`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model gave no completion: {text}")]
pub struct ModelError {
    text: String,
    transient: bool,
    retry_after: Option<Duration>,
    unsettled: bool,
}

impl ModelError {
    /// A failure that may pass: a timeout, a rate limit, an overloaded server.
    #[must_use]
    pub fn transient(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()),
            transient: true,
            retry_after: None,
            unsettled: false,
        }
    }

    /// A failure that asking again does not cure: a refused key, an unknown model, a bad request.
    #[must_use]
    pub fn permanent(text: impl AsRef<str>) -> Self {
        Self {
            text: printable(text.as_ref()),
            transient: false,
            retry_after: None,
            unsettled: false,
        }
    }

    /// This error, with the wait that the provider asked for before the next attempt.
    #[must_use]
    pub const fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// How long the provider asked to wait before the next attempt, if it did.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// This error, of a request that the model may have worked on before it: a timeout, an answer that
    /// broke off. What was taken from budgets of tokens and money for the turn stays taken, since what
    /// it cost is not known; of other errors all is given back.
    #[must_use]
    pub const fn unsettled(mut self) -> Self {
        self.unsettled = true;
        self
    }

    /// Whether the model may have worked on the request.
    #[must_use]
    pub const fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.transient
    }

    /// This error with every occurrence of `secret` masked.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if !secret.is_empty() {
            self.text = self.text.replace(secret, "[masked]");
        }
        self
    }
}

impl fmt::Debug for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.transient {
            "transient"
        } else {
            "permanent"
        };
        write!(f, "ModelError({kind}: {:?})", self.text)
    }
}

fn printable(text: &str) -> String {
    // Far more than is shown, and a bound to the work: a whole page is looked through again and again.
    let begin: String = text.chars().take(4 * MAX_BYTES).collect();
    let masked = mask(&begin);
    let mut out = String::new();
    for c in masked.chars() {
        if out.len() + c.len_utf8() > MAX_BYTES {
            out.push_str(" [cut]");
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// Masks whatever begins like a key, and the word after `Bearer`.
fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let prefix = KEY_PREFIXES.iter().filter_map(|p| rest.find(p)).min();
        let bearer = rest.find("Bearer ").map(|at| at + "Bearer ".len());
        let Some((before, key)) = [prefix, bearer]
            .into_iter()
            .flatten()
            .min()
            .and_then(|at| rest.split_at_checked(at))
        else {
            out.push_str(rest);
            return out;
        };
        let end = key
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-_.*+/=~".contains(c)))
            .unwrap_or(key.len());
        out.push_str(before);
        // `sk-` within a word, as in `task-list`, begins no key.
        let in_word = before.ends_with(|c: char| c.is_alphanumeric());
        let (word, after) = key.split_at_checked(end).unwrap_or((key, ""));
        out.push_str(if in_word || word.is_empty() {
            word
        } else {
            "[masked]"
        });
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_29_a_key_quoted_by_a_provider_is_in_no_form_of_the_error() {
        for text in [
            "incorrect api key: sk-proj-AbC_123***xyz. see the docs",
            "sent `Authorization: Bearer abc.DEF-1/2+3==`",
            "https://host/v1?key=AIzaSyA-1_2b: 400",
            "my own secret XYZZY was refused",
        ] {
            let error = ModelError::permanent(text).without("XYZZY");
            let shown = format!("{error} {error:?}");
            for secret in ["AbC", "xyz", "DEF", "SyA", "XYZZY"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            assert!(shown.contains("[masked]"), "{shown}");
        }
    }

    #[test]
    fn ordinary_words_stay() {
        for text in [
            "the task-list is empty",
            "Bearer ",
            "a timeout after 30 s",
            "",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn attack_28_a_provider_cannot_forge_a_line_of_the_log() {
        let error = ModelError::transient("busy\nINFO all calls allowed\u{1b}[2J");
        assert!(!error.to_string().contains(['\n', '\u{1b}']));
        assert!(ModelError::transient("é".repeat(4000)).to_string().len() < 1100);
    }
}
