//! Attack 23: tokens that go on after the task; renewals that no policy evaluated.

mod regressions {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bailiwick::capability::{Kind, Scope};

    use bailiwick::guard::Revocable;
    use bailiwick::model::Request;
    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::record::Body;
    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::audit;
    use serde_json::json;

    use crate::common::regressions::lead;

    #[tokio::test]
    async fn attack_23_a_revoked_task_ends_for_a_helper_whose_model_chose_other_words() {
        let spawn = json!({"role": "writer", "task": "anything else", "scope": {"grants": [{"tool": "mail.send"}]}});
        let model = ScriptedModel::new([call("agent_spawn", spawn), say("done")]);
        let revocations = bailiwick::guard::Revocations::new();
        let revoked = revocations.clone();
        let asked = AtomicUsize::new(0);
        let helper =
            ScriptedModel::from_fn(
                move |_: &Request| match asked.fetch_add(1, Ordering::SeqCst) {
                    0 => {
                        // The operator stops the task while the helper thinks.
                        revoked.revoke([Revocable::Task("invoices".to_owned())]);
                        call("mail_send", json!({}))
                    }
                    _ => say("done"),
                },
            );
        let (orchestrator, lead) = lead(|builder| {
            builder
                .model(model)
                .model_for("writer", helper)
                .revocations(revocations)
        })
        .await;
        lead.run("invoices").await.ok();
        let sent = audit(&orchestrator).await.into_iter().any(|entry| {
        matches!(entry.body, Body::Attempt { capability, refusal: None, .. } if capability == "mail.send")
    });
        assert!(!sent, "the helper of a revoked task went on");
    }

    /// Held: a child spawned while its parent's task ends is revoked with it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_23_a_child_spawned_while_its_parent_ends_can_do_nothing() {
        let (_, top) = lead(|builder| builder).await;
        for round in 0..300 {
            let parent = top.spawn("reader").scope(Scope::inherit()).await.unwrap();
            let spawn = parent.spawn("writer").scope(Scope::inherit());
            let spawning = tokio::spawn(spawn.into_future());
            if round % 2 == 0 {
                tokio::task::yield_now().await;
            }
            drop(parent);
            let Ok(child) = spawning.await.unwrap() else {
                continue;
            };
            let outcome = child.call("mail_send", &json!({})).await;
            assert!(
                matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Revoked),
                "{outcome:?}"
            );
            assert!(child.spawn("writer").scope(Scope::inherit()).await.is_err());
            assert!(child.run("go on").await.is_err());
        }
    }
}

mod restart {
    use std::sync::Arc;

    use bailiwick::agent::Orchestrator;
    use bailiwick::capability::{Held, Kind, minutes};
    use bailiwick::guard::Revocable;
    use bailiwick::model::scripted::{ScriptedModel, say};
    use bailiwick_integration_tests::support::calls::{
        asked, context, once, once_by_wire, parent, read,
    };
    use bailiwick_integration_tests::support::restart::FileHome;
    use bailiwick_integration_tests::support::start;

