//! The amounts that were taken from budgets for a turn that the model is asked for.

use serde::{Deserialize, Serialize};

use crate::capability::Moved;
use crate::guard::Charged;

/// The amounts that were taken from budgets for a turn of the model, and how much the model may write.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct OpenTurn {
    charged: Vec<(String, String, u64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) max_output_tokens: Option<u32>,
}

impl OpenTurn {
    pub(in crate::agent) fn of(charged: &Charged, max_output_tokens: Option<u32>) -> Self {
        Self {
            charged: charged.parts(),
            max_output_tokens,
        }
    }

    /// The same amounts under the new ids of the counters; `None` where the stored value is damaged.
    pub(in crate::agent) fn moved(self, moved: &Moved) -> Option<Self> {
        let charged = Charged::of_parts(self.charged)?.moved(moved);
        Some(Self {
            charged: charged.parts(),
            ..self
        })
    }

    /// The amounts that were taken, to be settled; `None` where the stored value is damaged.
    pub(in crate::agent) fn charged(self) -> Option<Charged> {
        Charged::of_parts(self.charged)
    }
}
