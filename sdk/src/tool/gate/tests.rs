//! What a journal is asked and told in the course of a call.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::capability::{AgentKey, Authority, Grant, Held, KeyRing, Mandate, Risk, Scope};
use crate::clock::ManualClock;
use crate::guard::Effect;
use crate::id::{CallId, Timestamp};
use crate::store::{Expected, Key, MemoryStore, Store};
use crate::tool::{Declaration, RuntimeTool};

/// Notes what it is asked and told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Journal for Notes {
    fn begun(&self, call: CallId) -> Batch {
        self.note("begun");
        Batch::new().put(Key::of(["begun"]), format!("\"{call}\""))
    }

    fn ended(&self, call: CallId, result: Result<&Value, &ToolError>) -> Batch {
        let is_ok = result.is_ok();
        self.note(format!("ended {is_ok}"));
        // The end is recorded without this batch where its expectation does not hold.
        Batch::new()
            .expect(Key::of(["taken"]), Expected::Absent)
            .put(Key::of(["ended"]), format!("\"{call}\""))
    }

    fn not_persisted(&self, _: &StoreError) {
        self.note("not persisted");
    }
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

/// A gate over a store, with one tool, which takes no arguments.
fn world(store: &Arc<MemoryStore>) -> (Gate, Held) {
    let authority = Authority::generate();
    let guard = Guard::builder(KeyRing::new([authority.root()]))
        .store(store.clone())
        .clock(Arc::new(ManualClock::at(now())))
        .build_recorded(Audit::new());
    let declared = Declaration::new("note", Effect::Read, Risk::Low);
    let tool = RuntimeTool::new(declared, json!({}), |_, _| async { Ok(json!(1)) });
    let toolbox = Toolbox::builder().tool(tool).build().unwrap();
    let key = AgentKey::generate();
    let scope = Scope::new().grant(Grant::new("note"));
    let chain = authority.mint(&scope, &Mandate::default(), key.public(), now());
    (
        Gate::new(guard, toolbox),
        chain.unwrap().held_by(key).unwrap(),
    )
}

async fn stored(store: &MemoryStore, name: &str) -> Option<String> {
    let stored = store.get(&Key::of([name])).await.unwrap();
    stored.map(|stored| stored.value)
}

#[tokio::test]
async fn a_journal_writes_with_the_beginning_and_with_the_end() {
    let store = Arc::new(MemoryStore::new());
    let (gate, held) = world(&store);
    let (notes, situation) = (Arc::new(Notes::default()), Situation::default());
    let call = gate.call(&held, "note", "{}", &situation);
    let outcome = call.journal(notes.clone()).await;
    let Outcome::Value { call, .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(notes.all(), ["begun", "ended true"]);
    for name in ["begun", "ended"] {
        let expected = Some(format!("\"{call}\""));
        assert_eq!(stored(&store, name).await, expected, "{name}");
    }
    // Another process has taken over: the end is recorded, and nothing of the journal with it.
    store
        .commit(
            Batch::new()
                .put(Key::of(["taken"]), "1")
                .delete(Key::of(["ended"])),
        )
        .await
        .unwrap();
    let call = gate.call(&held, "note", "{}", &situation);
    let outcome = call.journal(notes.clone()).await;
    assert!(matches!(outcome, Outcome::Value { .. }), "{outcome:?}");
    assert_eq!(stored(&store, "ended").await, None);
    let log = store.log(gate.audit().log(), 0, 10).await.unwrap();
    assert_eq!(log.len(), 4);
}

#[tokio::test]
async fn a_call_that_is_denied_or_cancelled_is_told_to_its_journal_as_it_went() {
    let store = Arc::new(MemoryStore::new());
    let (gate, held) = world(&store);
    let situation = Situation::default();
    let denied = Arc::new(Notes::default());
    let call = gate.call(&held, "note", r#"{"stray": 1}"#, &situation);
    let outcome = call.journal(denied.clone()).await;
    assert!(matches!(outcome, Outcome::Denied(_)), "{outcome:?}");
    // The guard asks for the batch before it decides, and does not write it.
    assert_eq!(stored(&store, "begun").await, None);
    assert!(!denied.all().iter().any(|told| told.starts_with("ended")));
    let (cancelled, cancel) = (Arc::new(Notes::default()), CancellationToken::new());
    cancel.cancel();
    let call = gate.call(&held, "note", "{}", &situation);
    let outcome = call.journal(cancelled.clone()).cancelled_by(&cancel).await;
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(cancelled.all(), ["begun", "ended false"]);
}

#[tokio::test]
async fn an_end_that_cannot_be_recorded_is_told_to_the_journal() {
    let store = Arc::new(MemoryStore::with_capacity(0));
    let (gate, held) = world(&Arc::new(MemoryStore::new()));
    let verdict = gate
        .decide(
            (&held).into(),
            Call::parse("note", "{}").unwrap(),
            Context::new("lead", Effect::Read, Risk::Low, now()),
            None,
            std::future::pending(),
        )
        .await;
    let Verdict::Permit(_, reservation) = verdict else {
        panic!("{verdict:?}")
    };
    let (full, _) = world(&store);
    let notes = Notes::default();
    let ended = full.end(&reservation, Ok(&json!(1)), Some(&notes)).await;
    assert!(ended.is_err());
    assert_eq!(notes.all(), ["ended true", "not persisted"]);
    let ended = gate.end(&reservation, Ok(&json!(1)), Some(&notes)).await;
    assert!(ended.is_ok());
    assert_eq!(notes.all(), ["ended true", "not persisted", "ended true"]);
}
