//! Questions and how several policies answer them.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use super::{AllOf, Answer, DecidedBy, Decision, Policy, PolicyError, PolicySet, Question};
use crate::capability::{
    AgentKey, Authority, Call, Chain, Exposure, Grant, Held, Mandate, Risk, Scope, Sensitivity,
    any, canonical,
};
use crate::guard::{Context, Effect};
use crate::id::Timestamp;

/// A token of a reader below a lead, and a context in which it is used.
pub(super) struct World {
    pub(super) held: Held,
    pub(super) context: Context,
    pub(super) call: Call,
}

impl World {
    pub(super) fn new() -> Self {
        let now = Timestamp::from_secs(1_800_000_000).unwrap();
        let (authority, key, child) = (
            Authority::generate(),
            AgentKey::generate(),
            AgentKey::generate(),
        );
        let read =
            || Scope::new().grant(Grant::new("fs.read").arg("path", any()).arg("size", any()));
        let scope = read().grant(Grant::spawn(["reader"])).max_depth(1);
        let mandate = Mandate {
            principal: Some("ann@a.org".to_owned()),
            intent: Some("read".to_owned()),
            ..Mandate::default()
        };
        let minted = authority.mint(&scope, &mandate, key.public(), now).unwrap();
        let lead = minted.held_by(key).unwrap();
        let chain = lead
            .delegate("reader", &read(), child.public(), now)
            .unwrap();
        let mut context = Context::new("lead/reader", Effect::Read, Risk::Low, now);
        context.expose(
            Some(&Exposure::new(["web"], None)),
            Some(Sensitivity::Internal),
        );
        context.owner = Some("files".to_owned());
        Self {
            held: chain.held_by(child).unwrap(),
            context,
            call: Call::parse("fs.read", r#"{"path":"/srv/a","size":7}"#).unwrap(),
        }
    }

    pub(super) fn question(&self) -> Question<'_> {
        Question::new(self.held.chain(), &self.call, &self.context)
    }

    fn chain(&self) -> &Chain {
        self.held.chain()
    }
}

#[test]
fn a_question_is_written_with_what_is_known_and_nothing_else() {
    let world = World::new();
    let chain = world.chain();
    let text = world.question().to_json();
    let read = canonical::read(&text).unwrap();
    assert_eq!(canonical::write(&read), text);
    let expected = json!({
        "version": 1,
        "time": "2027-01-15T08:00:00Z",
        "agent": {
            "path": "lead/reader",
            "roles": ["reader"],
            "key": chain.holder().to_string(),
            "depth": 1,
        },
        "token": {
            "id": crate::id::hex::write(&chain.id()),
            "lineage": crate::id::hex::write(&chain.lineage()),
            "expires": chain.expires().to_string(),
            "principal": "ann@a.org",
            "intent": "read",
        },
        "call": crate::id::hex::write(&world.call.nonce().0),
        "capability": "fs.read",
        "arguments": { "path": "/srv/a", "size": 7 },
        "effect": "read",
        "risk": "low",
        "sensitivity": "internal",
        "taint": ["web"],
        "owner": "files",
        "approvals": [],
    });
    assert_eq!(read, expected);
}

#[test]
fn everything_that_is_known_is_written() {
    let mut world = World::new();
    let names = || Some(["a".to_owned()].into());
    let context = &mut world.context;
    (context.environment, context.intent) = (Some("production".to_owned()), Some("i".to_owned()));
    (context.facts.dataset, context.facts.taint) = (names(), Some([].into()));
    (context.facts.task, context.facts.step) = (Some("t".to_owned()), Some("s".to_owned()));
    context.facts.audience = Some("bank".to_owned());
    let read = canonical::read(&world.question().to_json()).unwrap();
    for (member, expected) in [
        ("environment", json!("production")),
        ("intent", json!("i")),
        ("dataset", json!(["a"])),
        ("taint", json!([])),
        ("task", json!("t")),
        ("step", json!("s")),
        ("audience", json!("bank")),
    ] {
        assert_eq!(read[member], expected, "{member}");
    }
}

