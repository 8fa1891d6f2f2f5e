//! Attack 6: work handed to a peer, an MCP server or a resumed run, under the orchestrator's authority.

mod agents_handoff {
    use std::sync::atomic::Ordering;

    use bailiwick::agent::{Ended, Helper};
    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::record::EventKind;
    use bailiwick_integration_tests::support::handoffs::{Counted, built, lead, path, under};
    use serde_json::json;

    #[tokio::test]
    async fn attack_06_whoever_takes_a_task_over_has_its_own_authority_and_the_giver_none_left() {
        // The lead would read on after it handed over; its model is not asked again.
        let lead_script = [
            call("reader", json!({"task": "answer in my place"})),
            call("fs_read", path("/srv/secret")),
            say("the lead's answer"),
        ];
        let reader_script = [
            call("fs_read", path("/srv/secret")),
            call("fs_read", path("/srv/docs/a.md")),
            say("the reader's answer"),
        ];
        let lead_model = Counted::new(lead_script);
        let (orchestrator, read) = built(|builder| {
            let helper = Helper::new("reader", "Takes over.")
                .scope(under("/srv/docs"))
                .takes_over();
            builder
                .model_for("lead", lead_model.clone())
                .model_for("reader", ScriptedModel::new(reader_script))
                .helper(helper)
        });
        let mut events = orchestrator.events().watch();
        let report = lead(&orchestrator).await.run("go").await.unwrap();
        assert_eq!(
            (report.agent(), report.text()),
            ("lead", "the reader's answer")
        );
        assert_eq!(report.finished().ended, Ended::Answer);
        assert_eq!(lead_model.asked(), 1);
        // `/srv/secret` is the lead's to read, and was denied to the reader.
        assert_eq!(read.load(Ordering::SeqCst), 1);
        let mut seen = Vec::new();
        while let Ok(event) = events.try_recv() {
            match event.kind {
                EventKind::HandedOver { to } => seen.push(format!("{} to {to}", event.agent)),
                EventKind::Denied { kind, .. } => {
                    seen.push(format!("{} {}", event.agent, kind.name()))
                }
                EventKind::Ended { how } => seen.push(format!("{} {how}", event.agent)),
                _ => {}
            }
        }
        let expected = [
            "lead to lead/reader",
            "lead/reader argument",
            "lead/reader answer",
            "lead answer",
        ];
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn attack_06_a_task_is_handed_to_no_stranger() {
        let (orchestrator, _) = built(|builder| builder.model(ScriptedModel::new([say("mine")])));
        let (lead, other) = (lead(&orchestrator).await, lead(&orchestrator).await);
        let refused = lead.hand_over(other).unwrap_err();
        assert!(
            refused.to_string().contains("is not a child of"),
            "{refused}"
        );
        let (lead, other) = refused.into_agents();
        let reader = lead
            .spawn("reader")
            .scope(under("/srv/docs"))
            .await
            .unwrap();
        // Nor by a grandparent, whose task it is not.
        let refused = other.hand_over(reader).unwrap_err();
        drop(refused);
        assert_eq!(lead.run("go").await.unwrap().text(), "mine");
    }
}

mod durable_handoff {
    //! A task that was handed over stays so: at whichever step the process stops, the agent that handed it over is
    //! never asked again once the agent that took it is there.

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use async_trait::async_trait;
    use bailiwick::agent::{Helper, Orchestrator, ResumeError, SealKey};
    use bailiwick::capability::{Authority, Grant, Risk, Scope, minutes, path_under};
    use bailiwick::guard::Effect;
    use bailiwick::model::Request;
    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::store::{MemoryStore, StoreError};
    use bailiwick::tool::{Declaration, RuntimeTool};
    use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
    use serde_json::json;
    use tokio::sync::Notify;

    /// Lets so many commits pass; from the next one on nothing is ever written or answered.
    struct Stops {
        at: usize,
        written: bool,
        stopped: Arc<Notify>,
    }

