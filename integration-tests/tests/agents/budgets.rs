//! Budgets of trees: what a turn may cost is taken from every ancestor before it, and settled after.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bailiwick::agent::{
    Agent, Ended, Limits, Orchestrator, OrchestratorBuilder, Prices, RunFailed,
};
use bailiwick::capability::{Authority, Budget, Grant, Kind, Risk, Scope};
use bailiwick::guard::{CALLS, COST, Effect, TOKENS, TURNS};
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Completion, Model, ModelError, Request, Timed, Usage};
use bailiwick::record::EventKind;
use bailiwick::tool::{Declaration, Outcome, RuntimeTool};
use proptest::prelude::*;
use serde_json::json;

fn tool(capability: &str) -> RuntimeTool {
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low);
    RuntimeTool::new(declaration, json!({"type": "object"}), |_, _| async {
        Ok(json!("ok"))
    })
}

fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("a"))
        .grant(Grant::new("b"))
        .grant(Grant::spawn(["worker"]))
        .max_depth(4)
}

async fn lead(scope: Scope, model: impl Model) -> (Orchestrator, Agent) {
    with(scope, |builder| builder.model(model)).await
}

async fn with(
    scope: Scope,
    more: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let authority = Authority::generate();
    let builder = Orchestrator::builder(&authority)
        .tool(tool("a"))
        .tool(tool("b"));
    let orchestrator = more(builder.max_agents(10_000)).build().unwrap();
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    (orchestrator, lead)
}

fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        cached: 0,
    }
}

/// A model whose answers cost all that they may, but no more than `most`, and which counts it.
fn dear(most: u64, spent: &Arc<AtomicU64>) -> ScriptedModel {
    let spent = spent.clone();
    ScriptedModel::from_fn(move |request: &Request| {
        // The conversation is about a quarter of the bytes, which is less than the guard reckons.
        let input = (serde_json::to_vec(request).unwrap().len() / 4) as u64;
        let output = u64::from(request.max_output_tokens.unwrap()).min(most.saturating_sub(input));
        spent.fetch_add(input + output, Ordering::SeqCst);
        Completion::answer("done").with_usage(usage(input, output))
    })
}

async fn left(orchestrator: &Orchestrator, agent: &Agent, kind: &str) -> u64 {
    let left = orchestrator.guard().left(&agent.held(), kind).await;
    left.unwrap().unwrap()
}

fn child(kind: &str, most: u64) -> Scope {
    Scope::new()
        .grant(Grant::new("a"))
        .budget(Budget::new(kind, most))
}

