//! Calls through the durable gate, beside what SQLite itself commits on that disk.

use std::sync::Arc;

use bailiwick::agent::Agent;
use bailiwick::tool::Outcome;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::raw::Raw;
use crate::setup::{ARGUMENTS, Setup, child, directory, lead};
use crate::table::{head, row, time};
use crate::{Effort, median, nanoseconds, timed};

/// How many calls, or rows of calls, are made at once.
const AT_ONCE: [usize; 2] = [1, 64];
const ROUNDS: usize = 9;

/// So many calls of one agent, so many at once. Nanoseconds for each.
async fn calls(agent: &Arc<Agent>, count: usize, at_once: usize) -> f64 {
    let arguments: Value = serde_json::from_str(ARGUMENTS).unwrap();
    let all = async {
        let mut running = JoinSet::new();
        for _ in 0..at_once {
            let (agent, arguments) = (agent.clone(), arguments.clone());
            running.spawn(async move {
                for _ in 0..count / at_once {
                    let outcome = agent.call("note", &arguments).await;
                    assert!(matches!(outcome, Outcome::Value { .. }), "{outcome:?}");
                }
            });
        }
        running.join_all().await
    };
    timed(all).await.0 / count as f64
}

/// So many rows of calls written by SQLite, so many in one transaction. Nanoseconds for each.
fn rows(raw: &mut Raw, count: usize, at_once: usize) -> f64 {
    let begun = std::time::Instant::now();
    for _ in 0..count / at_once {
        raw.write(at_once as u64);
    }
    nanoseconds(begun.elapsed()) / count as f64
}

pub(crate) async fn measure(effort: &Effort) {
    let place = Setup::new(true);
    let process = place.process(place.store(), 2).build().unwrap();
    let parent = process.agent("lead", lead()).await.unwrap();
    let agent = Arc::new(parent.spawn("child").scope(child()).await.unwrap());
    let disk = directory();
    let mut raw = Raw::new(&disk.path().join("raw"));
    head(&[
        "what",
        "at once",
        "each",
        "a second",
        "of SQLite's own commits",
    ]);
    for at_once in AT_ONCE {
        let mut times: [Vec<f64>; 2] = Default::default();
        for _ in 0..ROUNDS.min(effort.resumes) {
            let [theirs, ours] = &mut times;
            theirs.push(rows(&mut raw, effort.calls, at_once));
            ours.push(calls(&agent, effort.calls, at_once).await);
        }
        let [theirs, ours] = times.map(median);
        for (what, each) in [
            ("SQLite's own, rows of a call in a transaction", theirs),
            ("calls of an agent, two commits each", ours),
        ] {
            row([
                what.to_owned(),
                at_once.to_string(),
                time(each),
                format!("{:.0}", 1e9 / each),
                format!("{:.2}", theirs / each),
            ]);
        }
    }
}
