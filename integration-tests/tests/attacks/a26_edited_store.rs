//! Attack 26: a pending call edited in the store.

use std::path::Path;
use std::sync::Arc;

use bailiwick::capability::{Budget, Risk};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, calls, say};
use bailiwick::store::{Batch, Key, SqliteStore, Store};
use bailiwick::tool::{Declaration, RuntimeTool};
use bailiwick_integration_tests::support::runs::{
    Home, in_flight, listening, read, scope, slow, told,
};
use serde_json::json;
use tokio::sync::Notify;

/// Changes what the store keeps beneath a run.
async fn edit(path: &Path, kind: &str, change: impl Fn(&str) -> String) -> usize {
    let store = SqliteStore::open(path).unwrap();
    let all = store
        .scan(&Key::of(["run"]), None, usize::MAX)
        .await
        .unwrap();
    let mut changed = 0;
    for (key, kept) in all {
        let new = change(&kept.value);
        if key.parts()[2] == kind && new != kept.value {
            store.commit(Batch::new().put(key, new)).await.unwrap();
            changed += 1;
        }
    }
    changed
}

#[tokio::test]
async fn attack_26_a_call_in_flight_that_was_edited_in_the_store_is_not_made() {
    for (kind, from, to) in [
        ("messages", "/srv/mine", "/srv/theirs"),
        ("messages", "slow", "fs_read"),
        ("calls", "\"digest\":\"", "\"digest\":\"00"),
    ] {
        let home = Home::new();
        let wait = Arc::new(Notify::new());
        let slow_one = home.tool("slow", Some(wait.clone()));
        let (_first, run, _wait, running) = in_flight(&home, vec![slow("/srv/mine")]).await;
        drop(slow_one);
        assert_eq!(
            edit(&home.path(), kind, |text| text.replace(from, to)).await,
            1
        );
        let (model, asked) = listening([say("stopped")]);
        let slow = Declaration::new("slow", Effect::Read, Risk::Low).idempotent();
        let made = home.made.clone();
        let slow = RuntimeTool::new(slow, json!({ "type": "object" }), move |args, _| {
            made.lock().unwrap().push(args["path"].to_string());
            async { Ok(json!("made again")) }
        });
        let second = home.process(model).tool(slow).build().unwrap();
        let resumed = second.resume(run).await.unwrap();
        assert_eq!(resumed.unknown().len(), 1, "{kind} {from}");
        assert_eq!(resumed.run().await.unwrap().text(), "stopped");
        assert!(
            told(&asked.lock().unwrap()[0]).contains("altered"),
            "{kind} {from}"
        );
        assert_eq!(home.made(), ["/srv/mine"], "{kind} {from}");
        running.abort();
    }
}

#[tokio::test]
async fn attack_26_a_call_that_was_not_begun_is_decided_for_what_it_says_now() {
    let home = Home::new();
    let both = calls([slow("/srv/mine"), read("/srv/mine")]);
    // Killed before either was begun: only the completion is kept.
    let first = home.process(ScriptedModel::new([both])).build().unwrap();
    let lead = first
        .agent("lead", scope().budget(Budget::new("turns", 1)))
        .await
        .unwrap();
    let run = lead.run_id().unwrap();
    lead.run("read").await.unwrap_err();
    home.made.lock().unwrap().clear();
    let path = home.path();
    edit(&path, "messages", |text| {
        match text.contains("\"role\":\"tool\"") {
            true => text.to_owned(),
            false => text.replace("/srv/mine", "/etc/passwd"),
        }
    })
    .await;
    // As it was before the calls: no results, and the turn open.
    let store = SqliteStore::open(&path).unwrap();
    let all = store
        .scan(&Key::of(["run"]), None, usize::MAX)
        .await
        .unwrap();
    for (key, kept) in all {
        let batch = match &*key.parts()[2] {
            "messages" if kept.value.contains("\"role\":\"tool\"") => Batch::new().delete(key),
            "states" => Batch::new().put(
                key,
                kept.value
                    .replace("\"messages\":4", "\"messages\":2")
                    .replace(r#"{"is":"asking"}"#, r#"{"is":"calling","outcomes":{}}"#),
            ),
            _ => continue,
        };
        store.commit(batch).await.unwrap();
    }
    drop(store);
    let second = home
        .process(ScriptedModel::new([say("done")]))
        .build()
        .unwrap();
    let resumed = second.extend(run, [Budget::new("turns", 9)]).await.unwrap();
    let report = resumed.run().await.unwrap();
    assert_eq!(report.denials().len(), 1, "{:?}", report.denials());
    assert!(home.made().is_empty(), "{:?}", home.made());
}
