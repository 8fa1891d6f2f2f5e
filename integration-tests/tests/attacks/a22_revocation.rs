//! Attack 22: an ancestor revoked meanwhile; old revocation lists.

mod decisions {
    use std::sync::Arc;

    use async_trait::async_trait;
    use bailiwick::capability::{Grant, Held, Kind, Mandate};

    use bailiwick::guard::{Answer, Policy, PolicyError, Question, Revocable, Verdict};

    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{asked, context, once, read};

    #[tokio::test]
    async fn attack_22_whatever_of_an_ancestor_is_revoked_the_child_is_denied() {
        let parent_scope = || read().grant(Grant::spawn(["child"])).max_depth(2);
        type What = fn(&Held, &Held) -> Revocable;
        let cases: [(&str, What); 9] = [
            ("parent's block", |parent, _| {
                Revocable::Block(parent.chain().id())
            }),
            ("parent's key", |parent, _| {
                Revocable::Key(parent.chain().holder())
            }),
            ("lineage", |parent, _| {
                Revocable::Lineage(parent.chain().lineage())
            }),
            ("principal", |_, _| Revocable::Principal("ann".to_owned())),
            ("own block", |_, child| Revocable::Block(child.chain().id())),
            ("own key", |_, child| Revocable::Key(child.chain().holder())),
            ("agent", |_, _| Revocable::Agent("lead/reader".to_owned())),
            ("ancestor", |_, _| Revocable::Agent("lead".to_owned())),
            ("task", |_, _| Revocable::Task("t1".to_owned())),
        ];
        for (name, what) in cases {
            let home = Home::new();
            let guard = home.guard().build();
            let parent = home.minted(
                &parent_scope(),
                &Mandate {
                    principal: Some("ann".to_owned()),
                    ..Mandate::default()
                },
            );
            let (child, other) = (home.child(&parent, &read()), home.held(&read()));
            let ask = async |held: &Held, agent: &str, task: &str| {
                let mut context = context();
                (context.agent, context.facts.task) = (agent.to_owned(), Some(task.to_owned()));
                match guard.authorize(held.into(), asked("/a"), context).await {
                    Verdict::Permit(..) => None,
                    Verdict::Denied(denial) => Some(denial.kind()),
                    Verdict::Ask(_) => panic!(),
                }
            };
            // Once before, so that the caches of the chain are filled.
            assert_eq!(ask(&child, "lead/reader", "t1").await, None, "{name}");
            guard.revocations().revoke([what(&parent, &child)]);
            assert_eq!(
                ask(&child, "lead/reader", "t1").await,
                Some(Kind::Revoked),
                "{name}"
            );
            assert_eq!(ask(&other, "leader", "t2").await, None, "{name}");
        }
    }

    #[tokio::test]
    async fn attack_22_what_is_revoked_while_the_policy_thinks_is_denied() {
        struct Revoking(
            std::sync::Mutex<Option<bailiwick::guard::Revocations>>,
            [u8; 64],
        );

        #[async_trait]
        impl Policy for Revoking {
            async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
                let revocations = self.0.lock().unwrap().take().unwrap();
                revocations.revoke([Revocable::Block(self.1)]);
                Ok(Answer::permit())
            }
        }

        let home = Home::new();
        let held = home.held(&read());
        let revocations = bailiwick::guard::Revocations::new();
        let policy = Revoking(
            std::sync::Mutex::new(Some(revocations.clone())),
            held.chain().id(),
        );
        let guard = home
            .guard()
            .revocations(revocations)
            .policy(Arc::new(policy))
            .build();
        assert_eq!(once(&guard, &held).await, Some(Kind::Revoked));
    }
}

mod interleavings {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::Arc;

    use bailiwick::capability::{Held, Kind};
    use bailiwick::guard::{Revocable, Revocations};

    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{asked, context, read};
    use bailiwick_integration_tests::support::schedule::{End, Task, every_order};
    use bailiwick_integration_tests::support::stores::{Fated, Yields};

    use crate::common::interleavings::{Said, Thinks, World, allowed, asks, said};

    /// What happens beside a call, at a point of its own choosing.
    type Beside = fn(&World, &Revocations, &Held);

