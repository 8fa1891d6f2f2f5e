//! What is kept of a run, as it is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::keeper::Asking;
use super::seal::SealKey;
use crate::agent::core::Member;
use crate::agent::run::{CallOutcome, Limits};
use crate::capability::{Held, to_text};
use crate::guard::Places;
use crate::id::{AgentId, CallId, RunId, Timestamp, hex};
use crate::model::ToolCall;

/// The format that this build writes, and the only one that it reads.
pub(in crate::agent) const VERSION: u32 = 1;

/// The head of a run: which it is. Whoever has the run wrote it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Head {
    pub(in crate::agent) version: u32,
    /// The first agent.
    pub(in crate::agent) root: AgentId,
    pub(in crate::agent) role: String,
    /// When this process began with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) since: Option<Timestamp>,
}

/// That a run is over.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Over {
    pub(in crate::agent) version: u32,
    /// How the task of its first agent ended.
    pub(in crate::agent) how: String,
    /// When it did.
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

impl Head {
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
    /// The call of its parent's model that asked for it; none where code did.
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
    /// How its task ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) ended: Option<String>,
}

impl AgentRecord {
    pub(in crate::agent) fn of(run: RunId, member: &Member, seal: Option<&SealKey>) -> Self {
        let chain = member.held.chain();
        let key = seal.map(|seal| seal.seal(run, member.id, &member.held));
        Self {
            version: VERSION,
            agent: member.id,
            path: member.path.clone(),
            role: member.role.clone(),
            parent: member.parent_id(),
            call: member.call.clone(),
            takes_over: member.takes_over,
            token: to_text(&chain.to_bytes()),
            key,
            task: member.task(),
            intent: member.intent().map(str::to_owned),
            system: member.system.clone(),
            limits: member.limits,
            ended: None,
        }
    }

    pub(in crate::agent) fn ended(mut self, how: &str) -> Self {
        self.ended = Some(how.to_owned());
        self.key = None;
        self
    }

    /// The same agent with a new token and key.
    pub(in crate::agent) fn with(
        mut self,
        run: RunId,
        held: &Held,
        seal: Option<&SealKey>,
    ) -> Self {
        self.token = to_text(&held.chain().to_bytes());
        self.key = seal.map(|seal| seal.seal(run, self.agent, held));
        self
    }
}

/// An agent's run after its last step. The conversation stands beside it, a message a value.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct StateRecord {
    pub(in crate::agent) version: u32,
    /// The run without its messages and tools.
    pub(in crate::agent) run: Value,
    /// How many messages there are.
    pub(in crate::agent) messages: usize,
    /// What was taken from budgets for the turn that the model is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::agent) asking: Option<Asking>,
}

/// A spawn that was allowed, and has made no child yet.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::agent) struct Spawning {
    pub(in crate::agent) version: u32,
    /// The counters that it took a place of.
    places: Vec<String>,
}

impl Spawning {
    pub(in crate::agent) fn of(places: &Places) -> Self {
        Self {
            version: VERSION,
            places: places.parts(),
        }
    }

    /// The places that it took; `None` where what was kept is damaged.
    pub(in crate::agent) fn places(&self) -> Option<Places> {
        Places::of_parts(&self.places)
    }
}

/// What became of a call so far.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::agent) enum CallRecord {
    /// It was allowed, and has not ended.
    Begun {
        /// Its id in the audit.
        call: CallId,
        capability: String,
        /// Which call of the model it is: see [`digest`].
        digest: String,
        /// Which tool it is of; none of a spawn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<String>,
        /// What it was about to change, as that stood when the call was first begun.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// It was begun in a process that is gone, and is about to be made again.
    Again {
        /// Which call of the model it is: see [`digest`].
        digest: String,
        /// Which tool it is of.
        kind: String,
        /// What it was about to change, as that stood when the call was first begun.
        before: String,
    },
    /// It made this child, which has not ended.
    Child {
        agent: AgentId,
        /// Which call of the model it is: see [`digest`].
        digest: String,
    },
    /// It has ended.
    Done {
        outcome: CallOutcome,
        /// What the outcome is tainted with, and how sensitive it is, as a run counts it.
        taint: BTreeSet<String>,
        sensitivity: u8,
    },
}

impl CallRecord {
    /// Which call of the model it was when it was begun; none where it is over.
    pub(in crate::agent) const fn digest(&self) -> Option<&String> {
        match self {
            Self::Begun { digest, .. }
            | Self::Again { digest, .. }
            | Self::Child { digest, .. } => Some(digest),
            Self::Done { .. } => None,
        }
    }
}

/// Which call of the model it is: SHA-256 of its id, tool and arguments, as the model wrote them.
///
/// A call that was begun is gone on with only if it still is that call.
pub(in crate::agent) fn digest(call: &ToolCall) -> String {
    let mut hash = Sha256::new();
    for part in [&call.id, &call.name, &call.arguments] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::write(&hash.finalize())
}
