//! Trees of agents: spawning narrows, tasks end, and what a model does wrong stays its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bailiwick::agent::{Agent, Ended, Limits, Orchestrator, SpawnError};
use bailiwick::capability::{Authority, Grant, Kind, Scope, eq, minutes};
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request};
use bailiwick::record::{AuditEntry, Body, EventKind};
use bailiwick::tool::{Outcome, Situation};
use bailiwick_integration_tests::support::audit;
use bailiwick_integration_tests::support::trees::{build, docs, lead, lead_scope, read, tool};
use serde_json::json;
use tokio::sync::Barrier;

#[tokio::test]
async fn a_child_reads_what_it_was_given_and_nothing_else() {
    let script = [
        call("fs_read", json!({"path": "/srv/docs/a.md"})),
        call("fs_read", json!({"path": "/srv/secret"})),
        say("done"),
    ];
    let (orchestrator, lead) = lead(|builder| builder.model(ScriptedModel::new(script))).await;
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    let held = child.held();
    let report = child.run("read").await.unwrap();
    assert_eq!(report.text(), "done");
    let denial = &report.denials()[0];
    assert_eq!(
        (denial.kind(), denial.hop()),
        (Kind::Argument, Some(1)),
        "{denial}"
    );
    // Its task has ended, and so has its token; its parent's has not.
    let situation = Situation {
        agent: "elsewhere".to_owned(),
        ..Situation::default()
    };
    let arguments = r#"{"path":"/srv/docs/a.md"}"#;
    let late = orchestrator
        .gate()
        .call(&held, "fs_read", arguments, &situation)
        .await;
    assert!(
        matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::Revoked),
        "{late:?}"
    );
    let alive = lead.call("fs_read", &json!({"path": "/srv/secret"})).await;
    assert!(matches!(alive, Outcome::Value { .. }), "{alive:?}");
    let kinds: Vec<_> = audit(&orchestrator)
        .await
        .into_iter()
        .map(|entry| entry.body)
        .collect();
    assert!(matches!(&kinds[0], Body::Hop { agent, parent: None, .. } if agent == "lead"));
    assert!(kinds.iter().any(
        |body| matches!(body, Body::Hop { agent, parent: Some(_), .. } if agent == "lead/reader")
    ));
    assert!(kinds.iter().any(|body| matches!(
        body,
        Body::Attempt {
            refusal: Some(Kind::Argument),
            hop: Some(1),
            ..
        }
    )));
    assert!(
        kinds
            .iter()
            .any(|body| matches!(body, Body::Ended { how, .. } if how == "answer"))
    );
}

#[tokio::test]
async fn a_role_that_is_none_is_refused() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    for role in ["", "Lead", "a/b", "x\ny", &"a".repeat(33)] {
        assert!(
            matches!(
                lead.spawn(role).scope(docs()).await,
                Err(SpawnError::Role { role: named }) if named == role
            ),
            "{role:?}"
        );
        assert!(orchestrator.agent(role, lead_scope()).await.is_err());
    }
}

#[tokio::test]
async fn a_model_spawns_only_what_its_grants_allow() {
    let scope =
        json!({"grants": [{"tool": "fs.read", "args": {"path": {"path_under": "/srv/docs"}}}]});
    let wide = json!({"grants": [{"tool": "fs.read", "args": {"path": {"path_under": "/"}}}]});
    let script = [
        call(
            "agent_spawn",
            json!({"role": "reader", "task": "read", "scope": scope}),
        ),
        call(
            "agent_spawn",
            json!({"role": "reader", "task": "read", "scope": wide}),
        ),
        call(
            "agent_spawn",
            json!({"role": "admin", "task": "read", "scope": scope}),
        ),
        call(
            "agent_spawn",
            json!({"role": "reader", "task": "read", "scope": scope, "token": "mine"}),
        ),
        say("done"),
    ];
    let child = [
        call("fs_read", json!({"path": "/srv/docs/a.md"})),
        say("read it"),
    ];
    let (_, lead) = lead(|builder| {
        builder
            .model(ScriptedModel::new(script))
            .model_for("reader", ScriptedModel::new(child))
    })
    .await;
    let report = lead.run("lead").await.unwrap();
    let kinds: Vec<_> = report
        .denials()
        .iter()
        .map(|denial| denial.kind())
        .collect();
    assert_eq!(kinds, [Kind::Widens, Kind::Argument, Kind::Argument]);
    // What the helper read came with its taint.
    assert!(report.finished().exposure.taint.contains("file"));
}

