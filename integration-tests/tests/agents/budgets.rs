//! Budgets of trees: what a turn may cost is taken from every ancestor before it, and settled after.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bailiwick::agent::{Ended, Limits, Prices};
use bailiwick::capability::{Budget, Kind};
use bailiwick::guard::{COST, TOKENS};
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Completion, Model, ModelError, Request, Timed};
use bailiwick::record::EventKind;
use bailiwick::tool::Outcome;
use bailiwick_integration_tests::support::budgets::{child, lead, left, scope, usage, with};
use serde_json::json;

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