    #[async_trait]
    impl Fate for Stops {
        async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
            let is_over = match moment {
                Moment::Before => commit > self.at || (commit == self.at && !self.written),
                Moment::After => commit == self.at && self.written,
            };
            if is_over {
                self.stopped.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    }

    /// What outlives a process.
    struct Home {
        store: Arc<MemoryStore>,
        authority: Authority,
        /// How long the conversation was whenever the lead's model was asked.
        lead: Arc<Mutex<Vec<usize>>>,
        reader: Arc<AtomicUsize>,
        /// How often the run was taken over with something to do.
        resumed: AtomicUsize,
    }

    impl Home {
        fn new() -> Self {
            Self {
                store: Arc::default(),
                authority: Authority::generate(),
                lead: Arc::default(),
                reader: Arc::default(),
                resumed: AtomicUsize::new(0),
            }
        }

        fn process(&self, fate: impl Fate) -> Orchestrator {
            let (asked, answered) = (self.lead.clone(), self.reader.clone());
            let lead = ScriptedModel::from_fn(move |request: &Request| {
                asked.lock().unwrap().push(request.messages.len());
                call("reader", json!({"task": "answer in my place"}))
            });
            let reader = ScriptedModel::from_fn(move |request: &Request| {
                answered.fetch_add(1, Ordering::SeqCst);
                match request.messages.len() {
                    1 => call("fs_read", json!({"path": "/srv/docs/a.md"})),
                    _ => say("the reader's answer"),
                }
            });
            let documents = Grant::new("fs.read").arg("path", path_under("/srv/docs"));
            let tool = RuntimeTool::new(
                Declaration::new("fs.read", Effect::Read, Risk::Low).idempotent(),
                json!({"type": "object"}),
                |_, _| async { Ok(json!("contents")) },
            );
            let helper = Helper::new("reader", "Takes over.")
                .scope(Scope::new().grant(documents))
                .takes_over();
            Orchestrator::builder(&self.authority)
                .store(Arc::new(Fated::new(self.store.clone(), fate).durable()))
                .seal_keys(SealKey::from_bytes([7; 32]))
                .tool(tool)
                .helper(helper)
                .model_for("lead", lead)
                .model_for("reader", reader)
                .build()
                .unwrap()
        }
    }

    struct Goes;

    #[async_trait]
    impl Fate for Goes {
        async fn at(&self, _: usize, _: Moment) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn scope() -> Scope {
        Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
            .grant(Grant::spawn(["reader"]))
            .expires_in(minutes(10))
    }

    /// A process that works until it stops after so many commits, the last of them written or not; whether
    /// it came to its end before that.
    async fn works(home: &Home, at: usize, written: bool) -> bool {
        let stopped = Arc::new(Notify::new());
        let orchestrator = home.process(Stops {
            at,
            written,
            stopped: stopped.clone(),
        });
        tokio::select! {
            () = goes_on(home, &orchestrator) => true,
            () = stopped.notified() => false,
        }
    }

    /// Begins the run, or goes on with it, to its end; and looks at what it was.
    async fn goes_on(home: &Home, orchestrator: &Orchestrator) {
        let report = match orchestrator.runs().await.unwrap().first() {
            None => {
                let lead = orchestrator.agent("lead", scope()).await.unwrap();
                lead.run("go").await.unwrap()
            }
            Some(run) => match orchestrator.resume(run.run).await {
                Ok(going) if going.task().is_none() => {
                    // Its process stopped before the lead began.
                    assert!(home.lead.lock().unwrap().is_empty());
                    going.into_agent().run("go").await.unwrap()
                }
                Ok(going) => {
                    home.resumed.fetch_add(1, Ordering::SeqCst);
                    going.run().await.unwrap()
                }
                Err(ResumeError::Ended { report, .. }) => (*report.unwrap()).unwrap(),
                Err(error) => panic!("{error}"),
            },
        };
        assert_eq!(report.text(), "the reader's answer");
        assert_eq!(report.finished().turns, 1);
    }

