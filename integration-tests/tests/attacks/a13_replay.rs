//! Attack 13: calls changed after signing, replayed, sent elsewhere, made in parallel.

mod call {
    use std::time::Duration;

    use bailiwick::capability::{Call, CallNonce, Facts, Kind};
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::format::schema;
    use serde_json::{Value, json};

    use crate::common::call::{ask, at, call, facts, hold, kind, payer, token};

    #[test]
    fn attack_13_a_wire_call_is_good_for_nothing_else() {
        let (ring, chain, key) = token(&payer());
        let args = json!({ "to": "a", "sum": 5 });
        let asked = call("pay", &args);
        let bytes = hold(&chain, &key)
            .wire_call(&asked, &facts(), Duration::from_secs(30))
            .unwrap();
        let wire = ring.wire_call(&bytes).unwrap();
        assert_eq!(ask(wire.chain(), &asked, &facts()), Ok(()));
        let with = |capability: &str, args: &Value, nonce| {
            Call::with_nonce(capability, args.as_object().unwrap().clone(), nonce).unwrap()
        };
        let same = asked.nonce();
        for (what, other, refused) in [
            ("another tool", with("mail", &args, same), Kind::Tool),
            (
                "another recipient",
                with("pay", &json!({ "to": "b", "sum": 5 }), same),
                Kind::Argument,
            ),
            (
                "another sum",
                with("pay", &json!({ "to": "a", "sum": 6 }), same),
                Kind::Argument,
            ),
            (
                "the same again",
                with("pay", &args, CallNonce::fresh()),
                Kind::Argument,
            ),
        ] {
            assert_eq!(
                ask(wire.chain(), &other, &facts()),
                Err((refused, Some(1))),
                "{what}"
            );
        }
        let known = |audience: Option<&str>, task: Option<&str>| Facts {
            audience: audience.map(str::to_owned),
            task: task.map(str::to_owned),
            ..facts()
        };
        for other in [
            known(Some("there"), None),
            known(None, None),
            known(Some("here"), Some("t")),
        ] {
            assert_eq!(
                ask(wire.chain(), &asked, &other),
                Err((Kind::Argument, Some(1))),
                "{other:?}"
            );
        }
        // The call block of one token on another, whose holder is another.
        let (other_ring, other, other_key) = token(&payer());
        let block = forge::block(&forge::parts(&bytes).blocks[0]);
        let forged = Forge::after(&other.to_bytes(), &other_key).edited(&block, |_| {});
        let moved = other_ring.wire_call(&forged.sealed()).unwrap();
        assert_eq!(
            ask(moved.chain(), &asked, &facts()),
            Err((Kind::Argument, Some(1)))
        );
        let mut spliced = forge::parts(&bytes);
        spliced.authority = forge::parts(&other.to_bytes()).authority;
        assert_eq!(
            kind(other_ring.wire_call(&forge::bytes(&spliced))),
            Kind::BadSignature
        );
    }

    #[test]
    fn attack_13_a_call_is_meant_for_one_audience() {
        // Signed for `there`, under a digest that was computed for `here`: the block contradicts itself.
        let (ring, chain, key) = token(&payer());
        let asked = call("pay", &json!({ "to": "a", "sum": 5 }));
        let bytes = hold(&chain, &key)
            .wire_call(&asked, &facts(), Duration::from_secs(30))
            .unwrap();
        let block = forge::block(&forge::parts(&bytes).blocks[0]);
        let forged = Forge::after(&chain.to_bytes(), &key).edited(&block, |block| {
            for text in &mut block.symbols {
                *text = text.replace("here", "there");
            }
        });
        let wire = ring.wire_call(&forged.sealed()).unwrap();
        assert_eq!(
            ask(wire.chain(), &asked, &facts()),
            Err((Kind::Audience, Some(1)))
        );
        assert!(
            hold(&chain, &key)
                .wire_call(&asked, &Facts::at(at(0)), Duration::from_secs(1))
                .is_err()
        );
    }