#[tokio::test]
async fn attack_21_a_tree_whose_scope_says_nothing_is_limited() {
    let model = || ScriptedModel::from_fn(|_| call("a", json!({})));
    let (orchestrator, agent) = lead(scope(), model()).await;
    let worker = agent.spawn("worker").scope(Scope::inherit()).await.unwrap();
    for kind in [(TURNS, 1_000), (CALLS, 9_999)] {
        assert_eq!(left(&orchestrator, &worker, kind.0).await, kind.1);
    }
    // What a scope says stands, and what the operator says in place of the rest.
    let said = scope().budget(Budget::new(TURNS, 5_000));
    let few = [Budget::new(TURNS, 7), Budget::new(CALLS, 3)];
    let (orchestrator, agent) =
        with(said, |builder| builder.model(model()).default_budgets(few)).await;
    assert_eq!(left(&orchestrator, &agent, TURNS).await, 5_000);
    let worker = agent.spawn("worker").scope(Scope::inherit()).await.unwrap();
    let made = |outcome: Outcome| matches!(outcome, Outcome::Value { .. });
    assert!(made(agent.call("a", &json!({})).await));
    assert!(made(worker.call("b", &json!({})).await));
    let Outcome::Denied(denial) = worker.call("a", &json!({})).await else {
        panic!("the third call and the spawn are all that there are")
    };
    assert_eq!((denial.kind(), denial.hop()), (Kind::Budget, Some(0)));
    // None where that is what it says.
    let (orchestrator, agent) = with(scope(), |builder| {
        builder.model(model()).default_budgets([])
    })
    .await;
    for kind in [TURNS, CALLS] {
        let left = orchestrator.guard().left(&agent.held(), kind).await;
        assert_eq!(left.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn attack_21_a_hundred_children_do_not_spend_more_than_their_parent_has() {
    let spent = Arc::new(AtomicU64::new(0));
    let scope = scope().budget(Budget::new(TOKENS, 10_000));
    let (orchestrator, lead) = lead(scope, dear(1_000, &spent)).await;
    let four = Arc::new(tokio::sync::Semaphore::new(4));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let child = lead
            .spawn("worker")
            .scope(child(TOKENS, 1_000))
            .await
            .unwrap();
        let four = four.clone();
        running.spawn(async move {
            let _turn = four.acquire().await.unwrap();
            child.run("spend it").await
        });
    }
    let ran: Vec<Result<_, RunFailed>> = running.join_all().await;
    let spent = spent.load(Ordering::SeqCst);
    assert!(spent <= 10_000, "{spent}");
    assert_eq!(left(&orchestrator, &lead, TOKENS).await, 10_000 - spent);
    let answered = ran.iter().filter(|ran| ran.is_ok()).count();
    assert!((10..100).contains(&answered), "{answered}");
    for failed in ran.into_iter().filter_map(Result::err) {
        assert_eq!(failed.report().finished().ended, Ended::Budget, "{failed}");
    }
}

#[tokio::test]
async fn a_model_is_told_to_write_no_more_than_is_left() {
    let seen = Arc::new(AtomicU64::new(0));
    let model = {
        let seen = seen.clone();
        ScriptedModel::from_fn(move |request: &Request| {
            let most = request.max_output_tokens.map_or(u64::MAX, u64::from);
            seen.store(most, Ordering::SeqCst);
            Completion::answer("done").with_usage(usage(10, 10))
        })
    };
    let limits = Limits {
        max_output_tokens: Some(300),
        ..Limits::default()
    };
    let (_, lead) = with(scope().budget(Budget::new(TOKENS, 100_000)), |builder| {
        builder.model(model.clone()).limits(limits)
    })
    .await;
    lead.run("go").await.unwrap();
    assert_eq!(
        seen.load(Ordering::SeqCst),
        300,
        "the limit is lower than what is left"
    );
    let (_, lead) = with(scope().budget(Budget::new(TOKENS, 500)), |builder| {
        builder.model(model.clone()).limits(limits)
    })
    .await;
    lead.run("go").await.unwrap();
    let most = seen.load(Ordering::SeqCst);
    assert!((1..300).contains(&most), "{most}");
    let (_, lead) = self::lead(scope(), model).await;
    lead.run("go").await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), u64::MAX, "no budget, no cap");
}

#[tokio::test]
async fn a_turn_is_paused_before_it_is_asked_and_an_event_says_why() {
    let script = ScriptedModel::new([call("a", json!({})), say("never")]);
    let (orchestrator, lead) = lead(scope().budget(Budget::new("turns", 1)), script).await;
    let mut events = orchestrator.events().watch();
    let failed = lead.run("go").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Budget);
    assert_eq!(failed.report().finished().turns, 1);
    let mut why = None;
    while let Ok(event) = events.try_recv() {
        if let EventKind::Paused { why: text } = event.kind {
            why = Some(text);
        }
    }
    assert!(
        why.unwrap()
            .contains("the budget of `turns` has too little left")
    );
}

#[tokio::test]
async fn what_a_turn_cost_beyond_what_was_taken_is_charged_and_ends_the_spending() {
    let model = ScriptedModel::from_fn(|_: &Request| {
        Completion::calling([bailiwick::model::ToolCall::new("", "a", "{}")])
            .with_usage(usage(5_000, 1))
    });
    let (orchestrator, lead) = lead(scope().budget(Budget::new(TOKENS, 1_000)), model).await;
    let held = lead.held();
    let failed = lead.run("go").await.unwrap_err();
    assert_eq!(failed.report().finished().turns, 1);
    let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
    assert_eq!(left, Some(0));
}

/// Never answers, or fails at once.
struct Stuck(bool);

#[async_trait::async_trait]
impl Model for Stuck {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        if self.0 {
            std::future::pending().await
        } else {
            Err(ModelError::transient("the provider is away"))
        }
    }

    fn name(&self) -> &str {
        "stuck"
    }
}

#[tokio::test]
async fn what_nobody_waited_for_stays_taken_and_a_failure_costs_nothing() {
    let budget = || scope().budget(Budget::new(TOKENS, 10_000));
    let (orchestrator, lead) = lead(budget(), Stuck(true)).await;
    let (held, handle) = (lead.held(), lead.handle());
    let running = tokio::spawn(lead.run("go"));
    while orchestrator.guard().left(&held, TOKENS).await.unwrap() == Some(10_000) {
        tokio::task::yield_now().await;
    }
    handle.cancel();
    running.await.unwrap().unwrap_err();
    let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
    assert!(left.unwrap() < 10_000 - 4_096, "{left:?}");

    let (orchestrator, lead) = self::lead(budget(), Stuck(false)).await;
    let held = lead.held();
    lead.run("go").await.unwrap_err();
    let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
    assert_eq!(left, Some(10_000));
}

