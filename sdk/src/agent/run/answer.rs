//! Which completions are answers, and what a model is told of one that is not an answer.

use super::Ended;
use crate::model::{Completion, StopReason};
use crate::text::is_misleading;

/// How many characters of a refusal the operator is shown.
const LONGEST_WORDS: usize = 500;

/// Why a completion is not an answer.
pub(super) struct NoAnswer {
    /// How the run ends, if it is the last of too many.
    pub(super) ended: Ended,
    /// What the model is told.
    pub(super) told: String,
    /// What the operator is told.
    pub(super) why: String,
}

/// Whether a completion is what the model had to say: words that a reader sees, or calls that are whole.
pub(in crate::agent) fn is_answer(completion: &Completion) -> bool {
    no_answer(completion).is_none()
}

/// Why a completion is not an answer; `None` where it is one.
///
/// Calls count if the model wrote them to the end. A completion that was cut short or filtered may be a part of
/// what the model meant to do, even if each of its calls can be read.
pub(super) fn no_answer(completion: &Completion) -> Option<NoAnswer> {
    let calls = completion.calls.len();
    let words = words(completion.text.as_deref().unwrap_or_default());
    let (ended, told, why) = match completion.stop {
        StopReason::MaxTokens if calls > 0 => (
            Ended::CutShort,
            format!(
                "Your last answer reached the limit of tokens, so none of its {calls} calls was made: \
                 the last one may be incomplete. Answer again, with less in one answer."
            ),
            "the model reached the limit of tokens within its calls, so none was made".to_owned(),
        ),
        StopReason::MaxTokens if words.is_empty() => (
            Ended::CutShort,
            "Your last answer reached the limit of tokens before it said anything. Answer again, more \
             briefly."
                .to_owned(),
            "the model reached the limit of tokens before it said anything".to_owned(),
        ),
        StopReason::Refused => (
            Ended::Refused,
            match calls {
                0 => "Your last answer was a refusal, or was filtered by the provider, so it is not taken \
                      as an answer. Answer again."
                    .to_owned(),
                _ => format!(
                    "Your last answer was a refusal, or was filtered by the provider, so none of its \
                     {calls} calls was made. Answer again."
                ),
            },
            refused(words),
        ),
        _ if calls > 0 => return None,
        StopReason::ToolCalls => (
            Ended::NoAnswer,
            "You stopped for the results of calls, and your last answer has no call in it. Make the calls, \
             or answer."
                .to_owned(),
            "the model stopped for the results of calls that it did not make".to_owned(),
        ),
        _ if words.is_empty() => (
            Ended::NoAnswer,
            "Your last answer was empty. Make a call, or answer.".to_owned(),
            "the model said nothing".to_owned(),
        ),
        _ => return None,
    };
    Some(NoAnswer { ended, told, why })
}

/// The text without characters at its ends that have no glyph: spaces, control characters and hidden ones. It is
/// empty if a reader sees nothing.
fn words(text: &str) -> &str {
    let is_blank = |letter: char| letter.is_whitespace() || is_misleading(letter);
    text.trim_matches(is_blank)
}

fn refused(words: &str) -> String {
    let what = "the model refused to answer, or its provider filtered the answer";
    if words.is_empty() {
        return what.to_owned();
    }
    let words: String = words.chars().take(LONGEST_WORDS).collect();
    format!("{what}: {words}")
}
