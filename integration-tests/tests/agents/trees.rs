//! Trees of agents: spawning narrows, tasks end, and what a model does wrong stays its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the functions that tests share are test code too"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bailiwick::agent::{Agent, Ended, Limits, Orchestrator, OrchestratorBuilder, SpawnError};
use bailiwick::capability::{
    Authority, Budget, Grant, KeyRing, Kind, Risk, Scope, eq, minutes, path_under, seconds,
};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, call, call_raw, calls, say};
use bailiwick::model::{Message, Request};
use bailiwick::record::{Body, Entry, EventKind};
use bailiwick::tool::{Declaration, Outcome, RuntimeTool, Situation, ToolError};
use bailiwick_integration_tests::support::audit;
use serde_json::{Value, json};
use tokio::sync::Barrier;

fn lead_scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::new("wait"))
        .grant(Grant::new("panic"))
        .grant(Grant::spawn(["reader", "writer"]))
        .expires_in(minutes(10))
        .max_depth(2)
}

fn docs() -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
}

fn read() -> RuntimeTool {
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low).taints(["file"]);
    RuntimeTool::new(
        declaration,
        json!({"type": "object"}),
        |args, _| async move {
            Ok(json!(format!(
                "contents of {}",
                args["path"].as_str().unwrap_or_default()
            )))
        },
    )
}

fn tool<F, R>(capability: &str, body: F) -> RuntimeTool
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future<Output = Result<Value, ToolError>> + Send + 'static,
{
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
    RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| body())
}

fn build(
    authority: &Authority,
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> Orchestrator {
    with(Orchestrator::builder(authority).tool(read()))
        .build()
        .unwrap()
}

async fn lead(
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let orchestrator = build(&Authority::generate(), with);
    let agent = orchestrator.agent("lead", lead_scope()).await.unwrap();
    (orchestrator, agent)
}

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
        .call(&held, "fs_read", arguments, &situation, &Default::default())
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
async fn attack_02_a_wider_child_is_refused_with_each_way_named() {
    let (_, lead) = lead(|builder| builder).await;
    let wide = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/")))
        .grant(Grant::new("mail.send"))
        .expires_in(minutes(60))
        .max_depth(9);
    let Err(SpawnError::Widens(widens)) = lead.spawn("reader").scope(wide).await else {
        panic!("wider and allowed")
    };
    let places: Vec<_> = widens
        .excesses()
        .iter()
        .map(|way| way.place().to_owned())
        .collect();
    for place in ["grants[0]", "grants[1]", "expires", "max_depth"] {
        assert!(
            places.iter().any(|found| found.contains(place)),
            "{place} is not among {places:?}"
        );
    }
}

#[tokio::test]
async fn attack_05_who_may_not_spawn_cannot() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    // A role that the grant does not name.
    let Err(SpawnError::Denied(denial)) = lead.spawn("admin").scope(docs()).await else {
        panic!()
    };
    assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(0)));
    // A child without `agent.spawn`: refused by the guard, and by the token at the first hop more.
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    let Err(SpawnError::Denied(denial)) = child.spawn("reader").scope(docs()).await else {
        panic!()
    };
    assert_eq!((denial.kind(), denial.hop()), (Kind::Tool, Some(1)));
    let thief = bailiwick::capability::AgentKey::generate();
    let now = orchestrator.guard().now().unwrap();
    let scope = docs().expires_in(minutes(1));
    assert!(
        child
            .held()
            .delegate("reader", &scope, thief.public(), now)
            .is_err()
    );
    let raw = child
        .held()
        .danger_append("reader", &scope, thief.public(), now)
        .unwrap();
    let raw = orchestrator
        .guard()
        .ring()
        .chain(&raw.to_bytes())
        .unwrap()
        .held_by(thief)
        .unwrap();
    let arguments = r#"{"path":"/srv/docs/a.md"}"#;
    let outcome = orchestrator
        .gate()
        .call(
            &raw,
            "fs.read",
            arguments,
            &Situation::default(),
            &Default::default(),
        )
        .await;
    let Outcome::Denied(denial) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((denial.kind(), denial.hop()), (Kind::Depth, Some(1)));
    // Past the depth limit, from an agent that may spawn.
    let deep = lead.spawn("writer").scope(Scope::inherit()).await.unwrap();
    let deeper = deep.spawn("writer").scope(Scope::inherit()).await.unwrap();
    let Err(error) = deeper.spawn("writer").scope(Scope::inherit()).await else {
        panic!()
    };
    assert!(matches!(error, SpawnError::Widens(_)), "{error}");
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

