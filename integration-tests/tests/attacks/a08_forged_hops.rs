//! Attack 8: hops forged, keys replaced, sealed tokens stolen.

mod chain {
    use bailiwick::capability::{AgentKey, Call, Facts, Kind};
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::format::schema;
    use serde_json::json;

    use crate::common::chain::{CHECK, agent, kind, now, set};

    #[test]
    fn attack_08_a_stranger_neither_delegates_nor_replaces_nor_seals() {
        let set = set();
        let genuine = set.blocks();
        let stranger = forge::secret(&AgentKey::generate());

        let forged = forge::sign(&genuine, genuine[2].block.clone(), &stranger, &stranger);
        set.refuses(
            &[
                genuine[0].clone(),
                genuine[1].clone(),
                genuine[2].clone(),
                forged,
            ],
            Kind::BadSignature,
            "extended",
        );

        for index in 0..3 {
            let mut replaced = genuine.clone();
            replaced[index].next_key = forge::public(&stranger);
            let expected = if index == 0 {
                Kind::UntrustedRoot
            } else {
                Kind::BadSignature
            };
            set.refuses(&replaced, expected, "another delegatee");
        }
        // The delegator forged: B's hop signed by a stranger in A's place.
        let hop = forge::sign(
            &genuine[..1],
            genuine[1].block.clone(),
            &stranger,
            &set.keys[1],
        );
        set.refuses(
            &[genuine[0].clone(), hop, genuine[2].clone()],
            Kind::BadSignature,
            "another delegator",
        );

        let mut sealed = forge::token(&genuine);
        forge::seal(&mut sealed, &stranger);
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&sealed))),
            Kind::NotHolder
        );
        assert_eq!(
            kind(set.ring.chain(&forge::bytes(&sealed))),
            Kind::NotHolder
        );
    }

    #[test]
    fn attack_08_a_sealed_or_secret_carrying_token_is_no_authority() {
        let set = set();
        // Sealed by its rightful holder, then stolen: a thief who has the bytes could present it.
        let mut sealed = forge::token(&set.blocks());
        forge::seal(&mut sealed, &set.keys[2]);
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&sealed))),
            Kind::NotHolder
        );
        assert_eq!(
            kind(set.ring.chain(&forge::bytes(&sealed))),
            Kind::NotHolder
        );
        for secret in [set.keys[2].to_bytes().to_vec(), vec![0; 32], Vec::new()] {
            let mut bearer = forge::token(&set.blocks());
            bearer.proof.content = Some(schema::proof::Content::NextSecret(secret));
            assert_eq!(
                kind(set.ring.chain(&forge::bytes(&bearer))),
                Kind::NotHolder
            );
            assert_eq!(
                kind(set.ring.wire_call(&forge::bytes(&bearer))),
                Kind::NotHolder
            );
        }
        for seal in [vec![], vec![0; 63], vec![0; 65]] {
            let mut short = forge::token(&set.blocks());
            short.proof.content = Some(schema::proof::Content::FinalSignature(seal));
            assert_eq!(
                kind(set.ring.wire_call(&forge::bytes(&short))),
                Kind::Malformed
            );
        }
        // A verified chain without its key, or with an ancestor's.
        for key in [&set.keys[0], &set.keys[1], &forge::key(9)] {
            assert_eq!(
                kind(set.chains[2].clone().held_by(agent(key))),
                Kind::NotHolder
            );
        }
    }

    #[test]
    fn attack_08_the_seal_of_a_call_is_the_call_keys() {
        let set = set();
        let held = set.chains[2].clone().held_by(agent(&set.keys[2])).unwrap();
        let facts = Facts {
            audience: Some("here".to_owned()),
            ..Facts::at(now())
        };
        let call = Call::new(
            "fs.read",
            json!({ "path": "/a/b/c/x" }).as_object().unwrap().clone(),
        )
        .unwrap();
        let bytes = held
            .wire_call(&call, &facts, std::time::Duration::from_secs(30))
            .unwrap();
        set.ring.wire_call(&bytes).unwrap();
        let genuine = forge::parts(&bytes);
        for key in [&set.keys[2], &forge::key(9)] {
            let mut sealed = genuine.clone();
            forge::seal(&mut sealed, key);
            assert_eq!(
                kind(set.ring.wire_call(&forge::bytes(&sealed))),
                Kind::BadSignature
            );
        }
        let mut open = genuine.clone();
        open.proof.content = None;
        assert_eq!(
            kind(set.ring.wire_call(&forge::bytes(&open))),
            Kind::NotHolder
        );
        assert_eq!(kind(set.ring.chain(&forge::bytes(&open))), Kind::NotHolder);
        // Without its call block and seal it is the holder's chain again, of no use without the key.
        let mut chain = genuine;
        chain.blocks.pop();
        chain.proof.content = None;
        let chain = set.ring.chain(&forge::bytes(&chain)).unwrap();
        assert_eq!(kind(chain.held_by(AgentKey::generate())), Kind::NotHolder);
        // Nothing follows a call, not even by the one who made it.
        let after = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
        let text = forge::block(&forge::parts(&bytes).blocks[2]);
        let twice = after
            .clone()
            .edited(&text, |_| {})
            .edited(&text, |block| block.symbols.clear());
        assert_eq!(kind(set.ring.wire_call(&twice.sealed())), Kind::Malformed);
        let hop = after
            .edited(&text, |_| {})
            .append(&format!("agent(\"reader\"); {CHECK}"));
        assert_eq!(kind(set.ring.wire_call(&hop.sealed())), Kind::Malformed);
    }
}

mod trees {
    use bailiwick::capability::{Grant, Kind, Scope};

    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::trees::{docs, lead};
    use serde_json::json;

    #[tokio::test]
    async fn attack_08_a_siblings_token_is_no_use_without_its_key() {
        let (orchestrator, lead) = lead(|builder| builder).await;
        let reader = lead.spawn("reader").scope(docs()).await.unwrap();
        let writer = lead
            .spawn("writer")
            .scope(Scope::new().grant(Grant::new("wait")))
            .await
            .unwrap();
        let stolen = reader.held().chain().to_bytes();
        let ring = orchestrator.guard().ring();
        let refusal = ring
            .chain(&stolen)
            .unwrap()
            .held_by(bailiwick::capability::AgentKey::generate())
            .unwrap_err();
        assert_eq!(refusal.kind(), Kind::NotHolder);
        assert_eq!(ring.wire_call(&stolen).unwrap_err().kind(), Kind::NotHolder);
        let own = writer
            .call("fs_read", &json!({"path": "/srv/docs/a"}))
            .await;
        assert!(
            matches!(&own, Outcome::Denied(denial) if denial.kind() == Kind::Tool),
            "{own:?}"
        );
    }
}
