//! Attack 31: caches and replay set filled by hostile tokens; roots removed while in use.

mod decisions {
    use bailiwick::capability::{Kind, MAX_CALL_LIFE};

    use bailiwick::guard::SKEW;
    use bailiwick_integration_tests::support::calls::{BANK, asked, once, read, verdict, wire};
    use bailiwick_integration_tests::support::{Home, secs};

    #[tokio::test]
    async fn attack_31_a_full_replay_set_denies_and_one_holder_cannot_fill_it() {
        let home = Home::new();
        let guard = home.guard().audience(BANK).replay_bounds(5, 2).build();
        home.clock.advance(MAX_CALL_LIFE + SKEW);
        let (greedy, modest) = (home.held(&read()), home.held(&read()));
        let mut said = Vec::new();
        for held in [&greedy, &greedy, &greedy, &modest] {
            let call = asked("/a");
            let bytes = wire(&home, held, &call, BANK);
            said.push(verdict(&guard, &guard.ring().wire_call(&bytes).unwrap(), call).await);
        }
        assert_eq!(said, [None, None, Some(Kind::Replay), None]);
        assert_eq!(once(&guard, &modest).await, None);
        assert_eq!(once(&guard, &modest).await, None);
        assert_eq!(once(&guard, &modest).await, Some(Kind::Replay), "full");
        home.clock.advance(MAX_CALL_LIFE + SKEW + secs(1));
        assert_eq!(once(&guard, &modest).await, None, "lapsed");
    }
}

mod flood {
    //! Attack 31: replay set and cache filled by tokens without number, and roots and approvers that
    //! are taken away while tokens of theirs are cached, held or on their way.

    use std::sync::Arc;

    use async_trait::async_trait;
    use bailiwick::capability::{
        AgentKey, ApprovalRequest, Authority, Call, Grant, Held, KeyRing, Kind, MAX_CALL_LIFE,
        Mandate, Scope, any,
    };
    use bailiwick::guard::{
        Answer, Guard, Policy, PolicyError, Question, Revocable, Revocations, SKEW, Verdict,
    };
    use bailiwick::id::Timestamp;
    use bailiwick_integration_tests::support;
    use bailiwick_integration_tests::support::calls::{
        BANK, asked, bank, bank_of, context, once, once_by_wire, parent, read, sent, verdict, wire,
    };
    use bailiwick_integration_tests::support::{Home, secs};

    /// Long enough for every call over the wire to be forgotten.
    fn lapse(home: &Home) {
        home.clock.advance(MAX_CALL_LIFE + SKEW + secs(1));
    }

    #[tokio::test]
    async fn attack_31_a_holder_does_not_fill_the_replay_set_through_keys_of_its_own() {
        let home = Home::new();
        // Room for 100 calls, 5 of one holder, and 10 of one first holder with its delegates.
        let guard = bank_of(&home, home.guard().replay_bounds(100, 5));
        let (hostile, honest) = (home.held(&parent()), home.held(&read()));
        let mut passed = 0;
        for _ in 0..30 {
            let own = home.child(&hostile, &read());
            for _ in 0..5 {
                match once_by_wire(&home, &guard, &own).await {
                    None => passed += 1,
                    other => assert_eq!(other, Some(Kind::Replay)),
                }
            }
        }
        assert_eq!(passed, 10);
        for _ in 0..5 {
            assert_eq!(once_by_wire(&home, &guard, &honest).await, None);
        }
        // It is denied until its own calls have lapsed, and then has its share again.
        assert_eq!(
            once_by_wire(&home, &guard, &hostile).await,
            Some(Kind::Replay)
        );
        lapse(&home);
        assert_eq!(once_by_wire(&home, &guard, &hostile).await, None);
    }

    #[tokio::test]
    async fn attack_31_a_child_that_may_not_delegate_does_not_use_up_its_parents_share() {
        let home = Home::new();
        let guard = bank_of(&home, home.guard().replay_bounds(200, 5));
        let top = home.held(&parent());
        let (greedy, sibling) = (home.child(&top, &read()), home.child(&top, &read()));
        let mut said = Vec::new();
        for _ in 0..40 {
            said.push(once_by_wire(&home, &guard, &greedy).await);
        }
        assert_eq!(said.iter().filter(|kind| kind.is_none()).count(), 5);
        for held in [&sibling, &top] {
            assert_eq!(once_by_wire(&home, &guard, held).await, None);
        }
    }

