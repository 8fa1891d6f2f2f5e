//! `runs`, `resume` and `prune`, on a store that a library wrote.

#![expect(clippy::unwrap_used, reason = "a test's own plumbing")]

mod bin;

use std::sync::Arc;

use bailiwick::agent::{Agent, Orchestrator, SealKey};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::store::{LogName, SqliteStore, Store};
use bailiwick::tool::{Declaration, Outcome, RuntimeTool};
use bin::{Ran, bailiwick};
use serde_json::json;
use tempfile::TempDir;

/// A store with a run whose model failed, which can go on, and one that is over; the first's id.
fn store() -> (TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agents.store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let run = runtime.block_on(async {
        let authority = Authority::generate();
        // A script without turns is a model that fails.
        let orchestrator = Orchestrator::builder(&authority)
            .store(Arc::new(SqliteStore::open(&file).unwrap()))
            .seal_keys(SealKey::generate())
            .model(ScriptedModel::new([]))
            .build()
            .unwrap();
        let scope = || Scope::new().expires_in(minutes(5));
        let lead = orchestrator.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap().to_string();
        lead.run("a task\u{1b}[2J").await.unwrap_err();
        let other = orchestrator.agent("other", scope()).await.unwrap();
        other.handle().cancel();
        other.run("nothing").await.unwrap_err();
        run
    });
    (directory, file.to_str().unwrap().to_owned(), run)
}

fn run(arguments: &[&str]) -> Ran {
    bailiwick(arguments, "")
}

#[test]
fn runs_are_listed_and_one_is_shown_with_its_agents() {
    let (_directory, file, id) = store();
    let all = run(&["runs", "--store", &file]);
    assert_eq!((all.code, all.out.lines().count()), (0, 2), "{}", all.err);
    assert!(all.out.contains(&format!("{id}  ")), "{}", all.out);
    assert!(all.out.contains("lead  can go on") && all.out.contains("other  cancelled"));
    let one = run(&["runs", "--store", &file, &id]);
    assert!(
        one.out.starts_with("lead  turn 0, key sealed: a task"),
        "{}",
        one.out
    );
    assert!(!one.out.contains('\u{1b}'), "{:?}", one.out);
    let object = run(&["--json", "runs", "--store", &file, &id]);
    assert!(object.out.contains(r#""sealed":true"#), "{}", object.out);
}

#[cfg(unix)]
#[test]
fn resume_starts_the_program_with_the_run_and_passes_on_how_it_ended() {
    let (_directory, file, id) = store();
    let resume = |program: &[&str]| {
        let head = ["resume", "--store", &file, &id, "--"];
        run(&[&head, program].concat())
    };
    let ran = resume(&["sh", "-c", "echo $BAILIWICK_RUN $BAILIWICK_STORE"]);
    assert_eq!(
        (ran.code, ran.out.trim_end()),
        (0, &*format!("{id} {file}")),
        "{}",
        ran.err
    );
    let ran = resume(&["sh", "-c", "exit 7"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains('7'), "{}", ran.err);
    assert!(resume(&["no-such-program"]).err.contains("no-such-program"));
}

#[test]
fn a_run_that_is_not_there_and_a_store_that_is_not_are_said_to_be() {
    let (directory, file, _) = store();
    let none = uuid();
    let ran = run(&["resume", "--store", &file, &none, "--", "true"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("keeps no run"), "{}", ran.err);
    let missing = directory.path().join("missing");
    let ran = run(&["runs", "--store", missing.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(!missing.exists(), "looking makes no store");
}

fn uuid() -> String {
    bailiwick::id::RunId::fresh().to_string()
}

async fn ran(agent: Agent) {
    let called = agent.call("look", &json!({})).await;
    assert!(matches!(called, Outcome::Value { .. }), "{called:?}");
    agent.run("look").await.unwrap();
}

#[test]
fn what_ended_before_a_time_goes_and_the_rest_stays() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agents.store");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let count = || {
        runtime.block_on(async {
            let store = SqliteStore::open(&file).unwrap();
            store.head(&LogName::of(["audit"])).await.unwrap().seq
        })
    };
    let going = runtime.block_on(async {
        let clock = ManualClock::at(time("2024-01-01T00:00:00Z"));
        let look = Declaration::new("look", Effect::Read, Risk::Low);
        let orchestrator = Orchestrator::builder(&Authority::generate())
            .store(Arc::new(SqliteStore::open(&file).unwrap()))
            .clock(Arc::new(clock.clone()))
            .tool(RuntimeTool::new(
                look,
                json!({"type": "object"}),
                |_, _| async { Ok(json!("seen")) },
            ))
            .model(ScriptedModel::from_fn(|_| say("done")))
            .build()
            .unwrap();
        let scope = || {
            Scope::new()
                .grant(Grant::new("look"))
                .expires_in(minutes(90))
        };
        let going = orchestrator.agent("going", scope()).await.unwrap();
        ran(orchestrator.agent("old", scope()).await.unwrap()).await;
        clock.advance(std::time::Duration::from_secs(3600));
        ran(orchestrator.agent("new", scope()).await.unwrap()).await;
        let run = going.run_id().unwrap().to_string();
        std::mem::forget(going);
        run
    });
    let file = file.to_str().unwrap();
    let prune = |before: &str| run(&["--json", "prune", "--store", file, "--ended-before", before]);
    let runs = || run(&["runs", "--store", file]).out;
    let (all, audit) = (runs(), count());
    let nothing = prune("2024-01-01T00:00:00Z");
    assert!(
        nothing.out.contains(r#""calls":0"#) && nothing.out.contains(r#""runs":0"#),
        "{}",
        nothing.out
    );
    assert_eq!(runs(), all);
    let one = prune("2024-01-01T00:30:00Z");
    assert!(
        one.out.contains(r#""calls":1"#) && one.out.contains(r#""runs":1"#),
        "{}",
        one.out
    );
    let left = runs();
    assert!(
        !left.contains("  old  ") && left.contains("  new  "),
        "{left}"
    );
    assert!(left.contains(&going), "{left}");
    // By then all has ended but what was not recorded as ended, and the last call, which could be made
    // again by the time that the store has seen.
    let rest = prune("2024-02-01T00:00:00Z");
    assert!(
        rest.out.contains(r#""calls":0"#) && rest.out.contains(r#""runs":1"#),
        "{}",
        rest.out
    );
    assert!(runs().contains(&going));
    assert_eq!(count(), audit, "the audit stays");
    let future = prune("2999-01-01T00:00:00Z");
    assert_eq!(future.code, 2);
    assert!(
        future.out.contains("is not over") || future.err.contains("is not over"),
        "{} {}",
        future.out,
        future.err
    );
}
