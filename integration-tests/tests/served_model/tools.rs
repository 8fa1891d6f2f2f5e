//! An agent that calls two tools and answers from what they say.

use bailiwick::agent::Ended;
use bailiwick::capability::{Grant, Scope, eq};
use bailiwick::model::Fenced;
use serde_json::json;

use super::served::{Calls, Led, agent, answer, call, calls, run, served, text, tool};

pub(crate) fn city(capability: &str) -> Grant {
    Grant::new(capability).arg("city", eq("Oslo"))
}

#[tokio::test]
async fn two_tools_are_called_and_answered_from() {
    let Some(model) = served("two_tools_are_called_and_answered_from") else {
        return;
    };
    let model = Led(model, |turn| match turn {
        0 => calls(
            &["temperature", "population"].map(|tool| call(tool, &json!({ "city": text(12) }))),
        ),
        _ => answer(),
    });
    let made = Calls::default();
    let scope = Scope::new()
        .grant(city("temperature"))
        .grant(city("population"));
    let about = [
        "The temperature in a city.",
        "How many people live in a city.",
    ];
    let (_, agent) = agent(scope, |builder| {
        builder
            .tool(tool("temperature", about[0], "city", "-7", &made))
            .tool(tool("population", about[1], "city", "717710", &made))
            .model(Fenced::new(model).with_schema(2))
    })
    .await;
    let task = "What is the temperature in Oslo, and how many people live in Oslo?";
    let report = run(agent, task).await;
    let mut made = made.lock().unwrap().clone();
    made.sort_by(|a, b| a.0.cmp(&b.0));
    let both =
        ["population", "temperature"].map(|tool| (tool.to_owned(), json!({ "city": "Oslo" })));
    assert_eq!(made, both);
    assert_eq!(report.denials(), []);
    assert_eq!(
        (report.finished().ended, report.finished().turns),
        (Ended::Answer, 2)
    );
    let said = report.text();
    assert!(said.contains("-7") || said.contains("717710"), "{said}");
}
