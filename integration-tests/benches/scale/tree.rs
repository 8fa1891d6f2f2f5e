//! A tree that a model makes: its first agent asks for all of its helpers in one turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::agent::Limits;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request};
use serde_json::json;

use crate::setup::{Setup, child, lead};
use crate::timed;

/// Nanoseconds for each of so many helpers.
pub(crate) async fn measure(count: usize, in_file: bool) -> f64 {
    let place = Setup::new(in_file);
    let answered = Arc::new(AtomicUsize::new(0));
    let heard = answered.clone();
    let model = ScriptedModel::from_fn(move |request: &Request| {
        if let [_] = request.messages.as_slice() {
            let helper = |number| {
                let task = format!("note {number}");
                call(
                    "agent_spawn",
                    json!({ "role": "child", "task": task, "scope": child().to_json() }),
                )
            };
            return calls((0..count).map(helper));
        }
        let is_answer =
            |message: &&Message| matches!(message, Message::Tool { is_error, .. } if !is_error);
        heard.store(
            request.messages.iter().filter(is_answer).count(),
            Ordering::SeqCst,
        );
        say("all noted")
    });
    let limits = Limits {
        max_calls: count,
        ..Limits::default()
    };
    let process = place.process(place.store(), count + 1).limits(limits);
    let process = process.model_for("lead", model).build().unwrap();
    let first = process.agent("lead", lead()).await.unwrap();
    let (spent, report) = timed(first.run("have all of it noted")).await;
    assert_eq!(report.unwrap().text(), "all noted");
    assert_eq!(answered.load(Ordering::SeqCst), count);
    spent / count as f64
}
