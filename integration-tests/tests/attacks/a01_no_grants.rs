//! Attack 1: no grants allow anything.

mod trees {
    use bailiwick::capability::{Authority, Kind, Scope};

    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::trees::{build, lead_scope};
    use serde_json::json;

    #[tokio::test]
    async fn attack_01_a_scope_without_grants_allows_nothing() {
        let orchestrator = build(&Authority::generate(), |builder| builder);
        let nobody = orchestrator.agent("lead", Scope::new()).await.unwrap();
        let outcome = nobody.call("fs_read", &json!({"path": "/srv/a"})).await;
        assert!(
            matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Tool && denial.hop() == Some(0))
        );
        assert!(
            orchestrator.agent("lead", Scope::inherit()).await.is_err(),
            "a root has nothing to inherit"
        );
        let lead = orchestrator.agent("lead", lead_scope()).await.unwrap();
        let child = lead.spawn("reader").await.unwrap();
        let outcome = child.call("fs_read", &json!({"path": "/srv/a"})).await;
        assert!(
            matches!(&outcome, Outcome::Denied(denial) if denial.kind() == Kind::Tool && denial.hop() == Some(1))
        );
    }
}

mod widening {
    use bailiwick::capability::{
        AgentKey, Authority, Facts, Kind, Mandate, MintError, PositionError, Scope,
    };
    use bailiwick_integration_tests::forge::{self, Forge};
    use serde_json::json;

    use crate::common::widening::{ask, call, held, kind, now, reader};

    #[test]
    fn attack_01_no_grants_allow_nothing_at_the_root_and_at_every_hop() {
        let (root, ring, nothing) = held(&Scope::new());
        let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
        assert_eq!(
            ask(nothing.chain(), &read, &Facts::at(now())),
            Err((Kind::Tool, Some(0)))
        );
        assert_eq!(
            ask(nothing.chain(), &call("", &json!({})), &Facts::at(now())),
            Err((Kind::Tool, Some(0)))
        );

        let key = AgentKey::generate();
        let inherits = root.mint(&Scope::inherit(), &Mandate::default(), key.public(), now());
        assert_eq!(
            inherits.unwrap_err(),
            MintError::Position(PositionError::AuthorityInherits)
        );

        let (_, _, parent) = held(&reader());
        let child = parent
            .delegate("reader", &Scope::new(), key.public(), now())
            .unwrap();
        assert_eq!(
            ask(&child, &read, &Facts::at(now())),
            Err((Kind::Tool, Some(1)))
        );

        // A root block without a grants check, signed by the genuine root, is no block of the profile.
        let lineage = "00".repeat(16);
        let open = format!(
            "bailiwick(1, hex:{lineage}); grants({{\"fs.read\"}}); ends(2030-01-01T00:00:00Z);
         check if time($x), $x < 2030-01-01T00:00:00Z"
        );
        let forged = Forge::root(&secret_of(&root), &open);
        assert_eq!(kind(ring.chain(&forged.token())), Kind::Malformed);
    }

    fn secret_of(root: &Authority) -> ed25519_dalek::SigningKey {
        forge::secret(&AgentKey::from_pem(&root.danger_to_pem().unwrap()).unwrap())
    }
}
