//! Attack 15: context from the caller, or satisfied by an empty set.

mod call {
    use bailiwick::capability::{Facts, Grant, Kind, Risk, Scope, Sensitivity, subset_of};

    use serde_json::json;

    use crate::common::call::{ask, call, facts, token};

    #[test]
    fn attack_15_what_is_not_known_refuses_and_the_empty_set_is_no_way_round() {
        let scope = Scope::new()
            .grant(Grant::new("ping"))
            .audience("here")
            .task("t")
            .step("s")
            .dataset(["d"])
            .max_risk(Risk::Low)
            .max_sensitivity(Sensitivity::Public)
            .taint(["web"]);
        let (_, chain, _) = token(&scope);
        let ping = call("ping", &json!({}));
        let set = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let mut all = facts();
        (all.task, all.step) = (Some("t".to_owned()), Some("s".to_owned()));
        (all.dataset, all.taint) = (set(&["d"]), set(&[]));
        (all.risk, all.sensitivity) = (Some(Risk::Low), Some(Sensitivity::Public));
        assert_eq!(ask(&chain, &ping, &all), Ok(()));
        type Change = fn(&mut Facts);
        let unknown: [(Kind, Change); 7] = [
            (Kind::Audience, |facts| facts.audience = None),
            (Kind::Task, |facts| facts.task = None),
            (Kind::Step, |facts| facts.step = None),
            (Kind::Dataset, |facts| facts.dataset = None),
            (Kind::Risk, |facts| facts.risk = None),
            (Kind::Sensitivity, |facts| facts.sensitivity = None),
            (Kind::Taint, |facts| facts.taint = None),
        ];
        for (refused, change) in unknown {
            let mut facts = all.clone();
            change(&mut facts);
            assert_eq!(ask(&chain, &ping, &facts), Err((refused, Some(0))));
        }
        // A caller that writes context into the arguments has written arguments.
        for name in [
            "task", "step", "dataset", "taint", "risk", "time", "tool", "approval",
        ] {
            let claimed = call("ping", &json!({ name: "t" }));
            assert_eq!(
                ask(&chain, &claimed, &all),
                Err((Kind::Argument, Some(0))),
                "{name}"
            );
        }
        // Empty lists of arguments satisfy no list of values.
        let (_, chain, _) =
            token(&Scope::new().grant(Grant::new("tag").arg("tags", subset_of(["a"]))));
        for (tags, fine) in [
            (json!(["a"]), true),
            (json!([]), false),
            (json!([[]]), false),
            (json!(["a", 1]), false),
            (json!("a"), false),
        ] {
            assert_eq!(
                ask(&chain, &call("tag", &json!({ "tags": tags })), &facts()).is_ok(),
                fine,
                "{tags}"
            );
        }
    }
}

mod decisions {
    use bailiwick::capability::Kind;

    use bailiwick::guard::Verdict;
    use bailiwick::id::Timestamp;
    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{BANK, asked, context, once, read};

    #[tokio::test]
    async fn attack_15_the_caller_does_not_say_where_it_is() {
        let home = Home::new();
        let guard = home.guard().audience(BANK).build();
        let held = home.held(&read().audience("shop"));
        let mut lied = context();
        lied.facts.audience = Some("shop".to_owned());
        lied.facts.time = Timestamp::from_secs(1).unwrap();
        let said = guard.authorize((&held).into(), asked("/a"), lied).await;
        assert!(
            matches!(&said, Verdict::Denied(denial) if denial.kind() == Kind::Audience),
            "{said:?}"
        );
        let step = home.held(&read().step("s1"));
        assert_eq!(once(&guard, &step).await, Some(Kind::Step), "not known");
        let data = home.held(&read().dataset("d"));
        assert_eq!(once(&guard, &data).await, Some(Kind::Dataset), "not known");
        let taint = home.held(&read().taint("web"));
        assert_eq!(once(&guard, &taint).await, Some(Kind::Taint), "not known");
    }
}

mod regressions {

    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::record::Body;
    use bailiwick_integration_tests::support::audit;
    use serde_json::json;

    use crate::common::regressions::{lead, sends};

    #[tokio::test]
    async fn attack_15_a_model_does_not_name_the_task_that_a_caveat_asks_for() {
        // A hop's demand on the task is not met by the model's name for the task.
        let scope = json!({"grants": [{"tool": "mail.send"}], "task": ["audited"]});
        let spawn = json!({"role": "writer", "task": "audited", "scope": scope});
        let model = ScriptedModel::new([call("agent_spawn", spawn), say("done")]);
        let (orchestrator, lead) =
            lead(|builder| builder.model(model).model_for("writer", sends())).await;
        lead.run("invoices").await.ok();
        let sent = audit(&orchestrator).await.into_iter().any(|entry| {
        matches!(entry.body, Body::Attempt { capability, refusal: None, .. } if capability == "mail.send")
    });
        assert!(!sent, "the model said which task it is");
    }
}

mod stopped_helpers {
    use bailiwick::capability::{Grant, Risk, Scope, any, minutes};
    use bailiwick::guard::Effect;

    use bailiwick::tool::{Declaration, RuntimeTool};
    use bailiwick_integration_tests::support::stopped_helpers::Home;
    use serde_json::json;

    #[tokio::test]
    async fn attack_15_what_code_read_before_a_crash_is_not_forgotten_to_be_tainted() {
        let home = Home::new();
        let clean = || {
            let wait = Grant::new("look").arg("path", any());
            Scope::new()
                .grant(wait)
                .taint(Vec::<String>::new())
                .expires_in(minutes(60))
        };
        let look = || {
            let declared = Declaration::new("look", Effect::Read, Risk::Low).taints(["web"]);
            RuntimeTool::new(declared, json!({ "type": "object" }), |_, _| async {
                Ok(json!(1))
            })
        };
        let first = home.process("reader").tool(look()).build().unwrap();
        let lead = first.agent("lead", clean()).await.unwrap();
        let run = lead.run_id().unwrap();
        let path = json!({ "path": "/a" });
        let value = |outcome| matches!(outcome, bailiwick::tool::Outcome::Value { .. });
        assert!(value(lead.call("look", &path).await));
        assert!(!value(lead.call("look", &path).await), "it is tainted now");
        std::mem::forget(lead);
        let next = home.process("reader").tool(look()).build().unwrap();
        let lead = next.resume(run).await.unwrap().into_agent();
        assert!(!value(lead.call("look", &path).await));
    }
}
