//! Answers as values of a Rust type.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::model::OutputSchema;

/// Looks at an answer, and says what is wrong with it.
pub(super) type Check = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// What an answer must look like.
#[derive(Clone)]
pub(super) struct AnswerFormat {
    pub(super) schema: OutputSchema,
    pub(super) check: Check,
}

/// A value from an answer: JSON, with or without a Markdown fence around it.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(bare(text))
}

/// The text without a fence around it, if there is one and nothing else.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = || {
        let inner = text.strip_prefix("```")?.strip_suffix("```")?;
        let (language, inner) = inner.split_once('\n')?;
        let is_name = language.trim().chars().all(char::is_alphanumeric);
        (is_name && !inner.contains("```")).then_some(inner.trim())
    };
    inner().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_around_an_answer_is_taken_off_and_nothing_else() {
        for text in ["[1]", " [1]\n", "```json\n[1]\n```", "```\n[1]```\n"] {
            assert_eq!(read::<Vec<u8>>(text).unwrap(), [1], "{text:?}");
        }
        for text in [
            "",
            "```json [1]```",
            "x ```json\n[1]\n```",
            "```\n[1]\n``` ```\n[1]\n```",
        ] {
            assert!(read::<Vec<u8>>(text).is_err(), "{text:?}");
        }
    }
}
