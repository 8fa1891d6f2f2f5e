//! The tools that a model is shown.

use serde_json::json;

use super::super::core::AgentCore;
use super::super::helper::{Helper, SPAWN_TOOL};
use crate::capability::SPAWN;
use crate::model::ToolSpec;

/// The tools that the agent's token could ever allow.
pub(super) fn shown(core: &AgentCore) -> Vec<ToolSpec> {
    let chain = core.held.chain();
    let mut tools = core.runtime.gate.toolbox().shown(chain);
    if chain.could(SPAWN) {
        let parameters = json!({
            "type": "object",
            "properties": {
                "role": { "type": "string", "description": "the role of the helper" },
                "task": { "type": "string", "description": "what the helper shall do" },
                "scope": { "type": "object", "description": "what the helper may do: {\"grants\": [{\"tool\": …, \"args\": {…}}]}" },
            },
            "required": ["role", "task", "scope"],
            "additionalProperties": false,
        });
        tools.push(ToolSpec::new(
            SPAWN_TOOL,
            "Start a helper with some of your own authority; its answer is the result.",
            parameters,
        ));
        tools.extend(core.runtime.helpers.values().map(Helper::spec));
    }
    tools
}
