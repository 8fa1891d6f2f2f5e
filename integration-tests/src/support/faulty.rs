//! A tree of 24 helpers on a store in a file, in processes of their own, while the file is full, locked or
//! slow for a while.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use crate::child::{alone, this};
use bailiwick::agent::{Ended, Orchestrator, Report, ResumeError, Resumed, RunFailed, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope, any, minutes};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request, Usage};
use bailiwick::store::SqliteStore;
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};

const DIRECTORY: &str = "BAILIWICK_TEST_DIRECTORY";
/// How many bytes the file may grow to, as its processes see it.
pub const ROOM: u64 = 8 << 20;
/// How long a process waits for another one that holds the file.
pub const WAIT: Duration = Duration::from_millis(150);

/// How many middle ones the lead has, and how many leaves each of these.
pub const MIDDLE: usize = 4;
pub const LEAVES: usize = 5;

/// A test of this file, in a process of its own.
pub fn child(test: &str, directory: &Path) -> Child {
    alone(this(), test)
        .env(DIRECTORY, directory)
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// The tree in a directory.
pub struct Tree {
    directory: PathBuf,
}

impl Tree {
    /// In a child, the tree that it was started for; nothing in a run of every ignored test.
    pub fn given() -> Option<Self> {
        let directory = std::env::var_os(DIRECTORY)?.into();
        Some(Self { directory })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn authority(&self) -> Authority {
        let file = self.file("authority.pem");
        if !file.exists() {
            let pem = Authority::generate().danger_to_pem().unwrap();
            let part = self.file("part");
            fs::write(&part, pem.as_bytes()).unwrap();
            fs::rename(part, &file).unwrap();
        }
        Authority::from_pem(&fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Waits where the file cannot even be opened for now.
    fn orchestrator(&self) -> Orchestrator {
        let store = loop {
            let store = SqliteStore::builder(self.file("store"))
                .max_bytes(ROOM)
                .wait(WAIT);
            match store.open() {
                Ok(store) => break store,
                Err(error) => println!("said waits {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        Orchestrator::builder(&self.authority())
            .store(Arc::new(store))
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(self.tool("note.add", "effects", Effect::Write))
            .tool(self.tool("doc.read", "reads", Effect::Read))
            .model(model())
            .build()
            .unwrap()
    }

    /// A tool that takes a moment and writes a line to a file.
    fn tool(&self, capability: &str, file: &str, effect: Effect) -> RuntimeTool {
        let declaration = Declaration::new(capability, effect, Risk::Low);
        let declaration = match effect {
            Effect::Read => declaration.idempotent(),
            _ => declaration,
        };
        let file = self.file(file);
        RuntimeTool::new(declaration, json!({ "type": "object" }), move |args, _| {
            let file = file.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(10)).await;
                let opened = OpenOptions::new().create(true).append(true).open(file);
                let line = format!("{}\n", args["text"].as_str().unwrap());
                opened.unwrap().write_all(line.as_bytes()).unwrap();
                Ok(Value::from("done"))
            }
        })
    }

    /// Begins the run, or goes on with it, for as often as it stops because it is not kept.
    pub async fn work(&self) {
        let mut orchestrator = self.orchestrator();
        for attempt in 0.. {
            // Every other time as if it were another process, whose file is opened anew.
            if attempt % 2 == 1 {
                orchestrator = self.orchestrator();
            }
            match self.attempt(&orchestrator).await {
                // An answer that was kept is handed back though the end of the run could not be
                // recorded; then it is also the answer of the process that goes on.
                Ok(Some(report)) if is_over(&orchestrator).await => {
                    return println!("said answer {}", report.text());
                }
                Ok(Some(report)) => println!("said early {}", report.text()),
                Ok(None) => {}
                Err(failed) if failed.report().finished().ended == Ended::NotPersisted => {
                    println!("said unkept {failed}");
                }
                Err(failed) => return println!("said failed {failed}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `None` where it cannot be begun or gone on with for now.
    async fn attempt(&self, orchestrator: &Orchestrator) -> Result<Option<Report>, RunFailed> {
        let kept = match orchestrator.runs().await {
            Ok(kept) => kept,
            Err(error) => {
                println!("said waits {error}");
                return Ok(None);
            }
        };
        let Some(kept) = kept.first() else {
            return match orchestrator.agent("lead", scope()).await {
                Ok(lead) => lead.run("lead").await.map(Some),
                Err(error) => {
                    println!("said waits {error}");
                    Ok(None)
                }
            };
        };
        match orchestrator.resume(kept.run).await {
            Ok(resumed) => go_on(resumed).await.map(Some),
            Err(ResumeError::Ended { report, .. }) => report.map(|report| *report).transpose(),
            Err(error) => {
                println!("said waits {error}");
                Ok(None)
            }
        }
    }
}

/// Whether the store says that the run is over.
async fn is_over(orchestrator: &Orchestrator) -> bool {
    let kept = orchestrator.runs().await;
    kept.is_ok_and(|kept| kept[0].ended.is_some())
}

async fn go_on(resumed: Resumed) -> Result<Report, RunFailed> {
    for unknown in resumed.unknown() {
        println!("said unknown {} {}", unknown.agent, unknown.capability);
    }
    match resumed.task() {
        Some(_) => resumed.run().await,
        None => resumed.into_agent().run("lead").await,
    }
}

fn scope() -> Scope {
    leaf()
        .grant(Grant::spawn(["middle", "leaf"]))
        .budget(Budget::new("calls", 1000))
        .budget(Budget::new("turns", 1000))
        .budget(Budget::new("tokens", 1_000_000))
        .budget(Budget::new("agents", 24))
        .expires_in(minutes(60))
        .max_depth(3)
}

fn leaf() -> Scope {
    Scope::new()
        .grant(Grant::new("note.add").arg("text", any()))
        .grant(Grant::new("doc.read").arg("text", any()))
}

/// Goes by the conversation alone. Each answers with how many are home, itself among them.
fn model() -> ScriptedModel {
    ScriptedModel::from_fn(move |request: &Request| {
        let Some(Message::User { text: task }) = request.messages.first() else {
            panic!("no task");
        };
        let helper = |role: &str, task: String, scope: Scope| {
            let scope = scope.to_json();
            call(
                "agent_spawn",
                json!({ "role": role, "task": task, "scope": scope }),
            )
        };
        let text = |text: &str| json!({ "text": format!("{task}: {text}") });
        let (role, begins) = (task.split(' ').next().unwrap(), request.messages.len() == 1);
        let turn = match (role, begins) {
            ("lead", true) => calls((0..MIDDLE).map(|number| {
                let scope = leaf().grant(Grant::spawn(["leaf"]));
                let scope = scope.budget(Budget::new("turns", 50));
                helper("middle", format!("middle {number}"), scope.max_depth(3))
            })),
            ("middle", true) => calls(
                (0..LEAVES).map(|number| helper("leaf", format!("leaf {task} {number}"), leaf())),
            ),
            ("leaf", true) => calls([
                call("doc.read", text("read")),
                call("note.add", text("note")),
            ]),
            (_, false) => {
                let home = request.messages.iter().filter_map(|message| match message {
                    Message::Tool { outcome, .. } => {
                        outcome.strip_prefix("home ")?.parse::<usize>().ok()
                    }
                    _ => None,
                });
                let home: usize = home.sum();
                say(format!("home {}", home + 1))
            }
            _ => panic!("a strange task: {task}"),
        };
        turn.costing(Usage {
            input: 70,
            output: 30,
            cached: 0,
        })
    })
}