    impl Home {
        /// The lead was asked for its first turn alone: again only where that was not kept.
        fn look(&self, processes: usize) {
            let asked = self.lead.lock().unwrap().clone();
            assert!(asked.len() <= processes, "{asked:?}");
            assert!(asked.iter().all(|messages| *messages == 1), "{asked:?}");
            assert!(self.reader.load(Ordering::SeqCst) < 2 + processes);
        }
    }

    #[tokio::test]
    async fn attack_06_a_task_that_was_handed_over_is_not_taken_back_by_a_restart() {
        let (mut steps, mut resumed) = (0, 0);
        for (at, written) in (0..).flat_map(|at| [(at, false), (at, true)]) {
            let home = Home::new();
            if works(&home, at, written).await {
                break;
            }
            steps += 1;
            goes_on(&home, &home.process(Goes)).await;
            home.look(2);
            resumed += home.resumed.load(Ordering::SeqCst);
        }
        assert!(steps > 20 && resumed > 10, "{steps} {resumed}");
    }

    #[tokio::test]
    async fn attack_06_nor_by_a_second_restart_once_the_first_was_taken_over() {
        // A process stops when the reader has had its first turn, and the next one at every step.
        let mut begun = 0;
        let home = loop {
            let home = Home::new();
            assert!(!works(&home, begun, true).await);
            if home.reader.load(Ordering::SeqCst) == 1 {
                break home;
            }
            begun += 1;
        };
        drop(home);
        let mut steps = 0;
        for (at, written) in (0..).flat_map(|at| [(at, false), (at, true)]) {
            let home = Home::new();
            assert!(!works(&home, begun, true).await);
            if works(&home, at, written).await {
                break;
            }
            steps += 1;
            goes_on(&home, &home.process(Goes)).await;
            home.look(3);
        }
        assert!(steps > 10, "{steps}");
    }
}

mod runs {
    use bailiwick::agent::ResumeError;
    use bailiwick::capability::Authority;

    use bailiwick::model::scripted::{ScriptedModel, say};

    use bailiwick_integration_tests::support::runs::{Home, in_flight, listening, read, slow};

    #[tokio::test]
    async fn attack_06_a_resumed_run_has_its_own_authority_and_not_the_resumers() {
        let home = Home::new();
        let (_first, run, _, running) = in_flight(&home, vec![slow("/x")]).await;
        // Another root resumes nothing, with any key.
        let other = Authority::generate();
        let stranger = home
            .process_of(&other, ScriptedModel::new([]))
            .build()
            .unwrap();
        for refused in [
            stranger.resume(run).await,
            stranger.resume_with_new_keys(run).await,
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(error, ResumeError::Token { .. }), "{error}");
        }
        // And under its own it may do what it might before, and no more.
        let (model, _) = listening([read("/etc/passwd"), say("done")]);
        let second = home.process(model).build().unwrap();
        let report = second.resume(run).await.unwrap().run().await.unwrap();
        assert_eq!(report.denials().len(), 1);
        running.abort();
    }
}

mod stopped_helpers {
    use bailiwick::capability::minutes;

    use bailiwick_integration_tests::support::stopped_helpers::Home;

    #[tokio::test(flavor = "multi_thread")]
    async fn attack_06_a_task_is_not_taken_back_because_the_token_of_who_took_it_ended() {
        let home = Home::new();
        let run = home.gone("writer").await;
        home.clock.advance(minutes(5));
        let next = home.process("writer").build().unwrap();
        let failed = next.resume(run).await.unwrap().run().await.unwrap_err();
        assert_eq!(
            failed.report().finished().ended,
            bailiwick::agent::Ended::HandedOver
        );
        // The lead's model was not asked again.
        assert_eq!(home.last_told(), None);
    }
}
