//! The values that are stored of a run.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::open_turn::OpenTurn;
use super::seal::SealKey;
use crate::agent::run::Limits;
use crate::capability::{Held, to_text};
use crate::guard::BudgetSlots;
use crate::id::{AgentId, RunId, Timestamp};

/// The version of the formats that this build writes. Those that it reads are in the tables of `formats`.
pub(in crate::agent) const VERSION: u32 = 1;

/// The head of a run, which identifies it. The process that has the run wrote it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct RunHead {
    pub(in crate::agent) version: u32,
    /// The first agent.
    pub(in crate::agent) root: AgentId,
    pub(in crate::agent) role: String,
    /// The time at which this process began or took over the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) since: Option<Timestamp>,
}

/// The end of a run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Over {
    pub(in crate::agent) version: u32,
    /// How the task of its first agent ended.
    pub(in crate::agent) how: String,
    /// The time at which it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) at: Option<Timestamp>,
}

impl Over {
    pub(in crate::agent) fn new(how: &str, at: Option<Timestamp>) -> Self {
        Self {
            version: VERSION,
            how: how.to_owned(),
            at,
        }
    }
}

impl RunHead {
    pub(in crate::agent) fn new(root: AgentId, role: &str, since: Option<Timestamp>) -> Self {
        Self {
            version: VERSION,
            root,
            role: role.to_owned(),
            since,
        }
    }
}

/// An agent as it was when it got its token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct AgentRecord {
    pub(in crate::agent) version: u32,
    pub(in crate::agent) agent: AgentId,
    pub(in crate::agent) path: String,
    pub(in crate::agent) role: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) parent: Option<AgentId>,
    /// The call of its parent's model that asked for it; `None` where code asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) call: Option<String>,
    /// Whether it took its parent's task over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::agent) takes_over: bool,
    /// The token.
    pub(in crate::agent) token: String,
    /// The private key, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) task: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) system: Option<String>,
    pub(in crate::agent) limits: Limits,
    /// How its task ended, if it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) ended: Option<String>,
}

impl AgentRecord {
    pub(in crate::agent) fn ended(mut self, how: &str) -> Self {
        self.ended = Some(how.to_owned());
        self.key = None;
        self
    }

    /// The same with the private key, sealed where there is something to seal it with.
    pub(super) fn sealed(mut self, run: RunId, held: &Held, seal: Option<&SealKey>) -> Self {
        self.key = seal.map(|seal| seal.seal(run, self.agent, held));
        self
    }

    /// The same agent with a new token and key.
    pub(super) fn with(mut self, run: RunId, held: &Held, seal: Option<&SealKey>) -> Self {
        self.token = to_text(&held.chain().to_bytes());
        self.sealed(run, held, seal)
    }
}

/// An agent's run after its last step. The conversation is stored beside it, one value for each message.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct StateRecord {
    pub(in crate::agent) version: u32,
    /// The run without its messages and tools.
    pub(in crate::agent) run: Value,
    /// How many messages there are.
    pub(in crate::agent) messages: usize,
    /// The amounts that were taken from budgets for the turn that the model is asked for.
    #[serde(rename = "asking", default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) open_turn: Option<OpenTurn>,
}

/// A spawn that was allowed and has not made a child yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Spawning {
    pub(in crate::agent) version: u32,
    /// The counters that it took a slot of.
    #[serde(rename = "places")]
    slots: Vec<String>,
}

impl Spawning {
    pub(in crate::agent) fn of(slots: &BudgetSlots) -> Self {
        Self {
            version: VERSION,
            slots: slots.parts(),
        }
    }

    /// The slots that it took; `None` where the stored value is damaged.
    pub(in crate::agent) fn slots(&self) -> Option<BudgetSlots> {
        BudgetSlots::of_parts(&self.slots)
    }
}
