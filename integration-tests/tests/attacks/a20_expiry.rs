//! Attack 20: expired by a tick, clocks backwards, outliving the parent.

mod bad_luck {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use bailiwick::capability::{AgentKey, Grant, Kind, MAX_CALL_LIFE, Scope, any};
    use bailiwick::clock::ManualClock;
    use bailiwick::guard::{Answer, Policy, PolicyError, Question, SKEW};

    use bailiwick_integration_tests::support::calls::{
        BANK, asked, bank, context, once, once_by_wire, read, sent, verdict,
    };
    use bailiwick_integration_tests::support::{Home, secs, start};

    /// Turns the clock while the guard waits for it.
    struct Turns(ManualClock, i64);

    #[async_trait]
    impl Policy for Turns {
        async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
            let by = secs(self.1.unsigned_abs());
            match self.1 {
                0 => self.0.fail(),
                1.. => self.0.advance(by),
                _ => self.0.set(start()),
            }
            Ok(Answer::permit())
        }
    }

    #[tokio::test]
    async fn attack_20_a_clock_that_turns_while_the_policy_thinks_is_seen() {
        for (by, expected) in [
            (0, Some(Kind::Unavailable)),
            (10, None),
            (3600, Some(Kind::Expired)),
            (-1, Some(Kind::Unavailable)),
        ] {
            let home = Home::new();
            let turns = Turns(home.clock.clone(), by);
            let guard = home.guard().policy(Arc::new(turns)).build();
            let held = home.held(&read().expires_in(secs(1800)));
            home.clock.advance(secs(900));
            assert_eq!(once(&guard, &held).await, expected, "{by}");
        }
    }

    #[tokio::test]
    async fn attack_20_a_clock_that_leapt_ahead_and_was_set_right_replays_nothing() {
        let home = Home::new();
        let guard = bank(&home);
        let approver = AgentKey::generate();
        let held = home.held(&read());
        let approving = Scope::new().grant(
            Grant::new("fs.read")
                .arg("path", any())
                .approved_by([approver.public()]),
        );
        let careful = home.held(&approving);
        let (wire, made) = sent(&home, &guard, &held);
        let (unused, later) = sent(&home, &guard, &held);
        let call = asked("/a");
        let mut facts = context().facts;
        facts.audience = Some(BANK.to_owned());
        let request = careful.approval_request(&call, &facts);
        let until = start().saturating_add(secs(900));
        let approved = careful
            .with_approval(&request.approve(&approver, until))
            .unwrap();
        assert_eq!(verdict(&guard, &wire, made.clone()).await, None);
        assert_eq!(verdict(&guard, &approved, call.clone()).await, None);

        // An hour too late, and back: the time is not known until the operator sets it.
        let now = start().saturating_add(MAX_CALL_LIFE + SKEW);
        home.clock.advance(secs(3600));
        assert!(verdict(&guard, &wire, made.clone()).await.is_some());
        let long = home.held(&read().expires_in(secs(20_000)));
        assert_eq!(once(&guard, &long).await, None, "what was kept has lapsed");
        home.clock.set(now);
        assert_eq!(once(&guard, &long).await, Some(Kind::Unavailable));
        guard.reset_clock(now).await.unwrap();

        let replayed = Some(Kind::Replay);
        assert_eq!(verdict(&guard, &wire, made).await, replayed);
        assert_eq!(verdict(&guard, &approved, call).await, replayed);
        assert_eq!(
            verdict(&guard, &unused, later).await,
            replayed,
            "it could have been made before"
        );
        // At home calls go on, and over the wire those that cannot have been made before.
        assert_eq!(once(&guard, &held).await, None);
        home.clock.advance(SKEW + secs(1));
        assert_eq!(once_by_wire(&home, &guard, &held).await, None);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_20_once_a_step_backwards_was_seen_nothing_passes_until_the_reset() {
        let home = Home::new();
        let guard = Arc::new(home.guard().build());
        let held = Arc::new(home.held(&read()));
        home.clock.advance(secs(600));
        assert_eq!(once(&guard, &held).await, None);
        let mut tasks = tokio::task::JoinSet::new();
        let seen = Arc::<AtomicUsize>::default();
        for number in 0..8 {
            let (guard, held, seen) = (guard.clone(), held.clone(), seen.clone());
            let clock = home.clock.clone();
            tasks.spawn(async move {
                let (mut passed, mut refused) = (0, 0);
                for turn in 0..200 {
                    if number == 0 && turn == 50 {
                        clock.set(start());
                    }
                    // Forwards again, which the guard must not take for a repaired clock.
                    if number == 1 && turn % 20 == 0 {
                        clock.advance(secs(300));
                    }
                    let before = seen.load(Ordering::SeqCst);
                    match once(&guard, &held).await {
                        None => {
                            assert_eq!(before, 0, "after someone was refused for the clock");
                            passed += 1;
                        }
                        Some(Kind::Unavailable) => {
                            seen.fetch_add(1, Ordering::SeqCst);
                            refused += 1;
                        }
                        // The clock only leapt far ahead.
                        Some(Kind::Expired) => {}
                        other => panic!("{other:?}"),
                    }
                }
                (passed, refused)
            });
        }
        let counts = tasks.join_all().await;
        let refused: usize = counts.iter().map(|(_, refused)| refused).sum();
        assert!(refused > 0, "{counts:?}");
        guard.reset_clock(start()).await.unwrap();
        home.clock.set(start());
        assert_eq!(once(&guard, &held).await, None);
    }
}

