//! Characters that a reader does not see.

use bailiwick::capability::Risk;
use bailiwick::guard::Effect;
use bailiwick::tool::{Declaration, RuntimeTool, ToolError};
use serde_json::json;

/// What attacks hide text in: tags, bidirectional controls, zero width, variation selectors, fillers,
/// separators, annotation.
pub const HIDDEN: &str = "\u{e0001}\u{e0041}\u{e007f}\u{202e}\u{2066}\u{200b}\u{200d}\u{2060}\u{fe0f}\u{e0100}\
    \u{34f}\u{180e}\u{feff}\u{ad}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2028}\u{2029}\u{fff9}\u{1d173}";

/// A tool that gives back, or fails with, hidden text.
pub fn tool(capability: &str, fails: bool) -> RuntimeTool {
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
    RuntimeTool::new(
        declaration,
        json!({ "type": "object" }),
        move |_, _| async move {
            let text = format!("a{HIDDEN}b");
            if fails {
                Err(ToolError::new(text))
            } else {
                Ok(json!(text))
            }
        },
    )
}