    #[tokio::test]
    async fn attack_23_an_agent_that_ended_stays_so_after_a_restart() {
        let place = FileHome::new();
        let orchestrator = Orchestrator::builder(&place.home.authority)
            .clock(Arc::new(place.home.clock.clone()))
            .store(place.store());
        let orchestrator = orchestrator.build().unwrap();
        let scope = read().expires_in(minutes(30));
        let lead = orchestrator.agent("lead", scope.clone()).await.unwrap();
        let held = lead.held();
        drop(lead);
        let block = Revocable::Block(held.chain().id());
        let mut kept = false;
        for _ in 0..2000 {
            let guard = place.guard();
            guard.resume().await.unwrap();
            kept = guard.revocations().contains(&block);
            if kept {
                assert_eq!(once(&guard, &held).await, Some(Kind::Revoked));
                assert_eq!(guard.revocations().len(), 1, "the path is for the next one");
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert!(kept);
    }

    #[tokio::test]
    async fn attack_23_an_agent_that_ended_is_looked_up_when_something_of_it_is_asked() {
        let place = FileHome::new();
        let orchestrator = Orchestrator::builder(&place.home.authority)
            .clock(Arc::new(place.home.clock.clone()))
            .model(ScriptedModel::from_fn(|_| say("done")))
            .store(place.store());
        let orchestrator = orchestrator.build().unwrap();
        let scope = parent().expires_in(minutes(30));
        let lead = orchestrator.agent("lead", scope.clone()).await.unwrap();
        let one = lead.spawn("child").scope(scope.clone().max_depth(2)).await;
        let (one, two) = (one.unwrap(), lead.spawn("child").scope(read()).await);
        let (ended, going) = (one.held(), two.unwrap());
        let beneath = place.home.child(&ended, &read());
        one.run("end").await.unwrap();

        // No guard here has read more than it needs.
        for held in [&*ended, &beneath] {
            let guard = place.guard();
            assert_eq!(once(&guard, held).await, Some(Kind::Revoked));
            assert_eq!(guard.revocations().len(), 1);
            let guard = place.guard();
            let charged = guard.charge(held, "lead/child", &[("turns", 1)]).await;
            assert_eq!(charged.unwrap_err().kind(), Kind::Revoked);
            let guard = place.guard();
            assert_eq!(
                once_by_wire(&place.home, &guard, held).await,
                Some(Kind::Revoked)
            );
        }
        // Who shares nothing but the parent with it goes on.
        let guard = place.guard();
        for held in [&lead.held(), &going.held()] {
            assert_eq!(once(&guard, held).await, None);
        }
        // What does not wait for the store decides nothing that was not looked up.
        let mut at = context();
        at.facts.time = start();
        let check = |held: &Held| {
            let checked = guard.check(held.into(), &asked("/a"), &at);
            checked.map(drop).map_err(|denial| denial.kind())
        };
        assert_eq!(check(&going.held()), Ok(()));
        for held in [&*ended, &beneath] {
            assert_eq!(check(held), Err(Kind::Unavailable));
        }
        guard.resume().await.unwrap();
        assert_eq!(check(&going.held()), Ok(()));
        for held in [&*ended, &beneath] {
            assert_eq!(check(held), Err(Kind::Revoked));
        }
        // Another guard has not heard of it because this one has.
        let other = place.guard();
        assert_eq!(once(&other, &place.home.held(&read())).await, None);
        let early = other
            .check((&*ended).into(), &asked("/a"), &at)
            .unwrap_err();
        assert_eq!(early.kind(), Kind::Unavailable);
    }

    #[tokio::test]
    async fn attack_23_where_it_cannot_be_looked_up_whether_an_agent_ended_nothing_is_decided() {
        let place = FileHome::new();
        let orchestrator = Orchestrator::builder(&place.home.authority)
            .clock(Arc::new(place.home.clock.clone()))
            .model(ScriptedModel::from_fn(|_| say("done")))
            .store(place.store());
        let orchestrator = orchestrator.build().unwrap();
        let lead = orchestrator.agent("lead", read()).await.unwrap();
        let ended = lead.held();
        lead.run("end").await.unwrap();

        let guard = place.guard();
        assert_eq!(once(&guard, &place.home.held(&read())).await, None);
        let rename = |from: &str, to: &str| {
            let file = rusqlite::Connection::open(place.directory.path().join("store")).unwrap();
            let sql = format!("ALTER TABLE {from} RENAME TO {to}");
            file.execute_batch(&sql).unwrap();
        };
        rename("value", "elsewhere");
        let mut at = context();
        at.facts.time = start();
        for _ in 0..2 {
            assert_eq!(once(&guard, &ended).await, Some(Kind::Unavailable));
            let checked = guard.check((&*ended).into(), &asked("/a"), &at);
            assert_eq!(checked.unwrap_err().kind(), Kind::Unavailable);
        }
        rename("elsewhere", "value");
        assert_eq!(once(&guard, &ended).await, Some(Kind::Revoked));
    }
}
