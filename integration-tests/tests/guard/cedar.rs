//! Policies written in Cedar, asked by a guard.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use bailiwick::capability::{AgentKey, Grant, Kind, Risk, Scope, any};
use bailiwick::guard::{
    Attempt, CedarPolicy, DecidedBy, Effect, GuardBuilder, PolicySet, Presented, Recorder, Verdict,
};
use bailiwick::record::{AuditVerdict as Recorded, Body};
use bailiwick::store::Batch;
use bailiwick::tool::{Declaration, Outcome, RuntimeTool, Toolbox};
use bailiwick_integration_tests::support::calls::{asked, context, once, read};
use bailiwick_integration_tests::support::{Home, secs, situation, start};
use serde_json::json;

/// A toolbox with one tool, which reads a path.
fn toolbox() -> Toolbox {
    let declaration = Declaration::new("fs.read", Effect::Read, Risk::Low);
    let parameters = json!({
        "type": "object",
        "properties": { "path": { "type": "string" }, "size": { "type": "integer" } },
        "required": ["path"],
        "additionalProperties": false,
    });
    let tool = RuntimeTool::new(declaration, parameters, |_, _| async { Ok(json!("text")) });
    Toolbox::builder().tool(tool).build().unwrap()
}

fn load(policies: &str) -> Arc<CedarPolicy> {
    Arc::new(CedarPolicy::load(policies, &toolbox().to_json()).unwrap())
}

const ALL: &str = "@id(\"all\") permit(principal, action, resource);";
const NONE: &str = "@id(\"all\") permit(principal, action, resource);
    @id(\"none\") forbid(principal, action, resource);";

fn guard(home: &Home, policies: &str) -> GuardBuilder {
    home.guard().policy(load(policies))
}

#[tokio::test]
async fn a_guard_denies_what_cedar_does_not_cleanly_permit() {
    let home = Home::new();
    let held = home.held(&read());
    let overflow = format!(
        "{ALL} forbid(principal, action, resource) when {{ context.agent.depth - 9223372036854775807 - 2 == 0 }};"
    );
    let missing = format!(
        "{ALL} forbid(principal, action == Action::\"fs.read\", resource) \
         when {{ context.arguments has size && context.arguments.size > 5 }};"
    );
    for (policies, expected) in [
        (ALL, None),
        (missing.as_str(), None),
        (NONE, Some(Kind::Policy)),
        ("", Some(Kind::Policy)),
        (overflow.as_str(), Some(Kind::Policy)),
    ] {
        let guard = guard(&home, policies).build();
        assert_eq!(once(&guard, &held).await, expected, "{policies}");
    }
}

/// Cedar leaves a `forbid` out that reads what is not there. Such a policy does not load, so that it is not
/// missed when it is needed; a call without a declared attribute is denied.
#[test]
fn a_forbid_that_reads_what_may_be_missing_or_has_another_type_does_not_load() {
    for condition in [
        "context.nothing == 1",
        "context.task == \"a\"",
        "context.arguments.size > 5",
        "context.arguments has path && context.arguments.path > 5",
        "context has risk && context.risk > 5",
    ] {
        let text = format!(
            "{ALL} @id(\"f\") forbid(principal, action == Action::\"fs.read\", resource) when {{ {condition} }};"
        );
        let error = CedarPolicy::load(&text, &toolbox().to_json()).unwrap_err();
        assert!(error.to_string().contains("policy `f` (line 1)"), "{error}");
    }
}

#[tokio::test]
async fn the_denial_names_the_policy_and_the_set() {
    let home = Home::new();
    let set = load(NONE);
    let guard = home.guard().policy(set.clone()).build();
    let verdict = guard
        .authorize((&home.held(&read())).into(), asked("/a"), context())
        .await;
    let Verdict::Denied(denial) = verdict else {
        panic!("{verdict:?}")
    };
    let digest: String = set
        .digest()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for part in ["policy `none`", &digest, "cedar-policy 4."] {
        assert!(denial.detail().contains(part), "{denial}");
    }
    assert!(!denial.for_model().contains("none"));
    let Body::Attempt {
        verdict, detail, ..
    } = home.entries().await.remove(0).body
    else {
        panic!("no attempt")
    };
    assert_eq!(verdict, Recorded::Denied);
    assert!(detail.unwrap().contains(&digest));
}

#[tokio::test]
async fn a_call_that_a_policy_asks_about_runs_with_an_approval_of_it() {
    let home = Home::new();
    let approver = AgentKey::generate();
    let asks = format!("{ALL} @ask(\"who?\") forbid(principal, action, resource);");
    let guard = guard(&home, &asks).approvers([approver.public()]).build();
    let held = home.held(&read());
    let verdict = guard
        .authorize((&held).into(), asked("/a"), context())
        .await;
    let Verdict::Ask(pending) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        pending.missing.detail().starts_with("who?"),
        "{}",
        pending.missing
    );
    let until = start().saturating_add(secs(60));
    let approval = pending.request.unwrap().approve(&approver, until);
    let approved = held.with_approval(&approval).unwrap();
    let verdict = guard
        .authorize((&approved).into(), pending.call, context())
        .await;
    assert!(matches!(verdict, Verdict::Permit(..)), "{verdict:?}");
}

