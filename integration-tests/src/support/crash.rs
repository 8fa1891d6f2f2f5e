//! A tree of three levels on a store in a file, in a process that stops for good at any of its steps.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::child::{alone, this};
use async_trait::async_trait;
use bailiwick::agent::{Orchestrator, ResumeError, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope, any, minutes};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request, Usage};
use bailiwick::store::{SqliteStore, StoreError};
use bailiwick::tool::{Declaration, RuntimeTool};
use serde_json::{Value, json};

use super::stores::{Fate, Fated, Moment};

/// Where a child stops for good.
#[derive(Clone, Copy, Debug)]
pub enum At {
    Never,
    Step(usize),
    /// As a step, but it goes on when it is told to.
    Wait(usize),
}

/// Where a child that goes on with a run has its keys from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Kept,
    /// None are ever written.
    New,
}

const KEYS: &str = "BAILIWICK_TEST_KEYS";
const DIRECTORY: &str = "BAILIWICK_TEST_DIRECTORY";
const AT: &str = "BAILIWICK_TEST_AT";
const WAIT: &str = "BAILIWICK_TEST_WAIT";
const PROCESS: &str = "BAILIWICK_TEST_PROCESS";

/// A test of this file, in a process of its own.
pub fn child(test: &str, directory: &Path, at: At, process: usize, keys: Keys) -> Child {
    let (at, wait) = match at {
        At::Never => (usize::MAX, false),
        At::Step(step) => (step, false),
        At::Wait(step) => (step, true),
    };
    alone(this(), test)
        .env(DIRECTORY, directory)
        .env(AT, at.to_string())
        .env(WAIT, wait.to_string())
        .env(PROCESS, process.to_string())
        .env(KEYS, if keys == Keys::New { "new" } else { "kept" })
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Lets a child that waits go on.
pub fn wake(child: &mut Child) {
    child.stdin.take().unwrap().write_all(b"on\n").unwrap();
}

/// Counts the steps of a process, and stops it at one.
#[derive(Debug)]
struct Steps {
    at: usize,
    wait: bool,
    taken: AtomicUsize,
}

impl Steps {
    async fn step(&self) {
        if self.taken.fetch_add(1, Ordering::SeqCst) != self.at {
            return;
        }
        println!("said here");
        if !self.wait {
            // Until it is killed.
            std::future::pending::<()>().await;
        }
        let heard = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0; 1]));
        heard.await.unwrap().unwrap();
    }
}

/// Each commit is two steps: about to be made, and made.
#[async_trait]
impl Fate for Steps {
    async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
        self.step().await;
        Ok(())
    }
}

/// A lead that asks its model, which spawns a middle one, which spawns a leaf, which adds two notes
/// and reads twice.
pub struct Tree {
    directory: PathBuf,
    steps: Arc<Steps>,
    process: usize,
    keys: Keys,
}

impl Tree {
    /// In a child, the tree that it was started for; nothing in a run of every ignored test.
    pub fn given() -> Option<Self> {
        let number = |name| std::env::var(name).unwrap().parse().unwrap();
        let directory = std::env::var_os(DIRECTORY)?;
        Some(Self {
            directory: directory.into(),
            steps: Arc::new(Steps {
                at: number(AT),
                wait: std::env::var(WAIT).unwrap() == "true",
                taken: AtomicUsize::new(0),
            }),
            process: number(PROCESS),
            keys: match std::env::var(KEYS).unwrap() == "new" {
                true => Keys::New,
                false => Keys::Kept,
            },
        })
    }

