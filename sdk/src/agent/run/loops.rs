//! How a run that repeats itself is noticed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::text::spelled;
use super::{Ended, Limits};
use crate::id::hex;
use crate::model::ToolCall;

/// How many different calls, the latest ones, are remembered with their results.
const REMEMBERED: usize = 64;

/// What a run remembers of its calls to notice that it repeats itself. Its size is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Loops {
    /// Refused calls since the last allowed one.
    refused: u32,
    /// Calls whose arguments could not be read, since the last call whose arguments could be read.
    malformed: u32,
    /// Allowed calls with their results; the last that was made is the last.
    seen: Vec<Seen>,
}

/// An allowed call with its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// The first half of SHA-256 of the tool, the arguments and the result.
    what: String,
    times: u32,
}

impl Loops {
    pub(super) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Counts a refused call. Returns how the run ends, if there were too many.
    pub(super) fn refused(&mut self, limits: &Limits) -> Option<(Ended, String)> {
        self.malformed = 0;
        self.one_more_refused(limits)
    }

    /// Counts a call whose arguments could not be read. Returns how the run ends, if there were too many.
    pub(super) fn malformed(&mut self, limits: &Limits) -> Option<(Ended, String)> {
        self.malformed = self.malformed.saturating_add(1);
        let times = self.malformed;
        let too_many = (times > limits.max_malformed).then(|| {
            let text = format!(
                "the agent made {times} calls one after another whose arguments cannot be read"
            );
            (Ended::Malformed, text)
        });
        let refused = self.one_more_refused(limits);
        too_many.or(refused)
    }

    fn one_more_refused(&mut self, limits: &Limits) -> Option<(Ended, String)> {
        self.refused = self.refused.saturating_add(1);
        let times = self.refused;
        (times > limits.max_refusals_in_a_row).then(|| {
            let text = format!("the agent made {times} calls one after another that were refused");
            (Ended::Denied, text)
        })
    }

    /// Counts an allowed call and its result. Returns how the run ends, if there were too many.
    pub(super) fn allowed(
        &mut self,
        call: &ToolCall,
        result: &str,
        limits: &Limits,
    ) -> Option<(Ended, String)> {
        (self.refused, self.malformed) = (0, 0);
        let what = fingerprint(call, result);
        let before = self.seen.iter().position(|seen| seen.what == what);
        let times = before.map_or(0, |at| self.seen.remove(at).times);
        let times = times.saturating_add(1);
        self.seen.push(Seen { what, times });
        if self.seen.len() > REMEMBERED {
            self.seen.remove(0);
        }
        (times > limits.max_same_results).then(|| {
            let text = format!(
                "the agent made the same call {times} times, and its result was the same each time"
            );
            (Ended::Looping, text)
        })
    }
}

fn fingerprint(call: &ToolCall, result: &str) -> String {
    let mut hash = Sha256::new();
    for part in [call.name.as_str(), &spelled(&call.arguments), result] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finalize();
    hex::write(hash.first_chunk::<16>().unwrap_or(&[0; 16]))
}
