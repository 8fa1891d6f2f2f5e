//! A build that changed between two processes of one run: its helpers and tools were removed, renamed or
//! replaced by others. What was begun goes on as what it was, or its outcome is not known.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailiwick::agent::{Helper, Orchestrator, OrchestratorBuilder, Report, SealKey};
use bailiwick::capability::{Authority, Grant, Risk, Scope, any, minutes};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::id::{RunId, Timestamp};
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::{Batch, Op, SqliteStore, StoreError};
use bailiwick::tool::{Declaration, RuntimeTool};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

/// A store, an authority and a clock, which builds share.
struct Home {
    directory: TempDir,
    authority: Authority,
    clock: ManualClock,
    started: Arc<Notify>,
    /// What models were told of calls, by role.
    told: Arc<Mutex<Vec<String>>>,
    /// The tools that came to their end.
    ran: Arc<Mutex<Vec<String>>>,
}

fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("pay").arg("to", any()))
        .grant(Grant::new("look").arg("at", any()))
        .grant(Grant::new("payer").arg("task", any()))
        .grant(Grant::spawn(["payer", "cashier"]))
        .max_depth(2)
        .expires_in(minutes(60))
}

fn payer() -> Helper {
    let pay = Grant::new("pay").arg("to", any());
    Helper::new("payer", "Pays.").scope(Scope::new().grant(pay).expires_in(minutes(5)))
}

impl Home {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            clock: ManualClock::at(Timestamp::from_secs(1_800_000_000).unwrap()),
            started: Arc::default(),
            told: Arc::default(),
            ran: Arc::default(),
        }
    }

    /// A build without tools and helpers. Models call `first` once, and then answer with what they were
    /// told; helpers call `pay`.
    fn build(&self, first: (&'static str, Value)) -> OrchestratorBuilder {
        let model = |role: &'static str, (name, arguments): (&'static str, Value)| {
            let told = self.told.clone();
            ScriptedModel::from_fn(move |request: &Request| match request.messages.last() {
                Some(Message::Tool { outcome, .. }) => {
                    told.lock().unwrap().push(format!("{role}: {outcome}"));
                    say(format!("{role} was told: {outcome}"))
                }
                _ => call(name, arguments.clone()),
            })
        };
        let store = SqliteStore::open(self.directory.path().join("store")).unwrap();
        Orchestrator::builder(&self.authority)
            .store(Arc::new(store))
            .clock(Arc::new(self.clock.clone()))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .model_for("lead", model("lead", first))
            .model(model("payer", ("pay", json!({ "to": "bob" }))))
    }

    /// A tool that never ends.
    fn hangs(&self, name: &str, effect: Effect) -> RuntimeTool {
        let started = self.started.clone();
        let declaration = declared(name, effect);
        RuntimeTool::new(declaration, json!({ "type": "object" }), move |_, _| {
            started.notify_one();
            std::future::pending()
        })
    }

    /// One that does its work.
    fn works(&self, declaration: Declaration, parameters: Value) -> RuntimeTool {
        let (ran, name) = (self.ran.clone(), declaration.capability().to_owned());
        RuntimeTool::new(declaration, parameters, move |_, _| {
            ran.lock().unwrap().push(name.clone());
            std::future::ready(Ok(json!("done")))
        })
    }

    /// A process that is gone while a tool was at work; its run.
    async fn gone(&self, build: OrchestratorBuilder) -> RunId {
        let first = build.build().unwrap();
        let lead = first.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap();
        let running = tokio::spawn(lead.run("go"));
        self.started.notified().await;
        // Nothing of it is dropped, as nothing is where a process is killed.
        std::mem::forget((running, first));
        run
    }

    /// Goes on in another build; the unknown calls as resuming says them, and the report.
    async fn on(&self, build: OrchestratorBuilder, run: RunId) -> (Vec<String>, Report) {
        let second = build.build().unwrap();
        let resumed = second.resume(run).await.unwrap();
        let unknown = resumed.unknown();
        let unknown = unknown
            .iter()
            .map(|call| format!("{} {}", call.agent, call.capability));
        let unknown = unknown.collect();
        (unknown, resumed.run().await.unwrap())
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }
}

fn declared(name: &str, effect: Effect) -> Declaration {
    let declaration = Declaration::new(name, effect, Risk::Low);
    match effect {
        Effect::Read => declaration.idempotent(),
        _ => declaration,
    }
}

const HELP: (&str, fn() -> Value) = ("payer", || json!({ "task": "pay bob" }));

fn unknown_of(report: &Report) -> Vec<String> {
    let unknown = report.unknown().iter();
    unknown
        .map(|call| format!("{} {}", call.agent, call.capability))
        .collect()
}

