//! Several children at once: a queue, an end for each, the first to answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bailiwick::agent::{ChildFailed, Children, Ended, SpawnError};
use bailiwick::capability::{AgentKey, Authority, Chain, KeyRing, Mandate, MintError, Risk, Scope};
use bailiwick::clock::ManualClock;
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, call, say};
use bailiwick::model::{Completion, Model, ModelError, Request};
use bailiwick::record::EventKind;
use bailiwick::tool::{Declaration, RuntimeTool};
use bailiwick_integration_tests::support::children::{Panics, lead, scope, work, worker};
use serde_json::json;
use tokio::sync::Barrier;

/// A tool that waits until so many of its bodies run at once, and counts how many do.
fn together(many: usize, now: &Arc<AtomicUsize>, most: &Arc<AtomicUsize>) -> RuntimeTool {
    let (now, most) = (now.clone(), most.clone());
    let all = Arc::new(Barrier::new(many));
    let declaration = Declaration::new("work", Effect::Read, Risk::Low);
    RuntimeTool::new(declaration, json!({"type": "object"}), move |_, _| {
        let (now, most, all) = (now.clone(), most.clone(), all.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            all.wait().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(json!("worked"))
        }
    })
}

/// Calls `work` and answers with its task.
fn busy() -> ScriptedModel {
    ScriptedModel::from_fn(|request: &Request| match request.messages.as_slice() {
        [_] => call("work", json!({})),
        [bailiwick::model::Message::User { text }, ..] => say(text),
        _ => say("?"),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_most_so_many_run_and_the_others_wait() {
    let (now, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    // The lead and three: without a queue the fourth would be refused.
    let (_, lead) = lead(|builder| {
        builder
            .tool(together(3, &now, &most))
            .model(busy())
            .max_agents(4)
    })
    .await;
    let mut children = Children::at_most(3);
    for number in 0..21 {
        children.run(lead.spawn("worker").scope(work()), number.to_string());
    }
    // Three bodies wait for each other, so three must run at once.
    let joined = tokio::time::timeout(Duration::from_secs(120), children.join());
    let answers = joined.await.unwrap();
    for (number, answer) in answers.iter().enumerate() {
        assert_eq!(answer.as_ref().unwrap().text(), number.to_string());
    }
    assert_eq!(answers.len(), 21);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn levels_do_not_wait_for_each_other() {
    let (now, most) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
    let (_, lead) = lead(|builder| builder.tool(together(1, &now, &most)).model(busy())).await;
    let (lead, mut outer) = (Arc::new(lead), tokio::task::JoinSet::new());
    for _ in 0..4 {
        let child = lead
            .spawn("worker")
            .scope(scope().max_depth(2))
            .await
            .unwrap();
        outer.spawn(async move {
            let mut inner = Children::at_most(1);
            for number in 0..4 {
                inner.run(child.spawn("worker").scope(work()), number.to_string());
            }
            inner.join().await.into_iter().filter(Result::is_ok).count()
        });
    }
    assert_eq!(outer.join_all().await, [4; 4]);
}

/// Thinks until it is cancelled.
struct Thinks;

#[async_trait::async_trait]
impl Model for Thinks {
    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        std::future::pending().await
    }

    fn name(&self) -> &str {
        "thinks"
    }
}

#[tokio::test]
async fn the_first_answer_ends_the_others_and_each_has_its_last_event() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    let mut events = orchestrator.events().watch();
    let mut children = Children::at_most(3);
    children.run(worker(&lead, Thinks), "one");
    children.run(worker(&lead, Thinks), "two");
    children.run(worker(&lead, ScriptedModel::new([say("mine")])), "three");
    children.run(worker(&lead, Thinks), "four");
    let first = children.first().await.unwrap();
    assert_eq!(first.text(), "mine");
    let mut ended = Vec::new();
    let mut spawned = 0;
    while let Ok(event) = events.try_recv() {
        match event.kind {
            EventKind::Ended { how } => ended.push(how),
            EventKind::Spawned { .. } => spawned += 1,
            _ => {}
        }
    }
    ended.sort();
    assert_eq!(ended.len(), spawned, "{ended:?}");
    assert_eq!(ended.first().map(String::as_str), Some("answer"));
    assert!(
        ended.iter().skip(1).all(|how| how == "cancelled"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn where_none_answers_each_says_why() {
    let (_, lead) = lead(|builder| builder).await;
    let mut children = Children::at_most(2);
    children.run(worker(&lead, Panics), "one");
    children.run(worker(&lead, ScriptedModel::new([])), "two");
    let failed = children.first().await.unwrap_err();
    assert_eq!(failed.len(), 2);
    let ran = failed.iter().find_map(|failed| match failed {
        ChildFailed::Run(failed) => Some(failed.report().finished().ended),
        _ => None,
    });
    assert_eq!(ran, Some(Ended::ModelFailed));
}

#[tokio::test]
async fn children_that_are_dropped_have_ended() {
    let (orchestrator, lead) = lead(|builder| builder).await;
    let mut events = orchestrator.events().watch();
    let mut children = Children::at_most(1);
    children.run(worker(&lead, Thinks), "one");
    loop {
        let event = events.recv().await.unwrap();
        if matches!(event.kind, EventKind::Thinking { .. }) {
            break;
        }
    }
    drop(children);
    loop {
        let event = events.recv().await.unwrap();
        if let EventKind::Ended { how } = event.kind {
            assert_eq!(
                (event.agent.as_str(), how.as_str()),
                ("lead/worker", "dropped")
            );
            break;
        }
    }
}

#[tokio::test]
async fn a_helper_whose_scope_names_the_lifetime_of_its_parent_begins_later_too() {
    let clock = ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap());
    let (orchestrator, _) = lead(|builder| builder.clock(Arc::new(clock.clone()))).await;
    let ten = |scope: Scope| scope.expires_in(Duration::from_secs(600));
    let lead = orchestrator.agent("first", ten(scope())).await.unwrap();
    clock.advance(Duration::from_secs(1));
    let middle = lead.spawn("worker").scope(ten(scope())).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let leaf = middle.spawn("worker").scope(ten(work())).await.unwrap();
    let end = lead.held().chain().expires();
    assert_eq!(leaf.held().chain().expires(), end);
    // Longer than the parent's own is wider, however little of the parent's is over.
    let longer = work().expires_in(Duration::from_secs(601));
    let Err(SpawnError::Widens(widens)) = lead.spawn("worker").scope(longer).await else {
        panic!("it is wider");
    };
    assert_eq!(widens.excesses().len(), 1);
    assert_eq!(widens.excesses()[0].place(), "expires_at");
}

#[test]
fn a_lifetime_like_the_parent_s_is_cut_under_a_token_that_was_read_from_bytes() {
    let begun: bailiwick::id::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let ten = Duration::from_secs(600);
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    // At any part of a second, since ends are whole seconds.
    for part in [0, 1, 500, 999] {
        let made = begun.saturating_add(Duration::from_millis(part));
        let after = |seconds: u64| made.saturating_add(Duration::from_secs(seconds));
        let read = |chain: Chain, key: AgentKey| {
            let chain = ring.chain(&chain.to_bytes()).unwrap();
            chain.held_by(key).unwrap()
        };
        let key = AgentKey::generate();
        let wide = scope().expires_in(ten);
        let chain = root.mint(&wide, &Mandate::default(), key.public(), made);
        let lead = read(chain.unwrap(), key);
        let end = lead.chain().expires();
        let key = AgentKey::generate();
        let same = scope().expires_in(ten);
        let middle = lead.delegate("worker", &same, key.public(), after(1));
        let middle = read(middle.unwrap(), key);
        assert_eq!(middle.chain().expires(), end);
        // Further down, and later.
        let to = AgentKey::generate().public();
        let leaf =
            |life: Duration| middle.delegate("worker", &work().expires_in(life), to, after(300));
        assert_eq!(leaf(ten).unwrap().expires(), end);
        assert_eq!(leaf(Duration::from_secs(301)).unwrap().expires(), end);
        let earlier = leaf(Duration::from_secs(60)).unwrap();
        assert_eq!(earlier.expires(), after(360).floor_to_second());
        // Longer than any token of the tree lives.
        for (child, place) in [
            (work().expires_in(Duration::from_secs(601)), "expires_at"),
            (
                work().expires_at(end.saturating_add(Duration::from_secs(1))),
                "expires_at",
            ),
        ] {
            let Err(MintError::Widens(widens)) = middle.delegate("worker", &child, to, after(300))
            else {
                panic!("it is wider");
            };
            assert_eq!(widens.excesses().len(), 1, "{widens}");
            assert_eq!(widens.excesses()[0].place(), place);
        }
    }
}