#[tokio::test]
async fn a_gate_asks_cedar_with_the_arguments_of_the_tool() {
    let home = Home::new();
    let policies = "permit(principal, action == Action::\"fs.read\", resource)
        when { context.arguments.path like \"/srv/docs/*\" };";
    let gate = home.gate_of(guard(&home, policies), toolbox());
    let grant = Grant::new("fs.read").arg("path", any()).arg("size", any());
    let held = home.held(&Scope::new().grant(grant));
    for (arguments, expected) in [
        (json!({ "path": "/srv/docs/a" }), None),
        (json!({ "path": "/srv/keys/a" }), Some(Kind::Policy)),
        (
            json!({ "path": "/srv/docs/a", "size": 9_223_372_036_854_775_808_u64 }),
            Some(Kind::Policy),
        ),
        (json!({ "path": "/srv/docs/a", "size": 1 }), None),
    ] {
        let text = arguments.to_string();
        let outcome = gate.call(&held, "fs_read", &text, &situation()).await;
        match (&outcome, expected) {
            (Outcome::Value { .. }, None) => {}
            (Outcome::Denied(denial), Some(kind)) => assert_eq!(denial.kind(), kind),
            _ => panic!("{text}: {outcome:?}"),
        }
    }
}

/// Keeps the sets of the calls that were allowed.
#[derive(Default)]
struct Allowed(Mutex<Vec<Vec<DecidedBy>>>);

impl Recorder for Allowed {
    fn attempt(&self, attempt: &Attempt<'_>) -> Batch {
        if attempt.denial.is_none() {
            let by = attempt.context.decided_by().to_vec();
            self.0.lock().unwrap().push(by);
        }
        Batch::new()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_decided_by_exactly_one_set_while_sets_are_swapped() {
    const CALLERS: usize = 50;
    const CALLS: usize = 20;
    const SWAPS: usize = 1000;
    let home = Home::new();
    let (all, none) = (load(ALL), load(NONE));
    let (handle, allowed) = (PolicySet::new(), Arc::new(Allowed::default()));
    let guard = home
        .guard()
        .recorder(allowed.clone())
        .policy(Arc::new(handle.clone()));
    let (guard, held) = (Arc::new(guard.build()), Arc::new(home.held(&read())));
    assert_eq!(once(&guard, &held).await, Some(Kind::Policy));
    handle.replace(all.clone());
    let hex = |set: &CedarPolicy| -> String {
        set.digest()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    };
    let (first, second) = (hex(&all), hex(&none));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (guard, held, first, second) =
                (guard.clone(), held.clone(), first.clone(), second.clone());
            tokio::spawn(async move {
                let mut permits = 0;
                for _ in 0..CALLS {
                    let presented = Presented::Held(&held);
                    match guard.authorize(presented, asked("/a"), context()).await {
                        Verdict::Permit(..) => permits += 1,
                        Verdict::Denied(denial) => {
                            let detail = denial.detail();
                            assert_eq!(detail.matches(&second).count(), 1, "{detail}");
                            assert!(!detail.contains(&first), "{detail}");
                        }
                        Verdict::Ask(pending) => panic!("{}", pending.missing),
                    }
                    tokio::task::yield_now().await;
                }
                permits
            })
        })
        .collect();
    for swap in 0..SWAPS {
        handle.replace(if swap % 2 == 0 {
            none.clone()
        } else {
            all.clone()
        });
        // A set that does not load changes nothing.
        if swap % 100 == 0 {
            assert!(CedarPolicy::load("permit(", &toolbox().to_json()).is_err());
        }
        tokio::task::yield_now().await;
    }
    let mut permits = 0;
    for caller in callers {
        permits += caller.await.unwrap();
    }
    let allowed = allowed.0.lock().unwrap();
    assert_eq!(allowed.len(), permits);
    for by in allowed.iter() {
        let [by] = by.as_slice() else {
            panic!("{by:?}")
        };
        assert_eq!(by.set, Some(all.digest()));
        assert_eq!(by.policies, ["all"]);
    }
}
