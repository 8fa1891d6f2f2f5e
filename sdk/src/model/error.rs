//! Why a model gave no completion.

use std::fmt;
use std::time::Duration;

use crate::text::printable;

/// What is shown of a text at most, in bytes: what a provider sends back may be a whole web page.
const MAX_SHOWN: usize = 1024;

/// What is kept of a text at most, in bytes. It is more than is shown, so that a secret is masked
/// whole before the text is cut.
const MAX_KEPT: usize = 4 * MAX_SHOWN;

/// What stands in place of a secret.
const MASK: &str = "[masked]";

/// How the keys of well-known providers begin.
const KEY_PREFIXES: [&str; 6] = ["sk-", "AIza", "gsk_", "xai-", "hf_", "ya29."];

/// A model gave no completion.
///
/// The text is safe to print: what looks like a key is masked, since providers quote rejected keys in
/// their answers; control and hidden characters are replaced; and then it is cut at 1 KiB. The mask
/// knows common forms only; an adapter that holds the key masks it with [`ModelError::without`].
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model gave no completion: {}", shown(text))]
pub struct ModelError {
    /// Masked, and longer than what is shown of it.
    text: String,
    /// Whether what came was longer than what is kept.
    is_cut: bool,
    transient: bool,
    retry_after: Option<Duration>,
    unsettled: bool,
}

impl ModelError {
    fn new(text: &str, transient: bool) -> Self {
        let ends = text
            .char_indices()
            .map(|(at, letter)| at + letter.len_utf8());
        let kept = ends.take_while(|end| *end <= MAX_KEPT).last().unwrap_or(0);
        Self {
            text: mask(text.get(..kept).unwrap_or_default()),
            is_cut: kept < text.len(),
            transient,
            retry_after: None,
            unsettled: false,
        }
    }

    /// A failure that may pass: a timeout, a rate limit, an overloaded server.
    #[must_use]
    pub fn transient(text: impl AsRef<str>) -> Self {
        Self::new(text.as_ref(), true)
    }

    /// A failure that asking again does not cure: a refused key, an unknown model, a bad request.
    #[must_use]
    pub fn permanent(text: impl AsRef<str>) -> Self {
        Self::new(text.as_ref(), false)
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
    /// it cost is not known; after any other error all of it is given back.
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

    /// This error with every occurrence of `secret` masked, also the beginning of one where the text
    /// was cut.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if secret.is_empty() {
            return self;
        }
        self.text = self.text.replace(secret, MASK);
        let begun = secret.char_indices().map(|(at, _)| at).rev();
        let last = begun
            .filter_map(|at| secret.get(..at))
            .find(|part| !part.is_empty() && self.text.ends_with(part));
        if let Some(part) = last.filter(|_| self.is_cut) {
            self.text.truncate(self.text.len() - part.len());
            self.text.push_str(MASK);
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
        write!(f, "ModelError({kind}: {:?})", shown(&self.text))
    }
}

/// A text on one line, cut where it is long.
fn shown(text: &str) -> String {
    let line = text.replace(char::is_control, " ");
    let mut out = String::new();
    for letter in line.chars() {
        let before = out.len();
        out.push_str(&printable(letter.encode_utf8(&mut [0; 4])));
        if out.len() > MAX_SHOWN {
            out.truncate(before);
            out.push_str(" [cut]");
            break;
        }
    }
    out
}

/// Masks each word that begins like a key, and the word after `Bearer`.
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
        // `sk-` within a word, as in `task-list`, does not begin a key.
        let in_word = before.ends_with(|c: char| c.is_alphanumeric());
        let (word, after) = key.split_at_checked(end).unwrap_or((key, ""));
        out.push_str(if in_word || word.is_empty() {
            word
        } else {
            MASK
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
    fn attack_29_a_key_where_the_text_is_cut_does_not_show_its_beginning() {
        let secret = "0123456789abcdefghijklmnopqrstuv";
        for before in (0..MAX_KEPT + 40)
            .step_by(7)
            .chain(MAX_SHOWN - 40..MAX_SHOWN + 10)
        {
            let text = format!("{}{secret}{}", "ß".repeat(before / 2), "é".repeat(5000));
            let error = ModelError::permanent(&text).without(secret);
            let shown = format!("{error} {error:?}");
            for length in [1, 4, 28] {
                assert!(!shown.contains(&secret[..length]), "{before}: {shown}");
            }
        }
        // Masking makes a text of many keys so short that its end is shown.
        let text = secret.repeat(200);
        let shown = ModelError::permanent(&text[1..])
            .without(secret)
            .to_string();
        assert!(!shown.ends_with("0123"), "{shown}");
        // A text that came whole is not cut anywhere, and its end stays.
        let shown = ModelError::permanent("use model 012")
            .without(secret)
            .to_string();
        assert!(shown.ends_with("use model 012"), "{shown}");
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
        let turned = ModelError::transient("a\u{202e}b").to_string();
        assert!(turned.ends_with("a\\u{202e}b"), "{turned}");
        assert!(ModelError::transient("é".repeat(4000)).to_string().len() < 1100);
    }
}
