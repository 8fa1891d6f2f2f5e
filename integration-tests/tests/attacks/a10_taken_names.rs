//! Attack 10: a capability name taken by another tool; a child named after a privileged role.

use bailiwick::tool::Toolbox;
use serde_json::json;

use crate::common::regressions::tool;

#[tokio::test]
async fn attack_10_no_tool_is_shown_by_the_name_that_spawns() {
    let taken = Toolbox::builder()
        .tool(tool("agent_spawn", || async { Ok(json!(1)) }))
        .build();
    assert!(
        taken.is_err(),
        "a model would be shown two tools called `agent_spawn`"
    );
}
