//! Attack 24: approvals for something else, expired, by the wrong key, counted twice.

mod call {
    use bailiwick::capability::{
        AgentKey, ApprovalRequest, Chain, Facts, Grant, KeyRing, Kind, PublicKey, Quorum, Scope,
        one_of,
    };
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::format::schema;
    use prost::Message;
    use serde_json::json;

    use crate::common::call::{ask, at, call, facts, hold, kind, token};

    /// A token whose payments ask for the approval of `by`.
    fn approvable(by: &[PublicKey]) -> (KeyRing, Chain, AgentKey) {
        token(
            &Scope::new().grant(
                Grant::new("pay")
                    .arg("to", one_of(["a", "b"]))
                    .approved_by(by.iter().copied()),
            ),
        )
    }

    #[test]
    fn attack_24_an_approval_is_for_one_call_of_one_token() {
        let approver = AgentKey::generate();
        let (ring, chain, key) = approvable(&[approver.public()]);
        let (_, other, other_key) = approvable(&[approver.public()]);
        let (a, b) = (
            call("pay", &json!({ "to": "a" })),
            call("pay", &json!({ "to": "b" })),
        );
        let held = hold(&chain, &key);
        let approval = held
            .approval_request(&a, &facts())
            .approve(&approver, at(60_000));
        let approved = held.with_approval(&approval).unwrap();
        let approved = ring.chain(&approved.chain().to_bytes()).unwrap();
        let refused = Err((Kind::Approval, Some(0)));
        assert_eq!(ask(&approved, &a, &facts()), Ok(()));
        assert_eq!(ask(&approved, &b, &facts()), refused, "other arguments");
        assert_eq!(
            ask(
                &approved,
                &a,
                &Facts {
                    task: Some("t".to_owned()),
                    ..facts()
                }
            ),
            refused,
            "another task"
        );
        assert_eq!(
            ask(
                &approved,
                &a,
                &Facts {
                    time: at(60_000),
                    ..facts()
                }
            ),
            refused,
            "expired"
        );
        assert!(
            hold(&other, &other_key).with_approval(&approval).is_err(),
            "another token"
        );

        // The same by bytes: the approval spliced behind another token of the same approver.
        let block = forge::parts(&approved.to_bytes()).blocks[0].clone();
        let mut spliced = forge::parts(&other.to_bytes());
        spliced.blocks.push(block);
        assert_eq!(
            kind(ring.chain(&forge::bytes(&spliced))),
            Kind::UntrustedRoot
        );
        let mut twice = forge::parts(&approved.to_bytes());
        twice.blocks.push(twice.blocks[0].clone());
        assert_eq!(kind(ring.chain(&forge::bytes(&twice))), Kind::BadSignature);
        let by_someone = held
            .approval_request(&a, &facts())
            .approve(&AgentKey::generate(), at(60_000));
        let by_someone = held.with_approval(&by_someone).unwrap();
        assert_eq!(
            ask(by_someone.chain(), &a, &facts()),
            refused,
            "a non-approver"
        );
    }

