//! A model that asks for helpers: what they get is narrower, or they are not there.

use bailiwick::agent::{Ended, Orchestrator};
use bailiwick::capability::{Grant, Kind, Scope, path_under};
use bailiwick::model::Fenced;
use bailiwick::record::{AuditVerdict, Body, EventKind};
use bailiwick::tool::Outcome;
use serde_json::{Value, json};

use super::served::{
    Calls, Led, agent, answer, audit, call, calls, exactly, run, served, text, tool,
};

const DOCUMENT: &str = "/srv/docs/plan.md";
const SECRET: &str = "/srv/private/key.txt";

fn files(under: &str) -> Scope {
    Scope::new().grant(Grant::new("file.read").arg("path", path_under(under)))
}

fn clerk() -> Scope {
    files("/srv").grant(Grant::spawn(["reader"])).max_depth(1)
}

/// The call for a reader of documents; what it shall do is the model's to say.
fn reader() -> Value {
    let scope = json!({ "const": files("/srv/docs").to_json() });
    let arguments = json!({ "role": { "const": "reader" }, "task": text(40), "scope": scope });
    call("agent_spawn", &arguments)
}

fn helper(role: &str, scope: &Scope) -> (&'static str, Value) {
    let arguments = json!({ "role": role, "task": "read it", "scope": scope.to_json() });
    ("agent_spawn", arguments)
}

fn read(path: &str) -> (&'static str, Value) {
    ("file_read", json!({ "path": path }))
}

/// Whether each of an agent's calls of a capability was allowed, or the kind and hop that refused it.
async fn verdicts(
    orchestrator: &Orchestrator,
    of: (&str, &str),
) -> Vec<(AuditVerdict, Option<Kind>, Option<u32>)> {
    let asked = audit(orchestrator).await.into_iter().filter_map(|body| {
        let Body::Attempt {
            agent,
            capability,
            verdict,
            refusal,
            hop,
            ..
        } = body
        else {
            return None;
        };
        ((&*agent, &*capability) == of).then_some((verdict, refusal, hop))
    });
    asked.collect()
}

#[tokio::test]
async fn a_helper_that_a_model_asks_for_has_a_narrower_token() {
    let Some(model) = served("a_helper_that_a_model_asks_for_has_a_narrower_token") else {
        return;
    };
    let lead = Led(model.clone(), |turn| match turn {
        0 => calls(&[reader()]),
        _ => answer(),
    });
    // It asks for what its parent could read, and it cannot.
    let reader = Led(model, |turn| match turn {
        0 => exactly(&[read(SECRET), read(DOCUMENT)]),
        _ => answer(),
    });
    let made = Calls::default();
    let (orchestrator, agent) = agent(clerk(), |builder| {
        builder
            .tool(tool(
                "file.read",
                "Read a file.",
                "path",
                "The plan is tea.",
                &made,
            ))
            .model(Fenced::new(lead).with_schema(1))
            .model_for("reader", Fenced::new(reader).with_schema(2))
    })
    .await;
    let could = agent.call("file_read", &json!({ "path": SECRET })).await;
    assert!(matches!(could, Outcome::Value { .. }), "{could:?}");
    made.lock().unwrap().clear();
    let mut events = orchestrator.events().watch();
    let report = run(
        agent,
        "What does /srv/docs/plan.md say? Let a reader find out.",
    )
    .await;
    assert_eq!(
        (report.finished().ended, report.finished().turns),
        (Ended::Answer, 2)
    );
    assert_eq!(report.denials(), []);

    // It did what its own block allows, and was refused by that block what its parent's allows.
    let document = ("file.read".to_owned(), json!({ "path": DOCUMENT }));
    assert_eq!(*made.lock().unwrap(), [document]);
    let of_reader = verdicts(&orchestrator, ("clerk/reader", "file.read")).await;
    let refused = (AuditVerdict::Denied, Some(Kind::Argument), Some(1));
    let allowed = (AuditVerdict::Allowed, None, None);
    assert!(
        of_reader.contains(&refused) && of_reader.contains(&allowed),
        "{of_reader:?}"
    );
    assert_eq!(of_reader.len(), 2);

    // One child was made, by a call that is on the record, under the token of the clerk; and it ended.
    let spawned = verdicts(&orchestrator, ("clerk", "agent.spawn")).await;
    assert_eq!(spawned, [allowed]);
    let record = audit(&orchestrator).await;
    let hops = record.iter().filter_map(|body| match body {
        Body::Hop {
            agent,
            token,
            parent,
            ..
        } => Some((agent.as_str(), token, parent)),
        _ => None,
    });
    let hops: Vec<_> = hops.collect();
    assert_eq!(hops.len(), 2, "{hops:?}");
    assert_eq!((hops[0].0, hops[1].0), ("clerk", "clerk/reader"));
    assert_eq!(hops[1].2.as_ref(), Some(hops[0].1));
    let ended = record.iter().filter_map(|body| match body {
        Body::Ended { agent, how, .. } => Some((agent.as_str(), how.as_str())),
        _ => None,
    });
    assert_eq!(
        ended.collect::<Vec<_>>(),
        [("clerk/reader", "answer"), ("clerk", "answer")]
    );
    let mut scopes = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::Spawned { scope } = event.kind {
            scopes.push(scope.join("\n"));
        }
    }
    assert_eq!(scopes.len(), 1);
    assert!(scopes[0].contains("/srv/docs"), "{}", scopes[0]);
    assert!(!scopes[0].contains("agent.spawn"), "{}", scopes[0]);
}

#[tokio::test]
async fn attack_02_a_helper_with_more_than_its_parent_is_not_spawned() {
    let Some(model) = served("attack_02_a_helper_with_more_than_its_parent_is_not_spawned") else {
        return;
    };
    let lead = Led(model, |turn| match turn {
        0 => exactly(&[
            helper("reader", &files("/")),
            helper("admin", &files("/srv/docs")),
        ]),
        _ => answer(),
    });
    let made = Calls::default();
    let (orchestrator, agent) = agent(clerk(), |builder| {
        builder
            .tool(tool(
                "file.read",
                "Read a file.",
                "path",
                "The plan is tea.",
                &made,
            ))
            .model(Fenced::new(lead).with_schema(2))
    })
    .await;
    let report = run(agent, "What does /etc/passwd say? Let others find out.").await;
    assert_eq!(
        (report.finished().ended, report.finished().turns),
        (Ended::Answer, 2)
    );
    let mut kinds: Vec<Kind> = report
        .denials()
        .iter()
        .map(|denial| denial.kind())
        .collect();
    kinds.sort();
    assert_eq!(
        kinds,
        [Kind::Argument, Kind::Widens],
        "{:?}",
        report.denials()
    );
    assert!(made.lock().unwrap().is_empty());
    let record = audit(&orchestrator).await;
    let hops = record
        .iter()
        .filter(|body| matches!(body, Body::Hop { .. }));
    assert_eq!(hops.count(), 1, "there is the clerk alone");
}
