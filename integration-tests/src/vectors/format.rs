//! The form of one vector, as `vectors/README.md` describes it.

use std::collections::BTreeSet;

use bailiwick::capability::{BudgetKey, Facts, Risk, Sensitivity};
use bailiwick::id::Timestamp;
use serde::{Deserialize, Serialize};

/// One token, one call, and the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// The name of the file, without its extension.
    pub name: String,
    /// What is wrong with the token, or what it shows, in a sentence.
    pub says: String,
    /// The public key of the one root that is trusted, in hexadecimal.
    pub root: String,
    /// The id that the root is known by, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_id: Option<u32>,
    /// How the token is presented.
    pub present: Present,
    /// The private key that comes with a held token: its 32-byte seed, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder_key: Option<String>,
    /// The token in its text form.
    pub token: String,
    /// What is asked.
    pub call: Asked,
    /// What the verifier knows.
    pub facts: Known,
    /// The verdict.
    pub expect: Expect,
    /// What a stock Biscuit library says to the same facts.
    pub stock: Stock,
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Present {
    /// In the process of its holder, with the private key.
    Held,
    /// Over the wire.
    WireCall,
}

/// A call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The capability.
    pub tool: String,
    /// The arguments as JSON text, as they were received.
    pub args: String,
    /// The id of the call: 16 bytes in hexadecimal.
    pub nonce: String,
}

/// What a verifier knows about a call; what is left out is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names of the facts")]
pub struct Known {
    pub time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taint: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<Used>,
}

/// What a budget would stand at after the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the terms of the fact")]
pub struct Used {
    pub kind: String,
    pub id: String,
    pub n: u64,
}

/// The verdict that a verifier of the profile must reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict", deny_unknown_fields)]
pub enum Expect {
    /// The call is allowed.
    Allow {},
    /// It is refused.
    Deny {
        /// The stable name of the reason.
        kind: String,
        /// The block that refused.
        hop: Option<u32>,
        /// Where.
        stage: Stage,
        /// In our words; another implementation has its own.
        explanation: String,
    },
}

/// Where a refusal happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The token is refused by itself, whatever the call.
    Token,
    /// The token is good, and does not allow the call.
    Call,
}

/// What a stock library says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// Its verdict.
    pub verdict: StockVerdict,
    /// The first block whose check failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u32>,
    /// Why it differs from ours, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
}

/// The verdict of a stock library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockVerdict {
    /// Its policy matched and every check held.
    Allow,
    /// A check failed, or its policy did not match.
    Deny,
    /// It does not take the token.
    Refuse,
    /// It must not be asked: its engine would run for minutes.
    NotAsked,
}

impl Known {
    /// The time and nothing else.
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
            used: Vec::new(),
        }
    }

    /// As the library takes it.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let used = self.used.iter().map(|used| {
            let (kind, id) = (used.kind.clone(), used.id.clone());
            (BudgetKey { kind, id }, used.n)
        });
        Facts {
            audience: self.audience.clone(),
            task: self.task.clone(),
            step: self.step.clone(),
            dataset: self.dataset.clone(),
            risk: self.risk,
            sensitivity: self.sensitivity,
            taint: self.taint.clone(),
            used: used.collect(),
            ..Facts::at(self.time)
        }
    }
}
