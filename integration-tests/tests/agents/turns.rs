//! What models do in a run: the order of their calls, loops, and completions that are no answer.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bailiwick::agent::{Ended, Helper, Orchestrator, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope, path_under};
use bailiwick::guard::{Effect, TOKENS, TURNS};
use bailiwick::model::scripted::{ScriptedModel, Turn, call, call_raw, calls, say};
use bailiwick::model::{Completion, Message, Request, StopReason, ToolCall};
use bailiwick::record::EventKind;
use bailiwick::store::SqliteStore;
use bailiwick::tool::{Declaration, RuntimeTool, ToolError};
use bailiwick_integration_tests::support::turns::{File, lead, read, scope};
use serde_json::{Value, json};
use tokio::sync::Barrier;

fn put(how: &str, text: &str) -> Turn {
    call(how, json!({"text": text}))
}

/// A model that keeps the last request.
fn heard(
    turns: impl IntoIterator<Item = Turn>,
) -> (ScriptedModel, Arc<Mutex<Vec<Message>>>, Arc<AtomicUsize>) {
    let mut turns = turns.into_iter().collect::<Vec<_>>().into_iter();
    let told = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::new(AtomicUsize::new(0));
    let (heard, count) = (told.clone(), asked.clone());
    let model = ScriptedModel::from_fn(move |request: &Request| {
        count.fetch_add(1, Ordering::SeqCst);
        *heard.lock().unwrap() = request.messages.clone();
        turns.next().unwrap()
    });
    (model, told, asked)
}

