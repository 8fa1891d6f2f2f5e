//! Attack 2: a child that is wider in any way.

mod trees {
    use bailiwick::agent::SpawnError;
    use bailiwick::capability::{Grant, Scope, minutes, path_under};

    use bailiwick_integration_tests::support::trees::lead;

    #[tokio::test]
    async fn attack_02_a_wider_child_is_refused_with_each_way_named() {
        let (_, lead) = lead(|builder| builder).await;
        let wide = Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under("/")))
            .grant(Grant::new("mail.send"))
            .expires_in(minutes(60))
            .max_depth(9);
        let Err(SpawnError::Widens(widens)) = lead.spawn("reader").scope(wide).await else {
            panic!("wider and allowed")
        };
        let places: Vec<_> = widens
            .excesses()
            .iter()
            .map(|way| way.place().to_owned())
            .collect();
        for place in ["grants[0]", "grants[1]", "expires", "max_depth"] {
            assert!(
                places.iter().any(|found| found.contains(place)),
                "{place} is not among {places:?}"
            );
        }
    }
}

mod widening {
    use bailiwick::capability::{
        AgentKey, Budget, Chain, Facts, Grant, Held, Kind, MintError, Risk, Scope, any, at_most,
        eq, hours, matches, minutes, one_of, prefix, range, subset_of,
    };
    use bailiwick_integration_tests::forge::{self, Forge};
    use serde_json::{Value, json};

    use crate::common::widening::{ask, call, held, hostile_holder, now, reader};

    /// The chain with a hop of `scope` that `parent` refuses to delegate, since the hop is wider.
    fn refused_and_appended(parent: &Held, scope: &Scope, what: &str) -> Chain {
        let to = AgentKey::generate().public();
        let delegated = parent.delegate("reader", scope, to, now());
        assert!(
            matches!(delegated, Err(MintError::Widens(_))),
            "{what}: {delegated:?}"
        );
        parent.danger_append("reader", scope, to, now()).unwrap()
    }

    /// Every way in which a hop can be wider, each refused by `delegate`, and each of no effect when
    /// the hop is appended all the same.
    #[test]
    fn attack_02_a_wider_child_is_refused_and_an_appended_one_widens_nothing() {
        let pay = Grant::new("pay")
            .arg("to", one_of(["a", "b"]))
            .arg("sum", range(0, 100))
            .arg("tags", subset_of(["x"]));
        let spawn = Grant::spawn(["reader"]);
        let parent_scope = Scope::new()
            .grant(pay.clone())
            .grant(spawn.clone())
            .expires_in(minutes(10))
            .audience("here")
            .task("t")
            .step("s")
            .dataset(["d"])
            .taint(["web"])
            .max_risk(Risk::Medium)
            .max_depth(2);
        let (_, ring, parent) = held(&parent_scope);
        let mut facts = Facts::at(now());
        facts.audience = Some("here".to_owned());
        (facts.task, facts.step) = (Some("t".to_owned()), Some("s".to_owned()));
        (facts.dataset, facts.taint) = (
            Some(["d".to_owned()].into()),
            Some(["web".to_owned()].into()),
        );
        facts.risk = Some(Risk::Medium);
        let good = json!({ "to": "a", "sum": 5, "tags": ["x"] });
        assert_eq!(ask(parent.chain(), &call("pay", &good), &facts), Ok(()));

        let with = |name: &str, value: Value| {
            let mut args = good.clone();
            args[name] = value;
            call("pay", &args)
        };
        let without = |name: &str| {
            let mut args = good.clone();
            args.as_object_mut().unwrap().remove(name);
            call("pay", &args)
        };
        let grant = |grant: Grant| Scope::new().grant(grant);
        let arguments = [
            (
                "a tool",
                grant(Grant::new("fs.read")),
                call("fs.read", &json!({})),
                Kind::Tool,
            ),
            (
                "a dropped constraint",
                grant(drop_arg(&pay, "to")),
                without("to"),
                Kind::Argument,
            ),
            (
                "a loosened list",
                grant(pay.clone().arg("to", one_of(["a", "b", "c"]))),
                with("to", json!("c")),
                Kind::Argument,
            ),
            (
                "a loosened range",
                grant(pay.clone().arg("sum", at_most(101))),
                with("sum", json!(101)),
                Kind::Argument,
            ),
            (
                "an open end",
                grant(pay.clone().arg("sum", at_most(100))),
                with("sum", json!(-1)),
                Kind::Argument,
            ),
            (
                "a retyped value",
                grant(pay.clone().arg("sum", eq("5"))),
                with("sum", json!("5")),
                Kind::Argument,
            ),
            (
                "a free argument",
                grant(pay.clone().arg("note", any())),
                with("note", json!("x")),
                Kind::Argument,
            ),
            (
                "any for a list",
                grant(pay.clone().arg("to", any())),
                with("to", json!("z")),
                Kind::Argument,
            ),
            (
                "prefix for a list",
                grant(pay.clone().arg("to", prefix(""))),
                with("to", json!("z")),
                Kind::Argument,
            ),
            (
                "a pattern",
                grant(pay.clone().arg("to", matches(".*"))),
                with("to", json!("z")),
                Kind::Argument,
            ),
            (
                "a larger subset",
                grant(pay.clone().arg("tags", subset_of(["x", "y"]))),
                with("tags", json!(["y"])),
                Kind::Argument,
            ),
        ];
        for (what, scope, wider, refused) in arguments {
            let raw = refused_and_appended(&parent, &scope, what);
            let raw = ring.chain(&raw.to_bytes()).unwrap();
            assert_eq!(ask(&raw, &wider, &facts), Err((refused, Some(0))), "{what}");
        }

        let later = Facts {
            time: now().saturating_add(minutes(10)),
            ..facts.clone()
        };
        let other = |change: fn(&mut Facts)| {
            let mut facts = facts.clone();
            change(&mut facts);
            facts
        };
        let set = |word: &str| Some([word.to_owned()].into());
        let mut taint = facts.clone();
        taint.taint = set("mail");
        let mut dataset = facts.clone();
        dataset.dataset = set("e");
        let caveats = [
            (
                "expiry",
                Scope::inherit().expires_in(hours(1)),
                later,
                Kind::Expired,
            ),
            (
                "audience",
                Scope::inherit().audience(["here", "there"]),
                other(|facts| facts.audience = Some("there".to_owned())),
                Kind::Audience,
            ),
            (
                "task",
                Scope::inherit().task(["t", "u"]),
                other(|facts| facts.task = Some("u".to_owned())),
                Kind::Task,
            ),
            (
                "step",
                Scope::inherit().step(["s", "r"]),
                other(|facts| facts.step = None),
                Kind::Step,
            ),
            (
                "dataset",
                Scope::inherit().dataset(["d", "e"]),
                dataset,
                Kind::Dataset,
            ),
            (
                "taint",
                Scope::inherit().taint(["web", "mail"]),
                taint,
                Kind::Taint,
            ),
            (
                "risk",
                Scope::inherit().max_risk(Risk::High),
                other(|facts| facts.risk = Some(Risk::High)),
                Kind::Risk,
            ),
        ];
        for (what, scope, facts, refused) in caveats {
            let raw = refused_and_appended(&parent, &scope, what);
            assert_eq!(
                ask(&raw, &call("pay", &good), &facts),
                Err((refused, Some(0))),
                "{what}"
            );
        }
        let deeper = Scope::inherit().max_depth(3);
        assert!(
            parent
                .delegate("reader", &deeper, AgentKey::generate().public(), now())
                .is_err()
        );
    }

