//! Files that agents write in a run whose process goes, while people edit the same files.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailiwick::agent::{Orchestrator, Report, SealKey};
use bailiwick::capability::{Authority, Grant, Scope, any, minutes, path_under};
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Message, Request};
use bailiwick::store::{Batch, Op, SqliteStore, StoreError};
use bailiwick::tool::fs::{AppendFile, Dir, WriteFile};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

/// Where the process of a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goes {
    Never,
    /// What stands there is kept, and the file not written yet.
    AfterTheLook,
    /// The file is written, and that is not kept yet.
    BeforeTheOutcome,
}

/// Stops a process for good where it goes.
struct Process {
    goes: Goes,
    is_here: AtomicBool,
    here: Arc<Notify>,
}

#[async_trait]
impl Fate for Process {
    async fn at(&self, _: usize, moment: Moment) -> Result<(), StoreError> {
        let at = match self.goes {
            Goes::AfterTheLook => Moment::After,
            _ => Moment::Before,
        };
        if moment == at && self.is_here.load(Ordering::SeqCst) {
            self.here.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    fn writes(&self, batch: &Batch) {
        let says = match self.goes {
            Goes::Never => return,
            Goes::AfterTheLook => r#""before""#,
            Goes::BeforeTheOutcome => r#""is":"done""#,
        };
        let of_call = |op: &Op| match op {
            Op::Put { key, value } => {
                key.parts().contains(&"calls".to_owned()) && value.contains(says)
            }
            _ => false,
        };
        if batch.ops().iter().any(of_call) {
            self.is_here.store(true, Ordering::SeqCst);
        }
    }
}

struct Home {
    directory: TempDir,
    authority: Authority,
    tool: &'static str,
    told: Arc<Mutex<Vec<String>>>,
}

impl Home {
    fn new(tool: &'static str) -> Self {
        let home = Self {
            directory: TempDir::new().unwrap(),
            authority: Authority::generate(),
            tool,
            told: Arc::default(),
        };
        fs::create_dir(home.directory.path().join("files")).unwrap();
        home
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("files/plan")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    fn process(&self, goes: Goes) -> (Orchestrator, Arc<Notify>) {
        let (told, tool, here) = (self.told.clone(), self.tool, Arc::new(Notify::new()));
        let model =
            ScriptedModel::from_fn(move |request: &Request| match request.messages.last() {
                Some(Message::Tool { outcome, .. }) => {
                    told.lock().unwrap().push(outcome.clone());
                    say("done")
                }
                _ => call(
                    tool,
                    json!({ "path": "/srv/plan", "text": "the agent's\n" }),
                ),
            });
        let dir = Dir::mount("/srv", self.directory.path().join("files")).unwrap();
        let fate = Process {
            goes,
            is_here: AtomicBool::new(false),
            here: here.clone(),
        };
        let store = SqliteStore::open(self.directory.path().join("store")).unwrap();
        let orchestrator = Orchestrator::builder(&self.authority)
            .store(Arc::new(Fated::new(Arc::new(store), fate)))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(WriteFile::new(&dir))
            .tool(AppendFile::new(&dir))
            .model(model)
            .build()
            .unwrap();
        (orchestrator, here)
    }

    /// A process that is gone in its write.
    async fn gone(&self, goes: Goes) {
        let (first, here) = self.process(goes);
        let files = |tool: &str| {
            let path = Grant::new(tool).arg("path", path_under("/srv"));
            path.arg("text", any())
        };
        let scope = Scope::new()
            .grant(files("fs.write"))
            .grant(files("fs.append"));
        let scope = scope.expires_in(minutes(60));
        let lead = first.agent("lead", scope).await.unwrap();
        let running = tokio::spawn(lead.run("write"));
        here.notified().await;
        std::mem::forget((running, first));
    }

    /// Another process, which goes on to the end, or goes too.
    async fn on(&self, goes: Goes) -> Option<Report> {
        let (next, here) = self.process(goes);
        let run = next.runs().await.unwrap()[0].run;
        let resumed = next.resume(run).await.unwrap();
        let running = tokio::spawn(resumed.run());
        if goes != Goes::Never {
            here.notified().await;
            std::mem::forget((running, next));
            return None;
        }
        Some(running.await.unwrap().unwrap())
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn unknown(report: &Report) -> Vec<&str> {
    let unknown = report.unknown().iter();
    unknown.map(|call| call.capability.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_made_again_where_nobody_was_at_the_file() {
    for goes in [Goes::AfterTheLook, Goes::BeforeTheOutcome] {
        for before in [None, Some("people's\n"), Some("the agent's\n"), Some("")] {
            let home = Home::new("fs.write");
            if let Some(before) = before {
                fs::write(home.file(), before).unwrap();
            }
            home.gone(goes).await;
            let report = home.on(Goes::Never).await.unwrap();
            assert_eq!(home.text(), "the agent's\n", "{goes:?} {before:?}");
            assert!(unknown(&report).is_empty(), "{goes:?} {before:?}");
            assert_eq!(home.told(), ["null"], "{goes:?} {before:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_does_not_overwrite_what_somebody_wrote_meanwhile() {
    for goes in [Goes::AfterTheLook, Goes::BeforeTheOutcome] {
        for before in [None, Some("people's\n")] {
            let home = Home::new("fs.write");
            if let Some(before) = before {
                fs::write(home.file(), before).unwrap();
            }
            home.gone(goes).await;
            fs::write(home.file(), "an edit\n").unwrap();
            let report = home.on(Goes::Never).await.unwrap();
            assert_eq!(home.text(), "an edit\n", "{goes:?} {before:?}");
            assert_eq!(unknown(&report), ["fs.write"], "{goes:?} {before:?}");
            let told = home.told();
            assert!(
                told[0].contains("not known") && told[0].contains("something else"),
                "{told:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_removed_meanwhile_is_not_made_again() {
    let home = Home::new("fs.write");
    fs::write(home.file(), "people's\n").unwrap();
    home.gone(Goes::BeforeTheOutcome).await;
    fs::remove_file(home.file()).unwrap();
    let report = home.on(Goes::Never).await.unwrap();
    assert!(!home.file().exists());
    assert_eq!(unknown(&report), ["fs.write"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stood_there_first_is_remembered_however_many_processes_go() {
    let home = Home::new("fs.write");
    fs::write(home.file(), "people's\n").unwrap();
    home.gone(Goes::AfterTheLook).await;
    // The second process begins the call anew, and goes before it ends.
    assert!(home.on(Goes::BeforeTheOutcome).await.is_none());
    fs::write(home.file(), "an edit\n").unwrap();
    let report = home.on(Goes::Never).await.unwrap();
    assert_eq!(home.text(), "an edit\n");
    assert_eq!(unknown(&report), ["fs.write"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_added_to_a_file_is_never_added_again() {
    let home = Home::new("fs.append");
    fs::write(home.file(), "people's\n").unwrap();
    home.gone(Goes::BeforeTheOutcome).await;
    let report = home.on(Goes::Never).await.unwrap();
    assert_eq!(home.text(), "people's\nthe agent's\n");
    assert_eq!(unknown(&report), ["fs.append"]);
}
