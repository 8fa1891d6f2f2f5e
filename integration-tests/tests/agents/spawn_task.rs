//! The task that a model writes for a helper is in the call that is checked, approved and recorded.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use async_trait::async_trait;
use bailiwick::agent::{Agent, Helper, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{
    AgentKey, Authority, Call, CallNonce, Grant, Kind, Risk, Scope, absent, any, eq, minutes,
    one_of,
};
use bailiwick::guard::{
    Answer, Context, Effect, Policy, PolicyError, Presented, Question, Verdict,
};
use bailiwick::id::Timestamp;
use bailiwick::model::Request;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::record::Body;
use bailiwick_integration_tests::support::{self, Home, secs, start};
use serde_json::{Map, Value, json};

/// A lead whose model asks for a helper with this task, once by its name and once with a scope of its own.
async fn lead(
    spawn: Grant,
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let asks = ScriptedModel::new([
        call("reader", json!({"task": "read the minutes"})),
        call(
            "agent_spawn",
            json!({"role": "reader", "task": "post the minutes", "scope": {"grants": []}}),
        ),
        say("done"),
    ]);
    let builder = Orchestrator::builder(&Authority::generate())
        .helper(Helper::new("reader", "Reads."))
        .model(ScriptedModel::from_fn(|_: &Request| say("read")))
        .model_for("lead", asks);
    let orchestrator = with(builder).build().unwrap();
    let scope = Scope::new()
        .grant(spawn)
        .max_depth(1)
        .expires_in(minutes(10));
    let lead = orchestrator.agent("lead", scope).await.unwrap();
    (orchestrator, lead)
}

/// The arguments of the spawns that were asked for, in order.
async fn spawns(orchestrator: &Orchestrator) -> Vec<Map<String, Value>> {
    let entries = support::audit(orchestrator).await;
    let arguments = entries.into_iter().filter_map(|entry| match entry.body {
        Body::Attempt {
            capability,
            arguments,
            ..
        } if capability == "agent.spawn" => arguments,
        _ => None,
    });
    arguments.collect()
}

#[tokio::test]
async fn a_spawn_by_a_model_carries_its_task_and_one_by_code_does_not() {
    let (orchestrator, lead) = lead(Grant::spawn(["reader"]), |builder| builder).await;
    let child = lead.spawn("reader").scope(Scope::new()).await.unwrap();
    child.run("what code says").await.unwrap();
    let report = lead.run("go").await.unwrap();
    assert!(report.denials().is_empty(), "{:?}", report.denials());
    let spawns = spawns(&orchestrator).await;
    let tasks: Vec<_> = spawns.iter().map(|spawn| spawn.get("task")).collect();
    let (read, post) = (json!("read the minutes"), json!("post the minutes"));
    assert_eq!(tasks, [None, Some(&read), Some(&post)]);
}

/// Refuses spawns whose task speaks of posting.
struct NoPosting;

#[async_trait]
impl Policy for NoPosting {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        let task = question
            .call()
            .arguments()
            .get("task")
            .and_then(Value::as_str);
        Ok(match task.is_some_and(|task| task.contains("post")) {
            true => Answer::deny("a helper posts nothing"),
            false => Answer::permit(),
        })
    }
}

#[tokio::test]
async fn a_policy_decides_by_the_task_that_a_model_wrote() {
    let (_, lead) = lead(Grant::spawn(["reader"]), |builder| {
        builder.policy(Arc::new(NoPosting))
    })
    .await;
    let report = lead.run("go").await.unwrap();
    let [denial] = report.denials() else {
        panic!("{:?}", report.denials())
    };
    assert_eq!(denial.kind(), Kind::Policy);
}

#[tokio::test]
async fn a_grant_says_which_tasks_a_model_may_give() {
    let spawn = Grant::spawn(["reader"]).arg("task", eq("read the minutes"));
    let (_, lead) = lead(spawn, |builder| builder).await;
    let report = lead.run("go").await.unwrap();
    let [denial] = report.denials() else {
        panic!("{:?}", report.denials())
    };
    assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(0)));
}

