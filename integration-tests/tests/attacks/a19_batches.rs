//! Attack 19: a batch authorised on its first call; a body without the gate.

mod gate {
    use bailiwick::capability::{Budget, Grant, Scope, any};

    use bailiwick::tool::{Outcome, Toolbox};
    use bailiwick_integration_tests::support::gate::{Around, Scene, Seen, scene_on};
    use bailiwick_integration_tests::support::{Home, call};
    use serde_json::json;

    #[tokio::test]
    async fn attack_19_leave_for_one_tool_does_not_run_the_body_of_another() {
        let home = Home::new();
        let seen = Seen::default();
        let toolbox = Toolbox::builder().tool(Around).state(seen.clone());
        let gate = home.gate(toolbox.build().unwrap());
        let held = home.held(&Scope::new().grant(Grant::new("around").arg("note", any())));
        let note = json!({ "to": "evil", "amount": 5 }).to_string();
        let raw = json!({ "note": note }).to_string();
        let Outcome::Failed { error, .. } = call(&gate, &held, "around", &raw).await else {
            panic!()
        };
        assert!(error.to_string().contains("permit for `around`"), "{error}");
        assert!(seen.all().is_empty());
    }

    #[tokio::test]
    async fn attack_19_each_call_of_a_batch_is_decided_by_itself() {
        let Scene {
            gate, held, seen, ..
        } = scene_on(Home::new(), Scope::new().budget(Budget::new("calls", 2)));
        let batch = ["a", "evil", "b", "a"].map(|to| json!({ "to": to, "amount": 1 }).to_string());
        let mut ran = Vec::new();
        for raw in &batch {
            let outcome = call(&gate, &held, "pay", raw).await;
            ran.push(matches!(outcome, Outcome::Value { .. }));
        }
        assert_eq!(ran, [true, false, true, false]);
        assert_eq!(seen.all().len(), 2);
    }
}

mod regressions {
    use bailiwick::capability::SPAWN;

    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::record::Body;
    use bailiwick_integration_tests::support::audit;
    use serde_json::json;

    use crate::common::regressions::lead;

    #[tokio::test]
    async fn attack_19_a_spawn_that_cannot_be_read_is_on_the_record() {
        let model =
            ScriptedModel::new([call("agent_spawn", json!({"role": "reader"})), say("done")]);
        let (orchestrator, lead) = lead(|builder| builder.model(model)).await;
        assert_eq!(lead.run("lead").await.unwrap().denials().len(), 1);
        let recorded = audit(&orchestrator).await.into_iter().any(|entry| {
        matches!(entry.body, Body::Attempt { capability, refusal: Some(_), .. } if capability == SPAWN)
    });
        assert!(recorded);
    }
}
