use super::*;
use crate::capability::arbitrary::{key, now};
use crate::capability::check::Skip;
use crate::capability::keys::{AgentKey, Authority};
use crate::capability::narrow::narrow;
use crate::capability::scope::{Scope, absent, any, eq, one_of};
use crate::capability::token::{KeyRing, Mandate};
use crate::capability::value::{Call, Facts};

fn written(text: &str) -> Scope {
    Scope::from_json(text).unwrap()
}

fn bounds(grant: Grant) -> Bounds {
    Scope::new().grant(grant).at(now()).unwrap()
}

/// The ways in which people write permission to spawn a reader.
fn spellings() -> Vec<Scope> {
    let role = r#""role": {"one_of": ["reader"]}"#;
    let spawn = |args: &str| {
        written(&format!(
            r#"{{"grants": [{{"tool": "agent.spawn", "args": {{{role}{args}}}}}]}}"#
        ))
    };
    vec![
        Scope::new().grant(Grant::spawn(["reader"])),
        Scope::new().grant(Grant::new(SPAWN).arg("role", one_of(["reader"]))),
        spawn(""),
        spawn(r#", "scope": "any", "key": "any""#),
        spawn(r#", "scope": "any", "key": "any", "task": "any""#),
        // As a token's bounds are written.
        spawn(
            r#", "scope": "any", "key": "any", "task": "any", "budget": "any", "expires": "any""#,
        ),
    ]
}

#[test]
fn leave_to_spawn_has_one_spelling() {
    let all: Vec<_> = spellings()
        .iter()
        .map(|scope| scope.at(now()).unwrap())
        .collect();
    for one in &all {
        assert_eq!(*one, all[0]);
        for other in &all {
            assert_eq!(narrow(&[one], other), Ok(()));
        }
    }
    let Grants::Only(grants) = all[0].grants() else {
        panic!("grants are listed");
    };
    let names: Vec<_> = grants[0].args().keys().map(String::as_str).collect();
    assert_eq!(names, ["budget", "expires", "key", "role", "scope", "task"]);
}

#[test]
fn a_spawn_may_have_a_task_and_must_have_none_where_the_grant_says_so() {
    let asked = |grant: &Bounds, task: Option<&str>| {
        let mut args = serde_json::json!({"role": "reader", "scope": {"grants": []}, "key": "k"});
        if let Some(task) = task {
            args["task"] = task.into();
        }
        let call = Call::new(SPAWN, args.as_object().unwrap().clone()).unwrap();
        let scope = Scope::from_value(&grant.to_json()).unwrap();
        let (root, to) = (Authority::generate(), AgentKey::generate());
        let mandate = Mandate::default();
        let chain = root.mint(&scope, &mandate, to.public(), now()).unwrap();
        let chain = KeyRing::new([root.root()])
            .chain(&chain.to_bytes())
            .unwrap();
        chain
            .explain(&call, &Facts::at(now()), Skip::default())
            .is_ok()
    };
    let free = bounds(Grant::spawn(["reader"]));
    let none = bounds(Grant::spawn(["reader"]).arg("task", absent()));
    let fixed = bounds(Grant::spawn(["reader"]).arg("task", eq("read")));
    for (bounds, task, fine) in [
        (&free, None, true),
        (&free, Some("read"), true),
        (&none, None, true),
        (&none, Some("read"), false),
        (&fixed, None, false),
        (&fixed, Some("read"), true),
        (&fixed, Some("write"), false),
    ] {
        assert_eq!(asked(bounds, task), fine, "{task:?} {bounds:?}");
    }
    // What one leaves free is wider than what another constrains.
    assert!(narrow(&[&none], &free).is_err());
    assert!(narrow(&[&fixed], &free).is_err());
    assert_eq!(narrow(&[&free], &none), Ok(()));
    assert!(narrow(&[&free], &bounds(Grant::spawn(["writer"]))).is_err());
}

#[test]
fn a_block_that_does_not_list_what_is_free_is_read_back_as_it_is() {
    let mut old = bounds(Grant::spawn(["reader"]));
    old.grants = Grants::Only(vec![
        Grant::closed(SPAWN).arg("role", one_of(["reader"])),
        Grant::closed(SPAWN).arg("role", any()).arg("key", any()),
    ]);
    let read = Scope::from_value(&old.to_json())
        .unwrap()
        .at(now())
        .unwrap();
    assert_eq!(read.grants, old.grants);
}

#[test]
fn an_approval_is_asked_of_a_key_or_not_at_all() {
    let error = |grant: Grant| Scope::new().grant(grant).at(now()).unwrap_err().to_string();
    assert_eq!(
        error(Grant::new("pay").arg("to", any()).approved_by([])),
        "grants[0].approved_by: an empty list asks for no approval; leave it out, or name a key"
    );
    let some = Grant::new("pay").approved_by([key(0)]).approved_by([]);
    assert_eq!(
        bounds(some.clone()),
        bounds(Grant::new("pay").approved_by([key(0)]))
    );
    let late = Grant::new("pay").approved_by([]).approved_by([key(0)]);
    assert_eq!(bounds(late), bounds(some));
    let roles: [&str; 0] = [];
    assert!(error(Grant::spawn(roles)).starts_with("grants[0].args.role"));
}
