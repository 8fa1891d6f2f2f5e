//! Text that a reader does not see, in what a model is told, in news and in names.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::{Arc, Mutex};

use bailiwick::agent::{Helper, Orchestrator};
use bailiwick::capability::{Authority, Grant, Risk, Scope, any, minutes};
use bailiwick::guard::Effect;
use bailiwick::model::Message;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::record::EventKind;
use bailiwick::text::{is_hidden, printable};
use bailiwick::tool::{Declaration, RuntimeTool, ToolError};
use serde_json::json;

/// What attacks hide text in: tags, bidirectional controls, zero width, variation selectors, fillers,
/// separators, annotation.
const HIDDEN: &str = "\u{e0001}\u{e0041}\u{e007f}\u{202e}\u{2066}\u{200b}\u{200d}\u{2060}\u{fe0f}\u{e0100}\
    \u{34f}\u{180e}\u{feff}\u{ad}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2028}\u{2029}\u{fff9}\u{1d173}";

/// A tool that gives back, or fails with, hidden text.
fn tool(capability: &str, fails: bool) -> RuntimeTool {
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

#[tokio::test]
async fn attack_28_hidden_text_is_shown_to_a_model_wherever_it_comes_from() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (heard, mut turn) = (told.clone(), 0);
    let lead = ScriptedModel::from_fn(move |request| {
        *heard.lock().unwrap() = request.messages.clone();
        turn += 1;
        match turn {
            1 => call("page_read", json!({})),
            2 => call("page_fail", json!({})),
            3 => call("reader", json!({ "task": "read" })),
            4 => call(format!("no{HIDDEN}tool"), json!({})),
            5 => call("page_read", json!({ "at": HIDDEN })),
            _ => say("done"),
        }
    });
    let reader = ScriptedModel::from_fn(|_| say(format!("a{HIDDEN}b")));
    let helper = Helper::new("reader", "Reads.").scope(Scope::new().grant(Grant::new("page.read")));
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(tool("page.read", false))
        .tool(tool("page.fail", true))
        .helper(helper)
        .model(lead)
        .model_for("reader", reader)
        .build()
        .unwrap();
    let scope = Scope::new()
        .grant(Grant::new("page.read").arg("at", any()))
        .grant(Grant::new("page.read"))
        .grant(Grant::new("page.fail"))
        .grant(Grant::spawn(["reader"]))
        .expires_in(minutes(10));
    let agent = orchestrator.agent("lead", scope).await.unwrap();
    let mut events = orchestrator.events().watch();
    agent.run("read").await.unwrap();
    let told = told.lock().unwrap();
    let outcomes: Vec<&String> = told
        .iter()
        .filter_map(|message| match message {
            Message::Tool { outcome, .. } => Some(outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes.len(), 5);
    let shown = printable(HIDDEN);
    for outcome in &outcomes {
        assert!(!outcome.contains(is_hidden), "{outcome:?}");
    }
    for outcome in &outcomes[..4] {
        assert!(outcome.contains(&shown), "{outcome}");
    }
    let mut seen = 0;
    while let Ok(event) = events.try_recv() {
        let text = match event.kind {
            EventKind::Called {
                arguments, error, ..
            } => arguments + &error.unwrap_or_default(),
            EventKind::Denied {
                capability,
                arguments,
                detail,
                ..
            } => capability + &arguments + &detail,
            _ => continue,
        };
        seen += usize::from(text.contains("\\u{e0041}"));
        assert!(!text.contains(is_hidden), "{text:?}");
    }
    assert!(seen >= 3, "{seen}");
}

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
