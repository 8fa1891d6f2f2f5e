//! The stored form of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::loops::Loops;
use super::{CallOutcome, DenialNote, Ended, Limits};
use crate::capability::Exposure;
use crate::format::{Format, FormatError, strict};
use crate::id::RunId;
use crate::model::{Message, OutputSchema, StopReason, ToolSpec, Usage};

/// The version of the format that this build writes.
pub(super) const VERSION: u32 = 1;

static FORMAT: Format<State> = Format::new(&[(1, strict)]);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) version: u32,
    pub(super) id: RunId,
    pub(super) agent: String,
    pub(super) task: String,
    pub(super) system: Option<String>,
    pub(super) tools: Vec<ToolSpec>,
    pub(super) limits: Limits,
    pub(super) messages: Vec<Message>,
    pub(super) turns: u32,
    pub(super) usage: Usage,
    pub(super) stop: Option<StopReason>,
    #[serde(flatten, with = "super::stored_exposure")]
    pub(super) exposure: Exposure,
    pub(super) denials: Vec<DenialNote>,
    /// How often each call was refused, by fingerprint. No other call in between resets it.
    pub(super) refusals: BTreeMap<String, u32>,
    /// The other counts that show that it repeats itself.
    #[serde(default, skip_serializing_if = "Loops::is_none")]
    pub(super) loops: Loops,
    /// Completions whose cost is not known.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) unmeasured: u32,
    /// What an answer must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<OutputSchema>,
    /// How many answers did not fit it.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) unfit: u32,
    /// How many completions in a row were not an answer.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(super) no_answers: u32,
    /// Why it is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stalled: Option<Stalled>,
    pub(super) phase: Phase,
}

/// Why a run that waits for its model is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stalled {
    pub(super) ended: Ended,
    pub(super) text: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
const fn is_none(count: &u32) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Phase {
    /// The run waits for the model.
    Asking {},
    /// The run waits for the calls of the last message. Outcomes stay here until all are in, because the
    /// run takes them in the order of the calls, in whichever order they came.
    Calling {
        outcomes: BTreeMap<String, CallOutcome>,
        /// How many calls the model asked for beyond the limit of a turn; only their number is stored.
        #[serde(default, skip_serializing_if = "is_zero")]
        over: usize,
    },
    /// The run is over.
    Done { ended: Ended, text: String },
}

impl State {
    /// Reads a stored run by its version. The version is looked at first, so that the error for a newer format
    /// names the version, and not the first unknown field.
    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let state = FORMAT.read(value).map_err(|error| match error {
            FormatError::Damaged(what) => {
                D::Error::custom(format!("the stored run is damaged: {what}"))
            }
            error => D::Error::custom(format!("the stored run cannot be read: {error}")),
        })?;
        if !state.is_coherent() {
            return Err(D::Error::custom(
                "the stored run is damaged: it waits for calls that its last message does not make",
            ));
        }
        Ok(state)
    }

    /// Whether the calls that a run waits for are those of its last message; otherwise it would wait forever.
    fn is_coherent(&self) -> bool {
        match (&self.phase, self.messages.last()) {
            (Phase::Calling { outcomes, .. }, Some(Message::Assistant { calls, .. })) => {
                let ids: BTreeSet<&String> = calls.iter().map(|call| &call.id).collect();
                ids.len() == calls.len()
                    && outcomes.len() < ids.len()
                    && outcomes.keys().all(|id| ids.contains(id))
            }
            (Phase::Calling { .. }, _) => false,
            _ => true,
        }
    }
}