mod call {
    use std::time::Duration;

    use bailiwick::capability::{AgentKey, Facts, Grant, Kind, MintError, Scope};
    use bailiwick::id::Timestamp;

    use serde_json::json;

    use crate::common::call::{ask, at, call, facts, hold, payer, token};

    #[test]
    fn attack_20_the_end_is_exclusive_to_the_tick() {
        let (ring, chain, key) = token(
            &payer()
                .expires_in(Duration::from_secs(60))
                .not_before(at(10_000)),
        );
        let pay = call("pay", &json!({ "to": "a", "sum": 1 }));
        let when = |millis| Facts {
            time: at(millis),
            ..facts()
        };
        for (millis, expected) in [
            (9_999, Err((Kind::NotYetValid, Some(0)))),
            (10_000, Ok(())),
            (59_999, Ok(())),
            (60_000, Err((Kind::Expired, Some(0)))),
            (u64::MAX >> 40, Err((Kind::Expired, Some(0)))),
        ] {
            assert_eq!(ask(&chain, &pay, &when(millis)), expected, "{millis}");
        }
        assert_eq!(
            ask(
                &chain,
                &pay,
                &Facts {
                    time: Timestamp::MAX,
                    ..facts()
                }
            ),
            Err((Kind::Expired, Some(0)))
        );
        // A verdict is not kept: the chain that allowed refuses a tick later, read from bytes or held.
        let bytes = hold(&chain, &key)
            .wire_call(&pay, &when(10_000), Duration::from_secs(5))
            .unwrap();
        let wire = ring.wire_call(&bytes).unwrap();
        assert_eq!(ask(wire.chain(), &pay, &when(14_999)), Ok(()));
        assert_eq!(
            ask(wire.chain(), &pay, &when(15_000)),
            Err((Kind::Expired, Some(1)))
        );
        assert_eq!(
            ask(ring.wire_call(&bytes).unwrap().chain(), &pay, &when(15_000)),
            Err((Kind::Expired, Some(1)))
        );
    }

    #[test]
    fn attack_20_a_child_does_not_outlive_its_parent() {
        let spawn = payer()
            .grant(Grant::spawn(["a"]))
            .expires_in(Duration::from_secs(60));
        let (ring, chain, key) = token(&spawn);
        let to = AgentKey::generate();
        let longer = Scope::inherit().expires_in(Duration::from_secs(61));
        assert!(matches!(
            hold(&chain, &key).delegate("a", &longer, to.public(), at(0)),
            Err(MintError::Widens(_))
        ));
        let raw = hold(&chain, &key)
            .danger_append("a", &longer, to.public(), at(0))
            .unwrap();
        let raw = ring.chain(&raw.to_bytes()).unwrap();
        let pay = call("pay", &json!({ "to": "a", "sum": 1 }));
        assert_eq!(
            ask(
                &raw,
                &pay,
                &Facts {
                    time: at(59_999),
                    ..facts()
                }
            ),
            Ok(())
        );
        assert_eq!(
            ask(
                &raw,
                &pay,
                &Facts {
                    time: at(60_000),
                    ..facts()
                }
            ),
            Err((Kind::Expired, Some(0)))
        );
        assert_eq!(raw.expires(), at(60_000));
    }
}

mod decisions {
    use bailiwick::capability::{AgentKey, Grant, Kind};

    use bailiwick::guard::SKEW;
    use bailiwick_integration_tests::support::calls::{BANK, bank, once, read, verdict};
    use bailiwick_integration_tests::support::{Home, secs, start};

    use crate::common::decisions::ahead;

    #[tokio::test]
    async fn attack_20_a_call_ends_a_minute_and_the_skew_from_now_at_the_latest() {
        let home = Home::new();
        let guard = bank(&home);
        assert_eq!(guard.audience(), Some(BANK));
        assert_eq!(home.guard().build().audience(), None);
        let held = home.held(&read());
        for (by, kind) in [
            (SKEW, None),
            (SKEW + secs(1), Some(Kind::Expired)),
            (SKEW + secs(3600), Some(Kind::Expired)),
        ] {
            let (wire, call) = ahead(&home, &guard, &held, by);
            assert_eq!(verdict(&guard, &wire, call).await, kind, "{by:?}");
        }
    }