#[tokio::test]
async fn attack_32_an_identical_denied_call_ends_the_run() {
    // Other spacing and order of members, the same call.
    let model = ScriptedModel::from_fn(|request: &Request| match request.messages.len() % 4 {
        0 => call_raw("fs_read", r#"{ "path" : "/etc/passwd" }"#),
        _ => call_raw("fs_read", r#"{"path":"/etc/passwd"}"#),
    });
    let (_, lead) = lead(|builder| builder.model(model)).await;
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    let failed = child.run("loop").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Repeated);
    assert_eq!(failed.report().denials().len(), 4);
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
        .call(
            &held,
            "fs_read",
            r#"{"path":"/srv/a"}"#,
            &situation,
            &Default::default(),
        )
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
    let failed = |entry: &Entry| matches!(&entry.body, Body::Outcome { error: Some(text), .. } if text.contains("panicked"));
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
        .call(
            &held,
            "fs_read",
            "{}",
            &Situation::default(),
            &Default::default(),
        )
        .await;
    assert!(matches!(&late, Outcome::Denied(_)), "{late:?}");
    assert!(orchestrator.guard().revocations().len() >= 2);
}

#[tokio::test]
async fn attack_21_a_hundred_siblings_share_their_parents_budget() {
    let authority = Authority::generate();
    let orchestrator = build(&authority, |builder| builder);
    let scope = lead_scope().budget(Budget::new("calls", 150));
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    let mut done = 0;
    let mut refused = 0;
    for _ in 0..100 {
        // Each spawn is a call, and each child makes one more.
        let Ok(child) = lead
            .spawn("reader")
            .scope(docs().budget(Budget::new("calls", 1000)))
            .await
        else {
            refused += 1;
            continue;
        };
        match child
            .call("fs_read", &json!({"path": "/srv/docs/a.md"}))
            .await
        {
            Outcome::Value { .. } => done += 1,
            Outcome::Denied(denial) => {
                assert_eq!(
                    (denial.kind(), denial.hop()),
                    (Kind::Budget, Some(0)),
                    "{denial}"
                );
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((done, refused), (75, 25));
}

#[tokio::test]
async fn attack_21_a_budget_of_zero_is_none() {
    let orchestrator = build(&Authority::generate(), |builder| {
        builder.model(ScriptedModel::new([say("hello")]))
    });
    let scope = lead_scope().budget(Budget::new("turns", 0));
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    let failed = lead.run("speak").await.unwrap_err();
    assert_eq!(
        (
            failed.report().finished().ended,
            failed.report().finished().turns
        ),
        (Ended::Budget, 0)
    );
}

#[tokio::test]
async fn attack_20_a_child_does_not_outlive_its_parent() {
    let clock = ManualClock::at("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let orchestrator = build(&Authority::generate(), |builder| {
        builder.clock(Arc::new(clock.clone()))
    });
    let lead = orchestrator.agent("lead", lead_scope()).await.unwrap();
    let child = lead.spawn("reader").scope(docs()).await.unwrap();
    assert_eq!(
        child.held().chain().expires(),
        lead.held().chain().expires()
    );
    clock.advance(Duration::from_secs(599));
    assert!(matches!(
        child.call("fs_read", &json!({"path": "/srv/docs/a"})).await,
        Outcome::Value { .. }
    ));
    clock.advance(Duration::from_secs(1));
    let late = child.call("fs_read", &json!({"path": "/srv/docs/a"})).await;
    assert!(
        matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::Expired),
        "{late:?}"
    );
}

#[tokio::test]
async fn attack_08_a_siblings_token_is_no_use_without_its_key() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    let reader = lead.spawn("reader").scope(docs()).await.unwrap();
    let writer = lead
        .spawn("writer")
        .scope(Scope::new().grant(Grant::new("wait")))
        .await
        .unwrap();
    let stolen = reader.held().chain().to_bytes();
    let ring = orchestrator.guard().ring();
    let refusal = ring
        .chain(&stolen)
        .unwrap()
        .held_by(bailiwick::capability::AgentKey::generate())
        .unwrap_err();
    assert_eq!(refusal.kind(), Kind::NotHolder);
    assert_eq!(ring.wire_call(&stolen).unwrap_err().kind(), Kind::NotHolder);
    let own = writer
        .call("fs_read", &json!({"path": "/srv/docs/a"}))
        .await;
    assert!(
        matches!(&own, Outcome::Denied(denial) if denial.kind() == Kind::Tool),
        "{own:?}"
    );
}

#[tokio::test]
async fn attack_09_a_root_rotated_out_ends_its_tokens_in_flight() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    let ring: &KeyRing = orchestrator.guard().ring();
    ring.trust(Authority::generate().root()).unwrap();
    let read = json!({"path": "/srv/a"});
    assert!(matches!(
        lead.call("fs_read", &read).await,
        Outcome::Value { .. }
    ));
    let root = lead.held().chain().root();
    assert!(ring.remove(&root));
    let late = lead.call("fs_read", &read).await;
    assert!(
        matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::UntrustedRoot),
        "{late:?}"
    );
    ring.trust(root).unwrap();
    assert!(matches!(
        lead.call("fs_read", &read).await,
        Outcome::Value { .. }
    ));
}

