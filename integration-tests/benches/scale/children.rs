//! Children spawned, with one guarded call each, beside bare tasks that do the same work.

use std::sync::Arc;

use bailiwick::model::scripted::ScriptedModel;
use bailiwick::model::{Message, Model, Request};
use tokio::task::JoinSet;

use crate::setup::{Setup, body, child, lead, script};
use crate::table::{head, row, time};
use crate::{Effort, median, timed};

/// So many children of one agent, all alive at once: each is spawned, asks its model, makes its
/// call, asks again and ends. Nanoseconds for each.
pub(crate) async fn guarded(count: usize, in_file: bool) -> f64 {
    let place = Setup::new(in_file);
    let process = place.process(place.store(), count + 1).build().unwrap();
    let parent = Arc::new(process.agent("lead", lead()).await.unwrap());
    let all = async {
        let mut running = JoinSet::new();
        for _ in 0..count {
            let parent = parent.clone();
            running.spawn(async move {
                let spawned = parent.spawn("child").scope(child()).await.unwrap();
                let report = spawned.run("note it").await.unwrap();
                assert_eq!(report.text(), "noted");
            });
        }
        running.join_all().await.len()
    };
    let (spent, ended) = timed(all).await;
    assert_eq!(ended, count);
    spent / count as f64
}

/// The same work, with the same model and the same body, and nothing around it.
async fn bare(count: usize) -> f64 {
    let model = Arc::new(ScriptedModel::from_fn(script));
    let all = async {
        let mut running = JoinSet::new();
        for _ in 0..count {
            let model = model.clone();
            running.spawn(async move {
                let asked = Message::User {
                    text: "note it".to_owned(),
                };
                let mut request = Request::new([asked]);
                loop {
                    let answer = model.generate(&request).await.unwrap();
                    let Some(call) = answer.calls.first().cloned() else {
                        assert_eq!(answer.text.as_deref(), Some("noted"));
                        return;
                    };
                    let arguments = serde_json::from_str(&call.arguments).unwrap();
                    let outcome = body(&arguments).await.unwrap();
                    request.messages.push(Message::Assistant {
                        text: answer.text,
                        calls: answer.calls,
                        carried: answer.carried,
                    });
                    request.messages.push(Message::Tool {
                        call_id: call.id,
                        tool: call.name,
                        outcome: outcome.to_string(),
                        is_error: false,
                    });
                }
            });
        }
        running.join_all().await.len()
    };
    let (spent, ended) = timed(all).await;
    assert_eq!(ended, count);
    spent / count as f64
}

pub(crate) async fn measure(effort: &Effort) {
    head(&[
        "children, all at once",
        "a bare task",
        "a child, in memory",
        "of the fewest",
        "a child, in a file",
        "of the fewest",
        "in memory, of a bare task",
        "in a file, of one in memory",
    ]);
    let mut fewest = None;
    for (&count, &rounds) in effort.children.iter().zip(effort.rounds) {
        let mut times: [Vec<f64>; 3] = Default::default();
        // In turns: what slows the machine down slows all three.
        for _ in 0..rounds {
            let [alone, memory, file] = &mut times;
            alone.push(bare(count).await);
            memory.push(guarded(count, false).await);
            file.push(guarded(count, true).await);
        }
        let [alone, memory, file] = times.map(median);
        let (first_memory, first_file) = *fewest.get_or_insert((memory, file));
        row([
            count.to_string(),
            time(alone),
            time(memory),
            format!("{:.2}", memory / first_memory),
            time(file),
            format!("{:.2}", file / first_file),
            format!("{:.0}", memory / alone),
            format!("{:.2}", file / memory),
        ]);
    }
}
