//! Attack 21: budgets of nothing, shared by siblings, raced.

mod at_once {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bailiwick::agent::SpawnError;
    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::at_once::denied;

    use bailiwick_integration_tests::support::slots::{at_most, build, lead, scope, spawn, used};

    #[tokio::test]
    async fn attack_21_none_at_once_is_none_and_no_budget_is_no_limit() {
        let (_, none) = lead(at_most(0)).await;
        assert_eq!(denied(spawn(&none, scope()).await).kind(), Kind::Budget);
        let (_, free) = lead(scope()).await;
        let mut all = Vec::new();
        for _ in 0..20 {
            all.push(spawn(&free, scope()).await.unwrap());
        }
    }

    #[tokio::test]
    async fn attack_21_a_spawn_that_comes_to_nothing_takes_no_place() {
        let (orchestrator, lead) = lead(at_most(1)).await;
        // Too wide: found after the guard has allowed the call.
        let wide = scope().max_depth(9);
        let widens = spawn(&lead, wide).await;
        assert!(matches!(widens, Err(SpawnError::Widens(_))), "{widens:?}");
        assert_eq!(used(&orchestrator, &lead).await, 0);
        // Refused by the token.
        let stranger = lead.spawn("stranger").scope(scope()).await;
        assert_eq!(denied(stranger).kind(), Kind::Argument);
        assert_eq!(used(&orchestrator, &lead).await, 0);
        // More agents than the orchestrator has places for: the lead has the only one.
        let (orchestrator, lead) = build(at_most(1), |builder| builder.max_agents(1)).await;
        let denial = denied(spawn(&lead, scope()).await);
        assert_eq!(
            (denial.kind(), denial.hop()),
            (Kind::Budget, None),
            "{denial}"
        );
        assert!(denial.for_model().contains("wait for helpers to end"));
        assert_eq!(used(&orchestrator, &lead).await, 0);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_21_never_more_are_alive_than_may_be_whoever_asks_at_once() {
        const MOST: u64 = 5;
        let (orchestrator, lead) = lead(at_most(MOST)).await;
        let lead = Arc::new(lead);
        let (alive, most, refused) = <(Arc<AtomicU64>, Arc<AtomicU64>, Arc<AtomicU64>)>::default();
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..40 {
            let (lead, alive, most, refused) =
                (lead.clone(), alive.clone(), most.clone(), refused.clone());
            running.spawn(async move {
                for _ in 0..10 {
                    match spawn(&lead, scope()).await {
                        Ok(child) => {
                            most.fetch_max(
                                alive.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            tokio::task::yield_now().await;
                            alive.fetch_sub(1, Ordering::SeqCst);
                            drop(child);
                        }
                        Err(error) => {
                            assert_eq!(denied(Err(error)).kind(), Kind::Budget);
                            refused.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                }
            });
        }
        running.join_all().await;
        assert!(
            (1..=MOST).contains(&most.load(Ordering::SeqCst)),
            "{most:?}"
        );
        assert!(
            refused.load(Ordering::SeqCst) > 0,
            "no spawn was ever refused"
        );
        assert_eq!(used(&orchestrator, &lead).await, 0);
    }
}

mod bad_luck {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use async_trait::async_trait;

    use bailiwick::store::StoreError;
    use bailiwick_integration_tests::support::bad_luck::{allowed, budgeted, charged, counting};

    use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
    use bailiwick_integration_tests::support::{Home, call};
    use tokio::sync::Notify;

    /// Holds one commit up until it is let go.
    struct Holds {
        which: (usize, Moment),
        reached: Arc<Notify>,
        go: Arc<Notify>,
    }

    #[async_trait]
    impl Fate for Holds {
        async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
            if (commit, moment) == self.which {
                self.reached.notify_one();
                self.go.notified().await;
            }
            Ok(())
        }
    }

    #[tokio::test]
    async fn attack_21_a_caller_that_goes_away_at_any_commit_leaves_a_settled_call() {
        let mut bodies = Vec::new();
        for which in [
            (0, Moment::Before),
            (0, Moment::After),
            (1, Moment::Before),
            (1, Moment::After),
        ] {
            let home = Home::new();
            let (reached, go) = (Arc::<Notify>::default(), Arc::<Notify>::default());
            let holds = Holds {
                which,
                reached: reached.clone(),
                go: go.clone(),
            };
            let store = Arc::new(Fated::new(home.store.clone(), holds));
            let (gate, ran) = counting(&home, store.clone());
            let held = budgeted(&home, 5);
            tokio::select! {
                outcome = call(&gate, &held, "fs.read", r#"{"path":"/a"}"#) => panic!("{outcome:?}"),
                () = reached.notified() => {}
            }
            // The caller is gone; the store goes on.
            go.notify_one();
            for _ in 0..2000 {
                if home.outcomes().await.len() == 1 && store.commits() == 2 {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            assert_eq!(home.outcomes().await.len(), 1, "{which:?}");
            assert_eq!(allowed(&home).await, 1, "{which:?}");
            assert_eq!(charged(&home).await, 1, "{which:?}");
            bodies.push(ran.load(Ordering::SeqCst));
        }
        // Gone before the body began, it never begins; gone while the outcome is written, it has run.
        assert_eq!(bodies, [0, 0, 1, 1]);
    }
}

mod budgets {
    use std::pin::Pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bailiwick::agent::{Agent, Ended, Orchestrator, RunFailed};
    use bailiwick::capability::{Budget, Kind, Scope};
    use bailiwick::guard::{CALLS, TOKENS, TURNS};
    use bailiwick::model::scripted::{ScriptedModel, call, say};
    use bailiwick::model::{Completion, Request};
    use bailiwick::record::EventKind;
    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::budgets::{child, lead, left, scope, usage, with};
    use proptest::prelude::*;
    use serde_json::json;

    /// A model whose answers cost all that they may, but no more than `most`, and which counts it.
    fn dear(most: u64, spent: &Arc<AtomicU64>) -> ScriptedModel {
        let spent = spent.clone();
        ScriptedModel::from_fn(move |request: &Request| {
            // The conversation is about a quarter of the bytes, which is less than the guard reckons.
            let input = (serde_json::to_vec(request).unwrap().len() / 4) as u64;
            let output =
                u64::from(request.max_output_tokens.unwrap()).min(most.saturating_sub(input));
            spent.fetch_add(input + output, Ordering::SeqCst);
            Completion::answer("done").with_usage(usage(input, output))
        })
    }

    #[tokio::test]
    async fn attack_21_a_tree_whose_scope_says_nothing_is_limited() {
        let model = || ScriptedModel::from_fn(|_| call("a", json!({})));
        let (orchestrator, agent) = lead(scope(), model()).await;
        let worker = agent.spawn("worker").scope(Scope::inherit()).await.unwrap();
        for kind in [(TURNS, 1_000), (CALLS, 9_999)] {
            assert_eq!(left(&orchestrator, &worker, kind.0).await, kind.1);
        }
        // What a scope says stands, and what the operator says in place of the rest.
        let said = scope().budget(Budget::new(TURNS, 5_000));
        let few = [Budget::new(TURNS, 7), Budget::new(CALLS, 3)];
        let (orchestrator, agent) =
            with(said, |builder| builder.model(model()).default_budgets(few)).await;
        assert_eq!(left(&orchestrator, &agent, TURNS).await, 5_000);
        let worker = agent.spawn("worker").scope(Scope::inherit()).await.unwrap();
        let made = |outcome: Outcome| matches!(outcome, Outcome::Value { .. });
        assert!(made(agent.call("a", &json!({})).await));
        assert!(made(worker.call("b", &json!({})).await));
        let Outcome::Denied(denial) = worker.call("a", &json!({})).await else {
            panic!("the third call and the spawn are all that there are")
        };
        assert_eq!((denial.kind(), denial.hop()), (Kind::Budget, Some(0)));
        // None where that is what it says.
        let (orchestrator, agent) = with(scope(), |builder| {
            builder.model(model()).default_budgets([])
        })
        .await;
        for kind in [TURNS, CALLS] {
            let left = orchestrator.guard().left(&agent.held(), kind).await;
            assert_eq!(left.unwrap(), None);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_21_a_hundred_children_do_not_spend_more_than_their_parent_has() {
        let spent = Arc::new(AtomicU64::new(0));
        let scope = scope().budget(Budget::new(TOKENS, 10_000));
        let (orchestrator, lead) = lead(scope, dear(1_000, &spent)).await;
        let four = Arc::new(tokio::sync::Semaphore::new(4));
        let mut running = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let child = lead
                .spawn("worker")
                .scope(child(TOKENS, 1_000))
                .await
                .unwrap();
            let four = four.clone();
            running.spawn(async move {
                let _turn = four.acquire().await.unwrap();
                child.run("spend it").await
            });
        }
        let ran: Vec<Result<_, RunFailed>> = running.join_all().await;
        let spent = spent.load(Ordering::SeqCst);
        assert!(spent <= 10_000, "{spent}");
        assert_eq!(left(&orchestrator, &lead, TOKENS).await, 10_000 - spent);
        let answered = ran.iter().filter(|ran| ran.is_ok()).count();
        assert!((10..100).contains(&answered), "{answered}");
        for failed in ran.into_iter().filter_map(Result::err) {
            assert_eq!(failed.report().finished().ended, Ended::Budget, "{failed}");
        }
    }

    #[tokio::test]
    async fn attack_21_what_a_provider_does_not_say_stays_taken_and_an_event_says_so() {
        let script = [
            call("a", json!({})).costing(usage(100, 10)),
            call("b", json!({})).costing_unknown(),
            say("done").costing(usage(100, 10)),
        ];
        let scope = scope().budget(Budget::new(TOKENS, 100_000));
        let (orchestrator, lead) = lead(scope, ScriptedModel::new(script)).await;
        let mut events = orchestrator.events().watch();
        let held = lead.held();
        let report = lead.run("go").await.unwrap();
        let finished = report.finished();
        assert_eq!((finished.usage.total(), finished.unmeasured), (220, 1));
        // The turn may have cost all that it was let write, and the conversation.
        let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
        let taken = 100_000 - 220 - left.unwrap();
        assert!((4_096..5_000).contains(&taken), "{taken}");
        let mut unmeasured = Vec::new();
        while let Ok(event) = events.try_recv() {
            if let EventKind::Unmeasured { turn } = event.kind {
                unmeasured.push(turn);
            }
        }
        assert_eq!(unmeasured, [2]);
    }

    #[tokio::test]
    async fn attack_21_a_run_whose_provider_never_says_what_it_costs_fills_its_budget() {
        let model = ScriptedModel::from_fn(|request: &Request| {
            let n = request.messages.len();
            call("a", json!({}))
                .costing_unknown()
                .saying(format!("{n}"))
        });
        let scope = scope().budget(Budget::new(TOKENS, 20_000));
        let (_, lead) = lead(scope, model).await;
        let failed = lead.run("go").await.unwrap_err();
        let finished = failed.report().finished();
        assert_eq!(finished.ended, Ended::Budget);
        assert!(finished.turns <= 5, "{}", finished.turns);
        assert_eq!(finished.unmeasured, finished.turns);
    }

    #[tokio::test]
    async fn attack_21_a_turn_that_costs_more_than_can_be_counted_leaves_nothing() {
        for most in [100_000, i64::MAX.unsigned_abs()] {
            let script = [
                call("a", json!({})).costing(usage(100, 10)),
                call("b", json!({})).costing(usage(u64::MAX, u64::MAX)),
                say("never asked"),
            ];
            let scope = scope().budget(Budget::new(TOKENS, most));
            let (orchestrator, lead) = lead(scope, ScriptedModel::new(script)).await;
            let held = lead.held();
            let failed = lead.run("go").await.unwrap_err();
            let finished = failed.report().finished();
            assert_eq!((finished.ended, finished.turns), (Ended::Budget, 2));
            assert_eq!(finished.usage.total(), u64::MAX);
            let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
            assert_eq!(left, Some(0));
        }
    }

    /// A tree: what an agent may spend, its turn's cost, and its children.
    #[derive(Clone, Debug)]
    struct Tree {
        most: u64,
        /// Whether it does something while its children run.
        first: bool,
        children: Vec<Tree>,
    }

    fn tree() -> impl Strategy<Value = Tree> {
        let leaf = (200..2_000u64, any::<bool>()).prop_map(|(most, first)| Tree {
            most,
            first,
            children: Vec::new(),
        });
        leaf.prop_recursive(3, 12, 4, |inner| {
            (
                200..4_000u64,
                any::<bool>(),
                prop::collection::vec(inner, 0..4),
            )
                .prop_map(|(most, first, children)| Tree {
                    most,
                    first,
                    children,
                })
        })
    }

    /// Runs every agent of the tree at once, and tells the most that the model may have spent beneath any
    /// of them beyond its budget: nothing.
    fn grow(
        orchestrator: Orchestrator,
        agent: Agent,
        tree: Tree,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let mut running = tokio::task::JoinSet::new();
            for branch in tree.children {
                let own = scope().budget(Budget::new(TOKENS, branch.most));
                let child = agent.spawn("worker").scope(own).await.unwrap();
                running.spawn(grow(orchestrator.clone(), child, branch));
            }
            if tree.first {
                let _ = agent.call("a", &json!({})).await;
            }
            running.join_all().await;
            let held = agent.held();
            let _ = agent.run("spend").await;
            let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
            assert!(left.unwrap() <= tree.most);
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn attack_21_no_ancestor_is_overspent_and_nothing_leaks(tree in tree(), dearest in 1..1_500u64) {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(4)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let spent = Arc::new(AtomicU64::new(0));
                let all = scope().budget(Budget::new(TOKENS, tree.most));
                let (orchestrator, lead) = lead(all, dear(dearest, &spent)).await;
                let (held, most) = (lead.held(), tree.most);
                grow(orchestrator.clone(), lead, tree).await;
                let spent = spent.load(Ordering::SeqCst);
                assert!(spent <= most, "{spent} of {most}");
                let left = orchestrator.guard().left(&held, TOKENS).await.unwrap();
                assert_eq!(left, Some(most - spent));
            });
        }
    }
}

mod decisions {
    use std::sync::Arc;

    use bailiwick::capability::{Budget, Grant, Kind};

    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::support::calls::{once, read};

    #[tokio::test]
    async fn attack_21_a_budget_of_nothing_spends_nothing() {
        let home = Home::new();
        let guard = home.guard().build();
        let none = home.held(&read().budget(Budget::new("calls", 0)));
        assert_eq!(once(&guard, &none).await, Some(Kind::Budget));
        let three = home.held(&read().budget(Budget::new("calls", 3)));
        for expected in [None, None, None, Some(Kind::Budget), Some(Kind::Budget)] {
            assert_eq!(once(&guard, &three).await, expected);
        }
        let unknown = home.held(&read().budget(Budget::new("euros", 1000)));
        assert_eq!(once(&guard, &unknown).await, Some(Kind::Budget));
        let turns = home.held(&read().budget(Budget::new("turns", 1)));
        assert_eq!(once(&guard, &turns).await, None, "a call is no turn");
        drop(guard.charge(&turns, "lead", &[("turns", 1)]).await.unwrap());
        assert_eq!(
            guard
                .charge(&turns, "lead", &[("turns", 1)])
                .await
                .unwrap_err()
                .kind(),
            Kind::Budget
        );
    }

    #[tokio::test]
    async fn attack_21_a_hundred_siblings_share_what_their_parent_has() {
        let home = Home::new();
        let guard = home.guard().build();
        let scope = read()
            .grant(Grant::spawn(["child"]))
            .max_depth(1)
            .budget(Budget::new("calls", 10));
        let parent = home.held(&scope);
        let mut allowed = 0;
        for _ in 0..100 {
            let child = home.child(&parent, &read());
            allowed += usize::from(once(&guard, &child).await.is_none());
        }
        assert_eq!(allowed, 10);
        assert_eq!(once(&guard, &parent).await, Some(Kind::Budget));
    }

    #[tokio::test]
    async fn attack_21_a_counter_that_two_hops_name_is_charged_once() {
        let home = Home::new();
        let guard = home.guard().build();
        let scope = read().grant(Grant::spawn(["child"])).max_depth(1);
        let parent = home.held(&scope.budget(Budget::new("calls", 10).shared("all")));
        let signer = home.authority.public();
        let restated = Budget::new("calls", 4).shared("all").set_by(signer);
        let child = home.child(&parent, &read().budget(restated));
        let mut said = Vec::new();
        for _ in 0..5 {
            said.push(once(&guard, &child).await);
        }
        assert_eq!(said, [None, None, None, None, Some(Kind::Budget)]);
        // The child's limit is the child's alone.
        for _ in 0..6 {
            assert_eq!(once(&guard, &parent).await, None);
        }
        assert_eq!(once(&guard, &parent).await, Some(Kind::Budget));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn attack_21_of_50_at_once_one_gets_the_last_unit() {
        let home = Home::new();
        let guard = Arc::new(home.guard().build());
        let held = Arc::new(home.held(&read().budget(Budget::new("calls", 1))));
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (guard, held) = (guard.clone(), held.clone());
            tasks.spawn(async move { once(&guard, &held).await });
        }
        let verdicts = tasks.join_all().await;
        assert_eq!(
            verdicts.iter().filter(|verdict| verdict.is_none()).count(),
            1
        );
        assert_eq!(
            verdicts
                .iter()
                .filter(|verdict| **verdict == Some(Kind::Budget))
                .count(),
            49
        );
    }
}

mod interleavings {
    use std::cell::Cell;
    use std::sync::Arc;

    use bailiwick::capability::Kind;

    use bailiwick_integration_tests::support::calls::{asked, parent, read};
    use bailiwick_integration_tests::support::schedule::{End, every_order};

    use crate::common::interleavings::{Plan, asks, charged, label, now_by_hand, settled};

    #[test]
    fn attack_21_the_last_unit_goes_to_one_in_every_order() {
        for (thinks, racing) in [(false, 3), (true, 2)] {
            let plan = Plan::new(false, thinks);
            let held = Arc::new(plan.seed.held(&read().budget(label())));
            let signer = plan.seed.authority.public();
            let orders = every_order(
                0,
                || plan.world(),
                |world| {
                    (0..racing)
                        .map(|_| asks(&world.guard, &held, asked("/a")))
                        .collect()
                },
                |world, ends| {
                    let (permitted, on_record) = settled(&world.home, &ends);
                    assert_eq!((permitted, on_record.len()), (1, 1));
                    let refused = ends
                        .iter()
                        .filter(|end| **end == End::Done(Err(Kind::Budget)));
                    assert_eq!(refused.count(), racing - 1);
                    assert_eq!(charged(&world.home, signer, "all"), 1);
                },
            );
            println!("{racing} calls: {orders} orders");
            assert!(orders >= 90, "{orders}");
        }
    }

    #[test]
    fn attack_21_siblings_and_their_parent_share_one_unit_in_every_order() {
        let plan = Plan::new(false, false);
        let held = Arc::new(plan.seed.held(&parent().budget(label())));
        let children = [
            Arc::new(plan.seed.child(&held, &read())),
            Arc::new(plan.seed.child(&held, &read())),
        ];
        let signer = plan.seed.authority.public();
        let orders = every_order(
            0,
            || plan.world(),
            |world| {
                let mut tasks = vec![asks(&world.guard, &held, asked("/a"))];
                tasks.extend(
                    children
                        .iter()
                        .map(|child| asks(&world.guard, child, asked("/a"))),
                );
                tasks
            },
            |world, ends| {
                assert_eq!(settled(&world.home, &ends).0, 1, "{ends:?}");
                assert_eq!(charged(&world.home, signer, "all"), 1);
            },
        );
        println!("{orders} orders");
        assert!(orders > 1000, "{orders}");
    }

    /// Whether the store lasts and the policy thinks, how many calls race, and how many go away. Three
    /// take minutes: `BAILIWICK_ORDERS=all` asks for them.
    fn races() -> Vec<(bool, bool, usize, usize)> {
        let mut races = vec![
            (false, true, 2, 2),
            (true, true, 2, 2),
            (false, false, 2, 2),
        ];
        if std::env::var("BAILIWICK_ORDERS").is_ok_and(|orders| orders == "all") {
            races.extend([(false, false, 3, 3), (true, false, 3, 3)]);
        }
        races
    }

    #[test]
    fn attack_21_a_caller_that_goes_away_at_any_point_leaks_and_overspends_nothing() {
        for (durable, thinks, racing, drops) in races() {
            let plan = Plan::new(durable, thinks);
            let held = Arc::new(plan.seed.held(&read().budget(label())));
            let signer = plan.seed.authority.public();
            let (full, empty) = (Cell::new(0), Cell::new(0));
            let orders = every_order(
                drops,
                || plan.world(),
                |world| {
                    (0..racing)
                        .map(|_| asks(&world.guard, &held, asked("/a")))
                        .collect()
                },
                |world, ends| {
                    let (permitted, on_record) = settled(&world.home, &ends);
                    assert!(permitted <= 1, "{ends:?}");
                    // What was charged is on the record, and the other way round: a caller that
                    // went away after the commit has spent its unit, one before it has not.
                    let spent = charged(&world.home, signer, "all");
                    assert_eq!(spent, on_record.len() as u64, "{ends:?}");
                    assert!(spent <= 1);
                    // A unit that was not spent is there for the next call.
                    let next = now_by_hand(asks(&world.guard, &held, asked("/next")));
                    match spent {
                        0 => assert!(next.is_ok(), "{ends:?} {next:?}"),
                        _ => assert_eq!(next, Err(Kind::Budget), "{ends:?}"),
                    }
                    let count = if spent == 0 { &empty } else { &full };
                    count.set(count.get() + 1);
                },
            );
            println!("{racing} calls, {drops} dropped, durable {durable}: {orders} orders");
            assert!(full.get() > 0 && empty.get() > 0);
        }
    }
}

mod new_keys_budgets {
    //! Budgets that agents set, in a run whose every key is made anew: what was used of them stays used.

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use bailiwick::agent::{Agent, Helper, Orchestrator};
    use bailiwick::capability::{Authority, Budget, Grant, KeyRing, Scope, from_text, minutes};
    use bailiwick::guard::TOKENS;
    use bailiwick::id::RunId;
    use bailiwick::model::scripted::{ScriptedModel, Turn, call, calls, say};
    use bailiwick::model::{Completion, Model, ModelError, Request, Usage};
    use bailiwick::store::{Key, SqliteStore};
    use serde_json::{Value, json};
    use tempfile::TempDir;

    fn scope() -> Scope {
        Scope::new()
            .grant(Grant::spawn(["reader"]))
            .max_depth(2)
            .expires_in(minutes(10))
    }

    fn ask() -> Turn {
        call("reader", json!({ "task": "read" }))
    }

    fn lead(turns: impl IntoIterator<Item = Turn>) -> ScriptedModel {
        ScriptedModel::new(turns)
    }

    /// Answers with what it cost, or never.
    struct Reads {
        cost: u64,
        asked: Arc<AtomicUsize>,
        waits: bool,
    }

    #[async_trait]
    impl Model for Reads {
        async fn generate(&self, _: &Request) -> Result<Completion, ModelError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if self.waits {
                std::future::pending::<()>().await;
            }
            let usage = Usage {
                output: self.cost,
                ..Usage::default()
            };
            Ok(Completion::answer("read").with_usage(usage))
        }

        fn name(&self) -> &str {
            "reads"
        }
    }

    struct Home {
        directory: TempDir,
        authority: Authority,
        asked: Arc<AtomicUsize>,
    }

    impl Home {
        fn new() -> Self {
            Self {
                directory: TempDir::new().unwrap(),
                authority: Authority::generate(),
                asked: Arc::default(),
            }
        }

        /// A process whose readers are given so much, shared among them or each, and cost so much a turn.
        fn process(
            &self,
            lead: ScriptedModel,
            budget: Budget,
            cost: u64,
            waits: bool,
        ) -> Orchestrator {
            let store = SqliteStore::open(self.directory.path().join("store")).unwrap();
            let given = Scope::new().budget(budget);
            let reads = Reads {
                cost,
                asked: self.asked.clone(),
                waits,
            };
            Orchestrator::builder(&self.authority)
                .store(Arc::new(store))
                .helper(Helper::new("reader", "Reads.").scope(given))
                .model_for("lead", lead)
                .model_for("reader", reads)
                .build()
                .unwrap()
        }

        /// The counters of the tokens that living readers may use.
        async fn tokens(&self, orchestrator: &Orchestrator, run: RunId) -> Vec<Key> {
            let place = Key::of(["run", &run.to_string(), "agents"]);
            let agents = orchestrator.guard().store().scan(&place, None, 99).await;
            let mut counters = Vec::new();
            for (_, kept) in agents.unwrap() {
                let record: Value = serde_json::from_str(&kept.value).unwrap();
                let token = from_text(record["token"].as_str().unwrap()).unwrap();
                let chain = KeyRing::new([self.authority.root()]).chain(&token).unwrap();
                let of_tokens = chain.budgets().filter(|(key, ..)| key.kind == TOKENS);
                counters.extend(of_tokens.map(|(key, ..)| Key::of(["budget", &key.kind, &key.id])));
            }
            counters
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    async fn begun(orchestrator: &Orchestrator) -> (Agent, RunId) {
        let lead = orchestrator.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap();
        (lead, run)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn attack_21_what_readers_share_is_not_theirs_again_with_new_keys() {
        let home = Home::new();
        let shared = || Budget::new(TOKENS, 10_000).shared("readers");
        // One reader uses most of it and ends; then the lead's model is away, and the run stops.
        let first = home.process(lead([ask()]), shared(), 9_990, false);
        let (agent, run) = begun(&first).await;
        agent.run("go").await.unwrap_err();
        assert_eq!(home.asked(), 1);
        let second = home.process(lead([ask(), say("enough")]), shared(), 9_990, false);
        let resumed = second.resume_with_new_keys(run).await.unwrap();
        assert_eq!(resumed.run().await.unwrap().text(), "enough");
        assert_eq!(home.asked(), 1, "too little is left for another turn");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn attack_21_a_turn_in_flight_costs_what_it_costs_though_the_keys_are_new() {
        let home = Home::new();
        let each = || Budget::new(TOKENS, 10_000);
        let first = home.process(lead([calls([ask(), ask()])]), each(), 1, true);
        let (agent, run) = begun(&first).await;
        let running = tokio::spawn(agent.run("go"));
        while home.asked() < 2 {
            tokio::task::yield_now().await;
        }
        std::mem::forget((running, first));
        // Twice, so that what was taken is found where it went and not only where it was first.
        let second = home.process(lead([]), each(), 1, false);
        std::mem::forget(second.resume_with_new_keys(run).await.unwrap());
        let third = home.process(lead([say("done")]), each(), 400, false);
        let resumed = third.resume_with_new_keys(run).await.unwrap();
        let counters = home.tokens(&third, run).await;
        let store = third.guard().store();
        assert_eq!(counters.len(), 2);
        for counter in &counters {
            let taken = store.counter(counter).await.unwrap();
            assert!(taken > 4_096, "{counter}: {taken} is taken for the turn");
        }
        assert_eq!(resumed.run().await.unwrap().text(), "done");
        assert_eq!(home.asked(), 4);
        for counter in &counters {
            assert_eq!(store.counter(counter).await.unwrap(), 400, "{counter}");
        }
    }
}

mod restart {
    use bailiwick::capability::{Budget, Kind};
    use bailiwick_integration_tests::support::calls::{once, read};
    use bailiwick_integration_tests::support::restart::FileHome;

    #[tokio::test]
    async fn attack_21_a_budget_is_not_reset_by_a_restart() {
        let place = FileHome::new();
        let held = place
            .home
            .held(&read().budget(Budget::new("calls", 3).shared("all")));
        for expected in [None, None, None, Some(Kind::Budget), Some(Kind::Budget)] {
            assert_eq!(once(&place.guard(), &held).await, expected);
        }
    }
}

mod runs {
    use bailiwick::capability::{Budget, Grant, Scope, path_under};

    use bailiwick::model::scripted::ScriptedModel;

    use bailiwick_integration_tests::support::runs::{Home, scope};

    #[tokio::test]
    async fn attack_21_new_keys_leave_a_child_what_is_left_of_what_its_parent_gave_it() {
        let home = Home::new();
        let first = home.process(ScriptedModel::new([])).build().unwrap();
        let lead = first.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap();
        let leaf = Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
            .budget(Budget::new("turns", 3));
        let reader = lead.spawn("reader").scope(leaf).await.unwrap();
        let (guard, old) = (first.guard(), reader.held());
        // What is not settled stays taken.
        drop(
            guard
                .charge(&old, "lead/reader", &[("turns", 2)])
                .await
                .unwrap(),
        );
        let second = home.process(ScriptedModel::new([])).build().unwrap();
        let mut resumed = second.resume_with_new_keys(run).await.unwrap();
        let child = resumed.children().remove(0).into_agent();
        assert_ne!(child.held().chain().holder(), old.chain().holder());
        let left = second.guard().left(&child.held(), "turns").await.unwrap();
        assert_eq!(left, Some(1));
        drop((reader, lead));
    }
}

mod trees {
    use bailiwick::agent::Ended;
    use bailiwick::capability::{Authority, Budget, Kind};

    use bailiwick::model::scripted::{ScriptedModel, say};
    use bailiwick::tool::Outcome;
    use bailiwick_integration_tests::support::trees::{build, docs, lead_scope};
    use serde_json::json;

    #[tokio::test]
    async fn attack_21_a_hundred_siblings_share_their_parents_budget() {
        let authority = Authority::generate();
        let orchestrator = build(&authority, |builder| builder);
        let scope = lead_scope().budget(Budget::new("calls", 150));
        let lead = orchestrator.agent("lead", scope).await.unwrap();
        let mut done = 0;
        let mut refused = 0;
        for _ in 0..100 {
            // Each spawn is a call, and each child makes one more.
            let Ok(child) = lead
                .spawn("reader")
                .scope(docs().budget(Budget::new("calls", 1000)))
                .await
            else {
                refused += 1;
                continue;
            };
            match child
                .call("fs_read", &json!({"path": "/srv/docs/a.md"}))
                .await
            {
                Outcome::Value { .. } => done += 1,
                Outcome::Denied(denial) => {
                    assert_eq!(
                        (denial.kind(), denial.hop()),
                        (Kind::Budget, Some(0)),
                        "{denial}"
                    );
                    refused += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((done, refused), (75, 25));
    }

    #[tokio::test]
    async fn attack_21_a_budget_of_zero_is_none() {
        let orchestrator = build(&Authority::generate(), |builder| {
            builder.model(ScriptedModel::new([say("hello")]))
        });
        let scope = lead_scope().budget(Budget::new("turns", 0));
        let lead = orchestrator.agent("lead", scope).await.unwrap();
        let failed = lead.run("speak").await.unwrap_err();
        assert_eq!(
            (
                failed.report().finished().ended,
                failed.report().finished().turns
            ),
            (Ended::Budget, 0)
        );
    }
}