    #[tokio::test]
    async fn attack_31_an_approval_of_ones_own_does_not_widen_the_share() {
        let home = Home::new();
        let guard = bank_of(&home, home.guard().replay_bounds(100, 2));
        let hostile = home.held(&read().expires_in(secs(3600)));
        let until = Timestamp::from_secs(1_900_000_000).unwrap();
        let mut said = Vec::new();
        for _ in 0..5 {
            // An approval keeps the call remembered for as long as it lasts.
            let call = asked("/a");
            let mut facts = context().facts;
            facts.audience = Some(BANK.to_owned());
            let approval = hostile
                .approval_request(&call, &facts)
                .approve(&AgentKey::generate(), until);
            let approved = hostile.with_approval(&approval).unwrap();
            let bytes = wire(&home, &approved, &call, BANK);
            let presented = guard.ring().wire_call(&bytes).unwrap();
            said.push(verdict(&guard, &presented, call).await);
        }
        let full = Some(Kind::Replay);
        assert_eq!(said, [None, None, full, full, full]);
        lapse(&home);
        assert_eq!(once_by_wire(&home, &guard, &hostile).await, full);
        assert_eq!(
            once_by_wire(&home, &guard, &home.held(&read())).await,
            None,
            "it fills its own share alone"
        );
    }

    #[tokio::test]
    async fn attack_31_calls_that_do_not_hold_take_no_room_in_the_replay_set() {
        let home = Home::new();
        let guard = bank_of(&home, home.guard().replay_bounds(4, 4));
        let (held, gone) = (home.held(&read()), home.held(&read()));
        guard
            .revocations()
            .revoke([Revocable::Block(gone.chain().id())]);
        for _ in 0..10 {
            let (own, call) = sent(&home, &guard, &held);
            let other = asked("/other");
            assert_eq!(
                verdict(&guard, &own, other).await,
                Some(Kind::Argument),
                "another call than was signed"
            );
            let elsewhere = wire(&home, &held, &call, "shop");
            let elsewhere = guard.ring().wire_call(&elsewhere).unwrap();
            assert!(verdict(&guard, &elsewhere, call).await.is_some());
            assert_eq!(
                once_by_wire(&home, &guard, &gone).await,
                Some(Kind::Revoked)
            );
            let mut broken = wire(&home, &held, &asked("/a"), BANK);
            *broken.last_mut().unwrap() ^= 1;
            assert!(guard.ring().wire_call(&broken).is_err());
            let stranger = Home::new();
            stranger.clock.advance(MAX_CALL_LIFE + SKEW);
            let foreign = wire(&stranger, &stranger.held(&read()), &asked("/a"), BANK);
            assert!(guard.ring().wire_call(&foreign).is_err());
        }
        for _ in 0..4 {
            assert_eq!(once_by_wire(&home, &guard, &held).await, None);
        }
        assert_eq!(
            once_by_wire(&home, &guard, &home.held(&read())).await,
            Some(Kind::Replay),
            "now it is full"
        );
    }

    /// As many tokens as push everything else out of the cache, valid ones and forged ones by turns.
    fn flood(ring: &KeyRing, authority: &Authority, now: Timestamp) {
        let scope = parent();
        let key = Arc::new(AgentKey::generate());
        let hostile = authority
            .mint(&scope, &Mandate::default(), key.public(), now)
            .unwrap()
            .held_by(key)
            .unwrap();
        let holder = AgentKey::generate().public();
        for _ in 0..9_000 {
            // Each hop is signed anew over a fresh block, so no two tokens are one.
            let mut bytes = hostile
                .delegate("child", &read(), holder, now)
                .unwrap()
                .to_bytes();
            ring.keep(&ring.chain(&bytes).unwrap());
            *bytes.last_mut().unwrap() ^= 1;
            assert!(ring.chain(&bytes).is_err());
        }
    }

