//! The one road to a tool's body: what is read, decided, run and settled.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bailiwick::capability::{
    Budget, Grant, Held, Kind, MAX_ARGUMENTS, Risk, Scope, any, eq, path_under,
};
use bailiwick::guard::Effect;
use bailiwick::record::{AuditVerdict, Body};
use bailiwick::store::MemoryStore;
use bailiwick::tool;
use bailiwick::tool::{
    Arguments, CancellationToken, Declaration, Invocation, Outcome, RuntimeTool, SafePath, Tool,
    ToolError, Toolbox, ToolboxError,
};
use bailiwick_integration_tests::support::gate::{
    Around, Scene, Seen, Waiting, crash, pay, payments, scene, scene_on, toolbox,
};
use bailiwick_integration_tests::support::{Home, call, secs, situation};
use bailiwick_integration_tests::{denied, value};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[tokio::test]
async fn an_allowed_call_runs_and_is_recorded_before_and_after() {
    let Scene {
        home,
        gate,
        held,
        seen,
        ..
    } = scene();
    let value = value!(call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await);
    assert_eq!(value, "paid 5");
    assert_eq!(
        seen.all(),
        [json!({ "to": "a", "amount": 5, "note": null })]
    );
    let entries = home.entries().await;
    let [first, second] = &entries[..] else {
        panic!("{entries:?}")
    };
    let Body::Attempt {
        call: asked,
        verdict,
        arguments,
        ..
    } = &first.body
    else {
        panic!()
    };
    assert_eq!(*verdict, AuditVerdict::Allowed);
    assert_eq!(
        Value::Object(arguments.clone().unwrap()),
        json!({ "to": "a", "amount": 5 })
    );
    assert!(first.time.is_some());
    let Body::Outcome { call: ended, error } = &second.body else {
        panic!()
    };
    assert_eq!((asked, error), (ended, &None));
}