    #[test]
    fn attack_24_an_approval_that_is_not_the_approvers_does_not_hold() {
        let approver = AgentKey::generate();
        let (ring, chain, key) = approvable(&[approver.public()]);
        let pay = call("pay", &json!({ "to": "a" }));
        let held = hold(&chain, &key);
        let genuine = held
            .with_approval(
                &held
                    .approval_request(&pay, &facts())
                    .approve(&approver, at(60_000)),
            )
            .unwrap();
        let block = forge::parts(&genuine.chain().to_bytes()).blocks[0].clone();
        let before = forge::blocks(&forge::parts(&chain.to_bytes()));
        let (mine, next) = (forge::secret(&key), forge::key(1));
        let refused = |signed: schema::SignedBlock, expected: Kind, what: &str| {
            let blocks = [before.clone(), vec![signed]].concat();
            assert_eq!(
                kind(ring.chain(&forge::bytes(&forge::token(&blocks)))),
                expected,
                "{what}"
            );
        };
        // Signed by a stranger who calls himself the approver.
        let mut forged =
            forge::sign_external(&before, block.block.clone(), &forge::key(9), &mine, &next);
        forged.external_signature.as_mut().unwrap().public_key =
            forge::public(&forge::secret(&approver));
        refused(forged, Kind::BadSignature, "another's name");
        refused(
            forge::sign(&before, block.block.clone(), &mine, &next),
            Kind::Malformed,
            "no approver at all",
        );
        refused(
            forge::sign_external(&before, block.block.clone(), &mine, &mine, &next),
            Kind::Malformed,
            "the holder",
        );
        let third = forge::secret(&approver);
        refused(
            forge::sign_external(&before, block.block.clone(), &third, &mine, &third),
            Kind::Malformed,
            "given to the approver",
        );
        // By the true approver, but not an approval and nothing else.
        let approval = "approval(hex:0000000000000000000000000000000000000000000000000000000000000000, 2030-01-01T00:00:00Z, hex:00000000000000000000000000000000)";
        for text in [
            "agent(\"admin\"); check if time($x), $x < 2030-01-01T00:00:00Z".to_owned(),
            format!("{approval}; {approval}"),
            format!("{approval}; tool(\"pay\")"),
            format!("{approval}; approval($h, $e, $i) <- call($h), time($e), nonce($i)"),
            format!("{approval}; check if time($x), $x < 2030-01-01T00:00:00Z"),
            "approval(hex:00, 2030-01-01T00:00:00Z, hex:00)".to_owned(),
            "call(hex:00)".to_owned(),
            "check if true".to_owned(),
        ] {
            let mut bytes = schema::Block::decode(forge::datalog(&[], &text).as_slice()).unwrap();
            bytes.version = Some(5);
            let bytes = bytes.encode_to_vec();
            refused(
                forge::sign_external(&before, bytes, &third, &mine, &next),
                Kind::Malformed,
                &text,
            );
        }
        // A hop after an approval.
        let signed = forge::sign_external(&before, block.block, &third, &mine, &next);
        let approved = forge::bytes(&forge::token(&[before.clone(), vec![signed]].concat()));
        let after = Forge::after(&approved, &forge::agent(&next)).in_hands_of(&next);
        ring.chain(&after.token()).unwrap();
        let hop = after.append("agent(\"reader\"); check if time($x), $x < 2030-01-01T00:00:00Z");
        assert_eq!(kind(ring.chain(&hop.token())), Kind::Malformed);
    }

    #[test]
    fn attack_24_two_by_one_approver_are_one() {
        let keys = [(); 3].map(|()| AgentKey::generate());
        let of = keys.each_ref().map(AgentKey::public);
        let scope = Scope::new()
            .grant(Grant::new("pay"))
            .quorum(Quorum::new(["pay"], 2, of));
        let (ring, chain, key) = token(&scope);
        let pay = call("pay", &json!({}));
        let with = |approvers: &[usize]| {
            let mut held = hold(&chain, &key);
            for index in approvers {
                let request: ApprovalRequest = held.approval_request(&pay, &facts());
                held = held
                    .with_approval(&request.approve(&keys[*index], at(60_000)))
                    .unwrap();
            }
            ask(
                &ring.chain(&held.chain().to_bytes()).unwrap(),
                &pay,
                &facts(),
            )
        };
        let refused = Err((Kind::Approval, Some(0)));
        for (approvers, expected) in [
            (&[][..], refused),
            (&[0], refused),
            (&[0, 0], refused),
            (&[1, 1, 1], refused),
            (&[0, 1], Ok(())),
            (&[2, 0], Ok(())),
            (&[0, 0, 2], Ok(())),
            (&[0, 1, 2], Ok(())),
        ] {
            assert_eq!(with(approvers), expected, "{approvers:?}");
        }
    }
}

mod decisions {
    use std::sync::Arc;

    use bailiwick::capability::{AgentKey, Grant, Kind, Quorum, Scope, any};

    use bailiwick::guard::Decision;
    use bailiwick_integration_tests::support::calls::{asked, context, read, verdict};
    use bailiwick_integration_tests::support::decisions::{Always, pending};
    use bailiwick_integration_tests::support::{Home, secs, start};