    #[test]
    fn attack_13_a_call_block_holds_its_one_check_and_nothing_else() {
        let (ring, chain, key) = token(&payer());
        let asked = call("pay", &json!({ "to": "a", "sum": 5 }));
        let bytes = hold(&chain, &key)
            .wire_call(&asked, &facts(), Duration::from_secs(30))
            .unwrap();
        let genuine = forge::block(&forge::parts(&bytes).blocks[0]);
        let start = Forge::after(&chain.to_bytes(), &key);
        ring.wire_call(&start.clone().edited(&genuine, |_| {}).sealed())
            .unwrap();
        type Change = fn(&mut schema::Block);
        let changes: [(&str, Change); 8] = [
            ("a second check", |block| {
                block.checks.push(block.checks[0].clone())
            }),
            ("an alternative", |block| {
                let query = block.checks[0].queries[0].clone();
                block.checks[0].queries.push(query);
            }),
            ("no expiry", |block| {
                block.checks[0].queries[0].expressions.clear()
            }),
            ("no nonce", |block| {
                drop(block.checks[0].queries[0].body.remove(2))
            }),
            ("no time", |block| {
                drop(block.checks[0].queries[0].body.pop())
            }),
            ("check all", |block| block.checks[0].kind = Some(1)),
            ("another order", |block| {
                block.checks[0].queries[0].body.swap(0, 1)
            }),
            ("nothing", |block| block.checks.clear()),
        ];
        for (what, change) in changes {
            let forged = start.clone().edited(&genuine, change);
            assert_eq!(
                kind(ring.wire_call(&forged.sealed())),
                Kind::Malformed,
                "{what}"
            );
            assert!(ring.chain(&forged.token()).is_err(), "{what}");
        }
    }
}

mod decisions {
    use std::sync::Arc;

    use bailiwick::capability::{Call, Grant, Kind, MAX_CALL_LIFE, any};

    use bailiwick::guard::{Presented, SKEW, Verdict};
    use bailiwick_integration_tests::support::calls::{
        BANK, asked, bank, context, read, verdict, wire,
    };
    use bailiwick_integration_tests::support::{Home, secs};

    use crate::common::decisions::ahead;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_13_of_one_call_made_50_times_at_once_exactly_one_passes() {
        let home = Home::new();
        let guard = Arc::new(home.guard().build());
        let (held, call) = (Arc::new(home.held(&read())), asked("/a"));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (guard, held, call) = (guard.clone(), held.clone(), call.clone());
            tasks.spawn(async move { verdict(&guard, &*held, call).await });
        }
        let mut verdicts = tasks.join_all().await;
        verdicts.sort();
        assert_eq!(
            verdicts.iter().filter(|verdict| verdict.is_none()).count(),
            1
        );
        assert!(
            verdicts
                .iter()
                .skip(1)
                .all(|verdict| *verdict == Some(Kind::Replay)),
            "{verdicts:?}"
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_13_of_one_wire_call_sent_50_times_at_once_exactly_one_passes() {
        let home = Home::new();
        let guard = Arc::new(bank(&home));
        let call = asked("/a");
        let bytes = Arc::new(wire(&home, &home.held(&read()), &call, BANK));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (guard, bytes, call) = (guard.clone(), bytes.clone(), call.clone());
            tasks.spawn(async move {
                // Each from the bytes, as so many requests would come.
                let wire = guard.ring().wire_call(&bytes).unwrap();
                verdict(&guard, &wire, call).await
            });
        }
        let verdicts = tasks.join_all().await;
        assert_eq!(
            verdicts.iter().filter(|verdict| verdict.is_none()).count(),
            1
        );
        assert_eq!(
            verdicts
                .iter()
                .filter(|verdict| **verdict == Some(Kind::Replay))
                .count(),
            49
        );
    }

    #[tokio::test]
    async fn attack_13_replay_outside_its_window_has_expired() {
        let home = Home::new();
        let guard = bank(&home);
        let call = asked("/a");
        let bytes = wire(&home, &home.held(&read()), &call, BANK);
        let again = || guard.ring().wire_call(&bytes).unwrap();
        assert_eq!(verdict(&guard, &again(), call.clone()).await, None);
        for (later, kind) in [
            (0, Kind::Replay),
            (59, Kind::Replay),
            (1, Kind::Expired),
            (100, Kind::Expired),
        ] {
            home.clock.advance(secs(later));
            assert_eq!(
                verdict(&guard, &again(), call.clone()).await,
                Some(kind),
                "{later}"
            );
        }
    }

