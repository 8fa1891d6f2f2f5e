//! Text that a reader does not see, in what a model is told, in news and in names.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use bailiwick::agent::Orchestrator;
use bailiwick::capability::{Authority, Risk};
use bailiwick::guard::Effect;
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;

#[test]
fn a_tool_is_shown_by_a_name_that_every_provider_takes() {
    let long = "a".repeat(65);
    let names = [long.as_str(), "поиск.веб", "поиск.сеть", "...", "fs.read"];
    let mut builder = Orchestrator::builder(&Authority::generate());
    let mut shown = Vec::new();
    for name in names {
        let declaration = Declaration::new(name, Effect::Read, Risk::Low);
        shown.push(declaration.name().to_owned());
        let schema = json!({ "type": "object" });
        builder = builder.tool(RuntimeTool::new(declaration, schema, |_, _| async {
            Ok(json!(1))
        }));
    }
    assert!(builder.build().is_ok());
    for name in &shown {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        assert!(
            (1..=64).contains(&name.len()) && name.bytes().all(fits),
            "{name}"
        );
    }
    assert_eq!(shown[4], "fs_read");
    shown.sort();
    shown.dedup();
    assert_eq!(shown.len(), names.len());
}
