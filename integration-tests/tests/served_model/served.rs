//! The model that is served, what a test leads it to, and an agent that it thinks for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bailiwick::agent::{Agent, Ended, Limits, Orchestrator, OrchestratorBuilder, Report};
use bailiwick::capability::{Authority, Risk, Scope, minutes};
use bailiwick::guard::Effect;
use bailiwick::model::providers::{Provider, ProviderModel};
use bailiwick::model::{Backoff, Completion, Message, Model, ModelError, Request, Retrying, Timed};
use bailiwick::record::{AuditEntry, Body};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};

/// The model that is served; none when it is not, which a full run does not let pass.
///
/// Asked as an application would: the server closes connections that look as if they could be used
/// again, so a request now and then gets no answer.
pub(crate) fn served(test: &str) -> Option<Retrying<Timed<ProviderModel>>> {
    let Ok(url) = std::env::var("BAILIWICK_MODEL_URL") else {
        let full = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!full, "{test}: BAILIWICK_MODEL_URL is not set");
        println!("skipped: {test}: BAILIWICK_MODEL_URL is not set");
        return None;
    };
    let model = ProviderModel::new(Provider::OpenAi, "served")
        .unwrap()
        .base_url(&url)
        .unwrap();
    // Against hanging only: a busy machine is slow.
    let model = Timed::new(model, Duration::from_secs(600));
    Some(Retrying::new(model, Backoff::default()))
}

/// What a model may write in one of its turns, counted from 0: a JSON schema.
type Schema = fn(usize) -> Value;

/// A model whose server holds it to a schema of the test's in each turn: it writes each token itself,
/// but only such as fit. Goes beneath [`Fenced`](bailiwick::model::Fenced), whose own schema it is in
/// place of.
pub(crate) struct Led<M>(pub(crate) M, pub(crate) Schema);

#[async_trait]
impl<M: Model> Model for Led<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        let is_turn = |message: &&Message| matches!(message, Message::Assistant { .. });
        let turn = request.messages.iter().filter(is_turn).count();
        let mut request = request.clone();
        let output = request.output.as_mut().unwrap();
        output.schema = (self.1)(turn);
        let answered = self.0.generate(&request).await;
        match &answered {
            Ok(completion) => println!("turn {turn}: {:?}", completion.text),
            Err(failed) => println!("turn {turn}: {failed}"),
        }
        answered
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

fn object(properties: &Value) -> Value {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// One call, with these schemas of its arguments.
pub(crate) fn call(tool: &str, arguments: &Value) -> Value {
    object(&json!({ "name": { "const": tool }, "arguments": object(arguments) }))
}

/// Exactly these calls, in this order.
pub(crate) fn calls(calls: &[Value]) -> Value {
    object(&json!({ "calls": { "type": "array", "prefixItems": calls } }))
}

/// Exactly these calls, to the last letter: names and arguments.
pub(crate) fn exactly(calls: &[(&str, Value)]) -> Value {
    let call = |(tool, arguments): &(&str, Value)| json!({ "name": tool, "arguments": arguments });
    let calls: Vec<Value> = calls.iter().map(call).collect();
    json!({ "const": { "calls": calls } })
}

/// An answer in few words.
pub(crate) fn answer() -> Value {
    object(&json!({ "answer": text(60) }))
}

/// So many characters at most.
pub(crate) fn text(longest: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest })
}

/// What was really called: the capability and the arguments.
pub(crate) type Calls = Arc<Mutex<Vec<(String, Value)>>>;

/// A tool with one argument, that answers the same to every call and keeps what it was asked.
pub(crate) fn tool(
    capability: &str,
    about: &str,
    argument: &str,
    answer: &str,
    calls: &Calls,
) -> RuntimeTool {
    let declaration = Declaration::new(capability, Effect::Read, Risk::Low).describe(about);
    let schema = json!({
        "type": "object",
        "properties": { argument: { "type": "string" } },
        "required": [argument],
        "additionalProperties": false,
    });
    let (calls, name, answer) = (calls.clone(), capability.to_owned(), json!(answer));
    RuntimeTool::new(declaration, schema, move |args, _| {
        calls.lock().unwrap().push((name.clone(), json!(args)));
        let answer = answer.clone();
        async move { Ok(answer) }
    })
}

/// Few turns of few words.
pub(crate) fn limits() -> Limits {
    Limits {
        max_turns: 5,
        max_output_tokens: Some(160),
        ..Limits::default()
    }
}

pub(crate) async fn agent(
    scope: Scope,
    with: impl FnOnce(OrchestratorBuilder) -> OrchestratorBuilder,
) -> (Orchestrator, Agent) {
    let builder = Orchestrator::builder(&Authority::generate()).limits(limits());
    let orchestrator = with(builder).build().unwrap();
    let scope = scope.expires_in(minutes(60));
    let agent = orchestrator.agent("clerk", scope).await.unwrap();
    (orchestrator, agent)
}

/// The run, however it ended, unless there was no answer from the server.
pub(crate) async fn run(agent: Agent, task: &str) -> Report {
    let report = match agent.run(task).await {
        Ok(report) => report,
        Err(failed) => failed.report().clone(),
    };
    let finished = report.finished();
    println!("{:?}: {:?}", finished.ended, finished.text);
    assert_ne!(finished.ended, Ended::ModelFailed, "{}", finished.text);
    assert!(finished.usage.input > 0 && finished.usage.output > 0);
    report
}

/// What an orchestrator has recorded.
pub(crate) async fn audit(orchestrator: &Orchestrator) -> Vec<Body> {
    let log = orchestrator.gate().audit().log();
    let entries = orchestrator.guard().store().log(log, 0, usize::MAX).await;
    entries
        .unwrap()
        .iter()
        .map(|entry| AuditEntry::parse(&entry.body).unwrap().body)
        .collect()
}
