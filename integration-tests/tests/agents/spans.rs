//! What traces say of a run: the names that OpenTelemetry's conventions give, and no word of the data.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the functions that tests share are test code too"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bailiwick::agent::{Helper, Orchestrator};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes, path_under};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, call, calls, fail, say};
use bailiwick::model::{ModelError, Usage};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

type Fields = BTreeMap<String, String>;

/// A span that was seen: its name, those around it, and its fields.
#[derive(Clone, Debug)]
struct Seen {
    id: u64,
    around: Option<u64>,
    fields: Fields,
}

#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<Seen>>>);

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Watch {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != "bailiwick" {
            return;
        }
        let mut fields = Fields::new();
        attributes.record(&mut Into(&mut fields));
        let around = context
            .span(id)
            .unwrap()
            .parent()
            .map(|it| it.id().into_u64());
        let id = id.into_u64();
        self.0.lock().unwrap().push(Seen { id, around, fields });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut seen = self.0.lock().unwrap();
        // The latest of that number: a registry uses them again.
        if let Some(span) = seen.iter_mut().rev().find(|it| it.id == id.into_u64()) {
            values.record(&mut Into(&mut span.fields));
        }
    }
}

impl Watch {
    /// Each span as its name with those around it, and what it says of errors.
    fn lines(&self) -> Vec<String> {
        let seen = self.0.lock().unwrap().clone();
        let line = |at: usize| {
            let mut names = Vec::new();
            let mut next = Some(at);
            while let Some(at) = next {
                names.push(seen[at].fields["otel.name"].clone());
                next = seen[at]
                    .around
                    .and_then(|id| seen[..at].iter().rposition(|it| it.id == id));
            }
            names.reverse();
            let error = seen[at].fields.get("error.type");
            let error = error.map_or_else(String::new, |error| format!(" ! {error}"));
            format!("{}{error}", names.join(" > "))
        };
        (0..seen.len()).map(line).collect()
    }

    fn of(&self, name: &str) -> Fields {
        let seen = self.0.lock().unwrap();
        let found = seen.iter().find(|it| it.fields["otel.name"] == name);
        found.unwrap().fields.clone()
    }
}

#[tokio::test]
async fn a_run_is_traced_by_the_names_of_the_conventions_and_without_its_data() {
    let watch = Watch::default();
    let _guard = tracing::subscriber::set_default(Registry::default().with(watch.clone()));
    let tool = RuntimeTool::new(
        Declaration::new("fs.read", Effect::Read, Risk::Low),
        json!({"type": "object"}),
        |_, _| async { Ok(json!("the secret contents")) },
    );
    let usage = Usage {
        input: 30,
        output: 4,
        cached: 12,
    };
    let path = |path: &str| json!({ "path": path });
    let lead_script = [
        calls([
            call("fs_read", path("/srv/secret-name")),
            call("fs_read", path("/etc/other-name")),
            call("no_such_tool", json!({})),
        ])
        .costing(usage),
        call("reader", json!({"task": "the secret task"})),
        say("the secret answer"),
    ];
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .tool(tool)
        .model_for("lead", ScriptedModel::new(lead_script))
        .model_for(
            "reader",
            ScriptedModel::new([fail(ModelError::permanent("a secret reason"))]),
        )
        .helper(Helper::new("reader", "Reads."))
        .build()
        .unwrap();
    let scope = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::spawn(["reader"]))
        .expires_in(minutes(10));
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    lead.run("the secret task").await.unwrap();

    let mut lines = watch.lines();
    // The calls of one turn are made at once.
    lines.sort();
    let mut expected = [
        "invoke_agent lead",
        "invoke_agent lead > chat scripted",
        "invoke_agent lead > execute_tool fs_read",
        "invoke_agent lead > execute_tool fs_read ! argument",
        "invoke_agent lead > execute_tool no_such_tool ! unknown_tool",
        "invoke_agent lead > chat scripted",
        "invoke_agent lead > execute_tool reader ! failed",
        "invoke_agent lead > execute_tool reader > invoke_agent reader ! failed",
        "invoke_agent lead > execute_tool reader > invoke_agent reader > chat scripted ! permanent",
        "invoke_agent lead > chat scripted",
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);

    let chat = watch.of("chat scripted");
    let field = |name: &str| chat.get(name).map(String::as_str);
    assert_eq!(field("gen_ai.operation.name"), Some("chat"));
    assert_eq!(field("gen_ai.request.model"), Some("scripted"));
    assert_eq!(field("gen_ai.usage.input_tokens"), Some("42"));
    assert_eq!(field("gen_ai.usage.output_tokens"), Some("4"));
    assert_eq!(field("gen_ai.usage.cache_read.input_tokens"), Some("12"));
    assert_eq!(field("gen_ai.response.finish_reasons"), Some("tool_calls"));
    let call = watch.of("execute_tool fs_read");
    assert_eq!(call["gen_ai.tool.name"], "fs_read");
    assert_eq!(call["gen_ai.agent.name"], "lead");
    assert!(!call["gen_ai.tool.call.id"].is_empty());
    let all = format!("{:?}", watch.0.lock().unwrap());
    for word in ["secret", "/etc", "/srv"] {
        assert!(!all.contains(word), "{word}: {all}");
    }
}
