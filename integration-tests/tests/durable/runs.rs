//! Runs that are kept: what stops them, who goes on with them, and with what.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bailiwick::agent::{Ended, Limits, Orchestrator, ResumeError, stored_agents};
use bailiwick::capability::{Authority, Budget, Grant, Scope, any, minutes, path_under};
use bailiwick::guard::Revocable;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request};
use bailiwick::record::EventKind;
use bailiwick::store::{Batch, Key, SqliteStore, Store};
use bailiwick_integration_tests::support::runs::{
    Home, in_flight, listening, read, scope, slow, told,
};
use serde_json::json;
use tokio::sync::Notify;

/// A process that lists the agents of a run reads them one by one while another process writes.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_at_work_is_listed_and_not_found_damaged() {
    let home = Home::new();
    let reads = (0..60).map(|turn| call("fs_read", json!({ "path": format!("/srv/{turn}") })));
    let model = ScriptedModel::new(reads.chain([say("done")]));
    let limits = Limits {
        max_turns: 100,
        ..Limits::default()
    };
    let orchestrator = home.process(model).limits(limits).build().unwrap();
    let agent = orchestrator.agent("lead", scope()).await.unwrap();
    let run = agent.run_id().unwrap();
    let other = SqliteStore::open(home.path()).unwrap();
    let work = tokio::spawn(agent.run("read"));
    let mut seen = 0;
    while !work.is_finished() {
        let agents = stored_agents(&other, run).await.unwrap();
        seen = agents.first().map_or(seen, |lead| lead.turns);
    }
    work.await.unwrap().unwrap();
    assert!(seen > 0, "it was looked at while it ran");
    assert!(stored_agents(&other, run).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_used_up_its_budget_goes_on_when_it_is_given_more() {
    let home = Home::new();
    let first = home.process(ScriptedModel::new([
        read("/srv/a"),
        read("/srv/b"),
        say("never"),
    ]));
    let first = first.build().unwrap();
    let scope = scope().budget(Budget::new("turns", 2));
    let lead = first.agent("lead", scope).await.unwrap();
    let (run, token) = (lead.run_id().unwrap(), lead.held());
    let failed = lead.run("read").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Budget);
    // It is not over: nothing is revoked, and it can be resumed, but has no turn left.
    assert_eq!(first.runs().await.unwrap()[0].ended, None);
    let (model, asked) = listening([say("done")]);
    let second = home.process(model).build().unwrap();
    let failed = second.resume(run).await.unwrap().run().await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::Budget);
    assert!(asked.lock().unwrap().is_empty());

    let none = second
        .extend(run, [Budget::new("tokens", 9)])
        .await
        .unwrap_err();
    assert!(matches!(none, ResumeError::Token { .. }), "{none}");
    let more = second.extend(run, [Budget::new("turns", 3)]).await.unwrap();
    let new = more.into_agent();
    assert_eq!(new.held().chain().lineage(), token.chain().lineage());
    assert_eq!(new.held().chain().expires(), token.chain().expires());
    assert_eq!(
        second.guard().left(&new.held(), "turns").await.unwrap(),
        Some(1)
    );
    // Dropping an agent ends its task, and with it the run.
    drop(new);
    while second.runs().await.unwrap()[0].ended.is_none() {
        tokio::task::yield_now().await;
    }
    let again = second.resume(run).await.unwrap_err();
    assert!(matches!(again, ResumeError::Ended { .. }), "{again}");
}

#[tokio::test]
async fn what_was_said_and_done_before_is_there_when_a_run_goes_on_with_more() {
    let home = Home::new();
    let first = home.process(ScriptedModel::new([read("/srv/a"), read("/srv/b")]));
    let first = first.build().unwrap();
    let scope = scope().budget(Budget::new("turns", 2));
    let lead = first.agent("lead", scope).await.unwrap();
    let run = lead.run_id().unwrap();
    lead.run("read").await.unwrap_err();
    let (model, asked) = listening([say("two files")]);
    let second = home.process(model).build().unwrap();
    let mut events = second.events().watch();
    let report = second.extend(run, [Budget::new("turns", 9)]).await.unwrap();
    assert_eq!(report.task(), Some("read"));
    let report = report.run().await.unwrap();
    assert_eq!(report.text(), "two files");
    assert_eq!((report.finished().turns, home.made().len()), (3, 2));
    // What the files tainted it with, it knew before.
    assert!(report.finished().exposure.taint.contains("file"));
    assert_eq!(asked.lock().unwrap()[0].messages.len(), 5);
    assert!(matches!(
        events.recv().await.unwrap().kind,
        EventKind::Resumed {}
    ));
    assert_eq!(
        second.runs().await.unwrap()[0].ended.as_deref(),
        Some("answer")
    );
}