fn results(messages: &[Message]) -> Vec<&str> {
    let outcomes = messages.iter().filter_map(|message| match message {
        Message::Tool { outcome, .. } => Some(outcome.as_str()),
        _ => None,
    });
    outcomes.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_reads_of_one_answer_are_made_in_the_order_of_the_model() {
    for _ in 0..20 {
        let turn = calls([put("write", "1"), put("append", "2"), read()]);
        let (model, told, _) = heard([turn, say("done")]);
        let (_, lead, file) = lead(|builder| builder.model(model)).await;
        lead.run("write").await.unwrap();
        assert_eq!(results(&told.lock().unwrap()), ["1", "12", "12"]);
        assert_eq!(file.made(), ["write", "append", "read"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_an_effect_waits_for_reads_and_reads_wait_for_it() {
    let turn = calls([
        read(),
        read(),
        put("post", "x"),
        read(),
        put("remove", "x"),
        put("write", "1"),
        read(),
        // A tool that does not exist and a call that cannot be read have no effect.
        call("open_door", json!({})),
        call_raw("read", "{"),
        read(),
        call("write", json!({"other": 1})),
        read(),
    ]);
    let (model, told, _) = heard([turn, say("done")]);
    let (_, lead, file) = lead(|builder| builder.model(model)).await;
    lead.run("write").await.unwrap();
    let made = [
        "read", "read", "post", "read", "remove", "write", "read", "read", "read",
    ];
    assert_eq!(file.made(), made);
    let told = told.lock().unwrap();
    let results = results(&told);
    assert_eq!(results.len(), 12);
    assert_eq!(
        [results[0], results[3], results[6], results[11]],
        ["", "", "1", "1"]
    );
    assert!(results[7].contains("no tool `open_door`"), "{}", results[7]);
    // The reads beside each other were made at once.
    assert!(file.most_at_work.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn reads_beside_each_other_are_made_at_once() {
    let barrier = Arc::new(Barrier::new(3));
    let declaration = Declaration::new("meet", Effect::Read, Risk::Low);
    let meet = RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok(json!("met"))
        }
    });
    let turn = calls((0..3).map(|_| call("meet", json!({}))));
    let model = ScriptedModel::new([turn, say("done")]);
    let builder = Orchestrator::builder(&Authority::generate());
    let orchestrator = builder.tool(meet).model(model).build().unwrap();
    let scope = Scope::new().grant(Grant::new("meet"));
    let agent = orchestrator.agent("lead", scope).await.unwrap();
    let ran = tokio::time::timeout(Duration::from_secs(20), agent.run("meet"));
    assert_eq!(ran.await.unwrap().unwrap().text(), "done");
}

#[tokio::test]
async fn helpers_beside_each_other_work_at_once_and_after_what_was_written_before() {
    let help = |role: &str| call(role, json!({"task": "help"}));
    let turn = calls([
        put("write", "1"),
        help("left"),
        help("right"),
        put("append", "2"),
    ]);
    let (model, told, _) = heard([turn, say("done")]);
    // Each helper reads, and answers when the other has read.
    let barrier = Arc::new(Barrier::new(2));
    let declaration = Declaration::new("meet", Effect::Read, Risk::Low);
    let meet = RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            Ok(json!("met"))
        }
    });
    let helper = |role: &str| {
        let may = Scope::new()
            .grant(Grant::new("meet"))
            .grant(Grant::new("read").arg("path", path_under("/srv")));
        Helper::new(role, "Helps.").scope(may)
    };
    let helping = || {
        ScriptedModel::from_fn(
            |request: &Request| match results(&request.messages).as_slice() {
                [] => calls([call("meet", json!({})), read()]),
                [_, text] => say(*text),
                other => panic!("{other:?}"),
            },
        )
    };
    let file = Arc::new(File::default());
    let orchestrator = file
        .tools(Orchestrator::builder(&Authority::generate()))
        .tool(meet)
        .helper(helper("left"))
        .helper(helper("right"))
        .model(model)
        .model_for("left", helping())
        .model_for("right", helping())
        .build()
        .unwrap();
    let scope = scope().grant(Grant::new("meet"));
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    let ran = tokio::time::timeout(Duration::from_secs(20), lead.run("go"));
    ran.await.unwrap().unwrap();
    assert_eq!(results(&told.lock().unwrap()), ["1", "1", "1", "12"]);
}

#[tokio::test]
async fn no_call_of_an_answer_that_was_cut_short_or_filtered_is_made() {
    let write = || ToolCall::new("a", "write", r#"{"text": "1"}"#);
    for (stop, why) in [
        (StopReason::MaxTokens, "limit of tokens"),
        (StopReason::Refused, "filtered"),
    ] {
        let cut = Completion::calling([write()]).with_stop(stop);
        let whole = Completion::calling([write()]);
        let (model, told, _) = heard([cut.into(), whole.into(), say("done")]);
        let (_, lead, file) = lead(|builder| builder.model(model)).await;
        assert_eq!(lead.run("write").await.unwrap().text(), "done");
        assert_eq!(file.made(), ["write"]);
        let told = told.lock().unwrap();
        let Message::User { text } = &told[1] else {
            panic!("{told:?}")
        };
        assert!(
            text.contains(why) && text.contains("none of its 1 calls"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_call_that_is_told_twice_with_one_id_is_made_once() {
    let append = |id: &str| ToolCall::new(id, "append", r#"{"text": "1"}"#);
    let turn = Completion::calling([append("a"), append("a"), append("b")]);
    let (model, told, _) = heard([turn.into(), say("done")]);
    let (_, lead, file) = lead(|builder| builder.model(model)).await;
    lead.run("append").await.unwrap();
    assert_eq!(file.made().len(), 2);
    assert_eq!(results(&told.lock().unwrap()), ["1", "11"]);
}

#[tokio::test]
async fn a_run_whose_model_said_nothing_is_no_answer_and_goes_on_later() {
    for (stop, ended) in [
        (StopReason::End, Ended::NoAnswer),
        (StopReason::MaxTokens, Ended::CutShort),
        (StopReason::Refused, Ended::Refused),
    ] {
        let directory = tempfile::TempDir::new().unwrap();
        let authority = Authority::generate();
        let process = |model| {
            let store = SqliteStore::open(directory.path().join("store")).unwrap();
            let builder = Orchestrator::builder(&authority).store(Arc::new(store));
            let builder = builder.seal_keys(SealKey::from_bytes([7; 32]));
            builder.model(model).build().unwrap()
        };
        let silent =
            ScriptedModel::from_fn(move |_: &Request| Completion::default().with_stop(stop));
        let first = process(silent);
        let mut events = first.events().watch();
        let lead = first.agent("lead", Scope::new()).await.unwrap();
        let run = lead.run_id().unwrap();
        let failed = lead.run("answer").await.unwrap_err();
        assert_eq!(failed.report().finished().ended, ended);
        assert_eq!(failed.report().finished().turns, 3);
        let mut paused = false;
        while let Ok(event) = events.try_recv() {
            paused |= matches!(event.kind, EventKind::Paused { .. });
            assert!(!matches!(event.kind, EventKind::Ended { .. }));
        }
        assert!(paused);
        drop(first);
        let second = process(ScriptedModel::new([say("here it is")]));
        let report = second.resume(run).await.unwrap().run().await.unwrap();
        assert_eq!((report.text(), report.finished().turns), ("here it is", 4));
    }
}

#[tokio::test]
async fn ten_thousand_calls_of_one_answer_leave_sixteen_results_and_a_note() {
    let turn = calls((0..10_000).map(|n| call("read", json!({"path": format!("/srv/{n}")}))));
    let (model, told, _) = heard([turn, say("done")]);
    let (_, lead, file) = lead(|builder| builder.model(model)).await;
    lead.run("read").await.unwrap();
    assert_eq!(file.made().len(), 16);
    let told = told.lock().unwrap();
    let Message::Assistant { calls, .. } = &told[1] else {
        panic!("{told:?}")
    };
    assert_eq!((calls.len(), results(&told).len()), (16, 16));
    let last = results(&told)[15];
    assert!(
        last.contains("[9984 more calls of this answer were not made"),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_cancelled_asks_no_model() {
    let (model, _, asked) = heard(std::iter::empty());
    let (orchestrator, lead, _) = lead(|builder| builder.model(model)).await;
    let mut events = orchestrator.events().watch();
    for _ in 0..100 {
        let scope = Scope::new()
            .budget(Budget::new(TOKENS, 100_000))
            .budget(Budget::new(TURNS, 5));
        let child = lead.spawn("left").scope(scope).await.unwrap();
        let held = child.held();
        child.handle().cancel();
        let failed = child.run("go").await.unwrap_err();
        assert_eq!(failed.report().finished().ended, Ended::Cancelled);
        assert_eq!(failed.report().finished().turns, 0);
        // A turn that was not taken is not paid for.
        for (kind, most) in [(TOKENS, 100_000), (TURNS, 5)] {
            let left = orchestrator.guard().left(&held, kind).await.unwrap();
            assert_eq!(left, Some(most));
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    while let Ok(event) = events.try_recv() {
        assert!(!matches!(event.kind, EventKind::Thinking { .. }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_cancelled_by_its_own_call_makes_no_other_and_asks_no_model() {
    for _ in 0..50 {
        let (cancel, run) = tokio::sync::oneshot::channel::<bailiwick::agent::AgentHandle>();
        let run = Arc::new(Mutex::new(Some(run)));
        let declaration = Declaration::new("stop", Effect::Write, Risk::Low);
        let stop = RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| {
            let run = run.lock().unwrap().take();
            async move {
                let run = run.ok_or_else(|| ToolError::new("stopped twice"))?;
                run.await.unwrap().cancel();
                Ok(Value::Null)
            }
        });
        let turn = calls([call("stop", json!({})), put("write", "1"), read()]);
        let (model, _, asked) = heard([turn]);
        let file = Arc::new(File::default());
        let builder = file.tools(Orchestrator::builder(&Authority::generate()));
        let orchestrator = builder.tool(stop).model(model).build().unwrap();
        let scope = scope().grant(Grant::new("stop"));
        let lead = orchestrator.agent("lead", scope).await.unwrap();
        assert!(cancel.send(lead.handle()).is_ok());
        let failed = lead.run("stop").await.unwrap_err();
        assert_eq!(failed.report().finished().ended, Ended::Cancelled);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert!(file.made().is_empty());
    }
}