    #[tokio::test]
    async fn attack_24_an_agent_cannot_answer_the_policy_itself() {
        let home = Home::new();
        let policy = Arc::new(Always(Ok(Decision::Ask("large".to_owned()))));
        let guard = home
            .guard()
            .policy(policy)
            .approvers([AgentKey::generate().public()])
            .build();
        let held = home.held(&read());
        let (request, call) = pending(&guard, &held, asked("/a")).await;
        let own = request.approve(&AgentKey::generate(), start().saturating_add(secs(60)));
        let approved = held.with_approval(&own).unwrap();
        assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Approval));
    }

    #[tokio::test]
    async fn attack_24_an_approval_is_for_one_call_by_the_right_key_in_time() {
        let home = Home::new();
        let guard = home.guard().build();
        let (approver, other, stranger) = (
            AgentKey::generate(),
            AgentKey::generate(),
            AgentKey::generate(),
        );
        let grant = Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public()]);
        let held = home.held(&Scope::new().grant(grant));
        let (request, call) = pending(&guard, &held, asked("/a")).await;
        let until = start().saturating_add(secs(60));
        let by = |key: &AgentKey| held.with_approval(&request.approve(key, until)).unwrap();
        assert_eq!(
            verdict(&guard, &by(&stranger), call.clone()).await,
            Some(Kind::Approval)
        );
        let approved = by(&approver);
        assert_eq!(
            verdict(&guard, &approved, asked("/b")).await,
            Some(Kind::Approval)
        );
        let sibling = home.held(&Scope::new().grant(Grant::new("fs.read").arg("path", any())));
        assert!(
            sibling
                .with_approval(&request.approve(&approver, until))
                .is_err(),
            "for another token"
        );
        let expired = held
            .with_approval(&request.approve(&approver, start()))
            .unwrap();
        assert_eq!(
            verdict(&guard, &expired, call.clone()).await,
            Some(Kind::Approval)
        );
        assert_eq!(verdict(&guard, &approved, call.clone()).await, None);
        assert_eq!(verdict(&guard, &approved, call).await, Some(Kind::Replay));
        // Two approvals by one key are one.
        let quorum = Quorum::new(["fs.read"], 2, [approver.public(), other.public()]);
        let held = home.held(&read().quorum(quorum));
        let (request, call) = pending(&guard, &held, asked("/a")).await;
        let first = held
            .with_approval(&request.approve(&approver, until))
            .unwrap();
        let again = first.approval_request(&call, &context().facts);
        let twice = first
            .with_approval(&again.approve(&approver, until))
            .unwrap();
        assert_eq!(
            verdict(&guard, &twice, call.clone()).await,
            Some(Kind::Approval)
        );
        let both = first.with_approval(&again.approve(&other, until)).unwrap();
        assert_eq!(verdict(&guard, &both, call).await, None);
    }
}

mod regressions {
    use std::sync::Arc;

    use async_trait::async_trait;
    use bailiwick::capability::{
        AgentKey, Call, Facts, Grant, Held, Kind, MAX_CALL_LIFE, Risk, Scope, any, minutes,
    };
    use bailiwick::clock::{Clock as _, ManualClock};
    use bailiwick::guard::{
        Answer, Context, Effect, Guard, Policy, PolicyError, Presented, Question, SKEW, Verdict,
    };
    use bailiwick::id::Timestamp;

    use bailiwick_integration_tests::support::{Home, secs, start};

    use crate::common::regressions::asked;

    fn context() -> Context {
        Context::new("lead", Effect::Read, Risk::Low, Timestamp::default())
    }

    async fn verdict(
        guard: &Guard,
        presented: impl Into<Presented<'_>>,
        call: &Call,
    ) -> Option<Kind> {
        match guard
            .authorize(presented.into(), call.clone(), context())
            .await
        {
            Verdict::Permit(..) => None,
            Verdict::Denied(denial) => Some(denial.kind()),
            Verdict::Ask(_) => Some(Kind::Approval),
        }
    }

