//! Wire calls at a gate: from the bytes that arrive to the body of the tool, and to the record.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use bailiwick::capability::{Call, Grant, Held, Kind, MAX_CALL_LIFE, Risk, Scope, WireCall, any};
use bailiwick::guard::{Effect, SKEW};
use bailiwick::record::{AuditVerdict, Body};
use bailiwick::tool::{Declaration, Gate, Outcome, RuntimeTool, Toolbox};
use bailiwick_integration_tests::support::calls::{BANK, wire};
use bailiwick_integration_tests::support::{Home, secs, situation};
use bailiwick_integration_tests::{denied, value};
use serde_json::{Value, json};

const ARGUMENTS: &str = r#"{"path": "/a"}"#;

/// A server of two tools.
struct Server {
    home: Home,
    gate: Gate,
    /// The token of a client.
    held: Held,
    /// The capability and the arguments of each body that ran.
    ran: Arc<Mutex<Vec<(String, Value)>>>,
}

fn server() -> Server {
    let home = Home::new();
    let ran = Arc::<Mutex<Vec<(String, Value)>>>::default();
    let tool = |capability: &str, effect| {
        let ran = ran.clone();
        let declared = Declaration::new(capability, effect, Risk::Low);
        RuntimeTool::new(declared, json!({}), move |arguments, invocation| {
            let capability = invocation.permit().capability().to_owned();
            ran.lock()
                .unwrap()
                .push((capability, Value::Object(arguments)));
            async { Ok(json!("done")) }
        })
    };
    let toolbox = Toolbox::builder()
        .tool(tool("fs.read", Effect::Read))
        .tool(tool("fs.write", Effect::Write))
        .build()
        .unwrap();
    let gate = home.gate_of(home.guard().audience(BANK), toolbox);
    // The guard cannot know which calls were made before it began.
    home.clock.advance(MAX_CALL_LIFE + SKEW);
    let grant = |capability: &str| Grant::new(capability).arg("path", any());
    let scope = Scope::new()
        .grant(grant("fs.read"))
        .grant(grant("fs.write"));
    let held = home.held(&scope);
    Server {
        home,
        gate,
        held,
        ran,
    }
}

impl Server {
    /// The bytes of a call of `fs.read`, meant for `audience`.
    fn bytes(&self, audience: &str) -> Vec<u8> {
        let call = Call::parse("fs.read", ARGUMENTS).unwrap();
        wire(&self.home, &self.held, &call, audience)
    }

    fn receive(&self, bytes: &[u8]) -> WireCall {
        self.gate.guard().receive("http", bytes).unwrap()
    }

    async fn call(&self, wire: &WireCall, tool: &str, arguments: &str) -> Outcome {
        self.gate.call(wire, tool, arguments, &situation()).await
    }

    fn ran(&self) -> Vec<(String, Value)> {
        self.ran.lock().unwrap().clone()
    }

    /// The capability and the verdict of each attempt on the record.
    async fn attempts(&self) -> Vec<(String, AuditVerdict)> {
        let entries = self.home.entries().await.into_iter();
        let attempts = entries.filter_map(|entry| match entry.body {
            Body::Attempt {
                capability,
                verdict,
                ..
            } => Some((capability, verdict)),
            _ => None,
        });
        attempts.collect()
    }
}

#[tokio::test]
async fn a_wire_call_reaches_the_body_once_and_its_outcome_is_recorded() {
    let server = server();
    let bytes = server.bytes(BANK);
    let outcome = server
        .call(&server.receive(&bytes), "fs_read", ARGUMENTS)
        .await;
    assert_eq!(value!(outcome), json!("done"));
    let once = [("fs.read".to_owned(), json!({"path": "/a"}))];
    assert_eq!(server.ran(), once);
    assert_eq!(server.home.outcomes().await, [None]);
    // The same value, and the same bytes read once more, are the same call.
    let first = server.receive(&bytes);
    for again in [&first, &first, &server.receive(&bytes)] {
        let outcome = server.call(again, "fs_read", ARGUMENTS).await;
        denied!(outcome, Kind::Replay);
    }
    assert_eq!(server.ran(), once);
    assert_eq!(server.home.outcomes().await, [None]);
    let read = |verdict| ("fs.read".to_owned(), verdict);
    let denied = AuditVerdict::Denied;
    let expected = [
        read(AuditVerdict::Allowed),
        read(denied),
        read(denied),
        read(denied),
    ];
    assert_eq!(server.attempts().await, expected);
}

#[tokio::test]
async fn a_wire_call_reaches_only_what_its_holder_signed_and_a_denial_does_not_spend_it() {
    let server = server();
    let wire = server.receive(&server.bytes(BANK));
    for (tool, arguments, kind) in [
        // The token grants the other tool too, but the holder signed a call of this one.
        ("fs_write", ARGUMENTS, Kind::Tool),
        ("fs.write", ARGUMENTS, Kind::Tool),
        ("fs_read", r#"{"path": "/b"}"#, Kind::Argument),
        ("fs_read", r#"{"path": "/a", "more": 1}"#, Kind::Argument),
        ("fs_read", "{}", Kind::Argument),
        ("fs_read", "{", Kind::Argument),
        ("fs_read", "", Kind::Argument),
    ] {
        let outcome = server.call(&wire, tool, arguments).await;
        let denial = denied!(outcome, kind);
        assert_eq!(denial.agent(), "lead", "{tool} {arguments}");
    }
    let unknown = server.call(&wire, "fs_delete", ARGUMENTS).await;
    assert!(matches!(unknown, Outcome::UnknownTool(_)), "{unknown:?}");
    assert!(server.ran().is_empty());
    assert!(server.home.outcomes().await.is_empty());
    let attempts = server.attempts().await;
    assert_eq!(attempts.len(), 7);
    assert!(
        attempts
            .iter()
            .all(|(_, verdict)| *verdict == AuditVerdict::Denied)
    );
    // The text may be spaced otherwise, and a member that is `null` is no member: the value is the same.
    let same = r#"{ "path":"/a","more":null }"#;
    value!(server.call(&wire, "fs_read", same).await);
    assert_eq!(server.ran().len(), 1);
}

#[tokio::test]
async fn a_wire_call_for_another_verifier_or_for_another_time_runs_nothing() {
    let server = server();
    // The digest that the holder signed names the audience.
    let elsewhere = server.receive(&server.bytes("shop"));
    let outcome = server.call(&elsewhere, "fs_read", ARGUMENTS).await;
    denied!(outcome, Kind::Argument);
    let late = server.receive(&server.bytes(BANK));
    server.home.clock.advance(MAX_CALL_LIFE + secs(1));
    denied!(
        server.call(&late, "fs_read", ARGUMENTS).await,
        Kind::Expired
    );
    assert!(server.ran().is_empty());
    assert_eq!(server.attempts().await.len(), 2);
}