    #[tokio::test]
    async fn attack_13_what_a_guard_may_have_forgotten_at_its_start_is_told_to_the_second() {
        let home = Home::new();
        let guard = home.guard().audience(BANK).build();
        let held = home.held(&read());
        // What ends a minute and the skew from the start could have been made before it, elsewhere
        // ahead by the skew.
        let (last, call) = ahead(&home, &guard, &held, SKEW);
        assert_eq!(verdict(&guard, &last, call).await, Some(Kind::Replay));
        home.clock.advance(secs(1));
        let (next, call) = ahead(&home, &guard, &held, SKEW);
        assert_eq!(verdict(&guard, &next, call).await, None);
    }

    #[tokio::test]
    async fn attack_13_a_call_at_home_is_remembered_as_long_as_one_over_the_wire() {
        let home = Home::new();
        let guard = home.guard().build();
        let held = home.held(&read());
        let call = asked("/a");
        assert_eq!(verdict(&guard, &held, call.clone()).await, None);
        home.clock.advance(MAX_CALL_LIFE + SKEW);
        assert_eq!(
            verdict(&guard, &held, call.clone()).await,
            Some(Kind::Replay)
        );
    }

    #[tokio::test]
    async fn attack_13_a_wire_call_is_for_one_call_at_one_server() {
        let home = Home::new();
        let guard = bank(&home);
        let held = home.held(&read().grant(Grant::new("fs.write").arg("path", any())));
        let call = asked("/a");
        let presented = guard
            .ring()
            .wire_call(&wire(&home, &held, &call, BANK))
            .unwrap();
        let other = |capability: &str, path: &str| {
            let arguments = asked(path).arguments().clone();
            Call::with_nonce(capability, arguments, call.nonce()).unwrap()
        };
        assert_eq!(
            verdict(&guard, &presented, other("fs.write", "/a")).await,
            Some(Kind::Tool)
        );
        assert_eq!(
            verdict(&guard, &presented, other("fs.read", "/b")).await,
            Some(Kind::Argument)
        );
        assert_eq!(
            verdict(&guard, &presented, asked("/a")).await,
            Some(Kind::Argument),
            "another nonce"
        );
        let elsewhere = guard
            .ring()
            .wire_call(&wire(&home, &held, &call, "shop"))
            .unwrap();
        assert!(verdict(&guard, &elsewhere, call.clone()).await.is_some());
        let mut lied = context();
        lied.facts.audience = Some("shop".to_owned());
        let said = guard
            .authorize(Presented::Wire(&elsewhere), call.clone(), lied)
            .await;
        assert!(
            matches!(said, Verdict::Denied(_)),
            "the audience is the guard's own: {said:?}"
        );
        // All of those spent nothing.
        assert_eq!(verdict(&guard, &presented, call).await, None);
    }

    #[tokio::test]
    async fn attack_13_a_guard_that_forgot_refuses_what_it_may_have_seen() {
        let home = Home::new();
        let before = bank(&home);
        let held = home.held(&read());
        let call = asked("/a");
        let bytes = wire(&home, &held, &call, BANK);
        assert_eq!(
            verdict(
                &before,
                &before.ring().wire_call(&bytes).unwrap(),
                call.clone()
            )
            .await,
            None
        );
        let after = home.guard().audience(BANK).build();
        let replayed = after.ring().wire_call(&bytes).unwrap();
        for later in [0, 1, 30] {
            home.clock.advance(secs(later));
            assert_eq!(
                verdict(&after, &replayed, call.clone()).await,
                Some(Kind::Replay),
                "{later}"
            );
        }
        home.clock.advance(secs(60));
        let fresh = asked("/a");
        let bytes = wire(&home, &held, &fresh, BANK);
        assert_eq!(
            verdict(&after, &after.ring().wire_call(&bytes).unwrap(), fresh).await,
            None
        );
    }
}

mod interleavings {
    use std::cell::Cell;
    use std::sync::Arc;

    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::calls;
    use bailiwick_integration_tests::support::calls::{asked, read, sent};
    use bailiwick_integration_tests::support::schedule::{End, every_order};

    use crate::common::interleavings::{Plan, asks, awake, by_wire, now_by_hand, settled};

