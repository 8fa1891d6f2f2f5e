//! What the verifier knows about a call beside its arguments: time, audience, task, data, risk.
//!
//! What is not known has no fact, and a caveat that asks for a missing fact refuses the call.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::Timestamp;

macro_rules! level {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$vdoc])* $variant),+
        }

        impl $name {
            /// Every level, lowest first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name of the level, as it appears in text.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The place of the level in its order, 0 for the lowest: what a token compares.
            #[must_use]
            pub const fn rank(self) -> u8 {
                self as u8
            }

            /// The level with that rank.
            pub(crate) fn from_rank(rank: i64) -> Option<Self> {
                Self::ALL.get(usize::try_from(rank).ok()?).copied()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().find(|level| level.name() == text).copied().ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|level| level.name()).collect();
                    format!(concat!("`{}` is not a ", $what, "; one of: {}"), text, names.join(", "))
                })
            }
        }
    };
}

level! {
    /// How much harm a tool can do.
    Risk, "risk" {
        /// The effect can be undone without effort, or there is nothing to undo.
        Low = "low",
        /// The effect can be undone with some effort.
        Medium = "medium",
        /// The effect is hard or costly to undo.
        High = "high",
        /// The effect cannot be undone.
        Critical = "critical",
    }
}

level! {
    /// How confidential data is.
    Sensitivity, "sensitivity" {
        /// The data is for anyone.
        Public = "public",
        /// The data is for the organisation.
        Internal = "internal",
        /// The data is for those who need it.
        Confidential = "confidential",
        /// The data is for named persons.
        Restricted = "restricted",
    }
}

/// Which budget: the kind of thing counted, and whose count it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetKey {
    /// What is counted: `calls`, `turns`, `tokens`, ….
    pub kind: String,
    /// The id of the counter: the key of the signer who set it, `/`, and a label.
    pub id: String,
}

/// What the verifier knows about a call beside its arguments.
///
/// The facts come from the tool's declaration and the run, never from the model, and never from a remote
/// caller. `None` means "not known", and a caveat that asks for such a fact refuses the call; an empty set
/// means "known to be empty".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The time now.
    pub time: Timestamp,
    /// The verifier's own name.
    pub audience: Option<String>,
    /// The task in whose course the call is made.
    pub task: Option<String>,
    /// The step of the plan.
    pub step: Option<String>,
    /// The data that the call touches.
    pub dataset: Option<BTreeSet<String>>,
    /// The risk of the tool.
    pub risk: Option<Risk>,
    /// The sensitivity of the data that the call touches.
    pub sensitivity: Option<Sensitivity>,
    /// The labels of the sources of the run's data that may carry instructions.
    pub taint: Option<BTreeSet<String>>,
    /// What each budget would stand at after this call.
    pub used: BTreeMap<BudgetKey, u64>,
}

impl Facts {
    /// Facts with only the time.
    #[must_use]
    pub const fn at(time: Timestamp) -> Self {
        Self {
            time,
            audience: None,
            task: None,
            step: None,
            dataset: None,
            risk: None,
            sensitivity: None,
            taint: None,
            used: BTreeMap::new(),
        }
    }
}