    #[tokio::test]
    async fn attack_31_tokens_that_fill_the_cache_change_no_verdict() {
        let home = Home::new();
        let guard = home.guard().build();
        let now = support::start();
        let (honest, removed) = (home.held(&read()), Authority::generate());
        guard.ring().trust(removed.root()).unwrap();
        let taken = removed
            .mint(
                &read(),
                &Mandate::default(),
                AgentKey::generate().public(),
                now,
            )
            .unwrap()
            .to_bytes();
        let (good, mut forged) = (honest.chain().to_bytes(), honest.chain().to_bytes());
        let last = forged.len() - 1;
        forged[last] ^= 1;
        // Small enough for the flood to fill it several times.
        let ring = &guard.ring().clone().cache_at_most(8 << 20);
        let kind = |bytes: &[u8]| {
            let kept = ring.chain(bytes).map(|chain| ring.keep(&chain));
            kept.err().map(|refusal| refusal.kind())
        };
        let verdicts = || [kind(&good), kind(&forged), kind(&taken)];
        let before = verdicts();
        assert_eq!((before[0], before[2]), (None, None));
        assert!(before[1].is_some());
        assert!(ring.remove(&removed.public()));
        let before = [before[0], before[1], Some(Kind::UntrustedRoot)];
        assert_eq!(verdicts(), before);
        flood(ring, &home.authority, now);
        assert_eq!(verdicts(), before);
        assert_eq!(verdicts(), before, "cached again");
        assert_eq!(once(&guard, &honest).await, None);
        guard
            .revocations()
            .revoke([Revocable::Block(honest.chain().id())]);
        assert_eq!(once(&guard, &honest).await, Some(Kind::Revoked));
    }

    #[tokio::test]
    async fn attack_31_a_root_that_is_removed_ends_what_is_cached_held_and_on_its_way() {
        let home = Home::new();
        let guard = bank(&home);
        let ring = guard.ring();
        let held = home.held(&parent());
        let child = home.child(&held, &read());
        let bytes = held.chain().to_bytes();
        let cached = ring.chain(&bytes).unwrap();
        let (on_its_way, call) = sent(&home, &guard, &held);
        let (spent, used) = sent(&home, &guard, &held);
        assert_eq!(verdict(&guard, &spent, used).await, None);
        assert_eq!(once(&guard, &held).await, None);
        assert_eq!(once(&guard, &child).await, None);

        assert!(ring.remove(&home.authority.public()));
        let gone = Some(Kind::UntrustedRoot);
        // Verified before, its key in hand, its child, a child made only now, and a call already read.
        assert_eq!(
            ring.admit(&cached).err().map(|refusal| refusal.kind()),
            gone
        );
        for held in [&held, &child, &home.child(&held, &read())] {
            assert_eq!(once(&guard, held).await, gone);
            assert_eq!(
                guard
                    .charge(held, "lead", &[("turns", 1)])
                    .await
                    .err()
                    .map(|d| d.kind()),
                gone
            );
        }
        assert_eq!(verdict(&guard, &on_its_way, call.clone()).await, gone);
        assert_eq!(ring.chain(&bytes).err().map(|refusal| refusal.kind()), gone);
        let late = wire(&home, &held, &asked("/a"), BANK);
        assert_eq!(
            ring.wire_call(&late).err().map(|refusal| refusal.kind()),
            gone
        );

        // Trusted again, the call that was refused has not been spent.
        ring.trust(home.authority.root()).unwrap();
        assert_eq!(verdict(&guard, &on_its_way, call).await, None);
    }

    #[tokio::test]
    async fn attack_31_a_root_that_is_removed_while_the_policy_thinks_ends_the_call() {
        struct Removing(KeyRing, bailiwick::capability::PublicKey);

        #[async_trait]
        impl Policy for Removing {
            async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
                self.0.remove(&self.1);
                Ok(Answer::permit())
            }
        }