    #[test]
    fn attack_13_a_call_is_spent_once_in_every_order() {
        for durable in [false, true] {
            let plan = Plan::new(durable, false);
            let held = Arc::new(plan.seed.held(&read()));
            let call = asked("/a");
            let orders = every_order(
                0,
                || plan.world(),
                |world| {
                    (0..3)
                        .map(|_| asks(&world.guard, &held, call.clone()))
                        .collect()
                },
                |world, ends| {
                    assert_eq!(settled(&world.home, &ends).0, 1);
                    let refused = ends
                        .iter()
                        .filter(|end| **end == End::Done(Err(Kind::Replay)));
                    assert_eq!(refused.count(), 2, "{ends:?}");
                },
            );
            println!("durable {durable}: {orders} orders");
            assert!(orders > 1000, "{orders}");
        }
    }

    #[test]
    fn attack_13_a_call_is_spent_once_while_two_guards_read_what_their_store_kept() {
        let plan = Plan::new(true, false);
        let held = Arc::new(plan.seed.held(&read()));
        let call = asked("/a");
        let make = || {
            let home = plan.fresh();
            let guards = [(); 2].map(|()| Arc::new(plan.builder(&home).build()));
            (home, guards)
        };
        let orders = every_order(
            1,
            make,
            |(_, guards)| {
                let asked = guards.iter().map(|guard| asks(guard, &held, call.clone()));
                asked.collect()
            },
            |(home, _), ends| {
                let dropped = ends.contains(&End::Dropped);
                let spent = settled(home, &ends).0;
                assert!(spent == 1 || dropped && spent == 0, "{ends:?}");
            },
        );
        println!("{orders} orders");
        assert!(orders > 100, "{orders}");
    }

    #[test]
    fn attack_13_a_wire_call_is_spent_once_in_every_order_and_by_every_guard_of_a_store() {
        for durable in [false, true] {
            let plan = Plan::new(durable, false);
            let held = Arc::new(plan.seed.held(&read()));
            // Two guards of one bank; only a store that lasts is shared knowledge.
            let make = || {
                let home = plan.fresh();
                let guards = [(); 2].map(|()| awake(plan.builder(&home).audience(calls::BANK)));
                home.clock
                    .advance(bailiwick::capability::MAX_CALL_LIFE + bailiwick::guard::SKEW);
                let (wire, call) = sent(&home, &guards[0], &held);
                (home, guards, wire, call)
            };
            let orders = every_order(
                0,
                make,
                |(_, guards, wire, call)| {
                    let first = by_wire(&guards[0], wire, call.clone());
                    let again = by_wire(&guards[0], wire, call.clone());
                    let other = &guards[usize::from(durable)];
                    vec![first, again, by_wire(other, wire, call.clone())]
                },
                |(home, ..), ends| {
                    assert_eq!(settled(home, &ends).0, 1, "{ends:?}");
                },
            );
            println!("durable {durable}: {orders} orders");
            assert!(orders > 1000, "{orders}");
        }
    }

    #[test]
    fn attack_13_a_call_that_was_dropped_is_never_made_twice() {
        for durable in [false, true] {
            let plan = Plan::new(durable, false);
            let held = Arc::new(plan.seed.held(&read()));
            let call = asked("/a");
            let lost = Cell::new(0);
            every_order(
                2,
                || plan.world(),
                |world| {
                    (0..2)
                        .map(|_| asks(&world.guard, &held, call.clone()))
                        .collect()
                },
                |world, ends| {
                    let (permitted, on_record) = settled(&world.home, &ends);
                    assert!(permitted <= 1 && on_record.len() <= 1, "{ends:?}");
                    // Dropped between taking the id and the commit, a call is spent for nothing: asked
                    // again it is a new call.
                    let again = now_by_hand(asks(&world.guard, &held, call.clone()));
                    if permitted + on_record.len() > 0 {
                        assert_eq!(again, Err(Kind::Replay), "{ends:?}");
                    } else if again.is_err() {
                        lost.set(lost.get() + 1);
                    }
                    let fresh = now_by_hand(asks(&world.guard, &held, asked("/a")));
                    assert!(fresh.is_ok(), "{ends:?} {fresh:?}");
                },
            );
            assert!(lost.get() > 0);
        }
    }
}

