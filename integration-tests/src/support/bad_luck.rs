//! Guards with budgets, and what was charged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::capability::{Budget, Held, Risk};
use bailiwick::guard::Effect;
use bailiwick::record::{self, Body};
use bailiwick::store::{Key, Store};
use bailiwick::tool::{Declaration, Gate, RuntimeTool, Toolbox};
use serde_json::{Value, json};

use crate::support::Home;
use crate::support::calls::read;

/// A gate to `fs.read`, whose body counts how often it runs.
pub fn counting(home: &Home, store: Arc<dyn Store>) -> (Gate, Arc<AtomicUsize>) {
    let ran = Arc::<AtomicUsize>::default();
    let count = ran.clone();
    let tool = RuntimeTool::new(
        Declaration::new("fs.read", Effect::Read, Risk::Low),
        json!({}),
        move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(Value::Null) }
        },
    );
    let toolbox = Toolbox::builder().tool(tool).build().unwrap();
    let guard = home.guard().store(store);
    (home.gate_of(guard, toolbox), ran)
}

/// How many attempts were recorded as allowed.
pub async fn allowed(home: &Home) -> usize {
    let entries = home.entries().await;
    let allowed = |entry: &&record::AuditEntry| {
        matches!(
            entry.body,
            Body::Attempt {
                verdict: record::AuditVerdict::Allowed,
                ..
            }
        )
    };
    entries.iter().filter(allowed).count()
}

/// What was charged to the budget that [`budgeted`] sets.
pub async fn charged(home: &Home) -> u64 {
    let id = format!("{}/all", home.authority.public());
    let counter = Key::of(["budget", "calls", &id]);
    home.store.counter(&counter).await.unwrap()
}

pub fn budgeted(home: &Home, calls: u64) -> Held {
    home.held(&read().budget(Budget::new("calls", calls).shared("all")))
}
