//! A gate with tools that pay, wait, fail and notice what they were given.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailiwick::capability::{Grant, Held, Risk, Scope, any, one_of};
use bailiwick::guard::Effect;
use bailiwick::tool;
use bailiwick::tool::{
    Arguments, Declaration, Exact, Gate, Invocation, State, Tool, ToolError, Toolbox,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Home;

/// What the bodies saw, in order.
#[derive(Clone, Default)]
pub struct Seen(pub Arc<Mutex<Vec<Value>>>);

impl Seen {
    pub fn note(&self, value: impl Into<Value>) {
        self.0.lock().unwrap().push(value.into());
    }

    pub fn all(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }
}

/// Pay someone.
#[tool(capability = "pay", effect = send, risk = high)]
pub async fn pay(
    seen: &State<Seen>,
    /// Whom, by account.
    #[resource]
    to: Exact<String>,
    amount: u32,
    note: Option<String>,
) -> Result<String, ToolError> {
    seen.note(json!({ "to": to.0, "amount": amount, "note": note }));
    Ok(format!("paid {amount}"))
}

#[tool(capability = "crash", effect = read, risk = low)]
pub async fn crash() -> Result<(), ToolError> {
    std::hint::black_box(None::<Result<(), ToolError>>).unwrap()
}

#[tool(capability = "fail", effect = read, risk = low)]
pub async fn fail() -> Result<(), std::num::ParseIntError> {
    "x".parse::<u8>().map(drop)
}

/// Waits until it is let go.
#[tool(capability = "wait", effect = read, risk = low, taints = ["slow"])]
pub async fn wait(state: &State<Waiting>, invocation: &Invocation) -> Result<String, ToolError> {
    state.started.notify_one();
    state.go.notified().await;
    state.done.fetch_add(1, Ordering::SeqCst);
    Ok(invocation.permit().capability().to_owned())
}

#[derive(Clone, Default)]
pub struct Waiting {
    pub started: Arc<tokio::sync::Notify>,
    pub go: Arc<tokio::sync::Notify>,
    pub done: Arc<AtomicUsize>,
}

pub struct Notes {
    pub seen: Seen,
}

#[tool]
impl Notes {
    /// Add a note.
    #[tool(capability = "notes.add", effect = write, risk = low)]
    pub async fn add(&self, mut text: String) -> Result<usize, ToolError> {
        text.push('!');
        self.keep(text);
        Ok(self.seen.all().len())
    }

    #[tool(capability = "notes.count", effect = read, risk = low, idempotent)]
    pub async fn count(&self) -> Result<usize, ToolError> {
        Ok(Self::number(&self.seen))
    }

    pub fn keep(&self, text: String) {
        self.seen.note(text);
    }

    pub fn number(seen: &Seen) -> usize {
        seen.all().len()
    }
}

pub fn payments() -> Grant {
    Grant::new("pay")
        .arg("to", one_of(["a", "b"]))
        .arg("amount", any())
        .arg("note", any())
}

pub fn toolbox(seen: &Seen, waiting: &Waiting) -> Toolbox {
    let builder = Toolbox::builder()
        .tool(pay)
        .tool(crash)
        .tool(fail)
        .tool(wait);
    builder
        .tools(Notes { seen: seen.clone() })
        .state(seen.clone())
        .state(waiting.clone())
        .build()
        .unwrap()
}

pub struct Scene {
    pub home: Home,
    pub gate: Gate,
    pub held: Held,
    pub seen: Seen,
    pub waiting: Waiting,
}

pub fn scene() -> Scene {
    scene_on(Home::new(), Scope::new())
}

pub fn scene_on(home: Home, scope: Scope) -> Scene {
    let (seen, waiting) = (Seen::default(), Waiting::default());
    let gate = home.gate(toolbox(&seen, &waiting));
    let scope = ["crash", "fail", "wait", "notes.count"]
        .into_iter()
        .fold(scope.grant(payments()), |scope, name| {
            scope.grant(Grant::new(name))
        })
        .grant(Grant::new("notes.add").arg("text", any()));
    let held = home.held(&scope);
    Scene {
        home,
        gate,
        held,
        seen,
        waiting,
    }
}

/// A tool that calls the body of another with its own leave.
pub struct Around;

#[async_trait]
impl Tool for Around {
    type Args = Noted;
    type Output = String;

    fn declaration(&self) -> Declaration {
        Declaration::new("around", Effect::Read, Risk::Low)
    }

    async fn call(&self, args: Noted, invocation: Invocation) -> Result<String, ToolError> {
        let other = serde_json::from_str(&args.note)?;
        Tool::call(&pay, other, invocation).await
    }
}

#[derive(Serialize, Deserialize, Arguments)]
#[serde(deny_unknown_fields)]
pub struct Noted {
    pub note: String,
}

pub fn evil() -> String {
    "evil".to_owned()
}