        let home = Home::new();
        let policy = Removing(home.ring.clone(), home.authority.public());
        let guard = home.guard().policy(Arc::new(policy)).build();
        let held = home.held(&read());
        assert_eq!(once(&guard, &held).await, Some(Kind::UntrustedRoot));
    }

    /// Asks a person about every call.
    struct Asks;

    #[async_trait]
    impl Policy for Asks {
        async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
            Ok(Answer::ask("who?"))
        }
    }

    async fn pending(guard: &Guard, held: &Held) -> (ApprovalRequest, Call) {
        match guard.authorize(held.into(), asked("/a"), context()).await {
            Verdict::Ask(pending) => (pending.request.unwrap(), pending.call),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn attack_31_an_approver_that_is_removed_approves_nothing_any_more() {
        let (approver, other) = (AgentKey::generate(), AgentKey::generate());
        let either = Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public(), other.public()]);
        // Asked for by the policy of the guard, and by the token itself.
        for (by_policy, scope) in [(true, read()), (false, Scope::new().grant(either))] {
            let home = Home::new();
            let revocations = Revocations::new();
            let mut guard = home.guard().revocations(revocations.clone());
            if by_policy {
                guard = guard
                    .policy(Arc::new(Asks))
                    .approvers([approver.public(), other.public()]);
            }
            let guard = guard.build();
            let held = home.held(&scope);
            let until = support::start().saturating_add(secs(600));
            let approved = async |key: &AgentKey| {
                let (request, call) = pending(&guard, &held).await;
                (
                    held.with_approval(&request.approve(key, until)).unwrap(),
                    call,
                )
            };
            let (used, first) = approved(&approver).await;
            assert_eq!(verdict(&guard, &used, first).await, None);
            // In hand when the approver is taken away, once looked at by the guard and once not.
            let (seen, call) = approved(&approver).await;
            let (unseen, unseen_call) = approved(&approver).await;
            assert_eq!(
                verdict(&guard, &seen, asked("/b")).await,
                Some(Kind::Approval),
                "another call"
            );
            revocations.revoke([Revocable::Key(approver.public())]);
            let gone = Some(Kind::Revoked);
            assert_eq!(verdict(&guard, &seen, call).await, gone);
            assert_eq!(verdict(&guard, &unseen, unseen_call).await, gone);
            let (late, call) = approved(&approver).await;
            assert_eq!(verdict(&guard, &late, call).await, gone);
            // Nor does it stand beside an approval that would do.
            let (good, call) = approved(&other).await;
            let again = good.approval_request(&call, &context().facts);
            let both = good
                .with_approval(&again.approve(&approver, until))
                .unwrap();
            assert_eq!(verdict(&guard, &both, call.clone()).await, gone);
            assert_eq!(verdict(&guard, &good, call).await, None);
        }
    }

    #[tokio::test]
    async fn attack_31_an_approver_that_is_removed_while_the_policy_thinks_does_not_count() {
        struct Removing(Revocations, bailiwick::capability::PublicKey);

        #[async_trait]
        impl Policy for Removing {
            async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
                self.0.revoke([Revocable::Key(self.1)]);
                Ok(Answer::permit())
            }
        }

        let home = Home::new();
        let approver = AgentKey::generate();
        let grant = Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public()]);
        let held = home.held(&Scope::new().grant(grant));
        let call = asked("/a");
        let until = support::start().saturating_add(secs(600));
        let approval = held
            .approval_request(&call, &context().facts)
            .approve(&approver, until);
        let approved = held.with_approval(&approval).unwrap();
        let revocations = Revocations::new();
        let policy = Removing(revocations.clone(), approver.public());
        let guard = home
            .guard()
            .revocations(revocations)
            .policy(Arc::new(policy))
            .build();
        assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Revoked));
    }
}

mod interleavings {
    use std::sync::Arc;

    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::calls::{bank_of, read, sent};
    use bailiwick_integration_tests::support::schedule::{End, every_order};

    use crate::common::interleavings::{Plan, by_wire, settled};

    #[test]
    fn attack_31_the_last_place_of_the_replay_set_goes_to_one_in_every_order() {
        let plan = Plan::new(false, false);
        let held = Arc::new(plan.seed.held(&read()));
        let make = || {
            let home = plan.fresh();
            let guard = Arc::new(bank_of(&home, plan.builder(&home).replay_bounds(1, 1)));
            let calls = [(); 3].map(|()| sent(&home, &guard, &held));
            (home, guard, calls)
        };
        every_order(
            0,
            make,
            |(_, guard, calls)| {
                calls
                    .iter()
                    .map(|(wire, call)| by_wire(guard, wire, call.clone()))
                    .collect()
            },
            |(home, ..), ends| {
                assert_eq!(settled(home, &ends).0, 1);
                let refused = ends
                    .iter()
                    .filter(|end| **end == End::Done(Err(Kind::Replay)));
                assert_eq!(refused.count(), 2);
            },
        );
    }
}

