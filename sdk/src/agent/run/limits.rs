//! How far a run may go, in addition to what its token allows.

use serde::{Deserialize, Serialize};

/// How far a run may go. A limit of 0 allows nothing of its kind.
///
/// Write what differs: `Limits { max_turns: 5, ..Limits::default() }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most completions. The calls of the last one are still made, and then the run ends. 25 at first.
    pub max_turns: u32,
    /// The most calls of one completion that are made. The rest are not stored, and the model is told how many there
    /// were. 16 at first.
    pub max_calls: usize,
    /// How often the same call may be refused; once more ends the run ([`Ended::Repeated`]). 3 at first.
    ///
    /// [`Ended::Repeated`]: super::Ended::Repeated
    pub max_refusals: u32,
    /// How many refused calls of any kind may follow one another without an allowed one in between; one
    /// more ends the run ([`Ended::Denied`]). 20 at first.
    ///
    /// [`Ended::Denied`]: super::Ended::Denied
    #[serde(default = "default_refusals_in_a_row")]
    pub max_refusals_in_a_row: u32,
    /// How many calls whose arguments cannot be read may follow one another; one more ends the run
    /// ([`Ended::Malformed`]). 8 at first.
    ///
    /// [`Ended::Malformed`]: super::Ended::Malformed
    #[serde(default = "default_malformed")]
    pub max_malformed: u32,
    /// How often the same allowed call may have the same result, with any calls in between; once more
    /// ends the run ([`Ended::Looping`]). An agent that polls needs more. 10 at first.
    ///
    /// [`Ended::Looping`]: super::Ended::Looping
    #[serde(default = "default_same_results")]
    pub max_same_results: u32,
    /// The most bytes of one result that the model is shown. 64 KiB at first.
    pub max_result_bytes: usize,
    /// How often the model is asked again for an answer that is not of the type it should be, and how
    /// often in a row for one that is not an answer: cut short with calls in it, refused, or empty. 2 at first.
    #[serde(default = "default_corrections")]
    pub max_corrections: u32,
    /// The most tokens of one completion. Without it: 4,096 under a budget of tokens or
    /// money, and otherwise the provider's own limit.
    pub max_output_tokens: Option<u32>,
    /// The most bytes of a conversation that the model is asked with, by the rule of [`Run::next`]. 400,000 at
    /// first, which is about 100,000 tokens of English.
    ///
    /// [`Run::next`]: super::Run::next
    #[serde(default = "default_context")]
    pub max_context_bytes: usize,
}

const fn default_context() -> usize {
    400_000
}

const fn default_refusals_in_a_row() -> u32 {
    20
}

const fn default_malformed() -> u32 {
    8
}

const fn default_same_results() -> u32 {
    10
}

const fn default_corrections() -> u32 {
    2
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_turns: 25,
            max_calls: 16,
            max_refusals: 3,
            max_refusals_in_a_row: default_refusals_in_a_row(),
            max_malformed: default_malformed(),
            max_same_results: default_same_results(),
            max_result_bytes: 64 * 1024,
            max_corrections: default_corrections(),
            max_output_tokens: None,
            max_context_bytes: default_context(),
        }
    }
}