    #[test]
    fn attack_22_what_is_revoked_before_the_last_look_is_denied_in_every_order() {
        let beside: [(Beside, Kind); 3] = [
            (
                |_, revocations, held| revocations.revoke([Revocable::Block(held.chain().id())]),
                Kind::Revoked,
            ),
            (
                |world, _, _| {
                    assert!(
                        world
                            .guard
                            .ring()
                            .remove(&world.guard.ring().roots()[0].key)
                    )
                },
                Kind::UntrustedRoot,
            ),
            (|world, _, _| world.home.clock.fail(), Kind::Unavailable),
        ];
        for (change, kind) in beside {
            let seed = Home::new();
            let held = Arc::new(seed.held(&read()));
            let make = || {
                let mut home = Home::new();
                home.ring = bailiwick::capability::KeyRing::new([seed.authority.root()]);
                let revocations = Revocations::new();
                let store = Fated::new(home.store.clone(), Yields);
                let guard = home
                    .guard()
                    .store(Arc::new(store))
                    .revocations(revocations.clone())
                    .policy(Arc::new(Thinks))
                    .build();
                let guard = Arc::new(guard);
                (World::of(home, guard), revocations)
            };
            let (before, after) = (Cell::new(0), Cell::new(0));
            every_order(
                0,
                make,
                |(world, revocations)| {
                    let changed = Rc::new(Cell::new(false));
                    let (seen, beside) = (changed.clone(), world.clone());
                    let (revocations, own) = (revocations.clone(), held.clone());
                    // The change is one step, and the call after it is asked when it has been made.
                    let change: Task<Said> = Box::pin(async move {
                        change(&beside, &revocations, &own);
                        changed.set(true);
                        Err(kind)
                    });
                    let (guard, own) = (world.guard.clone(), held.clone());
                    let late: Task<Said> = Box::pin(async move {
                        let already = seen.get();
                        let said = said(
                            guard
                                .authorize((&*own).into(), asked("/b"), context())
                                .await,
                        );
                        assert!(!already || said == Err(kind), "asked after the change");
                        said
                    });
                    let held = &held;
                    vec![asks(&world.guard, held, asked("/a")), change, late]
                },
                |(world, _), ends| {
                    settled_beside(&world.home, &ends, kind);
                    let count = if matches!(ends[0], End::Done(Ok(_))) {
                        &before
                    } else {
                        &after
                    };
                    count.set(count.get() + 1);
                },
            );
            assert!(before.get() > 0 && after.get() > 0);
        }
    }

    /// Each call was permitted and is on the record, or was refused for that reason alone.
    fn settled_beside(home: &Home, ends: &[End<Said>], kind: Kind) {
        let on_record = allowed(home);
        for end in ends {
            match end {
                End::Done(Ok(id)) => assert!(on_record.contains(id)),
                End::Done(Err(refused)) => assert_eq!(*refused, kind),
                End::Dropped => panic!("nothing is dropped here"),
            }
        }
    }
}

mod restart {
    use bailiwick::capability::{Kind, Mandate};
    use bailiwick::guard::{Guard, Revocable};
    use bailiwick::store::{Batch, Key, StoreError};
    use bailiwick_integration_tests::support::calls::{asked, context, once, parent, read};
    use bailiwick_integration_tests::support::restart::FileHome;

    #[tokio::test]
    async fn attack_22_what_was_revoked_stays_so_after_a_restart() {
        let mandate = Mandate {
            principal: Some("eve".to_owned()),
            ..Mandate::default()
        };
        for number in 0..7 {
            let place = FileHome::new();
            let above = place.home.minted(&parent(), &mandate);
            let held = place.home.child(&above, &read());
            let what = [
                Revocable::Block(above.chain().id()),
                Revocable::Key(above.chain().holder()),
                Revocable::Lineage(held.chain().lineage()),
                Revocable::Principal("eve".to_owned()),
                Revocable::Task("sum up".to_owned()),
                Revocable::Agent("lead".to_owned()),
                Revocable::Role {
                    parent: "lead".to_owned(),
                    role: "reader".to_owned(),
                },
            ][number]
                .clone();
            let mut task = context();
            task.facts.task = Some("sum up".to_owned());
            let ask = async |guard: &Guard| {
                let verdict = guard.authorize((&held).into(), asked("/a"), task.clone());
                match verdict.await {
                    bailiwick::guard::Verdict::Denied(denial) => Some(denial.kind()),
                    _ => None,
                }
            };
            let guard = place.guard();
            assert_eq!(ask(&guard).await, None);
            guard.revoke([what.clone()]).await.unwrap();
            assert_eq!(ask(&guard).await, Some(Kind::Revoked), "{what:?}");
            drop(guard);
            let guard = place.guard();
            assert_eq!(ask(&guard).await, Some(Kind::Revoked), "{what:?}");
            assert!(guard.revocations().contains(&what));
        }
    }

    #[tokio::test]
    async fn attack_22_many_revocations_and_what_is_none() {
        let place = FileHome::new();
        let name = |number: usize| Revocable::Principal(format!("p/{number}"));
        place.guard().revoke((0..2500).map(name)).await.unwrap();
        let guard = place.guard();
        guard.resume().await.unwrap();
        assert_eq!(guard.revocations().len(), 2500);
        // A later build wrote a kind that this one does not know: better nothing than half of it.
        let later = Batch::new().put(Key::of(["revoked", "moon", "1"]), "{}");
        guard.store().commit(later).await.unwrap();
        let guard = place.guard();
        assert!(
            matches!(guard.resume().await, Err(StoreError::Unavailable { what }) if what.contains("moon"))
        );
        let held = place.home.held(&read());
        assert_eq!(once(&guard, &held).await, Some(Kind::Unavailable));
    }
}

