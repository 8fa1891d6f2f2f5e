//! `runs`, `resume` and `prune`, on a store that a library wrote.

#![expect(clippy::unwrap_used, reason = "a test's own plumbing")]

mod bin;

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bailiwick::agent::{Agent, Orchestrator, SealKey};
use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::store::{LogName, SqliteStore, Store};
use bailiwick::tool::{Declaration, Outcome, RuntimeTool};
use bin::{Ran, bailiwick};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

/// A store with a run whose model failed, which can go on, and one that is over; the first's id.
fn store() -> (TempDir, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agents.store");
    let runtime = runtime();
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
    let ran = run(&["runs", "--store", &file, &none]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("keeps no run"), "{}", ran.err);
    let ran = run(&["resume", "--store", &file, &none, "--", "true"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("keeps no run"), "{}", ran.err);
    let missing = directory.path().join("missing");
    let ran = run(&["runs", "--store", missing.to_str().unwrap()]);
    assert_eq!(ran.code, 2);
    assert!(!missing.exists(), "looking makes no store");
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
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
    let runtime = runtime();
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

/// Starts a program that watches a run in which a reader looks at something, lets it see that, and
/// returns what the program printed until the run was over. `begun` is a text that it must have
/// printed before the reader is let go on.
fn watched(watch: impl FnOnce(&str, &str) -> Command, begun: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agents.store");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let (lead, reader) = runtime.block_on(async {
        let look = Declaration::new("look", Effect::Read, Risk::Low);
        let opens = gate.clone();
        let look = RuntimeTool::new(look, json!({"type": "object"}), move |_, _| {
            let opens = opens.clone();
            async move {
                let _open = opens.acquire().await;
                Ok(json!("seen"))
            }
        });
        let orchestrator = Orchestrator::builder(&Authority::generate())
            .store(Arc::new(SqliteStore::open(&file).unwrap()))
            .tool(look)
            .model_for("lead", ScriptedModel::from_fn(|_| say("done")))
            .model_for(
                "reader",
                ScriptedModel::new([call("look", json!({})), say("seen\u{1b}[2J")]),
            )
            .build()
            .unwrap();
        let grant = || Scope::new().grant(Grant::new("look"));
        let scope = grant().grant(Grant::spawn(["reader"]));
        let lead = orchestrator
            .agent("lead", scope.expires_in(minutes(5)))
            .await
            .unwrap();
        let reader = lead.spawn("reader").scope(grant()).await.unwrap();
        (lead, reader)
    });
    let run = lead.run_id().unwrap().to_string();
    let mut child = watch(file.to_str().unwrap(), &run)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let work = runtime.spawn(async move {
        reader.run("look at it\u{1b}[2J").await.unwrap();
        lead.run("sum up").await.unwrap();
    });
    let mut out = child.stdout.take().unwrap();
    let mut printed = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = out.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        printed.extend(buffer.iter().take(count));
        if String::from_utf8_lossy(&printed).contains(begun) {
            gate.add_permits(1);
        }
    }
    let printed = String::from_utf8(printed).unwrap();
    assert!(child.wait().unwrap().success(), "{printed}");
    runtime.block_on(work).unwrap();
    printed
}

#[test]
fn a_run_is_watched_a_line_for_each_change_until_it_is_over() {
    let watch = |file: &str, run: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.args(["runs", "--store", file, run, "--watch"]);
        command
    };
    let printed = watched(
        watch,
        "lead/reader  turn 1, no key; in flight: look: look at it",
    );
    let lines: Vec<&str> = printed.lines().collect();
    let place = |text: &str| lines.iter().position(|line| line.contains(text));
    let order = [
        place("in flight: look: look at it\\u{1b}[2J"),
        place("lead/reader  ended"),
        place("lead  ended"),
        place("the run is over: answer"),
    ];
    assert!(order.iter().all(Option::is_some), "{printed}");
    assert!(order.is_sorted(), "{printed}");
    assert_eq!(lines.last(), Some(&"the run is over: answer"));
    assert!(!printed.contains('\u{1b}'), "{printed:?}");
}

#[test]
fn for_a_program_each_change_is_an_object() {
    let watch = |file: &str, run: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bailiwick"));
        command.args(["--json", "runs", "--store", file, run, "--watch"]);
        command
    };
    let printed = watched(watch, r#""in_flight":["look"]"#);
    let objects: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ended = |path: &str| {
        let is = |object: &&Value| object["path"] == path && object["ended"] == true;
        objects.iter().filter(is).count()
    };
    assert_eq!((ended("lead/reader"), ended("lead")), (1, 1), "{printed}");
    assert_eq!(objects.last().unwrap()["ended"], "answer", "{printed}");
}

/// On a terminal of its own, which `script` (Debian: bsdutils) makes.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_the_agents_are_a_tree_that_is_drawn_over() {
    if Command::new("script").arg("--version").output().is_err() {
        let full = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!full, "`script` is missing: install bsdutils");
        println!("skipped: `script` (bsdutils) is missing");
        return;
    }
    let watch = |file: &str, run: &str| {
        let program = env!("CARGO_BIN_EXE_bailiwick");
        let line = format!("'{program}' runs --store '{file}' {run} --watch");
        let mut command = Command::new("script");
        command
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm");
        command
    };
    let printed = watched(watch, "  reader  turn 1, no key; in flight: look");
    assert!(printed.contains("\r\n  reader  turn 1"), "{printed:?}");
    // Three lines, and what comes after them in their place.
    let over = "\u{1b}[3F\u{1b}[Jagents at work: ";
    assert!(printed.contains(over), "{printed:?}");
    assert!(!printed.contains("\u{1b}[2J"), "{printed:?}");
    assert!(
        printed.ends_with("the run is over: answer\r\n"),
        "{printed:?}"
    );
}

#[test]
fn only_a_run_that_is_there_is_watched() {
    let (_directory, file, _) = store();
    let ran = run(&["runs", "--store", &file, &uuid(), "--watch"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("keeps no run"), "{}", ran.err);
    assert_eq!(run(&["runs", "--store", &file, "--watch"]).code, 2);
}

/// No process ends what is left open when a run is over, and `--watch` does not wait for it.
#[test]
fn a_run_that_is_over_is_not_watched_for_ever_though_an_agent_was_left_open() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("agents.store");
    let runtime = runtime();
    let run_id = runtime.block_on(async {
        let orchestrator = Orchestrator::builder(&Authority::generate())
            .store(Arc::new(SqliteStore::open(&file).unwrap()))
            .model(ScriptedModel::from_fn(|_| say("done")))
            .build()
            .unwrap();
        let scope = Scope::new().grant(Grant::spawn(["reader"])).max_depth(1);
        let lead = orchestrator.agent("lead", scope).await.unwrap();
        std::mem::forget(lead.spawn("reader").await.unwrap());
        let run = lead.run_id().unwrap().to_string();
        lead.run("go").await.unwrap();
        run
    });
    let file = file.to_str().unwrap();
    let watched = run(&["runs", "--store", file, &run_id, "--watch"]);
    assert_eq!(watched.code, 0);
    assert!(watched.out.starts_with("lead/reader  "), "{}", watched.out);
    assert!(
        watched.out.ends_with("the run is over: answer\n"),
        "{}",
        watched.out
    );
}