#[tokio::test]
async fn what_a_turn_that_ran_out_of_time_cost_is_not_known_and_stays_taken() {
    let budget = || scope().budget(Budget::new(TOKENS, 10_000));
    let timed = Timed::new(Stuck(true), Duration::from_millis(1));
    let (orchestrator, lead) = self::lead(budget(), timed).await;
    let mut events = orchestrator.events().watch();
    let held = lead.held();
    let failed = lead.run("go").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::ModelFailed);
    let told = std::iter::from_fn(|| events.try_recv().ok())
        .filter(|event| matches!(event.kind, EventKind::Unmeasured { turn: 1 }));
    assert_eq!(told.count(), 1);
    let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
    assert!(left.unwrap() < 10_000 - 4_096, "{left:?}");
}

#[tokio::test]
async fn attack_21_what_a_provider_does_not_say_stays_taken_and_an_event_says_so() {
    let script = [
        call("a", json!({})).costing(usage(100, 10)),
        call("b", json!({})).costing_unknown(),
        say("done").costing(usage(100, 10)),
    ];
    let scope = scope().budget(Budget::new(TOKENS, 100_000));
    let (orchestrator, lead) = lead(scope, ScriptedModel::new(script)).await;
    let mut events = orchestrator.events().watch();
    let held = lead.held();
    let report = lead.run("go").await.unwrap();
    let finished = report.finished();
    assert_eq!((finished.usage.total(), finished.unmeasured), (220, 1));
    // The turn may have cost all that it was let write, and the conversation.
    let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
    let taken = 100_000 - 220 - left.unwrap();
    assert!((4_096..5_000).contains(&taken), "{taken}");
    let mut unmeasured = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::Unmeasured { turn } = event.kind {
            unmeasured.push(turn);
        }
    }
    assert_eq!(unmeasured, [2]);
}

#[tokio::test]
async fn attack_21_a_run_whose_provider_never_says_what_it_costs_fills_its_budget() {
    let model = ScriptedModel::from_fn(|request: &Request| {
        let n = request.messages.len();
        call("a", json!({}))
            .costing_unknown()
            .saying(format!("{n}"))
    });
    let scope = scope().budget(Budget::new(TOKENS, 20_000));
    let (_, lead) = lead(scope, model).await;
    let failed = lead.run("go").await.unwrap_err();
    let finished = failed.report().finished();
    assert_eq!(finished.ended, Ended::Budget);
    assert!(finished.turns <= 5, "{}", finished.turns);
    assert_eq!(finished.unmeasured, finished.turns);
}

#[tokio::test]
async fn attack_21_a_turn_that_costs_more_than_can_be_counted_leaves_nothing() {
    for most in [100_000, i64::MAX.unsigned_abs()] {
        let script = [
            call("a", json!({})).costing(usage(100, 10)),
            call("b", json!({})).costing(usage(u64::MAX, u64::MAX)),
            say("never asked"),
        ];
        let scope = scope().budget(Budget::new(TOKENS, most));
        let (orchestrator, lead) = lead(scope, ScriptedModel::new(script)).await;
        let held = lead.held();
        let failed = lead.run("go").await.unwrap_err();
        let finished = failed.report().finished();
        assert_eq!((finished.ended, finished.turns), (Ended::Budget, 2));
        assert_eq!(finished.usage.total(), u64::MAX);
        let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
        assert_eq!(left, Some(0));
    }
}

#[tokio::test]
async fn amounts_of_one_kind_are_added_up_and_do_not_overflow() {
    let scope = scope().budget(Budget::new(TOKENS, 100));
    let (orchestrator, lead) = lead(scope, ScriptedModel::new([])).await;
    let (guard, held) = (orchestrator.guard(), lead.held());
    for amounts in [
        [(TOKENS, u64::MAX), (TOKENS, 1)],
        [(TOKENS, u64::MAX), (TOKENS, u64::MAX)],
        [(TOKENS, 60), (TOKENS, 60)],
    ] {
        let denial = guard.charge(&held, "lead", &amounts).await.unwrap_err();
        assert_eq!(denial.kind(), Kind::Budget);
        assert_eq!(left(&orchestrator, &lead, TOKENS).await, 100);
    }
    let charged = guard.charge(&held, "lead", &[(TOKENS, 30), (TOKENS, 30)]);
    let charged = charged.await.unwrap();
    assert_eq!(left(&orchestrator, &lead, TOKENS).await, 40);
    // Two turns at once that cost more than a counter can hold.
    let other = guard.charge(&held, "lead", &[(TOKENS, 10)]).await.unwrap();
    let cost = [(TOKENS, u64::MAX), (TOKENS, 1)];
    guard.settle(charged, &cost).await.unwrap();
    guard.settle(other, &cost).await.unwrap();
    assert_eq!(left(&orchestrator, &lead, TOKENS).await, 0);
}