#[tokio::test]
async fn a_grant_that_refuses_a_task_lets_code_spawn_and_no_model() {
    let spawn = Grant::new("agent.spawn")
        .arg("role", one_of(["reader"]))
        .arg("scope", any())
        .arg("key", any())
        .arg("task", absent());
    let (_, lead) = lead(spawn, |builder| builder).await;
    let child = lead.spawn("reader").scope(Scope::new()).await.unwrap();
    assert_eq!(child.run("go").await.unwrap().text(), "read");
    let report = lead.run("go").await.unwrap();
    let kinds: Vec<_> = report
        .denials()
        .iter()
        .map(|denial| denial.kind())
        .collect();
    assert_eq!(kinds, [Kind::Argument, Kind::Argument]);
    assert!(
        report
            .denials()
            .iter()
            .all(|denial| denial.to_string().contains("task"))
    );
}

/// Asks for an approval of each spawn that has a task.
struct AsksForTasks;

#[async_trait]
impl Policy for AsksForTasks {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        Ok(match question.call().arguments().get("task") {
            Some(task) => Answer::ask(format!("may a helper be told {task}?")),
            None => Answer::permit(),
        })
    }
}

#[tokio::test]
async fn a_spawn_that_needs_an_approval_asks_for_it_with_its_task() {
    let (orchestrator, lead) = lead(Grant::spawn(["reader"]), |builder| {
        builder.policy(Arc::new(AsksForTasks))
    })
    .await;
    let child = lead.spawn("reader").scope(Scope::new()).await.unwrap();
    assert_eq!(child.run("what code says").await.unwrap().text(), "read");
    let report = lead.run("go").await.unwrap();
    let denials = report.denials().iter();
    let said: Vec<_> = denials
        .map(|denial| (denial.kind(), denial.to_string().contains("the minutes")))
        .collect();
    assert_eq!(said, [(Kind::Approval, true), (Kind::Approval, true)]);
    let spawns = spawns(&orchestrator).await;
    assert_eq!(spawns[1]["task"], "read the minutes");
    assert_eq!(spawns[2]["task"], "post the minutes");
}

#[tokio::test]
async fn an_approval_of_a_spawn_is_of_the_task_that_it_was_asked_for() {
    let (home, approver) = (Home::new(), AgentKey::generate());
    let guard = home
        .guard()
        .policy(Arc::new(AsksForTasks))
        .approvers([approver.public()])
        .build();
    let spawn = Grant::spawn(["reader"]);
    let held = home.held(
        &Scope::new()
            .grant(spawn)
            .max_depth(1)
            .expires_in(minutes(10)),
    );
    let key = AgentKey::generate().public().to_string();
    let call = |task: Option<&str>| {
        let mut arguments = json!({ "role": "reader", "scope": { "grants": [] }, "key": key });
        if let Some(task) = task {
            arguments["task"] = json!(task);
        }
        // Of the same id, so that they differ in nothing but the task.
        let nonce = CallNonce([u8::from(task.is_some()); 16]);
        let arguments = arguments.as_object().unwrap().clone();
        Call::with_nonce("agent.spawn", arguments, nonce).unwrap()
    };
    let context = || Context::new("lead", Effect::Spawn, Risk::Low, Timestamp::default());
    let ask = async |held: &_, task| match guard
        .authorize(Presented::Held(held), call(task), context())
        .await
    {
        Verdict::Permit(..) => None,
        Verdict::Denied(denial) => Some(denial.kind()),
        Verdict::Ask(pending) => Some(pending.missing.kind()),
    };
    let read = call(Some("read the minutes"));
    assert_eq!(ask(&held, None).await, None);
    assert_eq!(
        ask(&held, Some("read the minutes")).await,
        Some(Kind::Approval)
    );
    let request = held.approval_request(&read, &context().facts);
    let until = start().saturating_add(secs(60));
    let approved = held
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    for other in [
        "post the minutes",
        "read the minutes ",
        "Read the minutes",
        "",
    ] {
        assert_eq!(
            ask(&approved, Some(other)).await,
            Some(Kind::Approval),
            "{other}"
        );
    }
    assert_eq!(ask(&approved, Some("read the minutes")).await, None);
}
