//! Whom a revocation concerns, for how long, and what is kept of agents that have ended.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bailiwick::agent::{Agent, Orchestrator, SealKey};
use bailiwick::capability::{Budget, Kind, minutes};
use bailiwick::clock::Clock as _;
use bailiwick::guard::{Context, Effect, Guard, Revocable, Revocations};
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::model::{Completion, Model, ModelError, Request};
use bailiwick::store::{MemoryStore, SqliteStore, Store as _};
use bailiwick_integration_tests::support::calls::{asked, context, once, parent, read};
use bailiwick_integration_tests::support::{Home, secs};
use tempfile::TempDir;
use tokio::sync::Notify;

struct FileHome {
    home: Home,
    directory: TempDir,
}

impl FileHome {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new();
        Self { home, directory }
    }

    fn store(&self) -> Arc<SqliteStore> {
        Arc::new(SqliteStore::open(self.directory.path().join("store")).unwrap())
    }

    fn guard(&self) -> Guard {
        self.home.guard().store(self.store()).build()
    }

    /// Another process.
    fn process(&self) -> Orchestrator {
        Orchestrator::builder(&self.home.authority)
            .clock(Arc::new(self.home.clock.clone()))
            .model(ScriptedModel::from_fn(|_| say("done")))
            .store(self.store())
            .build()
            .unwrap()
    }
}