    #[tokio::test]
    async fn attack_20_a_clock_that_goes_backwards_denies_until_it_is_reset() {
        let home = Home::new();
        let guard = home.guard().build();
        let held = home.held(&read().expires_in(secs(600)));
        home.clock.advance(secs(599));
        assert_eq!(once(&guard, &held).await, None);
        home.clock.advance(secs(1));
        assert_eq!(
            once(&guard, &held).await,
            Some(Kind::Expired),
            "by one tick"
        );
        home.clock.set(start());
        assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
        home.clock.advance(secs(1000));
        assert_eq!(
            once(&guard, &held).await,
            Some(Kind::Unavailable),
            "until someone looks"
        );
        guard.reset_clock(start()).await.unwrap();
        home.clock.set(start());
        assert_eq!(once(&guard, &held).await, None);
        home.clock.fail();
        assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
    }

    #[tokio::test]
    async fn attack_20_a_child_does_not_outlive_its_parent() {
        let home = Home::new();
        let guard = home.guard().build();
        let parent = home.held(
            &read()
                .grant(Grant::spawn(["child"]))
                .max_depth(1)
                .expires_in(secs(60)),
        );
        let child = home.child(&parent, &read());
        let (key, long) = (AgentKey::generate(), read().expires_in(secs(3600)));
        let raw = parent
            .danger_append("child", &long, key.public(), start())
            .unwrap()
            .held_by(key)
            .unwrap();
        home.clock.advance(secs(60));
        assert_eq!(once(&guard, &child).await, Some(Kind::Expired));
        assert_eq!(once(&guard, &raw).await, Some(Kind::Expired));
    }
}

mod restart {
    use bailiwick::capability::Kind;
    use bailiwick::guard::SKEW;
    use bailiwick_integration_tests::support::calls::{once, once_by_wire, read};
    use bailiwick_integration_tests::support::restart::FileHome;
    use bailiwick_integration_tests::support::{secs, start};

    #[tokio::test]
    async fn attack_20_a_clock_that_was_set_back_before_a_restart_revives_nothing() {
        let place = FileHome::new();
        let held = place.home.held(&read().expires_in(secs(900)));
        let long = place.home.held(&read().expires_in(secs(7200)));
        place.home.clock.advance(secs(1000));
        // The guard stores the time with every decision.
        assert_eq!(once(&place.guard(), &held).await, Some(Kind::Expired));
        place.home.clock.set(start());
        for _ in 0..2 {
            let guard = place.guard();
            for held in [&held, &long] {
                assert_eq!(once(&guard, held).await, Some(Kind::Unavailable));
            }
        }
        let guard = place.guard();
        guard.reset_clock(start()).await.unwrap();
        assert_eq!(once(&guard, &long).await, None);
        drop(guard);
        // The reset is kept too, and an older process does not undo it by what it saw later.
        assert_eq!(once(&place.guard(), &long).await, None);
        place.home.clock.advance(secs(3600));
        assert_eq!(once(&place.guard(), &long).await, None);
        place.home.clock.set(start());
        assert_eq!(once(&place.guard(), &long).await, Some(Kind::Unavailable));
    }

    #[tokio::test]
    async fn attack_20_a_clock_that_was_ahead_at_the_first_start_shuts_nothing_out_for_ever() {
        let place = FileHome::new();
        let held = place.home.held(&read());
        place
            .home
            .clock
            .set(start().saturating_add(secs(1_000_000)));
        place.guard().resume().await.unwrap();
        place.home.clock.set(start());
        let guard = place.guard();
        guard.reset_clock(start()).await.unwrap();
        drop(guard);
        assert_eq!(once(&place.guard(), &held).await, None);
        place.home.clock.advance(SKEW + secs(1));
        assert_eq!(once_by_wire(&place.home, &place.guard(), &held).await, None);
    }
}

mod trees {
    use std::sync::Arc;
    use std::time::Duration;

    use bailiwick::capability::{Authority, Kind};
    use bailiwick::clock::ManualClock;
    use bailiwick::id::Timestamp;

    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::trees::{build, docs, lead_scope};
    use serde_json::json;

    #[tokio::test]
    async fn attack_20_a_child_does_not_outlive_its_parent() {
        let clock = ManualClock::at("2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let orchestrator = build(&Authority::generate(), |builder| {
            builder.clock(Arc::new(clock.clone()))
        });
        let lead = orchestrator.agent("lead", lead_scope()).await.unwrap();
        let child = lead.spawn("reader").scope(docs()).await.unwrap();
        assert_eq!(
            child.held().chain().expires(),
            lead.held().chain().expires()
        );
        clock.advance(Duration::from_secs(599));
        assert!(matches!(
            child.call("fs_read", &json!({"path": "/srv/docs/a"})).await,
            Outcome::Value { .. }
        ));
        clock.advance(Duration::from_secs(1));
        let late = child.call("fs_read", &json!({"path": "/srv/docs/a"})).await;
        assert!(
            matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::Expired),
            "{late:?}"
        );
    }
}
