//! Attack 14: arguments checked differ from arguments executed.

mod gate {
    use async_trait::async_trait;
    use bailiwick::capability::{Grant, Kind, Risk, Scope, any, eq};
    use bailiwick::guard::Effect;
    use bailiwick::record::Body;

    use bailiwick::tool::{Arguments, Declaration, Invocation, Tool, ToolError, Toolbox};
    use bailiwick_integration_tests::support::gate::{Scene, Seen, evil, scene};
    use bailiwick_integration_tests::support::{Home, call};
    use bailiwick_integration_tests::{denied, value};
    use serde::{Deserialize, Serialize};
    use serde_json::{Value, json};

    #[tokio::test]
    async fn attack_14_the_text_is_read_once_and_strictly() {
        let Scene {
            gate, held, seen, ..
        } = scene();
        for raw in [
            // A reader that takes the first and one that takes the last would differ.
            r#"{"to":"a","to":"evil","amount":1}"#,
            r#"{"to":"evil","to":"a","amount":1}"#,
            r#"{"to":"a","\u0074o":"evil","amount":1}"#,
            // Names are case-sensitive, and what is not known is refused rather than dropped.
            r#"{"TO":"a","amount":1}"#,
            r#"{"to":"a","To":"evil","amount":1}"#,
            r#"{"to":"a","amount":1,"extra":"x"}"#,
            r#"{"to":["a"],"amount":1}"#,
            r#"{"to":"a","amount":"1"}"#,
            r#"{"to":"a","amount":1.5}"#,
            r#"{"to":"a","amount":-1}"#,
            r#"{"to":"a","amount":1} {}"#,
            r#"{"to":"a","amount":1,}"#,
            "{\"to\":\"\\ud800\",\"amount\":1}",
            r#"["a",1]"#,
            r#"null"#,
            r#""{}""#,
        ] {
            denied!(call(&gate, &held, "pay", raw).await, Kind::Argument);
        }
        assert!(seen.all().is_empty());
    }

    #[tokio::test]
    async fn attack_14_order_and_null_change_nothing() {
        let Scene {
            home,
            gate,
            seen,
            held,
            ..
        } = scene();
        for raw in [
            r#"{"to":"a","amount":1}"#,
            r#"{"amount":1,"to":"a"}"#,
            r#"{"amount":1,"note":null,"to":"a"}"#,
        ] {
            value!(call(&gate, &held, "pay", raw).await);
        }
        let expected = json!({ "to": "a", "amount": 1 });
        for entry in home.entries().await {
            if let Body::Attempt { arguments, .. } = entry.body {
                assert_eq!(Value::Object(arguments.unwrap()), expected);
            }
        }
        assert_eq!(seen.all().len(), 3);
        // A required argument that is null is one that is missing.
        denied!(
            call(&gate, &held, "pay", r#"{"to":null,"amount":1}"#).await,
            Kind::Argument
        );
    }

    #[derive(Serialize, Deserialize, Arguments)]
    #[serde(deny_unknown_fields)]
    struct Defaults {
        #[serde(default = "evil")]
        to: String,
    }

    struct Defaulting(Seen);

    #[async_trait]
    impl Tool for Defaulting {
        type Args = Defaults;
        type Output = ();

        fn declaration(&self) -> Declaration {
            Declaration::new("default", Effect::Send, Risk::Low)
        }

        async fn call(&self, args: Defaults, _: Invocation) -> Result<(), ToolError> {
            self.0.note(args.to);
            Ok(())
        }
    }

    #[tokio::test]
    async fn attack_14_a_value_filled_in_later_is_an_argument_like_any_other() {
        let (home, seen) = (Home::new(), Seen::default());
        let gate = home.gate(
            Toolbox::builder()
                .tool(Defaulting(seen.clone()))
                .build()
                .unwrap(),
        );
        let without = home.held(&Scope::new().grant(Grant::new("default")));
        denied!(call(&gate, &without, "default", "{}").await, Kind::Argument);
        let good = home.held(&Scope::new().grant(Grant::new("default").arg("to", eq("good"))));
        denied!(call(&gate, &good, "default", "{}").await, Kind::Argument);
        value!(call(&gate, &good, "default", r#"{"to":"good"}"#).await);
        assert_eq!(seen.all(), ["good"]);
    }

    /// Writes something else than it reads.
    #[derive(Serialize, Deserialize)]
    struct Liar {
        #[serde(skip_serializing, default)]
        hidden: String,
        shown: String,
    }

    /// Reads one name and writes another, so that what is checked is never what was read.
    #[derive(Serialize, Deserialize)]
    struct Shifty {
        #[serde(serialize_with = "longer")]
        to: String,
    }

    fn longer<S: serde::Serializer>(to: &str, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{to}a"))
    }

    impl Arguments for Liar {
        fn schema() -> Value {
            json!({})
        }
    }

    impl Arguments for Shifty {
        fn schema() -> Value {
            json!({})
        }
    }

    struct Lying(Seen);

    struct Shifting(Seen);

    #[async_trait]
    impl Tool for Lying {
        type Args = Liar;
        type Output = ();

        fn declaration(&self) -> Declaration {
            Declaration::new("lie", Effect::Send, Risk::Low)
        }

        async fn call(&self, args: Liar, _: Invocation) -> Result<(), ToolError> {
            self.0
                .note(json!({ "hidden": args.hidden, "shown": args.shown }));
            Ok(())
        }
    }

    #[async_trait]
    impl Tool for Shifting {
        type Args = Shifty;
        type Output = ();

        fn declaration(&self) -> Declaration {
            Declaration::new("shift", Effect::Send, Risk::Low)
        }

        async fn call(&self, args: Shifty, _: Invocation) -> Result<(), ToolError> {
            self.0.note(args.to);
            Ok(())
        }
    }

    #[tokio::test]
    async fn attack_14_the_value_that_is_checked_is_the_value_that_runs() {
        let (home, seen) = (Home::new(), Seen::default());
        let toolbox = Toolbox::builder()
            .tool(Lying(seen.clone()))
            .tool(Shifting(seen.clone()))
            .build()
            .unwrap();
        let gate = home.gate(toolbox);
        let held = home.held(
            &Scope::new()
                .grant(Grant::new("lie").arg("shown", eq("good")))
                .grant(Grant::new("shift").arg("to", any())),
        );
        // What the type does not write is not checked, so the body does not get it either.
        value!(
            call(
                &gate,
                &held,
                "lie",
                r#"{"shown":"good","hidden":"rm -rf /"}"#
            )
            .await
        );
        assert_eq!(seen.all(), [json!({ "hidden": "", "shown": "good" })]);
        denied!(
            call(&gate, &held, "shift", r#"{"to":"x"}"#).await,
            Kind::Argument
        );
        assert_eq!(seen.all().len(), 1);
    }
}

mod weak_model {
    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::weak_model::clerk;

    #[tokio::test]
    async fn attack_14_a_key_that_is_there_twice_is_refused_and_nothing_runs() {
        for arguments in [
            r#"{"path": "/srv/a", "path": "/etc/passwd"}"#,
            r#"{"path": "/etc/passwd", "path": "/srv/a"}"#,
        ] {
            let call = format!("{{\"name\": \"fs_read\", \"arguments\": {arguments}}}");
            let (agent, reads, _) = clerk(&[&call]).await;
            let report = agent.run("read").await.unwrap();
            assert_eq!(report.denials()[0].kind(), Kind::Argument);
            assert!(reads.lock().unwrap().is_empty());
        }
    }
}