#[tokio::test]
async fn methods_are_tools_that_share_their_value() {
    let Scene { gate, held, .. } = scene();
    assert_eq!(
        value!(call(&gate, &held, "notes.add", r#"{"text":"a"}"#).await),
        1
    );
    assert_eq!(value!(call(&gate, &held, "notes_count", "{}").await), 1);
}

/// What a model was cut off before: it is not a call without arguments.
#[tokio::test]
async fn no_text_is_no_arguments_and_not_none_of_them() {
    let Scene { gate, held, .. } = scene();
    for cut in ["", " ", "\n"] {
        denied!(call(&gate, &held, "notes.count", cut).await, Kind::Argument);
    }
    assert_eq!(value!(call(&gate, &held, "notes.count", "{}").await), 0);
}

#[tokio::test]
async fn arguments_past_a_mebibyte_are_denied_and_not_read() {
    let home = Home::new();
    let seen = Seen::default();
    let toolbox = Toolbox::builder().tool(Around).state(seen.clone());
    let gate = home.gate(toolbox.build().unwrap());
    let held = home.held(&Scope::new().grant(Grant::new("around").arg("note", any())));
    for raw in [
        json!({ "note": "v".repeat(MAX_ARGUMENTS) }).to_string(),
        "[".repeat(MAX_ARGUMENTS + 1),
    ] {
        let denial = denied!(call(&gate, &held, "around", &raw).await, Kind::Argument);
        assert!(
            denial.to_string().len() < 1000,
            "{}",
            denial.to_string().len()
        );
    }
    assert!(seen.all().is_empty());
}

#[test]
fn no_data_set_is_not_the_same_as_not_known_ones() {
    /// Touches none.
    #[tool(capability = "none", effect = read, risk = low, datasets = [])]
    async fn none() -> Result<(), ToolError> {
        Ok(())
    }
    let known = Declaration::new("none", Effect::Read, Risk::Low).describe("Touches none.");
    assert_eq!(none.declaration(), known.clone().touches::<&str>([]));
    assert_ne!(none.declaration(), known);
}

#[tokio::test]
async fn a_denied_call_is_recorded_and_spends_nothing() {
    let Scene {
        home,
        gate,
        held,
        seen,
        ..
    } = scene_on(Home::new(), Scope::new().budget(Budget::new("calls", 1)));
    let denial = denied!(
        call(&gate, &held, "pay", r#"{"to":"evil","amount":5}"#).await,
        Kind::Argument
    );
    assert_eq!(
        (denial.agent(), denial.capability(), denial.hop()),
        ("lead", "pay", Some(0))
    );
    // Arguments that cannot be read are a denial like any other.
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a"}"#).await,
        Kind::Argument
    );
    let entries = home.entries().await;
    assert_eq!(entries.len(), 2);
    for entry in &entries {
        let Body::Attempt {
            verdict, refusal, ..
        } = &entry.body
        else {
            panic!("{entry:?}")
        };
        assert_eq!(
            (*verdict, *refusal),
            (AuditVerdict::Denied, Some(Kind::Argument))
        );
    }
    assert!(seen.all().is_empty());
    value!(call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await);
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await,
        Kind::Budget
    );
}

#[tokio::test]
async fn an_unknown_tool_is_not_a_denied_tool() {
    let Scene {
        home, gate, seen, ..
    } = scene();
    let held = home.held(&Scope::new().grant(Grant::new("nothing.here")));
    for unknown in ["nothing.here", "PAY", "pay ", "", "ｐay", "__pay", "pay\0"] {
        assert!(
            matches!(call(&gate, &held, unknown, "{}").await, Outcome::UnknownTool(name) if name == unknown)
        );
    }
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await,
        Kind::Tool
    );
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_model_is_shown_what_its_token_could_allow() {
    let Scene { home, gate, .. } = scene();
    let held = home.held(&Scope::new().grant(payments()));
    let shown = gate.toolbox().shown(held.chain());
    assert_eq!(shown.len(), 1);
    let spec = serde_json::to_value(&shown).unwrap();
    let text = spec.to_string();
    for part in [
        "Pay someone.",
        "Whom, by account.",
        "additionalProperties",
        r#""required":["#,
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("notes"), "{text}");
}

#[tokio::test]
async fn a_tool_that_panics_or_fails_is_a_failed_call_and_is_settled() {
    let Scene {
        home, gate, held, ..
    } = scene();
    let Outcome::Failed { error, .. } = call(&gate, &held, "crash", "{}").await else {
        panic!()
    };
    assert!(error.to_string().contains("panicked"), "{error}");
    let Outcome::Failed { error, .. } = call(&gate, &held, "fail", "{}").await else {
        panic!()
    };
    assert!(error.to_string().contains("invalid digit"), "{error}");
    let outcomes = home.outcomes().await;
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(Option::is_some), "{outcomes:?}");
    // Nothing of the gate is broken by it.
    value!(call(&gate, &held, "notes.count", "{}").await);
}

