//! The stored record of an agent, with which another process can resume it.

use super::AgentCore;
use crate::agent::durable::{AgentRecord, VERSION};
use crate::capability::to_text;

impl AgentCore {
    /// The agent as it is stored, without its private key.
    pub(in crate::agent) fn record(&self) -> AgentRecord {
        AgentRecord {
            version: VERSION,
            agent: self.id,
            path: self.path.clone(),
            role: self.role.clone(),
            parent: self.parent_id(),
            call: self.call.clone(),
            takes_over: self.takes_over,
            token: to_text(&self.held.chain().to_bytes()),
            key: None,
            task: self.task(),
            intent: self.intent().map(str::to_owned),
            system: self.system.clone(),
            limits: self.limits,
            ended: None,
        }
    }
}
