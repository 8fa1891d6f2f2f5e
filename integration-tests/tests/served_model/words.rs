//! A model that nothing holds to a schema.

use bailiwick::agent::Limits;
use bailiwick::capability::Scope;
use bailiwick::model::{Fenced, Message, Model, Request};
use serde_json::json;

use super::served::{Calls, agent, limits, run, served, tool};
use super::tools::city;

/// What it writes then: fences, schemas for arguments, prose.
#[tokio::test]
async fn whatever_it_writes_in_words_ends_the_run_in_order() {
    let Some(model) = served("whatever_it_writes_in_words_ends_the_run_in_order") else {
        return;
    };
    let short = Limits {
        max_turns: 2,
        max_output_tokens: Some(24),
        ..limits()
    };
    let made = Calls::default();
    let (_, agent) = agent(Scope::new().grant(city("temperature")), |builder| {
        let about = "The temperature in a city.";
        builder
            .tool(tool("temperature", about, "city", "-7", &made))
            .model(Fenced::new(model))
            .limits(short)
    })
    .await;
    let report = run(agent, "What is the temperature in Oslo?").await;
    assert!((1..=2).contains(&report.finished().turns));
    for (_, arguments) in made.lock().unwrap().iter() {
        assert_eq!(*arguments, json!({ "city": "Oslo" }));
    }
}

#[tokio::test]
async fn it_streams_words_and_counts_tokens() {
    let Some(model) = served("it_streams_words_and_counts_tokens") else {
        return;
    };
    let mut request = Request::new([Message::User {
        text: "Say hello.".to_owned(),
    }]);
    request.max_output_tokens = Some(8);
    let mut pieces = Vec::new();
    let completion = model
        .stream(&request, &mut |text| pieces.push(text.to_owned()))
        .await
        .unwrap();
    assert!(pieces.len() > 1, "{pieces:?}");
    assert_eq!(completion.text, Some(pieces.concat()));
    assert!(
        completion
            .usage
            .is_some_and(|usage| (1..=9).contains(&usage.output)),
        "{:?}",
        completion.usage
    );
}
