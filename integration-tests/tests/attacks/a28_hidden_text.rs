//! Attack 28: lines forged by newlines and control characters; text that is hidden from people.

mod hidden_text {
    use std::sync::{Arc, Mutex};

    use bailiwick::agent::{Helper, Orchestrator};
    use bailiwick::capability::{Authority, Grant, Scope, any, minutes};
    use bailiwick::model::Message;
    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::record::EventKind;
    use bailiwick::text::{is_hidden, printable};
    use bailiwick_integration_tests::support::hidden_text::{HIDDEN, tool};
    use serde_json::json;

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
        let helper =
            Helper::new("reader", "Reads.").scope(Scope::new().grant(Grant::new("page.read")));
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
}

mod regressions {

    use bailiwick::model::scripted::{ScriptedModel, call, call_raw, say};
    use bailiwick::record::EventKind;
    use serde_json::json;

    use crate::common::regressions::lead;

    #[tokio::test]
    async fn attack_28_an_event_holds_nothing_that_would_move_a_cursor() {
        let name = format!("rm\u{1b}[2J\u{202e}{}", "x".repeat(100_000));
        let model = ScriptedModel::new([
            call(&name, json!({})),
            call_raw("mail_send", "{\"\u{202e}\u{200b}\": 1}"),
            call_raw(
                "agent_spawn",
                "{\"role\": \"a\", \"task\": \"b\", \"scope\": {}, \"\\u001b[2J\u{202e}\": 1}",
            ),
            say("done"),
        ]);
        let (orchestrator, lead) = lead(|builder| builder.model(model)).await;
        let mut events = orchestrator.events().watch();
        lead.run("lead").await.ok();
        let mut seen = 0;
        while let Ok(event) = events.try_recv() {
            let EventKind::Denied {
                capability,
                arguments,
                detail,
                ..
            } = event.kind
            else {
                continue;
            };
            seen += 1;
            for text in [&capability, &arguments, &detail] {
                assert_eq!(bailiwick::text::printable(text), *text);
                assert!(text.len() < 10_000, "{} bytes", text.len());
            }
        }
        assert_eq!(seen, 3);
    }
}