mod prune {
    use bailiwick::agent::prune;
    use bailiwick::capability::{Kind, MAX_CALL_LIFE};
    use bailiwick::guard::SKEW;
    use bailiwick::id::Timestamp;

    use bailiwick_integration_tests::support::calls::{BANK, read, sent, verdict};
    use bailiwick_integration_tests::support::prune::{count, store};
    use bailiwick_integration_tests::support::{Home, secs, start};

    #[tokio::test]
    async fn attack_13_no_call_that_could_be_made_again_is_forgotten() {
        let (home, directory) = (Home::new(), tempfile::tempdir().unwrap());
        let guard = || home.guard().audience(BANK).store(store(&directory)).build();
        let first = guard();
        first.resume().await.unwrap();
        home.clock.advance(MAX_CALL_LIFE + SKEW);
        let held = home.held(&read());
        let (wire, made) = sent(&home, &first, &held);
        assert_eq!(verdict(&first, &wire, made.clone()).await, None);
        // The operator's time does not matter here: by the time that the store has seen, the call could be made again.
        let store = store(&directory);
        for before in [start(), start().saturating_add(secs(3600)), Timestamp::MAX] {
            assert_eq!(prune(&*store, before).await.unwrap().calls, 0);
            assert_eq!(
                verdict(&guard(), &wire, made.clone()).await,
                Some(Kind::Replay)
            );
        }
        home.clock.advance(MAX_CALL_LIFE + SKEW);
        // It is kept to the end of its last second, by what the store has seen and not by who prunes.
        assert_eq!(
            verdict(&guard(), &wire, made.clone()).await,
            Some(Kind::Expired)
        );
        assert_eq!(prune(&*store, Timestamp::MAX).await.unwrap().calls, 0);
        home.clock.advance(secs(1));
        assert_eq!(
            verdict(&guard(), &wire, made.clone()).await,
            Some(Kind::Expired)
        );
        assert_eq!(
            prune(&*store, start()).await.unwrap().calls,
            0,
            "it ended later"
        );
        assert_eq!(prune(&*store, Timestamp::MAX).await.unwrap().calls, 1);
        assert_eq!(count(&*store, "replay").await, 0);
        assert_eq!(verdict(&guard(), &wire, made).await, Some(Kind::Expired));
    }
}

mod restart {
    use bailiwick::capability::Kind;
    use bailiwick::guard::SKEW;
    use bailiwick_integration_tests::support::calls::{
        BANK, asked, once_by_wire, read, sent, verdict,
    };
    use bailiwick_integration_tests::support::restart::FileHome;
    use bailiwick_integration_tests::support::secs;

    #[tokio::test]
    async fn attack_13_a_call_is_not_made_again_after_a_restart() {
        let place = FileHome::new();
        let guard = place.settled().await;
        let held = place.home.held(&read());
        let call = asked("/a");
        let (wire, made) = sent(&place.home, &guard, &held);
        assert_eq!(verdict(&guard, &held, call.clone()).await, None);
        assert_eq!(verdict(&guard, &wire, made.clone()).await, None);
        let beside = place.guard();
        drop(guard);
        for guard in [beside, place.guard()] {
            assert_eq!(
                verdict(&guard, &held, call.clone()).await,
                Some(Kind::Replay)
            );
            assert_eq!(
                verdict(&guard, &wire, made.clone()).await,
                Some(Kind::Replay)
            );
            // What was made before the start and not sent can be: whether it was is known.
            assert_eq!(once_by_wire(&place.home, &guard, &held).await, None);
        }
    }

    #[tokio::test]
    async fn attack_13_a_store_that_is_new_knows_nothing_of_calls_before_it() {
        let place = FileHome::new();
        let held = place.home.held(&read());
        let (wire, made) = sent(
            &place.home,
            &place.home.guard().audience(BANK).build(),
            &held,
        );
        // Nor does it once it was opened again: what came before its first use is not in it.
        for _ in 0..2 {
            let guard = place.guard();
            assert_eq!(
                verdict(&guard, &wire, made.clone()).await,
                Some(Kind::Replay)
            );
            place.home.clock.advance(secs(1));
        }
        place.home.clock.advance(SKEW + secs(5));
        assert_eq!(once_by_wire(&place.home, &place.guard(), &held).await, None);
    }
}