#[tokio::test]
async fn attack_01_a_scope_without_grants_allows_nothing() {
    let orchestrator = build(&Authority::generate(), |builder| builder);
    let nobody = orchestrator.agent("lead", Scope::new()).await.unwrap();
    let outcome = nobody.call("fs_read", &json!({"path": "/srv/a"})).await;
    assert!(
        matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Tool && denial.hop() == Some(0))
    );
    assert!(
        orchestrator.agent("lead", Scope::inherit()).await.is_err(),
        "a root has nothing to inherit"
    );
    let lead = orchestrator.agent("lead", lead_scope()).await.unwrap();
    let child = lead.spawn("reader").await.unwrap();
    let outcome = child.call("fs_read", &json!({"path": "/srv/a"})).await;
    assert!(
        matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Tool && denial.hop() == Some(1))
    );
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

/// An agent whose tool never comes back: it waits for ever, or works on without a pause.
async fn stuck(scope: Scope, spins: bool) -> (Agent, Arc<std::sync::atomic::AtomicBool>) {
    let let_go = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stop = let_go.clone();
    let declaration = Declaration::new("wait", Effect::Read, Risk::Low);
    let stuck = RuntimeTool::new(declaration, json!({ "type": "object" }), move |_, _| {
        let stop = stop.clone();
        async move {
            while spins && !stop.load(Ordering::SeqCst) {
                std::hint::spin_loop();
            }
            std::future::pending::<()>().await;
            Ok(json!("never"))
        }
    });
    let builder = Orchestrator::builder(&Authority::generate()).tool(stuck);
    let model = ScriptedModel::new([call("wait", json!({})), say("never")]);
    let orchestrator = builder.model(model).build().unwrap();
    let scope = scope.grant(Grant::new("wait"));
    (orchestrator.agent("lead", scope).await.unwrap(), let_go)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn attack_32_a_body_that_never_yields_is_let_go_of_when_its_agent_is_cancelled() {
    let (lead, let_go) = stuck(Scope::new().expires_in(minutes(10)), true).await;
    let handle = lead.handle();
    let running = tokio::spawn(lead.run("wait"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    handle.cancel();
    let failed = running.await.unwrap().unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Cancelled);
    let_go.store(true, Ordering::SeqCst);
}

#[tokio::test]
async fn attack_32_an_agent_that_waits_for_ever_ends_with_its_token() {
    let (lead, _) = stuck(Scope::new().expires_in(seconds(2)), false).await;
    let failed = lead.run("wait").await.unwrap_err();
    let finished = failed.report().finished();
    assert_eq!(finished.ended, Ended::Cancelled);
    assert!(
        finished.text.contains("the token has ended"),
        "{}",
        finished.text
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
