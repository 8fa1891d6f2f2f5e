//! Agents that are asked for a typed value.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::{Arc, Mutex};

use bailiwick::agent::{Agent, Ended, Limits, Orchestrator, SealKey};
use bailiwick::capability::{Authority, Scope, minutes};
use bailiwick::model::scripted::{ScriptedModel, Turn, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::SqliteStore;
use schemars::JsonSchema;
use serde::Deserialize;

/// A verdict over a document.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verdict {
    /// From 1 to 5.
    stars: u8,
    reasons: Vec<String>,
}

type Asked = Arc<Mutex<Vec<Request>>>;

fn model(turns: Vec<Turn>) -> (ScriptedModel, Asked) {
    let asked = Asked::default();
    let (heard, mut turns) = (asked.clone(), turns.into_iter());
    let model = ScriptedModel::from_fn(move |request: &Request| {
        heard.lock().unwrap().push(request.clone());
        turns.next().unwrap_or_else(|| say("no more"))
    });
    (model, asked)
}

async fn lead(turns: Vec<Turn>, limits: Limits) -> (Agent, Asked) {
    let (model, asked) = model(turns);
    let builder = Orchestrator::builder(&Authority::generate());
    let orchestrator = builder.model(model).limits(limits).build().unwrap();
    let scope = Scope::new().expires_in(minutes(5));
    (orchestrator.agent("lead", scope).await.unwrap(), asked)
}

const GOOD: &str = r#"{"stars": 4, "reasons": ["short"]}"#;

#[tokio::test]
async fn an_answer_is_a_value_and_the_model_is_given_its_schema_both_ways() {
    let (lead, asked) = lead(vec![say(GOOD)], Limits::default()).await;
    let answer = lead.run_as::<Verdict>("judge").await.unwrap();
    let reasons = vec!["short".to_owned()];
    assert_eq!(answer.value, Verdict { stars: 4, reasons });
    assert_eq!(answer.report.finished().turns, 1);
    let request = asked.lock().unwrap().remove(0);
    let schema = request.output.unwrap();
    assert_eq!(schema.name, "Verdict");
    assert_eq!(schema.schema["properties"]["stars"]["type"], "integer");
    assert!(request.system.unwrap().contains("From 1 to 5."));
}

#[tokio::test]
async fn what_is_no_such_value_is_told_why_and_asked_for_again() {
    let turns = vec![
        say("I think it is rather good."),
        say(r#"{"stars": 400, "reasons": []}"#),
        say(format!("```json\n{GOOD}\n```")),
    ];
    let (lead, asked) = lead(turns, Limits::default()).await;
    let answer = lead.run_as::<Verdict>("judge").await.unwrap();
    assert_eq!((answer.value.stars, answer.report.finished().turns), (4, 3));
    let asked = asked.lock().unwrap();
    let Some(Message::User { text }) = asked[2].messages.last() else {
        panic!("{:?}", asked[2].messages);
    };
    assert!(
        text.contains("400") && text.contains("JSON alone"),
        "{text}"
    );
}

#[tokio::test]
async fn a_model_that_never_gives_one_is_asked_so_often_and_no_more() {
    let limits = Limits {
        max_corrections: 1,
        ..Limits::default()
    };
    let (lead, asked) = lead(vec![say("one"), say("two"), say(GOOD)], limits).await;
    let failed = lead.run_as::<Verdict>("judge").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Unfit);
    assert!(failed.to_string().contains("2 answers"), "{failed}");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_resumed_run_still_knows_what_its_answer_is_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::generate();
    let process = |model: ScriptedModel| {
        let store = SqliteStore::open(directory.path().join("store")).unwrap();
        Orchestrator::builder(&authority)
            .store(Arc::new(store))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .model(model)
            .build()
            .unwrap()
    };
    // It fails after an answer that is not a valid answer.
    let first = process(ScriptedModel::new([say("rather good")]));
    let lead = first
        .agent("lead", Scope::new().expires_in(minutes(5)))
        .await
        .unwrap();
    let run = lead.run_id().unwrap();
    lead.run_as::<Verdict>("judge").await.unwrap_err();
    let (model, asked) = model(vec![say(GOOD)]);
    let second = process(model);
    let resumed = second.resume(run).await.unwrap();
    assert_eq!(resumed.run_as::<Verdict>().await.unwrap().value.stars, 4);
    let request = asked.lock().unwrap().remove(0);
    assert!(request.output.is_some());
    assert_eq!(request.messages.len(), 3, "{:?}", request.messages);
}