#[tokio::test]
async fn a_childs_typed_result_and_taint_reach_its_parent() {
    let script = [
        call("fs_read", json!({"path": "/srv/docs/a.md"})),
        say(r#"{"pages": 3}"#),
    ];
    let (_, lead) = lead(|builder| builder.model(ScriptedModel::new(script))).await;
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    let report = child.run("count").await.unwrap();
    let pages: BTreeMap<String, u32> = report.output().unwrap();
    assert_eq!(pages["pages"], 3);
    assert!(
        report
            .output::<Vec<String>>()
            .unwrap_err()
            .to_string()
            .contains("lead/reader")
    );
    // A sibling that tolerates no taint cannot act on what its parent now knows.
    let clean = lead
        .spawn("writer")
        .scope(docs().taint(Vec::<String>::new()))
        .await
        .unwrap();
    let outcome = clean
        .call("fs_read", &json!({"path": "/srv/docs/a.md"}))
        .await;
    assert!(
        matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Taint),
        "{outcome:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_one_turn_and_children_run_at_once() {
    // Two calls that each wait for the other: one after the other they would never end.
    let barrier = Arc::new(Barrier::new(2));
    let meet = tool("wait", move || {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok(json!("met"))
        }
    });
    let model = ScriptedModel::from_fn(|request: &Request| {
        let met = request
            .messages
            .iter()
            .filter(|message| matches!(message, Message::Tool { .. }))
            .count();
        if met == 0 {
            calls([call("wait", json!({})), call("wait", json!({}))])
        } else {
            say("done")
        }
    });
    let (_, lead) = lead(|builder| builder.tool(meet).model(model)).await;
    let wait = Scope::new().grant(Grant::new("wait"));
    let one = lead.spawn("reader").scope(wait.clone()).await.unwrap();
    let report = tokio::time::timeout(Duration::from_secs(20), one.run("meet"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(report.text(), "done");
    let single = |_: &Request| call("wait", json!({}));
    let once = || {
        let asked = AtomicUsize::new(0);
        ScriptedModel::from_fn(move |request: &Request| {
            match asked.fetch_add(1, Ordering::SeqCst) {
                0 => single(request),
                _ => say("done"),
            }
        })
    };
    let left = lead
        .spawn("reader")
        .scope(wait.clone())
        .model(once())
        .await
        .unwrap();
    let right = lead
        .spawn("writer")
        .scope(wait)
        .model(once())
        .await
        .unwrap();
    let both = async { tokio::join!(left.run("meet"), right.run("meet")) };
    let (left, right) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .unwrap();
    assert_eq!(
        (left.unwrap().agent(), right.unwrap().agent()),
        ("lead/reader.2", "lead/writer")
    );
}

#[tokio::test]
async fn a_run_that_goes_on_and_on_ends_at_its_turn_limit() {
    let model =
        ScriptedModel::from_fn(|_: &Request| call("fs_read", json!({"path": "/srv/docs/a.md"})));
    let (_, lead) = lead(|builder| builder.model(model)).await;
    let child = lead
        .spawn("reader")
        .scope(docs())
        .limits(Limits {
            max_turns: 4,
            ..Limits::default()
        })
        .await
        .unwrap();
    let failed = child.run("loop").await.unwrap_err();
    let finished = failed.report().finished();
    assert_eq!((finished.ended, finished.turns), (Ended::TurnLimit, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_parent_stops_its_subtree() {
    let started = Arc::new(tokio::sync::Notify::new());
    let begun = started.clone();
    let forever = tool("wait", move || {
        begun.notify_one();
        std::future::pending()
    });
    let model = ScriptedModel::from_fn(|_: &Request| call("wait", json!({})));
    let (orchestrator, lead) = lead(|builder| builder.tool(forever).model(model)).await;
    let mut events = orchestrator.events().watch();
    let child = lead
        .spawn("reader")
        .scope(Scope::new().grant(Grant::new("wait")))
        .await
        .unwrap();
    let running = tokio::spawn(child.run("wait"));
    started.notified().await;
    lead.handle().cancel();
    let failed = running.await.unwrap().unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Cancelled);
    let mut ended = false;
    while let Ok(event) = events.try_recv() {
        ended |= event.agent == "lead/reader" && matches!(event.kind, EventKind::Ended { .. });
    }
    assert!(ended, "the child's last event is missing");
}

#[tokio::test]
async fn dropping_a_run_revokes_its_agent() {
    let forever = tool("wait", std::future::pending);
    let model = ScriptedModel::from_fn(|_: &Request| call("wait", json!({})));
    let (orchestrator, lead) = lead(|builder| builder.tool(forever).model(model)).await;
    let child = lead.spawn("reader").scope(Scope::inherit()).await.unwrap();
    let held = child.held();
    assert!(
        tokio::time::timeout(Duration::from_millis(50), child.run("wait"))
            .await
            .is_err()
    );
    let situation = Situation::default();
    let late = orchestrator
        .gate()
        .call(&held, "fs_read", r#"{"path":"/srv/a"}"#, &situation)
        .await;
    assert!(
        matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::Revoked),
        "{late:?}"
    );
}

#[tokio::test]
async fn a_panicking_tool_is_a_failed_call() {
    let panics = tool("panic", || async { panic!("hunter2 is the password") });
    let model = ScriptedModel::from_fn(|request: &Request| match request.messages.last() {
        Some(Message::Tool {
            outcome: text,
            is_error,
            ..
        }) => {
            assert!(*is_error && !text.contains("hunter2"), "{text}");
            say("it failed")
        }
        _ => call("panic", json!({})),
    });
    let (orchestrator, lead) = lead(|builder| builder.tool(panics).model(model)).await;
    assert_eq!(lead.run("try").await.unwrap().text(), "it failed");
    let failed = |entry: &AuditEntry| matches!(&entry.body, Body::Outcome { error: Some(text), .. } if text.contains("panicked"));
    assert!(audit(&orchestrator).await.iter().any(failed));
}

#[tokio::test]
async fn a_panicking_model_ends_the_task() {
    let model = ScriptedModel::from_fn(|_: &Request| -> bailiwick::model::scripted::Turn {
        panic!("a bug")
    });
    let (orchestrator, lead) = lead(|builder| builder.model(model)).await;
    let held = lead.held();
    assert!(tokio::spawn(lead.run("try")).await.unwrap_err().is_panic());
    let late = orchestrator
        .gate()
        .call(&held, "fs_read", "{}", &Situation::default())
        .await;
    assert!(matches!(&late, Outcome::Denied(_)), "{late:?}");
    assert!(orchestrator.guard().revocations().len() >= 2);
}

#[tokio::test]
async fn unknown_and_denied_tools_are_told_apart_and_only_possible_ones_are_shown() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let shown = seen.clone();
    let model = ScriptedModel::from_fn(move |request: &Request| {
        *shown.lock().unwrap() = request.tools.iter().map(|tool| tool.name.clone()).collect();
        match request
            .messages
            .iter()
            .filter(|message| matches!(message, Message::Tool { .. }))
            .count()
        {
            0 => call("rm_rf", json!({})),
            1 => call("wait", json!({})),
            _ => say("done"),
        }
    });
    let (_, lead) = lead(|builder| {
        builder
            .tool(tool("wait", || async { Ok(json!(1)) }))
            .model(model)
    })
    .await;
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    let report = child.run("try").await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["fs_read"]);
    assert_eq!(report.denials().len(), 1);
    assert_eq!(report.denials()[0].kind(), Kind::Tool);
}

#[tokio::test]
async fn arguments_are_exact_in_the_scope_and_in_the_call() {
    let orchestrator = build(&Authority::generate(), |builder| builder);
    let scope = Scope::new().grant(Grant::new("fs.read").arg("path", eq("/srv/a")));
    let agent = orchestrator.agent("lead", scope).await.unwrap();
    for (arguments, allowed) in [
        (json!({"path": "/srv/a"}), true),
        (json!({"path": "/srv/a", "extra": null}), true),
        (json!({"path": "/srv/a", "extra": 1}), false),
        (json!({"path": ["/srv/a"]}), false),
        (json!({"Path": "/srv/a"}), false),
        (json!({}), false),
    ] {
        let outcome = agent.call("fs_read", &arguments).await;
        assert_eq!(
            matches!(outcome, Outcome::Value { .. }),
            allowed,
            "{arguments}: {outcome:?}"
        );
    }
}

#[test]
fn runs_and_spawns_can_move_between_threads() {
    fn send<T: Send>(_: T) {}
    fn sync<T: Send + Sync>() {}
    sync::<Orchestrator>();
    sync::<Agent>();
    let check = |agent: Agent| send(agent.run("task"));
    let spawn = |agent: &Agent| send(agent.spawn("reader").into_future());
    let _ = (check, spawn);
}

#[tokio::test]
async fn events_name_capabilities_and_denials_say_what_an_argument_is_not() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    let mut events = orchestrator.events().watch();
    // By the name that a model is shown, which a token cannot name.
    lead.call("fs_read", &json!({"path": "/srv/docs/a.md"}))
        .await;
    lead.call("fs_read", &json!({"path": "/etc/passwd"})).await;
    let called = events.try_recv().unwrap().kind;
    assert!(
        matches!(&called, EventKind::Called { capability, .. } if capability == "fs.read"),
        "{called:?}"
    );
    let denied = events.try_recv().unwrap().kind;
    let EventKind::Denied {
        capability, detail, ..
    } = denied
    else {
        panic!("{denied:?}")
    };
    assert_eq!(
        (capability.as_str(), detail.as_str()),
        ("fs.read", "argument `path` is not under /srv")
    );
}

#[tokio::test]
async fn no_agent_begins_whose_calls_would_all_be_refused_for_its_long_life() {
    let authority = Authority::generate();
    let builder = || Orchestrator::builder(&authority).tool(read());
    let days = |days: u64| docs().expires_in(minutes(days * 24 * 60));
    let usual = builder().build().unwrap();
    let Err(error @ SpawnError::TooLong { .. }) = usual.agent("lead", days(2)).await else {
        panic!()
    };
    let why = error.to_string();
    assert!(
        why.contains("86400 s") && why.contains("max_lifetime"),
        "{why}"
    );
    let path = json!({ "path": "/srv/docs/a" });
    let longer = builder().max_lifetime(days_of(7)).build().unwrap();
    for agent in [
        usual.agent("lead", days(1)).await,
        longer.agent("lead", days(7)).await,
    ] {
        let outcome = agent.unwrap().call("fs.read", &path).await;
        assert!(matches!(outcome, Outcome::Value { .. }), "{outcome:?}");
    }
}

const fn days_of(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}