    fn drop_arg(grant: &Grant, name: &str) -> Grant {
        let rest = grant.args().iter().filter(|(known, _)| *known != name);
        rest.fold(
            Grant::new(grant.capability()),
            |grant, (name, constraint)| grant.arg(name, constraint.clone()),
        )
    }

    #[test]
    fn attack_02_a_budget_is_not_raised_reset_or_renamed() {
        let scope = reader().budget(Budget::new("calls", 2).shared("m"));
        let (root, ring, parent) = held(&scope);
        let to = AgentKey::generate();
        let more =
            Scope::inherit().budget(Budget::new("calls", 3).shared("m").set_by(root.public()));
        assert!(matches!(
            parent.delegate("reader", &more, to.public(), now()),
            Err(MintError::Widens(_))
        ));
        let read = call("fs.read", &json!({ "path": "/srv/docs/a" }));
        // Appended raw: the parent's limit still holds, and an own counter only adds to it.
        let own = Scope::inherit().budget(Budget::new("calls", 1000).shared("m"));
        for scope in [&more, &own] {
            let raw = parent
                .danger_append("reader", scope, to.public(), now())
                .unwrap();
            let raw = ring.chain(&raw.to_bytes()).unwrap();
            let used = raw.budgets().map(|(key, _, _)| (key.clone(), 3)).collect();
            assert_eq!(
                ask(
                    &raw,
                    &read,
                    &Facts {
                        used,
                        ..Facts::at(now())
                    }
                ),
                Err((Kind::Budget, Some(0)))
            );
        }
        // Counting under a key that signed nothing here is out of profile, with any bytes.
        let (ring, token, key) = hostile_holder();
        let chain = ring.chain(&token).unwrap();
        let held = chain
            .held_by(AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap())
            .unwrap();
        let own = held
            .danger_append("reader", &own, to.public(), now())
            .unwrap()
            .to_bytes();
        let block = forge::block(forge::blocks(&forge::parts(&own)).last().unwrap());
        for (signer, fine) in [
            (key.public(), true),
            (to.public(), false),
            (root.public(), false),
        ] {
            let forged = Forge::after(&token, &key).edited(&block, |block| {
                for text in &mut block.symbols {
                    *text = text.replace(&key.public().to_string(), &signer.to_string());
                }
            });
            let read = ring.chain(&forged.token());
            assert_eq!(
                read.err().map(|refusal| refusal.kind()),
                (!fine).then_some(Kind::Malformed)
            );
        }
    }
}