/// A helper that was paying when its process went goes on in a build that `change` makes of one without
/// it, and everyone hears that the payment has an unknown outcome.
async fn a_helper_goes_on(change: impl FnOnce(&Home, OrchestratorBuilder) -> OrchestratorBuilder) {
    let home = Home::new();
    let help = || (HELP.0, HELP.1());
    let before = home.build(help()).helper(payer());
    let run = home
        .gone(before.tool(home.hangs("pay", Effect::Send)))
        .await;
    let (unknown, report) = home.on(change(&home, home.build(help())), run).await;
    assert_eq!(unknown, ["lead/payer pay"]);
    assert_eq!(unknown_of(&report), ["lead/payer pay"]);
    let told = home.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("payer: the outcome of this call is not known"),
        "{told:?}"
    );
    assert!(told[1].starts_with("lead: payer was told"), "{told:?}");
    assert!(report.text().contains("not known"), "{}", report.text());
    assert!(
        !told.iter().any(|told| told.contains("there is no tool")),
        "{told:?}"
    );
    assert!(home.ran().is_empty(), "{:?}", home.ran());
}

fn pays(home: &Home) -> RuntimeTool {
    home.works(declared("pay", Effect::Send), json!({ "type": "object" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_was_removed_goes_on_as_the_helper_it_was() {
    a_helper_goes_on(|home, build| build.tool(pays(home))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_was_renamed_goes_on_under_its_old_name() {
    let renamed = || Helper::new("cashier", "Pays.").scope(Scope::new().expires_in(minutes(5)));
    a_helper_goes_on(|home, build| build.tool(pays(home)).helper(renamed())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_with_the_name_of_a_helper_that_was_at_work_does_not_run() {
    a_helper_goes_on(|home, build| {
        let tool = home.works(declared("payer", Effect::Read), json!({ "type": "object" }));
        build.tool(pays(home)).tool(tool)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_whose_own_tool_was_removed_too_goes_on() {
    a_helper_goes_on(|_, build| build).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_cannot_go_on_leaves_its_open_calls_as_unknown() {
    let home = Home::new();
    let help = || (HELP.0, HELP.1());
    let before = home.build(help()).helper(payer());
    let run = home
        .gone(before.tool(home.hangs("pay", Effect::Send)))
        .await;
    // Its token ends in between.
    home.clock.advance(std::time::Duration::from_secs(6 * 60));
    let (unknown, report) = home.on(home.build(help()).tool(pays(&home)), run).await;
    assert_eq!(unknown, ["lead/payer pay"]);
    assert_eq!(unknown_of(&report), ["lead/payer pay"]);
    assert!(
        report.text().contains("may have had its effect"),
        "{}",
        report.text()
    );
    assert!(home.ran().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_that_ends_without_an_answer_says_what_is_not_known() {
    let home = Home::new();
    let help = || (HELP.0, HELP.1());
    let before = home.build(help()).helper(payer());
    let run = home
        .gone(before.tool(home.hangs("pay", Effect::Send)))
        .await;
    // It has no turn to give, which is a failure.
    let fails = ScriptedModel::new([]);
    let build = home
        .build(help())
        .tool(pays(&home))
        .model_for("payer", fails);
    let (_, report) = home.on(build, run).await;
    let told = home.told();
    assert!(
        told[0].contains("the outcome of its calls of `pay` is not known"),
        "{told:?}"
    );
    assert_eq!(unknown_of(&report), ["lead/payer pay"]);
}

/// What becomes of a call of the idempotent tool `look` that was in flight, in a build with these.
async fn a_tool_in_flight(
    change: impl FnOnce(&Home, OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Home, Vec<String>) {
    let home = Home::new();
    let look = || ("look", json!({ "at": "it" }));
    let run = home
        .gone(home.build(look()).tool(home.hangs("look", Effect::Read)))
        .await;
    let (unknown, report) = home.on(change(&home, home.build(look())), run).await;
    assert_eq!(unknown_of(&report), unknown);
    (home, unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tool_is_called_again() {
    let (home, unknown) = a_tool_in_flight(|home, build| {
        let same = declared("look", Effect::Read).describe("Words do not make it another one.");
        build.tool(home.works(same, json!({ "type": "object" })))
    })
    .await;
    assert!(unknown.is_empty(), "{unknown:?}");
    assert_eq!(home.ran(), ["look"]);
}

/// The replacement of the tool does not run, and the outcome is not known.
async fn is_unknown(change: impl FnOnce(&Home, OrchestratorBuilder) -> OrchestratorBuilder) {
    let (home, unknown) = a_tool_in_flight(change).await;
    assert_eq!(unknown, ["lead look"]);
    let told = home.told();
    assert!(
        told[0].starts_with("lead: the outcome of this call is not known"),
        "{told:?}"
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(home.ran().is_empty(), "{:?}", home.ran());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_was_removed_is_unknown() {
    is_unknown(|_, build| build).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_was_renamed_is_unknown() {
    is_unknown(|home, build| {
        build.tool(home.works(
            declared("look.up", Effect::Read),
            json!({ "type": "object" }),
        ))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_does_something_else_now_is_unknown() {
    for effect in [Effect::Write, Effect::Send, Effect::Delete] {
        is_unknown(|home, build| {
            let other = Declaration::new("look", effect, Risk::Low).idempotent();
            build.tool(home.works(other, json!({ "type": "object" })))
        })
        .await;
    }
    is_unknown(|home, build| {
        let not_again = Declaration::new("look", Effect::Read, Risk::Low);
        build.tool(home.works(not_again, json!({ "type": "object" })))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_takes_something_else_now_is_unknown() {
    is_unknown(|home, build| {
        let parameters = json!({ "type": "object", "properties": { "at": { "type": "string" } } });
        build.tool(home.works(declared("look", Effect::Read), parameters))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_whose_name_a_helper_has_now_is_unknown() {
    is_unknown(|home, build| {
        let helper = Helper::new("look", "Looks.").scope(Scope::new().expires_in(minutes(5)));
        build.tool(pays(home)).helper(helper)
    })
    .await;
}

/// A store that is gone before it writes the second agent of a run: the spawn was begun, and made no child.
struct NoChild {
    agents: AtomicUsize,
    started: Arc<Notify>,
}

#[async_trait]
impl Fate for NoChild {
    async fn at(&self, _: usize, moment: Moment) -> Result<(), StoreError> {
        if moment == Moment::Before && self.agents.load(Ordering::SeqCst) > 1 {
            self.started.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn writes(&self, batch: &Batch) {
        let is_agent = |op: &&Op| matches!(op, Op::Put { key, .. } if key.parts().get(2).is_some_and(|part| part == "agents"));
        let many = batch.ops().iter().filter(is_agent).count();
        self.agents.fetch_add(many, Ordering::SeqCst);
    }
}

/// What a build that `change` makes of one without helpers does with a spawn that was begun and made no
/// child.
async fn a_spawn_without_a_child(
    name: (&'static str, Value),
    change: impl FnOnce(&Home, OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Home, Report) {
    let home = Home::new();
    let store = SqliteStore::open(home.directory.path().join("store")).unwrap();
    let fate = NoChild {
        agents: AtomicUsize::new(0),
        started: home.started.clone(),
    };
    let before = home.build(name.clone()).helper(payer()).tool(pays(&home));
    let run = home
        .gone(before.store(Arc::new(Fated::new(Arc::new(store), fate))))
        .await;
    assert!(home.ran().is_empty() && home.told().is_empty());
    let (unknown, report) = home.on(change(&home, home.build(name)), run).await;
    assert!(unknown.is_empty(), "{unknown:?}");
    assert!(report.unknown().is_empty());
    (home, report)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spawn_that_made_no_child_is_made_again_by_the_same_build() {
    let help = (HELP.0, HELP.1());
    let (home, _) =
        a_spawn_without_a_child(help, |home, build| build.tool(pays(home)).helper(payer())).await;
    assert_eq!(home.ran(), ["pay"]);
    assert_eq!(home.told().len(), 2, "{:?}", home.told());

    let scope = Scope::new().grant(Grant::new("pay").arg("to", any()));
    let spawn = json!({ "role": "payer", "task": "pay bob", "scope": scope.to_json() });
    let (home, _) =
        a_spawn_without_a_child(("agent_spawn", spawn), |home, build| build.tool(pays(home))).await;
    assert_eq!(home.ran(), ["pay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spawn_that_made_no_child_of_a_helper_that_is_gone_was_not_made() {
    type Change = fn(&Home, OrchestratorBuilder) -> OrchestratorBuilder;
    let changes: [(&str, Change); 3] = [
        ("removed", |home, build| build.tool(pays(home))),
        ("renamed", |home, build| {
            let renamed =
                Helper::new("cashier", "Pays.").scope(Scope::new().expires_in(minutes(5)));
            build.tool(pays(home)).helper(renamed)
        }),
        ("a tool in its place", |home, build| {
            let tool = home.works(declared("payer", Effect::Read), json!({ "type": "object" }));
            build.tool(pays(home)).tool(tool)
        }),
    ];
    for (what, change) in changes {
        let help = (HELP.0, HELP.1());
        let (home, report) = a_spawn_without_a_child(help, change).await;
        let told = home.told();
        assert_eq!(told.len(), 1, "{what}: {told:?}");
        assert!(told[0].starts_with("lead: not made"), "{what}: {told:?}");
        assert!(report.text().contains("not made"), "{what}");
        assert!(home.ran().is_empty(), "{what}: {:?}", home.ran());
    }
}