mod under_load {
    use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    use bailiwick::capability::{AgentKey, Authority, Held, Kind, Mandate};
    use bailiwick::guard::Guard;
    use bailiwick_integration_tests::support;
    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{once, read};
    use bailiwick_integration_tests::support::schedule::now;

    use crate::common::under_load::THREADS;

    /// How many turns of a thread spend calls. A guard remembers a million, and on a machine that does much
    /// else the threads turn longer than that.
    const SPENDING: usize = 60_000;

    fn minted(authority: &Authority) -> Held {
        let key = AgentKey::generate();
        authority
            .mint(&read(), &Mandate::default(), key.public(), support::start())
            .unwrap()
            .held_by(key)
            .unwrap()
    }

    /// The same question in three ways: by bytes, by a chain that was verified before, and with the key.
    fn verdict(guard: &Guard, held: &Held, bytes: &[u8], turn: usize) -> Option<Kind> {
        let ring = guard.ring();
        match turn % 3 {
            0 => ring
                .chain(bytes)
                .and_then(|chain| ring.admit(&chain))
                .err()
                .map(|refusal| refusal.kind()),
            2 if turn < SPENDING => now(once(guard, held)),
            _ => ring.admit(held.chain()).err().map(|refusal| refusal.kind()),
        }
    }

    /// Even while nothing changes; trusted at 0, 4, 8…, taken away at 2, 6, 10….
    fn trusted(epoch: u64) -> Option<bool> {
        match epoch % 4 {
            0 => Some(true),
            2 => Some(false),
            _ => None,
        }
    }

    #[test]
    fn attack_31_roots_that_change_under_load_leave_each_verdict_right_at_some_moment() {
        let home = Home::new();
        let guard = Arc::new(home.guard().build());
        let rotated = Authority::generate();
        guard.ring().trust(rotated.root()).unwrap();
        // One of the root that comes and goes, and one of a root that stays.
        let (held, bystander) = (minted(&rotated), home.held(&read()));
        let (bytes, others) = (held.chain().to_bytes(), bystander.chain().to_bytes());
        let epoch = AtomicU64::new(0);
        let done = AtomicBool::new(false);
        let (pinned, unpinned) = ([(); 2].map(|()| AtomicUsize::new(0)), AtomicUsize::new(0));
        let begin = Barrier::new(THREADS + 1);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (guard, held, bystander) = (&guard, &held, &bystander);
                let (bytes, others, epoch, done) = (&bytes, &others, &epoch, &done);
                let (pinned, unpinned, begin) = (&pinned, &unpinned, &begin);
                scope.spawn(move || {
                    begin.wait();
                    let (mut turn, mut after) = (thread, 0);
                    while after < 100 {
                        turn += 1;
                        let over = done.load(Ordering::SeqCst);
                        let before = epoch.load(Ordering::SeqCst);
                        let said = verdict(guard, held, bytes, turn);
                        let still = epoch.load(Ordering::SeqCst) == before;
                        match trusted(before) {
                            Some(trusted) if still => {
                                let right = (!trusted).then_some(Kind::UntrustedRoot);
                                assert_eq!(said, right, "at {before}");
                                pinned[usize::from(trusted)].fetch_add(1, Ordering::Relaxed);
                            }
                            _ => {
                                assert!(matches!(said, None | Some(Kind::UntrustedRoot)));
                                unpinned.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        if over {
                            assert_eq!(said, Some(Kind::UntrustedRoot), "it was removed");
                            after += 1;
                        }
                        assert_eq!(verdict(guard, bystander, others, turn), None);
                    }
                });
            }
            begin.wait();
            for change in 0..601 {
                epoch.fetch_add(1, Ordering::SeqCst);
                match change % 2 {
                    0 => assert!(guard.ring().remove(&rotated.public())),
                    _ => guard.ring().trust(rotated.root()).unwrap(),
                }
                epoch.fetch_add(1, Ordering::SeqCst);
                // Long enough for some to ask while nothing changes.
                for _ in 0..20 {
                    std::thread::yield_now();
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        let [without, with] = pinned.map(AtomicUsize::into_inner);
        println!("{with} while trusted, {without} while not, {unpinned:?} in between");
        assert!(with > 0 && without > 0, "{with} {without}");
    }
}