#[tokio::test]
async fn money_is_counted_by_the_price_of_the_model_and_refused_without_one() {
    let dollars = |cents: u64| scope().budget(Budget::new(COST, cents * 10_000));
    let model = || {
        ScriptedModel::from_fn(|_: &Request| {
            Completion::answer("done").with_usage(usage(1_000, 1_000))
        })
    };
    let prices = Prices::new(3_000_000, 15_000_000);
    let name = model().name().to_owned();
    let (orchestrator, lead) = with(dollars(10), |builder| {
        builder.model(model()).prices(name, prices)
    })
    .await;
    let held = lead.held();
    lead.run("go").await.unwrap();
    // 0.3 cents for reading, 1.5 cents for writing.
    let left = orchestrator.guard().left(&held, COST).await.unwrap();
    assert_eq!(left, Some(100_000 - 18_000));

    let (orchestrator, lead) = self::lead(dollars(10), model()).await;
    let held = lead.held();
    let failed = lead.run("go").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Budget);
    assert!(failed.to_string().contains("no price"), "{failed}");
    let left = orchestrator.guard().left(&held, COST).await.unwrap();
    assert_eq!(left, Some(100_000));
}

#[tokio::test]
async fn calls_of_one_tool_and_children_are_counted_apart() {
    let script = ScriptedModel::new([
        calls([call("a", json!({})), call("b", json!({}))]),
        calls([call("a", json!({})), call("b", json!({}))]),
        say("done"),
    ]);
    let limited = scope()
        .budget(Budget::new("calls.a", 1))
        .budget(Budget::new("calls.agent.spawn", 2));
    let (_, lead) = lead(limited, script).await;
    let mut children = Vec::new();
    for _ in 0..2 {
        children.push(lead.spawn("worker").scope(child("turns", 1)).await.unwrap());
    }
    let refused = lead.spawn("worker").scope(child("turns", 1)).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("calls.agent.spawn")
    );
    // A child's calls are its parent's too.
    let outcome = children.remove(0).call("a", &json!({})).await;
    assert!(matches!(outcome, Outcome::Value { .. }), "{outcome:?}");
    let report = lead.run("go").await.unwrap();
    let denied = report.denials().iter().map(|denial| denial.capability());
    assert_eq!(denied.collect::<Vec<_>>(), ["a", "a"]);
    assert!(
        report
            .denials()
            .iter()
            .all(|denial| denial.kind() == Kind::Budget)
    );
}

/// A tree: what an agent may spend, its turn's cost, and its children.
#[derive(Clone, Debug)]
struct Tree {
    most: u64,
    /// Whether it does something while its children run.
    first: bool,
    children: Vec<Tree>,
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = (200..2_000u64, any::<bool>()).prop_map(|(most, first)| Tree {
        most,
        first,
        children: Vec::new(),
    });
    leaf.prop_recursive(3, 12, 4, |inner| {
        (
            200..4_000u64,
            any::<bool>(),
            prop::collection::vec(inner, 0..4),
        )
            .prop_map(|(most, first, children)| Tree {
                most,
                first,
                children,
            })
    })
}

/// Runs every agent of the tree at once, and tells the most that the model may have spent beneath any
/// of them beyond its budget: nothing.
fn grow(
    orchestrator: Orchestrator,
    agent: Agent,
    tree: Tree,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let mut running = tokio::task::JoinSet::new();
        for branch in tree.children {
            let own = scope().budget(Budget::new(TOKENS, branch.most));
            let child = agent.spawn("worker").scope(own).await.unwrap();
            running.spawn(grow(orchestrator.clone(), child, branch));
        }
        if tree.first {
            let _ = agent.call("a", &json!({})).await;
        }
        running.join_all().await;
        let held = agent.held();
        let _ = agent.run("spend").await;
        let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
        assert!(left.unwrap() <= tree.most);
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn attack_21_no_ancestor_is_overspent_and_nothing_leaks(tree in tree(), dearest in 1..1_500u64) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let spent = Arc::new(AtomicU64::new(0));
            let all = scope().budget(Budget::new(TOKENS, tree.most));
            let (orchestrator, lead) = lead(all, dear(dearest, &spent)).await;
            let (held, most) = (lead.held(), tree.most);
            grow(orchestrator.clone(), lead, tree).await;
            let spent = spent.load(Ordering::SeqCst);
            assert!(spent <= most, "{spent} of {most}");
            let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
            assert_eq!(left, Some(most - spent));
        });
    }
}