#[tokio::test]
async fn a_model_that_fails_and_a_last_turn_stop_a_run_and_do_not_end_it() {
    let home = Home::new();
    // Past its script a model fails for good.
    let first = home.process(ScriptedModel::new([read("/srv/a")]));
    let first = first.build().unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let failed = lead.run("read").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::ModelFailed);
    let second = home.process(ScriptedModel::new([read("/srv/b"), say("done")]));
    let second = second.build().unwrap();
    let limits = Limits {
        max_turns: 2,
        ..Limits::default()
    };
    let failed = second.resume(run).await.unwrap().limits(limits).run().await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::TurnLimit);
    let resumed = second.resume(run).await.unwrap().limits(Limits::default());
    assert_eq!(resumed.run().await.unwrap().text(), "done");
    assert_eq!(home.made(), ["/srv/a", "/srv/b"]);
}

#[tokio::test]
async fn a_call_in_flight_is_of_unknown_outcome_to_the_model_and_to_the_operator() {
    let home = Home::new();
    let (first, run, wait, running) = in_flight(&home, vec![slow("/x")]).await;
    let (model, asked) = listening([say("I will ask")]);
    let second = home
        .process(model)
        .tool(home.tool("slow", None))
        .build()
        .unwrap();
    let mut events = second.events().watch();
    let resumed = second.resume(run).await.unwrap();
    let unknown = resumed.unknown();
    assert_eq!((unknown.len(), &*unknown[0].capability), (1, "slow"));
    assert_eq!(resumed.run().await.unwrap().text(), "I will ask");
    assert!(told(&asked.lock().unwrap()[0]).contains("is not known"));
    assert_eq!(home.made(), ["/x"]);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event.kind);
    }
    assert!(
        told.iter()
            .any(|kind| matches!(kind, EventKind::Unknown { .. })),
        "{told:?}"
    );
    // The first process may not go on, with any result of its call.
    wait.notify_one();
    assert!(running.await.unwrap().contains("another process"));
    drop(first);
}

#[tokio::test]
async fn a_run_that_was_revoked_or_has_expired_does_nothing_more() {
    let home = Home::new();
    let stopped = || home.process(ScriptedModel::new([])).build().unwrap();
    let first = stopped();
    let lead = first.agent("lead", scope()).await.unwrap();
    let (run, token) = (lead.run_id().unwrap(), lead.held());
    lead.run("read").await.unwrap_err();
    let block = Revocable::Block(token.chain().id());
    first.guard().revoke([block]).await.unwrap();
    let (model, asked) = listening([read("/srv/a")]);
    let second = home.process(model).build().unwrap();
    for refused in [
        second.resume(run).await,
        second.resume_with_new_keys(run).await,
        second.extend(run, [Budget::new("turns", 2_000)]).await,
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("it was revoked"), "{error}");
    }
    assert!(asked.lock().unwrap().is_empty());

    let first = stopped();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    lead.run("read").await.unwrap_err();
    home.clock.advance(minutes(10));
    for refused in [
        first.resume(run).await,
        first.resume_with_new_keys(run).await,
    ] {
        let error = refused.unwrap_err();
        assert!(error.to_string().contains("ended at"), "{error}");
    }
}

#[tokio::test]
async fn ten_children_with_the_same_task_in_one_step_are_ten() {
    let home = Home::new();
    let begun = Arc::new(AtomicUsize::new(0));
    let leaf = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::new("slow").arg("path", any()));
    let scope_of = leaf.to_json();
    let spawn = move || {
        let asked = json!({ "role": "reader", "task": "the same", "scope": scope_of });
        call("agent_spawn", asked)
    };
    let model = |counted: Option<Arc<AtomicUsize>>| {
        let spawn = spawn.clone();
        ScriptedModel::from_fn(move |request: &Request| {
            let Some(Message::User { text }) = request.messages.first() else {
                panic!("no task");
            };
            match (&**text, request.messages.len()) {
                ("lead", 1) => calls((0..10).map(|_| spawn())),
                ("lead", _) => say("done"),
                // In the first process the last five never end.
                (_, 1) => match &counted {
                    Some(counted) if counted.fetch_add(1, Ordering::SeqCst) >= 5 => {
                        slow("/srv/slow")
                    }
                    _ => read("/srv/once"),
                },
                _ => say("read"),
            }
        })
    };
    let wait = Arc::new(Notify::new());
    let first = home.process(model(Some(begun.clone())));
    let first = first.tool(home.tool("slow", Some(wait))).build().unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let running = tokio::spawn(lead.run("lead"));
    while home.made().len() < 10 {
        tokio::task::yield_now().await;
    }
    let second = home.process(model(None)).build().unwrap();
    let resumed = second.resume(run).await.unwrap();
    assert_eq!(resumed.unknown().len(), 5);
    let report = resumed.run().await.unwrap();
    assert_eq!(report.text(), "done");
    let store = second.guard().store();
    let place = Key::of(["run", &run.to_string(), "ended"]);
    let ended = store.scan(&place, None, 99).await.unwrap();
    assert_eq!(ended.len(), 11, "ten children and the lead");
    assert_eq!(home.made().len(), 10, "{:?}", home.made());
    running.abort();
}