/// Whether an agent of an orchestrator may make its call, by its own path.
async fn asks(orchestrator: &Orchestrator, agent: &Agent) -> Option<Kind> {
    let mut context = context();
    context.agent = agent.path().to_owned();
    let held = agent.held();
    let guard = orchestrator.guard();
    match guard.authorize((&*held).into(), asked("/a"), context).await {
        bailiwick::guard::Verdict::Permit(..) => None,
        bailiwick::guard::Verdict::Denied(denial) => Some(denial.kind()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_revoked_root_key_denies_every_chain_of_that_root() {
    let (home, other) = (Home::new(), Home::new());
    home.ring.trust(other.authority.root()).unwrap();
    let guard = home.guard().build();
    let top = home.held(&parent());
    let child = home.child(&top, &read());
    let theirs = other.held(&read());
    for held in [&top, &child, &theirs] {
        assert_eq!(once(&guard, held).await, None);
    }
    guard
        .revoke([Revocable::Key(home.authority.public())])
        .await
        .unwrap();
    for held in [&top, &child, &home.held(&read())] {
        let said = guard.authorize(held.into(), asked("/a"), context()).await;
        let bailiwick::guard::Verdict::Denied(denial) = said else {
            panic!("{said:?}")
        };
        assert_eq!((denial.kind(), denial.hop()), (Kind::Revoked, Some(0)));
    }
    let charged = guard.charge(&child, "lead", &[("turns", 1)]).await;
    assert_eq!(charged.unwrap_err().kind(), Kind::Revoked);
    assert_eq!(once(&guard, &theirs).await, None);
}

#[tokio::test]
async fn a_revoked_task_pays_for_no_more_turns() {
    let home = Home::new();
    let guard = home.guard().build();
    let held = home.held(&read());
    let charge = async |task: &str| {
        let charged = guard
            .charge(&held, "lead", &[("turns", 1)])
            .task(Some(task))
            .await;
        charged.map(drop).map_err(|denial| denial.kind())
    };
    assert_eq!(charge("sum up").await, Ok(()));
    guard
        .revocations()
        .revoke([Revocable::Task("sum up".to_owned())]);
    assert_eq!(charge("sum up").await, Err(Kind::Revoked));
    assert_eq!(charge("another").await, Ok(()));
    assert_eq!(guard.denied(Kind::Revoked), 1);
}

#[tokio::test]
async fn a_run_whose_task_is_revoked_asks_its_model_no_more() {
    let asked_of = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let seen = asked_of.clone();
    let home = Home::new();
    let orchestrator = Orchestrator::builder(&home.authority)
        .clock(Arc::new(home.clock.clone()))
        .model(ScriptedModel::from_fn(move |_| {
            seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            say("done")
        }))
        .build()
        .unwrap();
    orchestrator
        .guard()
        .revocations()
        .revoke([Revocable::Task("sum up".to_owned())]);
    let lead = orchestrator.agent("lead", read()).await.unwrap();
    let ended = lead.run("sum up").await;
    println!("{ended:?}");
    assert_eq!(asked_of.load(std::sync::atomic::Ordering::SeqCst), 0);
    let lead = orchestrator.agent("lead", read()).await.unwrap();
    lead.run("another").await.unwrap();
    assert_eq!(asked_of.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// Says when it is asked, and answers never.
struct Silent(Arc<Notify>);

#[async_trait]
impl Model for Silent {
    fn name(&self) -> &str {
        "silent"
    }

    async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_turn_that_a_crash_interrupted_is_not_asked_again_where_its_task_is_revoked() {
    for revoked in ["sum up", "another"] {
        let (place, asked) = (FileHome::new(), Arc::new(AtomicUsize::new(0)));
        let build = || {
            Orchestrator::builder(&place.home.authority)
                .clock(Arc::new(place.home.clock.clone()))
                .seal_keys(SealKey::from_bytes([7; 32]))
                .store(place.store())
        };
        let begun = Arc::new(Notify::new());
        let first = build().model(Silent(begun.clone())).build().unwrap();
        let scope = read()
            .budget(Budget::new("turns", 5))
            .budget(Budget::new("tokens", 100_000));
        let lead = first.agent("lead", scope).await.unwrap();
        let (run, held) = (lead.run_id().unwrap(), lead.held());
        let running = tokio::spawn(lead.run("sum up"));
        begun.notified().await;
        // Nothing of it is dropped, as nothing is where a process is killed.
        std::mem::forget((running, first));

        let seen = asked.clone();
        let model = ScriptedModel::from_fn(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            say("done")
        });
        let second = build().model(model).build().unwrap();
        let guard = second.guard();
        let tokens = guard.left(&held, "tokens").await.unwrap();
        assert!(tokens.is_some_and(|left| left < 100_000), "{tokens:?}");
        guard
            .revoke([Revocable::Task(revoked.to_owned())])
            .await
            .unwrap();
        let ended = second.resume(run).await.unwrap().run().await;
        let is_revoked = revoked == "sum up";
        assert_eq!(ended.is_err(), is_revoked, "{ended:?}");
        assert_eq!(asked.load(Ordering::SeqCst), usize::from(!is_revoked));
        // Whether the model was asked before is not known, so what was taken stays taken; the turn of the
        // other task cost no tokens.
        assert_eq!(guard.left(&held, "turns").await.unwrap(), Some(4));
        let left = if is_revoked { tokens } else { Some(100_000) };
        assert_eq!(guard.left(&held, "tokens").await.unwrap(), left);
        assert_eq!(guard.denied(Kind::Revoked), u64::from(is_revoked));
    }
}

#[tokio::test]
async fn guards_on_one_keyring_with_durable_stores_of_their_own_allow_each_others_calls() {
    let places: Vec<_> = (0..3).map(|_| FileHome::new()).collect();
    let home = Home::new();
    let guards: Vec<_> = places
        .iter()
        .map(|place| home.guard().store(place.store()).build())
        .collect();
    let top = home.held(&parent());
    let child = home.child(&top, &read());
    let bytes = child.chain().to_bytes();
    for _ in 0..3 {
        for guard in &guards {
            // From the bytes too, whose blocks the keyring shares.
            guard.ring().chain(&bytes).unwrap();
            for held in [&top, &child] {
                assert_eq!(once(guard, held).await, None);
            }
        }
        for guard in &guards {
            let mut at = context();
            at.facts.time = home.clock.now().unwrap();
            guard.check((&child).into(), &asked("/a"), &at).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guards_on_one_keyring_allow_calls_of_one_token_at_once() {
    let places: Vec<_> = (0..2).map(|_| FileHome::new()).collect();
    let home = Home::new();
    let held = Arc::new(home.child(&home.held(&parent()), &read()));
    let mut tasks = tokio::task::JoinSet::new();
    for place in &places {
        let guard = Arc::new(home.guard().store(place.store()).build());
        for _ in 0..50 {
            let (guard, held) = (guard.clone(), held.clone());
            tasks.spawn(async move { once(&guard, &held).await });
        }
    }
    assert!(tasks.join_all().await.iter().all(Option::is_none));
}

#[tokio::test]
async fn an_agent_revoked_by_path_refuses_no_other_agent_of_that_path_in_a_later_process() {
    for later in [0, 1, 3600] {
        let place = FileHome::new();
        let process = place.process();
        let scope = || parent().expires_in(minutes(600));
        let lead = process.agent("lead", scope()).await.unwrap();
        let child = lead.spawn("child").scope(read()).await.unwrap();
        assert_eq!(
            (asks(&process, &lead).await, asks(&process, &child).await),
            (None, None)
        );
        let path = Revocable::Agent("lead".to_owned());
        process.guard().revoke([path.clone()]).await.unwrap();
        for agent in [&lead, &child] {
            assert_eq!(asks(&process, agent).await, Some(Kind::Revoked));
        }
        let (old, beneath) = (lead.held(), child.held());
        place.home.clock.advance(secs(later));

        let next = place.process();
        let fresh = next.agent("lead", scope()).await.unwrap();
        assert_eq!(fresh.path(), "lead");
        assert_eq!(asks(&next, &fresh).await, None, "{later}");
        let child = fresh.spawn("child").scope(read()).await.unwrap();
        assert_eq!(asks(&next, &child).await, None, "{later}");
        // The one that was revoked is so there too, and for a guard that knows paths alone.
        let guard = place.guard();
        for held in [&old, &beneath] {
            let mut at = context();
            at.agent = "lead/child".to_owned();
            for guard in [&guard, next.guard()] {
                let said = guard
                    .authorize((&**held).into(), asked("/a"), at.clone())
                    .await;
                assert!(
                    matches!(said, bailiwick::guard::Verdict::Denied(denial) if denial.kind() == Kind::Revoked)
                );
            }
        }
        assert!(guard.revocations().contains(&path));
        drop((child, fresh));
        // A third process goes on as well.
        let third = place.process();
        let fresh = third.agent("lead", scope()).await.unwrap();
        assert_eq!(asks(&third, &fresh).await, None, "{later}");
    }
}

#[tokio::test]
async fn a_role_under_a_parent_is_suspended_for_that_parent_and_one_of_first_agents_for_all() {
    let place = FileHome::new();
    let role = |parent: &str, role: &str| Revocable::Role {
        parent: parent.to_owned(),
        role: role.to_owned(),
    };
    let process = place.process();
    let scope = || parent().expires_in(minutes(600));
    let lead = process.agent("lead", scope()).await.unwrap();
    process
        .guard()
        .revoke([role("lead", "child"), role("", "guest")])
        .await
        .unwrap();
    // One that is spawned later by the same parent is a child of that role too.
    let child = lead.spawn("child").scope(read()).await.unwrap();
    assert_eq!(asks(&process, &child).await, Some(Kind::Revoked));
    let next = place.process();
    let lead = next.agent("lead", scope()).await.unwrap();
    let child = lead.spawn("child").scope(read()).await.unwrap();
    assert_eq!(asks(&next, &child).await, None);
    let guest = next.agent("guest", scope()).await.unwrap();
    assert_eq!(asks(&next, &guest).await, Some(Kind::Revoked));
    place.home.clock.advance(secs(30 * 24 * 3600));
    let much_later = place.process();
    let guest = much_later.agent("guest", scope()).await.unwrap();
    assert_eq!(asks(&much_later, &guest).await, Some(Kind::Revoked));
}

#[tokio::test]
async fn a_path_is_forgotten_when_the_tokens_that_it_concerns_have_ended() {
    let place = FileHome::new();
    let guard = place.guard();
    guard.resume().await.unwrap();
    guard
        .revoke([
            Revocable::Agent("lead/reader".to_owned()),
            Revocable::Principal("eve".to_owned()),
        ])
        .await
        .unwrap();
    let beneath = bailiwick::store::Key::of(["revoked", "agent"]);
    let kept = async || place.store().scan(&beneath, None, 10).await.unwrap().len();
    let prune = async |process: &Orchestrator| process.prune(bailiwick::id::Timestamp::MAX).await;
    place.home.clock.advance(guard.max_lifetime() - secs(1));
    // The time that the store has seen counts.
    once(&guard, &place.home.held(&read())).await;
    prune(&place.process()).await.unwrap();
    assert_eq!((guard.revocations().len(), kept().await), (2, 1));
    place.home.clock.advance(secs(2));
    once(&guard, &place.home.held(&read())).await;
    assert_eq!(guard.revocations().len(), 1, "what is no path's stays");
    let next = place.guard();
    next.resume().await.unwrap();
    next.now().unwrap();
    assert_eq!(next.revocations().len(), 1);
    prune(&place.process()).await.unwrap();
    assert_eq!(kept().await, 0);
}

#[tokio::test]
async fn what_is_kept_of_ended_agents_is_forgotten_when_their_tokens_have_ended() {
    let home = Home::new();
    for durable in [false, true] {
        let place = FileHome::new();
        let builder = Orchestrator::builder(&home.authority)
            .clock(Arc::new(home.clock.clone()))
            .model(ScriptedModel::from_fn(|_| say("done")));
        let builder = match durable {
            true => builder.store(place.store()),
            false => builder.store(Arc::new(MemoryStore::new())),
        };
        let orchestrator = builder.build().unwrap();
        let revocations = orchestrator.guard().revocations().clone();
        let mut most = 0;
        for _ in 0..40 {
            let lead = orchestrator
                .agent("lead", parent().expires_in(secs(60)))
                .await
                .unwrap();
            let child = lead.spawn("child").scope(read()).await.unwrap();
            child.run("end").await.unwrap();
            lead.run("end").await.unwrap();
            home.clock.advance(secs(10));
            most = most.max(revocations.len());
        }
        // Two of each agent, of the two agents of seven trees at most.
        assert!((14..=28).contains(&most), "{most}");
        home.clock.advance(secs(60));
        orchestrator.guard().now().unwrap();
        assert_eq!(revocations.len(), 0);
    }
}

#[tokio::test]
async fn a_clock_that_was_ahead_while_agents_ended_revives_none_of_them() {
    let home = Home::new();
    let orchestrator = Orchestrator::builder(&home.authority)
        .clock(Arc::new(home.clock.clone()))
        .model(ScriptedModel::from_fn(|_| say("done")))
        .build()
        .unwrap();
    let guard = orchestrator.guard();
    let now = home.clock.now().unwrap();
    let lead = orchestrator
        .agent("lead", read().expires_in(secs(600)))
        .await
        .unwrap();
    let ended = lead.held();
    lead.run("end").await.unwrap();
    home.clock.advance(secs(3600));
    guard.now().unwrap();
    assert_eq!(guard.revocations().len(), 0);
    home.clock.set(now);
    guard.reset_clock(now).await.unwrap();
    let mut at = Context::new("lead", Effect::Read, bailiwick::capability::Risk::Low, now);
    at.facts.time = now;
    let said = guard.authorize((&*ended).into(), asked("/a"), at).await;
    assert!(
        matches!(said, bailiwick::guard::Verdict::Denied(denial) if denial.kind() == Kind::Revoked)
    );
    // What is minted from here on is not shut out.
    let lead = orchestrator
        .agent("lead", read().expires_in(secs(600)))
        .await
        .unwrap();
    assert_eq!(asks(&orchestrator, &lead).await, None);
}

#[test]
fn a_list_that_is_loaded_by_hand_is_kept_for_ever() {
    let revocations = Revocations::new();
    let home = Home::new();
    let guard = home.guard().revocations(revocations.clone()).build();
    revocations.revoke([
        Revocable::Agent("lead".to_owned()),
        Revocable::Block([1; 64]),
    ]);
    home.clock.advance(secs(100 * 24 * 3600));
    guard.now().unwrap();
    assert_eq!(revocations.len(), 2);
}