    /// A token whose one grant asks for an approval, and a copy that carries one, good for an hour.
    fn approved(home: &Home, audience: Option<&str>) -> (Held, Call) {
        let approver = AgentKey::generate();
        let grant = Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public()]);
        let held = home.held(&Scope::new().grant(grant));
        let call = asked();
        let mut facts = context().facts;
        facts.audience = audience.map(str::to_owned);
        let request = held.approval_request(&call, &facts);
        let approval = request.approve(&approver, start().saturating_add(minutes(50)));
        (held.with_approval(&approval).unwrap(), call)
    }

    #[tokio::test]
    async fn attack_24_an_approval_is_not_used_twice_once_the_replay_set_has_lapsed() {
        let home = Home::new();
        let guard = home.guard().build();
        let (held, call) = approved(&home, None);
        assert_eq!(verdict(&guard, &held, &call).await, None);
        home.clock.advance(MAX_CALL_LIFE + SKEW + secs(2));
        assert_eq!(verdict(&guard, &held, &call).await, Some(Kind::Replay));
    }

    #[tokio::test]
    async fn attack_24_a_remote_holder_does_not_sign_the_same_approved_call_again() {
        let home = Home::new();
        let guard = home.guard().audience("bank").build();
        let (held, call) = approved(&home, Some("bank"));
        let mut passed = 0;
        for _ in 0..5 {
            home.clock.advance(MAX_CALL_LIFE + SKEW + secs(2));
            let mut facts = Facts::at(home.clock.now().unwrap());
            facts.audience = Some("bank".to_owned());
            let wire = guard
                .ring()
                .wire_call(&held.wire_call(&call, &facts, MAX_CALL_LIFE).unwrap())
                .unwrap();
            passed += usize::from(verdict(&guard, &wire, &call).await.is_none());
        }
        assert_eq!(passed, 1, "one approval, {passed} calls");
    }

    /// Asks always, after it has thought for ten minutes.
    struct Slow(ManualClock);

    #[async_trait]
    impl Policy for Slow {
        async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
            self.0.advance(minutes(10));
            Ok(Answer::ask("always"))
        }
    }

    #[tokio::test]
    async fn attack_24_an_approval_that_ends_while_the_policy_thinks_is_none() {
        let home = Home::new();
        let approver = AgentKey::generate();
        let guard = home
            .guard()
            .policy(Arc::new(Slow(home.clock.clone())))
            .approvers([approver.public()])
            .build();
        let (held, call) = (
            home.held(&Scope::new().grant(Grant::new("fs.read").arg("path", any()))),
            asked(),
        );
        let request = held.approval_request(&call, &context().facts);
        let held = held
            .with_approval(&request.approve(&approver, start().saturating_add(minutes(1))))
            .unwrap();
        assert_eq!(verdict(&guard, &held, &call).await, Some(Kind::Approval));
    }
}

mod restart {
    use bailiwick::capability::{AgentKey, Facts, Grant, MAX_CALL_LIFE, Scope, any};
    use bailiwick::guard::SKEW;
    use bailiwick_integration_tests::support::calls::{BANK, asked, verdict};
    use bailiwick_integration_tests::support::restart::FileHome;
    use bailiwick_integration_tests::support::{secs, start};

    #[tokio::test]
    async fn attack_24_an_approved_call_is_not_signed_again_after_a_restart() {
        let place = FileHome::new();
        let guard = place.settled().await;
        let approver = AgentKey::generate();
        let grant = Grant::new("fs.read")
            .arg("path", any())
            .approved_by([approver.public()]);
        let held = place.home.held(&Scope::new().grant(grant));
        let call = asked("/a");
        let facts = |place: &FileHome| {
            let mut facts = Facts::at(bailiwick::clock::Clock::now(&place.home.clock).unwrap());
            facts.audience = Some(BANK.to_owned());
            facts
        };
        let request = held.approval_request(&call, &facts(&place));
        let approval = request.approve(&approver, start().saturating_add(secs(1800)));
        let held = held.with_approval(&approval).unwrap();
        let mut passed = 0;
        drop(guard);
        for _ in 0..3 {
            let guard = place.guard();
            let bytes = held
                .wire_call(&call, &facts(&place), MAX_CALL_LIFE)
                .unwrap();
            let wire = guard.ring().wire_call(&bytes).unwrap();
            passed += usize::from(verdict(&guard, &wire, call.clone()).await.is_none());
            place.home.clock.advance(MAX_CALL_LIFE + SKEW + secs(2));
        }
        assert_eq!(passed, 1);
    }
}