#[tokio::test]
async fn children_that_code_spawned_are_handed_back_and_those_of_an_ended_parent_are_not() {
    let home = Home::new();
    let first = home.process(ScriptedModel::new([])).build().unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let child = |role: &'static str| {
        let leaf = Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")));
        lead.spawn(role).scope(leaf)
    };
    let (one, two) = (
        child("reader").await.unwrap(),
        child("reader").await.unwrap(),
    );
    assert_eq!(two.path(), "lead/reader.2");
    drop(one);
    // A child's run that fails is over; the lead is what code goes on with.
    while home_agents(&home, run).await != 2 {
        tokio::task::yield_now().await;
    }
    let (model, _) = listening([read("/srv/docs/a"), read("/srv/other"), say("done")]);
    let second = home.process(model).build().unwrap();
    let mut resumed = second.resume(run).await.unwrap();
    assert_eq!((resumed.path(), resumed.task()), ("lead", None));
    let children = resumed.children();
    assert_eq!(children.len(), 1);
    let lead_again = resumed.into_agent();
    for child in children {
        assert_eq!(child.path(), "lead/reader.2");
        let report = child.into_agent().run("read").await.unwrap();
        assert_eq!(report.denials().len(), 1);
    }
    // A path that is taken is not given again.
    let third = lead_again.spawn("reader").await.unwrap();
    assert_eq!(third.path(), "lead/reader.3");
    drop((two, lead));
}

async fn home_agents(home: &Home, run: bailiwick::id::RunId) -> usize {
    let store = SqliteStore::open(home.path()).unwrap();
    let place = Key::of(["run", &run.to_string(), "agents"]);
    store.scan(&place, None, 99).await.unwrap().len()
}

#[tokio::test]
async fn children_that_end_after_their_parent_leave_no_key_behind() {
    let home = Home::new();
    let first = home.process(ScriptedModel::new([])).build().unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    let leaf = Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv")));
    let child = lead.spawn("reader").scope(leaf).await.unwrap();
    assert_eq!(home_agents(&home, run).await, 2);
    drop(lead);
    while first.runs().await.unwrap()[0].ended.is_none() {
        tokio::task::yield_now().await;
    }
    drop(child);
    while home_agents(&home, run).await != 0 {
        tokio::task::yield_now().await;
    }
    let again = first.resume(run).await.unwrap_err();
    assert!(matches!(again, ResumeError::Ended { .. }), "{again}");
}

#[tokio::test]
async fn a_resumed_agent_does_not_get_the_path_of_one_that_ended_here() {
    let home = Home::new();
    let first = home.process(ScriptedModel::new([])).build().unwrap();
    let lead = first.agent("lead", scope()).await.unwrap();
    let run = lead.run_id().unwrap();
    lead.run("read").await.unwrap_err();
    // In the second process another lead came and went, and is revoked by its path.
    let (model, _) = listening([say("mine"), read("/srv/a"), say("done")]);
    let second = home.process(model).build().unwrap();
    let other = second.agent("lead", scope()).await.unwrap();
    assert_eq!(other.run("something else").await.unwrap().text(), "mine");
    let resumed = second.resume(run).await.unwrap();
    assert_eq!(resumed.path(), "lead.2");
    let report = resumed.run().await.unwrap();
    assert_eq!((report.denials().len(), home.made().len()), (0, 1));
}

#[tokio::test]
async fn a_helper_that_ended_unheard_is_said_to_have() {
    let home = Home::new();
    let leaf = Scope::new().grant(Grant::new("slow").arg("path", any()));
    let asked = json!({ "role": "reader", "task": "wait", "scope": leaf.to_json() });
    let turns = vec![call("agent_spawn", asked), slow("/x")];
    let (_first, run, _wait, running) = in_flight(&home, turns).await;
    // As where the child's end was recorded, and the parent's was not.
    let store = SqliteStore::open(home.path()).unwrap();
    let place = Key::of(["run", &run.to_string(), "agents"]);
    let agents = store.scan(&place, None, 9).await.unwrap();
    let child = agents
        .iter()
        .find(|(_, kept)| kept.value.contains("lead/reader"))
        .unwrap();
    store
        .commit(Batch::new().delete(child.0.clone()))
        .await
        .unwrap();
    drop(store);
    let (model, asked) = listening([say("I see")]);
    let second = home.process(model).build().unwrap();
    let report = second.resume(run).await.unwrap().run().await.unwrap();
    assert_eq!(report.text(), "I see");
    assert!(told(&asked.lock().unwrap()[0]).contains("has ended with its process"));
    running.abort();
}

#[tokio::test]
async fn a_store_in_memory_keeps_no_runs() {
    let authority = Authority::generate();
    let orchestrator = Orchestrator::builder(&authority).build().unwrap();
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    assert_eq!(lead.run_id(), None);
    let error = orchestrator.resume(bailiwick::id::RunId::fresh()).await;
    assert!(matches!(error.unwrap_err(), ResumeError::NotDurable));
}