    /// The tree of a directory, which stops nowhere.
    pub fn at(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            steps: Arc::new(Steps {
                at: usize::MAX,
                wait: false,
                taken: AtomicUsize::new(0),
            }),
            process: 99,
            keys: Keys::Kept,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn authority(&self) -> Authority {
        let file = self.file("authority.pem");
        if !file.exists() {
            let pem = Authority::generate().danger_to_pem().unwrap();
            fs::write(&file, pem.as_bytes()).unwrap();
        }
        Authority::from_pem(&fs::read_to_string(file).unwrap()).unwrap()
    }

    fn seal(&self) -> SealKey {
        let file = self.file("seal");
        if !file.exists() {
            fs::write(&file, SealKey::generate().danger_to_hex().as_bytes()).unwrap();
        }
        SealKey::from_hex(&fs::read_to_string(file).unwrap()).unwrap()
    }

    pub fn orchestrator(&self, seal: Option<SealKey>) -> Orchestrator {
        let store = SqliteStore::open(self.file("store")).unwrap();
        let store = Arc::new(Fated::new(Arc::new(store), self.steps.clone()));
        let builder = Orchestrator::builder(&self.authority())
            .store(store)
            .tool(self.tool("note.add", "effects", false))
            .tool(self.tool("doc.read", "read", true))
            .model(self.model());
        match seal {
            Some(seal) => builder.seal_keys(seal).build().unwrap(),
            None => builder.build().unwrap(),
        }
    }

    /// A tool that writes a line to a file, with a step before it and one after.
    fn tool(&self, capability: &str, file: &str, idempotent: bool) -> RuntimeTool {
        let declaration = Declaration::new(capability, Effect::Write, Risk::Low);
        let declaration = match idempotent {
            true => declaration.idempotent(),
            false => declaration,
        };
        let (file, steps) = (self.file(file), self.steps.clone());
        RuntimeTool::new(declaration, json!({ "type": "object" }), move |args, _| {
            let (file, steps) = (file.clone(), steps.clone());
            async move {
                steps.step().await;
                add(&file, args["text"].as_str().unwrap());
                steps.step().await;
                Ok(Value::from("done"))
            }
        })
    }

    /// Goes by the conversation alone, but words the tasks of helpers anew in every process.
    fn model(&self) -> ScriptedModel {
        let (asked, process) = (self.file(&format!("asked-{}", self.process)), self.process);
        let helper = move |role: &str, scope: Value| {
            let task = format!("{role}, said anew by process {process}");
            call(
                "agent_spawn",
                json!({ "role": role, "task": task, "scope": scope }),
            )
        };
        ScriptedModel::from_fn(move |request: &Request| {
            let Some(Message::User { text: task }) = request.messages.first() else {
                panic!("no task");
            };
            let role = task.split(',').next().unwrap().to_owned();
            let is_answer = |message: &&Message| matches!(message, Message::Assistant { .. });
            let turn = request.messages.iter().filter(is_answer).count();
            add(&asked, &format!("{role} {turn}"));
            let last = match request.messages.last() {
                Some(Message::Tool { outcome, .. }) => outcome.clone(),
                _ => String::new(),
            };
            let leaf = Scope::new()
                .grant(Grant::new("note.add").arg("text", any()))
                .grant(Grant::new("doc.read").arg("text", any()));
            let middle = leaf.clone().grant(Grant::spawn(["leaf"]));
            let middle = middle.budget(Budget::new("turns", 5));
            let middle = middle.budget(Budget::new("agents", 1)).to_json();
            let leaf = leaf.to_json();
            let text = |text: &str| json!({ "text": text });
            let turn = match (&*role, turn) {
                ("lead", 0) => calls([helper("middle", middle), call("note.add", text("lead's"))]),
                ("middle", 0) => helper("leaf", leaf),
                ("leaf", 0) => calls([
                    call("doc.read", text("once")),
                    call("note.add", text("leaf's")),
                    call("doc.read", text("twice")),
                ]),
                ("leaf", _) => say("leaf: all is done"),
                ("middle", _) => say(format!("middle: {last}")),
                _ => {
                    let first = request.messages.iter().rev().nth(1);
                    let Some(Message::Tool { outcome, .. }) = first else {
                        panic!("no answer of the middle one");
                    };
                    say(format!("lead: {outcome}"))
                }
            };
            turn.costing(Usage {
                input: 70,
                output: 30,
                cached: 0,
            })
        })
    }

    /// Begins the run, or goes on with it.
    pub async fn work(&self) {
        let seal = (self.keys == Keys::Kept).then(|| self.seal());
        let orchestrator = self.orchestrator(seal);
        let kept = orchestrator.runs().await.unwrap();
        let running = match kept.first() {
            Some(kept) => {
                let resumed = match self.keys {
                    Keys::Kept => orchestrator.resume(kept.run).await,
                    Keys::New => orchestrator.resume_with_new_keys(kept.run).await,
                };
                let resumed = match resumed {
                    Ok(resumed) => resumed,
                    Err(ResumeError::Ended { report, .. }) => {
                        return println!("said answer {}", report.unwrap().unwrap().text());
                    }
                    Err(error) => panic!("{error}"),
                };
                for unknown in resumed.unknown() {
                    println!("said unknown {} {}", unknown.agent, unknown.capability);
                }
                match resumed.task() {
                    Some(_) => resumed.run().await,
                    None => resumed.into_agent().run("lead").await,
                }
            }
            None => {
                let scope = Scope::new()
                    .grant(Grant::new("note.add").arg("text", any()))
                    .grant(Grant::new("doc.read").arg("text", any()))
                    .grant(Grant::spawn(["middle", "leaf"]))
                    .budget(Budget::new("calls", 50))
                    .budget(Budget::new("turns", 50))
                    .budget(Budget::new("tokens", 100_000))
                    .budget(Budget::new("agents", 2))
                    .expires_in(minutes(60))
                    .max_depth(3);
                orchestrator
                    .agent("lead", scope)
                    .await
                    .unwrap()
                    .run("lead")
                    .await
            }
        };
        match running {
            Ok(report) => println!("said answer {}", report.text()),
            Err(failed) => println!("said failed {failed}"),
        }
    }
}

fn add(file: &Path, line: &str) {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened
        .unwrap()
        .write_all(format!("{line}\n").as_bytes())
        .unwrap();
}
