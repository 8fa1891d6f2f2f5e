//! Attack 5: delegating too deep, or without permission.

mod regressions {
    use std::time::Duration;

    use bailiwick::capability::Scope;

    use bailiwick_integration_tests::support::start;

    #[test]
    fn attack_05_the_scope_that_is_authorised_is_the_one_that_is_delegated() {
        // Read back from what the guard saw, the scope is the same to the millisecond.
        for life in [1_999, 500, 60_001] {
            let scope = Scope::new().expires_in(Duration::from_millis(life));
            let seen = Scope::from_value(&scope.to_json());
            let late = start().saturating_add(Duration::from_millis(900));
            let (says, does) = (seen.map(|seen| seen.at(late)), scope.at(late));
            assert_eq!(says.ok().and_then(Result::ok), does.ok(), "{life} ms");
        }
    }
}

mod trees {
    use bailiwick::agent::SpawnError;
    use bailiwick::capability::{Kind, Scope, minutes};

    use bailiwick::tool::{Outcome, Situation};
    use bailiwick_integration_tests::support::trees::{docs, lead};

    #[tokio::test]
    async fn attack_05_who_may_not_spawn_cannot() {
        let (orchestrator, lead) = lead(|builder| builder).await;
        // A role that the grant does not name.
        let Err(SpawnError::Denied(denial)) = lead.spawn("admin").scope(docs()).await else {
            panic!()
        };
        assert_eq!((denial.kind(), denial.hop()), (Kind::Argument, Some(0)));
        // A child without `agent.spawn`: refused by the guard, and by the token at the first hop more.
        let child = lead.spawn("reader").scope(docs()).await.unwrap();
        let Err(SpawnError::Denied(denial)) = child.spawn("reader").scope(docs()).await else {
            panic!()
        };
        assert_eq!((denial.kind(), denial.hop()), (Kind::Tool, Some(1)));
        let thief = bailiwick::capability::AgentKey::generate();
        let now = orchestrator.guard().now().unwrap();
        let scope = docs().expires_in(minutes(1));
        assert!(
            child
                .held()
                .delegate("reader", &scope, thief.public(), now)
                .is_err()
        );
        let raw = child
            .held()
            .danger_append("reader", &scope, thief.public(), now)
            .unwrap();
        let raw = orchestrator
            .guard()
            .ring()
            .chain(&raw.to_bytes())
            .unwrap()
            .held_by(thief)
            .unwrap();
        let arguments = r#"{"path":"/srv/docs/a.md"}"#;
        let outcome = orchestrator
            .gate()
            .call(&raw, "fs.read", arguments, &Situation::default())
            .await;
        let Outcome::Denied(denial) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!((denial.kind(), denial.hop()), (Kind::Depth, Some(1)));
        // Past the depth limit, from an agent that may spawn.
        let deep = lead.spawn("writer").scope(Scope::inherit()).await.unwrap();
        let deeper = deep.spawn("writer").scope(Scope::inherit()).await.unwrap();
        let Err(error) = deeper.spawn("writer").scope(Scope::inherit()).await else {
            panic!()
        };
        assert!(matches!(error, SpawnError::Widens(_)), "{error}");
    }
}

mod widening {
    use bailiwick::capability::{
        AgentKey, Authority, Facts, Grant, KeyRing, Kind, Mandate, MintError, Scope, path_under,
    };
    use bailiwick_integration_tests::forge::Forge;
    use serde_json::json;

    use crate::common::widening::{CHECK, ask, call, held, now, reader};

    #[test]
    fn attack_05_depth_is_not_passed_by_the_api_nor_by_raw_blocks() {
        let (_, ring, parent) = held(&reader().max_depth(1));
        let key = AgentKey::generate();
        let child = parent
            .delegate("reader", &Scope::inherit(), key.public(), now())
            .unwrap();
        let child_held = child
            .clone()
            .held_by(AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap())
            .unwrap();
        let to = AgentKey::generate();
        assert!(matches!(
            child_held.delegate("reader", &Scope::inherit(), to.public(), now()),
            Err(MintError::Widens(_))
        ));
        let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
        assert_eq!(ask(&child, &read, &Facts::at(now())), Ok(()));
        let forged =
            Forge::after(&child.to_bytes(), &key).append(&format!("agent(\"reader\"); {CHECK}"));
        let forged = ring.chain(&forged.token()).unwrap();
        assert_eq!(
            ask(&forged, &read, &Facts::at(now())),
            Err((Kind::Depth, Some(0)))
        );
    }

    #[test]
    fn attack_05_an_agent_that_may_not_spawn_has_no_children() {
        let leaf = Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")));
        let (_, ring, parent) = held(&reader());
        let key = AgentKey::generate();
        let child = parent
            .delegate("reader", &leaf, key.public(), now())
            .unwrap();
        let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
        let spawn = "check if tool(\"agent.spawn\"), arg_names($n), {\"role\"}.contains($n), $n.union($n) === $n;";
        for text in [
            format!("agent(\"reader\"); {CHECK}"),
            format!("agent(\"reader\"); {spawn} {CHECK}"),
        ] {
            let forged = Forge::after(&child.to_bytes(), &key).append(&text);
            let forged = ring.chain(&forged.token()).unwrap();
            assert_eq!(
                ask(&forged, &read, &Facts::at(now())),
                Err((Kind::Depth, Some(1))),
                "{text}"
            );
        }
        // A raw block that drops the limit on its own depth is not in profile.
        let key = AgentKey::generate();
        let parent = {
            let root = Authority::generate();
            let first = root
                .mint(&reader(), &Mandate::default(), key.public(), now())
                .unwrap();
            (KeyRing::new([root.root()]), first)
        };
        let own = "check if tool(\"fs.read\"), arg_names($n), {\"path\"}.contains($n), $n.union($n) === $n;";
        for (depth, fine) in [
            ("", false),
            ("check if depth($x), $x <= 2", false),
            ("check if depth($x), $x <= 1", true),
        ] {
            let forged = Forge::after(&parent.1.to_bytes(), &key)
                .append(&format!("agent(\"reader\"); {own} {CHECK} {depth}"));
            let read = parent.0.chain(&forged.token());
            assert_eq!(read.is_ok(), fine, "{depth}: {read:?}");
            if let Err(refusal) = read {
                assert_eq!(refusal.kind(), Kind::Malformed);
            }
        }
    }
}