#[tokio::test]
async fn a_cancelled_call_has_failed_and_is_settled() {
    let Scene {
        home,
        gate,
        held,
        seen,
        waiting,
        ..
    } = scene();
    let (cancel, here) = (CancellationToken::new(), situation());
    let calling = gate.call(&held, "wait", "{}", &here).cancelled_by(&cancel);
    let stopping = async {
        waiting.started.notified().await;
        cancel.cancel();
    };
    let (outcome, ()) = tokio::join!(calling, stopping);
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    waiting.go.notify_one();
    // Cancelled before it began: the body never starts.
    let outcome = gate
        .call(&held, "pay", r#"{"to":"a","amount":1}"#, &situation())
        .cancelled_by(&cancel)
        .await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(home.outcomes().await.len(), 2);
    assert_eq!(waiting.done.load(Ordering::SeqCst), 0);
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_call_whose_caller_goes_away_is_still_settled() {
    let Scene {
        home,
        gate,
        held,
        waiting,
        ..
    } = scene();
    {
        let here = situation();
        let calling = gate.call(&held, "wait", "{}", &here);
        tokio::select! {
            outcome = calling => panic!("{outcome:?}"),
            () = waiting.started.notified() => {}
        }
    }
    waiting.go.notify_one();
    for _ in 0..200 {
        if !home.outcomes().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(home.outcomes().await, [None]);
    assert_eq!(waiting.done.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_agents_share_one_guard_without_sharing_authority() {
    let Scene {
        home, gate, seen, ..
    } = scene();
    let gate = Arc::new(gate);
    let grant = |to: &str| {
        Scope::new().grant(
            Grant::new("pay")
                .arg("to", eq(to.to_owned()))
                .arg("amount", any()),
        )
    };
    let agents: Vec<(&str, Arc<Held>)> = ["a", "b"]
        .map(|to| (to, Arc::new(home.held(&grant(to)))))
        .into();
    let mut tasks = tokio::task::JoinSet::new();
    for round in 0..50 {
        for (own, held) in &agents {
            let (gate, held, own) = (gate.clone(), held.clone(), own.to_string());
            tasks.spawn(async move {
                for to in ["a", "b"] {
                    let raw = json!({ "to": to, "amount": round }).to_string();
                    let outcome = call(&gate, &held, "pay", &raw).await;
                    assert_eq!(
                        matches!(outcome, Outcome::Value { .. }),
                        own == to,
                        "{outcome:?}"
                    );
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(seen.all().len(), 100);
    // Each allowed call has two entries; of each agent's 50 denials 20 have one, and the rest is counted.
    gate.guard().flush().await.unwrap();
    let (mut calls, mut counted) = (0, 0);
    for entry in home.entries().await {
        match entry.body {
            Body::Denials { count, .. } => counted += count,
            _ => calls += 1,
        }
    }
    assert_eq!((calls, counted), (200 + 2 * 20, 2 * 30));
}

#[tokio::test]
async fn futures_can_be_sent() {
    fn sent<T: Send>(it: T) -> T {
        it
    }
    let Scene { gate, held, .. } = scene();
    let here = situation();
    sent(gate.call(&held, "notes.count", "{}", &here).into_future()).await;
    let turn = gate.guard().charge(&held, "lead", &[("turns", 1)]);
    drop(sent(turn.into_future()).await);
}

#[tokio::test]
async fn what_cannot_be_recorded_does_not_run() {
    let Scene {
        home,
        gate,
        held,
        seen,
        ..
    } = scene_on(Home::on(MemoryStore::with_capacity(0)), Scope::new());
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await,
        Kind::Unavailable
    );
    assert!(seen.all().is_empty());
    assert!(home.entries().await.is_empty());
}

#[tokio::test]
async fn a_clock_that_cannot_be_read_denies_and_is_recorded() {
    let Scene {
        home,
        gate,
        held,
        seen,
        ..
    } = scene();
    home.clock.fail();
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await,
        Kind::Unavailable
    );
    assert!(seen.all().is_empty());
    let entries = home.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].time, None);
}

#[tokio::test]
async fn missing_state_and_shared_names_are_errors_of_the_build() {
    let missing = Toolbox::builder().tool(pay).build().unwrap_err();
    assert!(
        matches!(&missing, ToolboxError::MissingState { capability, .. } if capability == "pay")
    );
    let twice = Toolbox::builder().tool(crash).tool(crash).build();
    assert!(matches!(twice, Err(ToolboxError::CapabilityTaken { .. })));
    let runtime = |name: &str| {
        RuntimeTool::new(
            Declaration::new(name, Effect::Read, Risk::Low),
            json!({}),
            |_, _| async { Ok(Value::Null) },
        )
    };
    let alike = Toolbox::builder()
        .tool(runtime("a.b"))
        .tool(runtime("a_b"))
        .build();
    assert!(matches!(alike, Err(ToolboxError::NameTaken { .. })));
    for reserved in ["agent.spawn", "token.renew", "", "a\nb"] {
        let built = Toolbox::builder().tool(runtime(reserved)).build();
        assert!(
            matches!(built, Err(ToolboxError::Reserved { .. })),
            "{reserved:?}"
        );
    }
    let states = Toolbox::builder().state(1_u8).state(2_u8).build();
    assert!(matches!(states, Err(ToolboxError::StateTwice { .. })));
}

#[tokio::test]
async fn a_token_that_expires_between_two_calls_allows_one() {
    let Scene {
        home,
        gate,
        held,
        seen,
        ..
    } = scene_on(Home::new(), Scope::new().expires_in(secs(60)));
    value!(call(&gate, &held, "pay", r#"{"to":"a","amount":1}"#).await);
    home.clock.advance(secs(60));
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":1}"#).await,
        Kind::Expired
    );
    assert_eq!(seen.all().len(), 1);
}

/// A tool that names the wrong argument as its resource.
#[derive(Serialize, Deserialize)]
struct Misnamed {
    path: SafePath,
}

impl Arguments for Misnamed {
    fn schema() -> Value {
        json!({})
    }

    fn resources(&mut self) -> Vec<(&'static str, &mut dyn bailiwick::tool::Resource)> {
        vec![("file", &mut self.path)]
    }
}

struct Mistaken;

#[async_trait]
impl Tool for Mistaken {
    type Args = Misnamed;
    type Output = String;

    fn declaration(&self) -> Declaration {
        Declaration::new("fs.read", Effect::Read, Risk::Low)
    }

    async fn call(&self, args: Misnamed, _: Invocation) -> Result<String, ToolError> {
        Ok(args.path.access()?.granted().to_owned())
    }
}

#[tokio::test]
async fn a_resource_under_another_name_opens_nothing() {
    let home = Home::new();
    let gate = home.gate(Toolbox::builder().tool(Mistaken).build().unwrap());
    let held = home.held(&Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/a"))));
    let outcome = call(&gate, &held, "fs.read", r#"{"path":"/a/b"}"#).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
}

/// Panics, or waits until it is let go.
struct Slow(Option<Waiting>);

#[async_trait]
impl bailiwick::guard::Policy for Slow {
    async fn decide(
        &self,
        _: &bailiwick::guard::Question<'_>,
    ) -> Result<bailiwick::guard::Answer, bailiwick::guard::PolicyError> {
        let waiting = self.0.as_ref().unwrap();
        waiting.started.notify_one();
        waiting.go.notified().await;
        Ok(bailiwick::guard::Answer::permit())
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_before_the_verdict_starts_nothing_and_is_settled() {
    let (home, seen, waiting) = (Home::new(), Seen::default(), Waiting::default());
    let guard = home.guard().policy(Arc::new(Slow(Some(waiting.clone()))));
    let gate = home.gate_of(guard, toolbox(&seen, &waiting));
    let held = home.held(&Scope::new().grant(payments()));
    tokio::select! {
        outcome = call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#) => panic!("{outcome:?}"),
        () = waiting.started.notified() => {}
    }
    waiting.go.notify_one();
    for _ in 0..200 {
        if !home.outcomes().await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let outcomes = home.outcomes().await;
    assert!(
        matches!(&outcomes[..], [Some(error)] if error.contains("before it began")),
        "{outcomes:?}"
    );
    assert!(seen.all().is_empty());
}

#[tokio::test]
async fn a_policy_that_panics_denies() {
    let (home, seen) = (Home::new(), Seen::default());
    let guard = home.guard().policy(Arc::new(Slow(None)));
    let gate = home.gate_of(guard, toolbox(&seen, &Waiting::default()));
    let held = home.held(&Scope::new().grant(payments()));
    denied!(
        call(&gate, &held, "pay", r#"{"to":"a","amount":5}"#).await,
        Kind::Unavailable
    );
    assert!(seen.all().is_empty());
    assert_eq!(home.entries().await.len(), 1);
}
