//! The stored state of a call that a model asked for.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::agent::run::{CallOutcome, stored_exposure};
use crate::capability::Exposure;
use crate::id::{AgentId, CallId, hex};
use crate::model::ToolCall;

/// The state of a call.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::agent) enum CallRecord {
    /// It was allowed, and has not ended.
    Begun {
        /// Its id in the audit.
        call: CallId,
        capability: String,
        /// The digest that identifies the model's call: see [`digest`].
        digest: String,
        /// The tool; `None` for a spawn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// The state of what it was about to change, at the time when the call was first begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// It was begun in a process that is gone, and is about to be made again.
    Again {
        /// The digest that identifies the model's call: see [`digest`].
        digest: String,
        /// The tool.
        kind: String,
        /// The state of what it was about to change, at the time when the call was first begun.
        before: String,
    },
    /// It made this child, which has not ended.
    Child {
        agent: AgentId,
        /// The digest that identifies the model's call: see [`digest`].
        digest: String,
    },
    /// It has ended.
    Done {
        outcome: CallOutcome,
        /// The exposure of the outcome: its taint and its sensitivity.
        #[serde(flatten, with = "stored_exposure")]
        exposure: Exposure,
    },
}

impl CallRecord {
    /// The digest that the call had when it was begun; `None` where the call is over.
    pub(in crate::agent) const fn digest(&self) -> Option<&String> {
        match self {
            Self::Begun { digest, .. }
            | Self::Again { digest, .. }
            | Self::Child { digest, .. } => Some(digest),
            Self::Done { .. } => None,
        }
    }
}

/// Identifies a call of the model: SHA-256 of its id, tool and arguments, as the model wrote them.
///
/// A call that was begun is continued only if its digest is the same.
pub(in crate::agent) fn digest(call: &ToolCall) -> String {
    let mut hash = Sha256::new();
    for part in [&call.id, &call.name, &call.arguments] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::write(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::capability::Sensitivity;

    #[test]
    fn an_outcome_is_stored_with_its_taint_and_the_number_of_its_level() {
        let done = CallRecord::Done {
            outcome: CallOutcome::Value("text".to_owned()),
            exposure: Exposure::new(["web"], Some(Sensitivity::Confidential)),
        };
        let written = json!({
            "is": "done",
            "outcome": { "value": "text" },
            "taint": ["web"],
            "sensitivity": 3,
        });
        assert_eq!(serde_json::to_value(&done).unwrap(), written);
        let read: CallRecord = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
        for (name, value) in [
            ("stray", json!(1)),
            ("sensitivity", json!(5)),
            ("taint", json!(null)),
        ] {
            let mut altered = written.clone();
            altered[name] = value;
            assert!(
                serde_json::from_value::<CallRecord>(altered).is_err(),
                "{name}"
            );
        }
    }
}
