//! Attack 9: root or algorithm from the token, weak keys, rotated roots.

mod chain {
    use bailiwick::capability::{AgentKey, Authority, KeyRing, Kind, Mandate, PublicKey, RootKey};
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::format::schema;

    use crate::common::chain::{agent, kind, now, reader, set};

    #[test]
    fn attack_09_a_root_comes_from_configuration_alone() {
        let genuine = Authority::generate().with_key_id(1);
        let ring = KeyRing::new([genuine.root()]);
        let mallory = forge::key(7);
        let theirs = forge::authority(&mallory);
        let forged = theirs
            .mint(
                &reader("/"),
                &Mandate::default(),
                agent(&forge::key(8)).public(),
                now(),
            )
            .unwrap();
        let forged = Forge::after(&forged.to_bytes(), &agent(&forge::key(8)));
        // In profile to the byte, so that it is the root alone that is refused.
        KeyRing::new([agent(&mallory).public()])
            .chain(&forged.token())
            .unwrap();
        assert_eq!(kind(ring.chain(&forged.token())), Kind::UntrustedRoot);
        for hint in [0, 1, u32::MAX] {
            let mut raw = forge::token(&forged.blocks);
            raw.root_key_id = Some(hint);
            assert_eq!(kind(ring.chain(&forge::bytes(&raw))), Kind::UntrustedRoot);
        }
        // The hint of one root on the token of another.
        let other = Authority::generate().with_key_id(2);
        let ring = KeyRing::new([genuine.root(), other.root()]);
        let chain = genuine
            .mint(
                &reader("/"),
                &Mandate::default(),
                AgentKey::generate().public(),
                now(),
            )
            .unwrap();
        let mut raw = forge::parts(&chain.to_bytes());
        ring.chain(&forge::bytes(&raw)).unwrap();
        for hint in [2, 3] {
            raw.root_key_id = Some(hint);
            assert_eq!(kind(ring.chain(&forge::bytes(&raw))), Kind::UntrustedRoot);
        }
        raw.root_key_id = None;
        ring.chain(&forge::bytes(&raw)).unwrap();
        // An empty ring trusts no root.
        assert_eq!(
            kind(KeyRing::new(Vec::<RootKey>::new()).chain(&chain.to_bytes())),
            Kind::UntrustedRoot
        );
    }

    #[test]
    fn attack_09_small_order_keys_and_other_algorithms_are_no_keys() {
        let set = set();
        let small: Vec<[u8; 32]> = [0u8, 1]
            .into_iter()
            .map(|first| {
                let mut bytes = [0; 32];
                bytes[0] = first;
                bytes
            })
            .chain([hex32(
                "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            )])
            .chain([hex32(
                "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            )])
            .chain([hex32(
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            )])
            .collect();
        let genuine = set.blocks();
        for bytes in small {
            assert!(PublicKey::from_bytes(bytes).is_err());
            // A holder key for which everybody can sign.
            let key = schema::PublicKey {
                algorithm: 0,
                key: bytes.to_vec(),
            };
            let hop = forge::sign_for(&genuine[..2], genuine[2].block.clone(), &set.keys[1], key);
            set.refuses(
                &[genuine[0].clone(), genuine[1].clone(), hop],
                Kind::Malformed,
                "small order",
            );
        }
        let mut compressed = vec![2];
        compressed.extend([7; 32]);
        for (algorithm, key) in [
            (1, compressed),
            (1, vec![7; 32]),
            (2, vec![7; 32]),
            (-1, vec![7; 32]),
            (0, vec![]),
            (0, vec![7; 31]),
            (0, vec![7; 33]),
        ] {
            let key = schema::PublicKey { algorithm, key };
            let hop = forge::sign_for(&genuine[..2], genuine[2].block.clone(), &set.keys[1], key);
            set.refuses(
                &[genuine[0].clone(), genuine[1].clone(), hop],
                Kind::Malformed,
                "algorithm",
            );
        }
    }

    fn hex32(text: &str) -> [u8; 32] {
        std::array::from_fn(|index| {
            u8::from_str_radix(&text[2 * index..2 * index + 2], 16).unwrap()
        })
    }

    #[test]
    fn attack_09_a_root_rotated_out_ends_its_tokens() {
        let set = set();
        let bytes = set.chains[2].to_bytes();
        let chain = set.ring.chain(&bytes).unwrap();
        set.ring.admit(&chain).unwrap();
        set.ring.trust(Authority::generate().root()).unwrap();
        set.ring.admit(&chain).unwrap();
        assert!(set.ring.remove(&set.root.public()));
        assert_eq!(kind(set.ring.admit(&chain)), Kind::UntrustedRoot);
        assert_eq!(kind(set.ring.chain(&bytes)), Kind::UntrustedRoot);
    }

    #[test]
    fn attack_09_a_holder_is_neither_root_nor_approver() {
        let set = set();
        let genuine = set.blocks();
        let root = forge::secret(&AgentKey::from_pem(&set.root.danger_to_pem().unwrap()).unwrap());
        let hop = forge::sign(&genuine[..2], genuine[2].block.clone(), &set.keys[1], &root);
        set.refuses(
            &[genuine[0].clone(), genuine[1].clone(), hop],
            Kind::Malformed,
            "the root as a holder",
        );
    }
}

mod decisions {
    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{once, read};

    #[tokio::test]
    async fn attack_09_a_root_that_was_taken_away_ends_tokens_in_flight() {
        let home = Home::new();
        let guard = home.guard().build();
        let held = home.held(&read());
        assert_eq!(once(&guard, &held).await, None);
        assert!(guard.ring().remove(&home.authority.public()));
        assert_eq!(once(&guard, &held).await, Some(Kind::UntrustedRoot));
    }
}

mod trees {
    use bailiwick::capability::{Authority, KeyRing, Kind};

    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::trees::lead;
    use serde_json::json;

    #[tokio::test]
    async fn attack_09_a_root_rotated_out_ends_its_tokens_in_flight() {
        let (orchestrator, lead) = lead(|builder| builder).await;
        let ring: &KeyRing = orchestrator.guard().ring();
        ring.trust(Authority::generate().root()).unwrap();
        let read = json!({"path": "/srv/a"});
        assert!(matches!(
            lead.call("fs_read", &read).await,
            Outcome::Value { .. }
        ));
        let root = lead.held().chain().root();
        assert!(ring.remove(&root));
        let late = lead.call("fs_read", &read).await;
        assert!(
            matches!(&late, Outcome::Denied(denial) if denial.kind() == Kind::UntrustedRoot),
            "{late:?}"
        );
        ring.trust(root).unwrap();
        assert!(matches!(
            lead.call("fs_read", &read).await,
            Outcome::Value { .. }
        ));
    }
}