#[test]
fn the_approvals_of_a_question_are_those_of_this_call_that_have_not_ended() {
    let mut world = World::new();
    let approver = AgentKey::generate();
    let now = world.context.facts.time;
    let until = now.saturating_add(std::time::Duration::from_secs(60));
    let request = world
        .held
        .approval_request(&world.call, &world.context.facts);
    let with = world
        .held
        .with_approval(&request.approve(&approver, until))
        .unwrap();
    let shown = |call: &Call, context: &Context| {
        let question = Question::new(with.chain(), call, context);
        let written = canonical::read(&question.to_json()).unwrap();
        let listed = written["approvals"].as_array().unwrap().len();
        assert_eq!(question.approvals().count(), listed);
        question.approvals().next()
    };
    assert_eq!(
        shown(&world.call, &world.context),
        Some((approver.public(), until))
    );
    let other = Call::parse("fs.read", r#"{"path":"/srv/a","size":7}"#).unwrap();
    assert_eq!(shown(&other, &world.context), None);
    world.context.facts.time = until;
    assert_eq!(shown(&world.call, &world.context), None);
}

/// Says the same of every call.
struct Always(Result<Answer, PolicyError>);

#[async_trait]
impl Policy for Always {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        self.0.clone()
    }
}

fn set(id: &str) -> DecidedBy {
    DecidedBy {
        set: Some([1; 32]),
        engine: None,
        policies: vec![id.to_owned()],
    }
}

fn permit(id: &str) -> Result<Answer, PolicyError> {
    Ok(Answer::permit().by(set(id)))
}

async fn all(members: Vec<Result<Answer, PolicyError>>) -> Result<Answer, PolicyError> {
    let world = World::new();
    let policy = members.into_iter().fold(AllOf::new(), |all, member| {
        all.and(Arc::new(Always(member)))
    });
    policy.decide(&world.question()).await
}

#[tokio::test]
async fn of_several_policies_a_denial_wins() {
    let (deny, ask) = (
        || Ok(Answer::deny("no").by(set("d"))),
        || Ok(Answer::ask("who?").by(set("a"))),
    );
    let denied = || Decision::Deny("no".to_owned());
    for (members, decision, by) in [
        (
            vec![permit("p"), permit("q")],
            Decision::Permit,
            vec!["p", "q"],
        ),
        (
            vec![permit("p"), deny(), permit("q")],
            denied(),
            vec!["p", "d"],
        ),
        (vec![deny(), permit("p")], denied(), vec!["d"]),
        (vec![ask(), deny()], denied(), vec!["a", "d"]),
        (
            vec![ask(), permit("p")],
            Decision::Ask("who?".to_owned()),
            vec!["a", "p"],
        ),
        (
            vec![permit("p"), ask(), ask()],
            Decision::Ask("who?; who?".to_owned()),
            vec!["p", "a", "a"],
        ),
    ] {
        let answer = all(members).await.unwrap();
        assert_eq!(answer.decision, decision);
        let ids: Vec<_> = answer.by.iter().flat_map(|by| &by.policies).collect();
        assert_eq!(ids, by);
    }
}

#[tokio::test]
async fn of_several_policies_an_error_is_an_error_of_all() {
    let error = || PolicyError::new("broken").by(set("e"));
    let failed = all(vec![permit("p"), Err(error()), permit("q")])
        .await
        .unwrap_err();
    assert_eq!(failed.to_string(), "broken");
    let ids: Vec<_> = failed.sets().iter().flat_map(|by| &by.policies).collect();
    assert_eq!(ids, ["p", "e"]);
    let asked = all(vec![Ok(Answer::ask("who?")), Err(error())]).await;
    assert!(asked.is_err());
}

#[tokio::test]
async fn no_policies_deny() {
    assert!(
        all(vec![])
            .await
            .unwrap_err()
            .to_string()
            .contains("AllOf::and")
    );
    let (world, handle) = (World::new(), PolicySet::new());
    let empty = handle.decide(&world.question()).await.unwrap_err();
    assert!(empty.to_string().contains("PolicySet::replace"));
    let shared = handle.clone();
    for answer in [Answer::permit(), Answer::deny("no")] {
        shared.replace(Arc::new(Always(Ok(answer.clone()))));
        assert_eq!(handle.decide(&world.question()).await, Ok(answer));
    }
}

#[test]
fn an_error_is_a_denial_with_its_sets() {
    let answer = PolicyError::from("broken").by(set("e")).into_answer();
    assert_eq!(answer, Answer::deny("broken").by(set("e")));
    assert_eq!(PolicyError::from("a".to_owned()), PolicyError::new("a"));
}