mod stopped_helpers {
    use bailiwick::capability::Chain;
    use bailiwick::guard::Revocable;

    use bailiwick_integration_tests::support::stopped_helpers::Home;

    #[tokio::test(flavor = "multi_thread")]
    async fn attack_22_new_keys_do_not_bring_back_an_agent_that_was_revoked() {
        let path = "lead/reader";
        let by: [fn(&Chain) -> Revocable; 4] = [
            |chain| Revocable::Block(chain.id()),
            |chain| Revocable::Key(chain.holder()),
            |_| Revocable::Agent("lead/reader".to_owned()),
            |_| Revocable::Role {
                parent: "lead".to_owned(),
                role: "reader".to_owned(),
            },
        ];
        for by in by {
            let home = Home::new();
            let run = home.gone("reader").await;
            let revoked = by(&home.agents(run).await[path]);
            let next = home.process("reader").build().unwrap();
            next.guard().revoke([revoked.clone()]).await.unwrap();
            let again = home.process("reader").build().unwrap();
            let resumed = again.resume_with_new_keys(run).await.unwrap();
            let left: Vec<_> = home.agents(run).await.into_keys().collect();
            assert_eq!(left, ["lead"], "{revoked:?}");
            assert_eq!(resumed.run().await.unwrap().text(), "I see");
        }
    }
}

mod under_load {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use bailiwick::capability::{Held, Kind};
    use bailiwick::guard::Revocable;
    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{once, read};
    use bailiwick_integration_tests::support::schedule::now;

    use crate::common::under_load::THREADS;

    #[test]
    fn attack_22_revocations_that_are_loaded_under_load_are_in_force_from_the_next_call() {
        const VICTIMS: usize = 20;
        let home = Home::new();
        let guard = home.guard().build();
        let victims: Vec<Held> = (0..VICTIMS).map(|_| home.held(&read())).collect();
        let bystander = home.held(&read());
        // Set before a victim is revoked, and after.
        let soon: Vec<AtomicBool> = victims.iter().map(|_| AtomicBool::new(false)).collect();
        let gone: Vec<AtomicBool> = victims.iter().map(|_| AtomicBool::new(false)).collect();
        let done = AtomicBool::new(false);
        let (allowed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let begin = Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (guard, victims, bystander) = (&guard, &victims, &bystander);
                let (soon, gone, done) = (&soon, &gone, &done);
                let (allowed, refused, begin) = (&allowed, &refused, &begin);
                scope.spawn(move || {
                    begin.wait();
                    let (mut turn, mut after) = (thread, 0);
                    while after < 2 * VICTIMS {
                        turn += 1;
                        after += usize::from(done.load(Ordering::SeqCst));
                        let victim = turn % VICTIMS;
                        let already = gone[victim].load(Ordering::SeqCst);
                        let said = now(once(guard, &victims[victim]));
                        let begun = soon[victim].load(Ordering::SeqCst);
                        match said {
                            None => {
                                assert!(!already, "allowed after it was revoked");
                                allowed.fetch_add(1, Ordering::Relaxed);
                            }
                            Some(Kind::Revoked) => {
                                assert!(begun, "refused before it was revoked");
                                refused.fetch_add(1, Ordering::Relaxed);
                            }
                            other => panic!("{other:?}"),
                        }
                        assert_eq!(now(once(guard, bystander)), None);
                    }
                });
            }
            begin.wait();
            // A long list, with the victims here and there.
            for batch in 0_u32..400 {
                let list = (0..100_u32).map(|number| {
                    let mut block = [0; 64];
                    block[..4].copy_from_slice(&batch.to_be_bytes());
                    block[4..8].copy_from_slice(&number.to_be_bytes());
                    Revocable::Block(block)
                });
                guard.revocations().revoke(list);
                if batch % 20 == 10 {
                    let victim = batch as usize / 20;
                    soon[victim].store(true, Ordering::SeqCst);
                    guard
                        .revocations()
                        .revoke([Revocable::Block(victims[victim].chain().id())]);
                    gone[victim].store(true, Ordering::SeqCst);
                }
                std::thread::yield_now();
            }
            done.store(true, Ordering::SeqCst);
        });
        assert_eq!(guard.revocations().len(), 400 * 100 + VICTIMS);
        println!("{allowed:?} allowed, {refused:?} refused");
        assert!(allowed.into_inner() > 0 && refused.into_inner() > 0);
    }
}
