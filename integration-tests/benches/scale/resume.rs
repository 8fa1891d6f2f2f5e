//! How long a process takes to go on with a run, by how much beside it is finished.

use bailiwick::agent::Orchestrator;
use bailiwick::id::RunId;
use bailiwick::model::scripted::{ScriptedModel, Turn, call};
use serde_json::json;
use tokio::task::JoinSet;

use crate::setup::{Setup, child, lead};
use crate::table::{head, row, time};
use crate::{Effort, median, nanoseconds, timed};

/// A process on the place, with a model for the first agents that gives these turns and then fails.
fn process(place: &Setup, agents: usize, turns: impl IntoIterator<Item = Turn>) -> Orchestrator {
    let builder = place.process(place.store(), agents);
    let builder = builder.model_for("lead", ScriptedModel::new(turns));
    builder.build().unwrap()
}

/// A run that can go on, whose first agent has so many children that have ended, beside so many runs
/// that are over.
async fn history(place: &Setup, finished: usize) -> RunId {
    let begun = call("note", json!({ "text": "begun" }));
    let process = process(place, 2 * finished + 2, [begun]);
    let live = process.agent("lead", lead()).await.unwrap();
    let run = live.run_id().unwrap();
    let mut running = JoinSet::new();
    for _ in 0..finished {
        let spawned = live.spawn("child").scope(child()).await.unwrap();
        running.spawn(async move { spawned.run("note it").await.unwrap() });
        let other = process.agent("other", lead()).await.unwrap();
        running.spawn(async move { other.run("note it").await.unwrap() });
    }
    running.join_all().await;
    // Its model has no second answer, so it stops where it can go on.
    live.run("begin").await.unwrap_err();
    run
}

pub(crate) async fn measure(effort: &Effort) {
    head(&[
        "children that ended, and runs that are over",
        "the file opened",
        "the run resumed",
        "of the fewest",
        "all runs listed",
    ]);
    let mut places = Vec::new();
    for &finished in effort.finished {
        let place = Setup::new(true);
        let run = history(&place, finished).await;
        places.push((place, run, [const { Vec::new() }; 3]));
    }
    // In turns: what slows the machine down slows all of them.
    for _ in 0..effort.resumes {
        for (place, run, [opened, resumed, listed]) in &mut places {
            let begun = std::time::Instant::now();
            let process = process(place, 2, []);
            opened.push(nanoseconds(begun.elapsed()));
            let (spent, going) = timed(process.resume(*run)).await;
            resumed.push(spent);
            listed.push(timed(process.runs()).await.0);
            // Its model fails once more, so it stays where it can go on.
            going.unwrap().run().await.unwrap_err();
        }
    }
    let mut fewest = None;
    for (finished, (_, _, times)) in effort.finished.iter().zip(places) {
        let [opened, resumed, listed] = times.map(median);
        let first = *fewest.get_or_insert(resumed);
        row([
            finished.to_string(),
            time(opened),
            time(resumed),
            format!("{:.2}", resumed / first),
            time(listed),
        ]);
    }
}
