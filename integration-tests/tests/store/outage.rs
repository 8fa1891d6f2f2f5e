//! A store that refuses some commits in a row, or a clock that cannot be read for a while, from each of them
//! on: the whole tree stops as it was kept, and goes on to the same end.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bailiwick::agent::{Agent, ChildFailed, Children, Ended, Orchestrator, ResumeError, SealKey};
use bailiwick::capability::{Authority, Budget, Grant, Risk, Scope, any, minutes};
use bailiwick::clock::{Clock, ClockError, SystemClock};
use bailiwick::guard::{Answer, Effect, Policy, PolicyError, Question};
use bailiwick::id::Timestamp;
use bailiwick::model::scripted::{ScriptedModel, call, calls, say};
use bailiwick::model::{Message, Request, Usage};
use bailiwick::store::{Key, MemoryStore, Store, StoreError, Versioned};
use bailiwick::tool::{Declaration, RuntimeTool};
use bailiwick_integration_tests::support::stores::{Fate, Fated, Moment};
use serde_json::{Value, json};

/// Refuses the commits with these numbers, and the first of the looks for a spent call that are left.
#[derive(Default)]
struct Refuses {
    commits: Mutex<Range<usize>>,
    looks: AtomicUsize,
}

impl Refuses {
    fn commits(commits: Range<usize>) -> Self {
        Self {
            commits: Mutex::new(commits),
            ..Self::default()
        }
    }
}

#[async_trait]
impl Fate for Refuses {
    async fn at(&self, commit: usize, moment: Moment) -> Result<(), StoreError> {
        match moment == Moment::Before && self.commits.lock().unwrap().contains(&commit) {
            true => Err(StoreError::Full),
            false => Ok(()),
        }
    }

    fn gets(&self, key: &Key) -> Result<(), StoreError> {
        let is_look = key.parts()[0] == "replay";
        let left = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        match is_look && self.looks.fetch_update(order, order, left).is_ok() {
            true => Err(StoreError::Full),
            false => Ok(()),
        }
    }
}

/// Permits what the token allows, so that a spent call is looked for before it is asked.
struct Permits;

#[async_trait]
impl Policy for Permits {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        Ok(Answer::permit())
    }
}

/// A clock that cannot be read at the readings with these numbers.
#[derive(Default)]
struct Stops {
    readings: AtomicUsize,
    fails: Mutex<Range<usize>>,
}

impl Stops {
    fn at(&self, fails: Range<usize>) {
        *self.fails.lock().unwrap() = fails;
    }
}

impl Clock for Stops {
    fn now(&self) -> Result<Timestamp, ClockError> {
        let number = self.readings.fetch_add(1, Ordering::SeqCst);
        match self.fails.lock().unwrap().contains(&number) {
            true => Err(ClockError::Unreadable {
                what: "it went away".to_owned(),
            }),
            false => SystemClock.now(),
        }
    }
}

struct Home {
    clock: Arc<Stops>,
    authority: Authority,
    store: Arc<MemoryStore>,
    effects: Arc<Mutex<Vec<String>>>,
    /// What leads were told of their helpers.
    told: Arc<Mutex<Vec<String>>>,
}

impl Home {
    fn new() -> Self {
        Self {
            clock: Arc::default(),
            authority: Authority::generate(),
            store: Arc::new(MemoryStore::new()),
            effects: Arc::default(),
            told: Arc::default(),
        }
    }

    fn process(&self, refuses: Range<usize>) -> (Orchestrator, Arc<Fated<Refuses>>) {
        let (effects, told) = (self.effects.clone(), self.told.clone());
        let pay = Declaration::new("pay", Effect::Send, Risk::Low);
        let pay = RuntimeTool::new(pay, json!({ "type": "object" }), move |args, _| {
            effects
                .lock()
                .unwrap()
                .push(args["to"].as_str().unwrap().to_owned());
            std::future::ready(Ok(json!("paid")))
        });
        let model = ScriptedModel::from_fn(move |request: &Request| {
            let Some(Message::User { text: task }) = request.messages.first() else {
                panic!("no task")
            };
            let helper = |name: &str| {
                let scope = Scope::new().grant(Grant::new("pay").arg("to", any()));
                let scope = scope.budget(Budget::new("turns", 5)).to_json();
                call(
                    "agent_spawn",
                    json!({ "role": "payer", "task": name, "scope": scope }),
                )
            };
            let told_now: Vec<String> = request
                .messages
                .iter()
                .filter_map(|message| match message {
                    Message::Tool { outcome, .. } => Some(outcome.clone()),
                    _ => None,
                })
                .collect();
            let turn = match (task.as_str(), told_now.is_empty()) {
                ("lead", true) => calls([helper("ann"), helper("bob"), helper("cal")]),
                ("lead", false) => {
                    told.lock().unwrap().extend(told_now);
                    say("all are paid")
                }
                (name, true) => call("pay", json!({ "to": name })),
                (name, false) => say(format!("{name}: {}", told_now.concat())),
            };
            turn.costing(Usage {
                input: 7,
                output: 3,
                cached: 0,
            })
        });
        let store = Arc::new(Fated::new(self.store.clone(), Refuses::commits(refuses)).durable());
        let orchestrator = Orchestrator::builder(&self.authority)
            .store(store.clone())
            .clock(self.clock.clone())
            .seal_keys(SealKey::from_bytes([7; 32]))
            .tool(pay)
            .policy(Arc::new(Permits))
            .model(model)
            .build()
            .unwrap();
        (orchestrator, store)
    }

    /// Begins the run while the store refuses those commits, and goes on with it once it does not: in the
    /// same process, or in another. What is left of each budget, and how each agent ended.
    async fn run(&self, refuses: Range<usize>, by_code: bool, same: bool) -> Option<Left> {
        let (first, fated) = self.process(refuses.clone());
        // A refusal before there is a run is reported to the caller that begins it.
        let lead = first.agent("lead", scope()).await.ok()?;
        let (held, run) = (lead.held(), lead.run_id().unwrap());
        let begun = match by_code {
            true => by_code_alone(lead).await,
            false => lead
                .run("lead")
                .await
                .map(drop)
                .map_err(|failed| failed.report().finished().ended),
        };
        assert!(
            matches!(begun, Ok(()) | Err(Ended::NotPersisted)),
            "{refuses:?}: {begun:?}"
        );
        // The store and the clock are back.
        self.clock.at(0..0);
        let next = match same {
            true => {
                fated.fate.commits.lock().unwrap().clone_from(&(0..0));
                first.clone()
            }
            false => self.process(0..0).0,
        };
        for _ in 0..9 {
            let mut resumed = match next.resume(run).await {
                Ok(resumed) => resumed,
                Err(ResumeError::Ended { .. }) => break,
                Err(error) => panic!("{refuses:?}: {error}"),
            };
            match by_code {
                false => drop(match resumed.task() {
                    Some(_) => resumed.run().await.unwrap(),
                    // Not even its beginning was kept.
                    None => resumed.into_agent().run("lead").await.unwrap(),
                }),
                true => {
                    for (number, child) in resumed.children().into_iter().enumerate() {
                        let report = match child.task() {
                            Some(_) => child.run().await.unwrap(),
                            None => {
                                let name = format!("dan {number}");
                                child.into_agent().run(name).await.unwrap()
                            }
                        };
                        assert!(report.text().contains("paid") || !report.unknown().is_empty());
                    }
                    drop(resumed.into_agent());
                }
            }
        }
        let mut left = BTreeMap::new();
        for kind in ["calls", "turns", "tokens", "agents"] {
            left.insert(kind, next.guard().left(&held, kind).await.unwrap().unwrap());
        }
        let kept = self.store.scan(&Key::of(["run"]), None, 999).await.unwrap();
        let ended = |(key, kept): &(Key, Versioned)| match key.parts()[2].as_str() {
            "ended" => {
                let record: Value = serde_json::from_str(&kept.value).unwrap();
                Some(record["ended"].as_str().unwrap().to_owned())
            }
            "agents" | "calls" | "spawning" => Some(format!("open: {key} {}", kept.value)),
            _ => None,
        };
        let mut ended: Vec<_> = kept.iter().filter_map(ended).collect();
        ended.sort();
        Some(Left { left, ended })
    }
}

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    left: BTreeMap<&'static str, u64>,
    /// How each agent ended.
    ended: Vec<String>,
}

fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("pay").arg("to", any()))
        .grant(Grant::spawn(["payer"]))
        .budget(Budget::new("calls", 100))
        .budget(Budget::new("turns", 100))
        .budget(Budget::new("tokens", 100_000))
        .budget(Budget::new("agents", 20))
        .expires_in(minutes(60))
        .max_depth(2)
}

/// A lead that code drives, with helpers that their models drive.
async fn by_code_alone(lead: Agent) -> Result<(), Ended> {
    let mut children = Children::at_most(3);
    for name in ["ann", "bob", "cal"] {
        let scope = Scope::new().grant(Grant::new("pay").arg("to", any()));
        let scope = scope.budget(Budget::new("turns", 5));
        children.run(lead.spawn("payer").scope(scope), name);
    }
    for ran in children.join().await {
        match ran {
            Ok(_) => {}
            Err(ChildFailed::Run(failed)) => return Err(failed.report().finished().ended),
            // It did not begin.
            Err(_) => return Err(Ended::NotPersisted),
        }
    }
    Ok(())
}

/// How many commits a run makes, and what it leaves.
async fn calm() -> (usize, Left) {
    let home = Home::new();
    let (orchestrator, fated) = home.process(0..0);
    let lead = orchestrator.agent("lead", scope()).await.unwrap();
    lead.run("lead").await.unwrap();
    let commits = fated.commits();
    let left = Home::new().run(0..0, false, false).await.unwrap();
    assert_eq!(left.ended, ["answer"; 4]);
    (commits, left)
}

#[tokio::test]
async fn every_helper_comes_home_whichever_commits_are_refused() {
    let (commits, calm) = calm().await;
    assert!(commits > 30, "{commits}");
    let mut stopped = 0;
    for first in 0..commits {
        for many in [1, 2, 7, 40] {
            for same in [false, true] {
                let at = format!("{many} from {first}, same process: {same}");
                let home = Home::new();
                let Some(left) = home.run(first..first + many, false, same).await else {
                    continue;
                };
                stopped += 1;
                assert_eq!(left, calm, "{at}");
                // The last answer of the model is asked for again where it was not kept.
                let told = home.told.lock().unwrap();
                let told = told[told.len() - 3..].to_vec();
                let mut names: Vec<_> = told.iter().map(|told| told.split(':').next()).collect();
                names.sort_unstable();
                assert_eq!(
                    names,
                    [Some("ann"), Some("bob"), Some("cal")],
                    "{at}: {told:?}"
                );
                let mut paid = home.effects.lock().unwrap().clone();
                let all = paid.len();
                paid.sort_unstable();
                paid.dedup();
                assert_eq!(paid.len(), all, "{at}: paid twice");
                // A caller that was not told that it is paid was told that this is not known.
                for (name, told) in ["ann", "bob", "cal"].iter().zip(sorted(told)) {
                    let is_known =
                        told == format!("{name}: paid") && paid.contains(&(*name).to_owned());
                    assert!(is_known || told.contains("not known"), "{at}: {told}");
                }
            }
        }
    }
    assert!(stopped > commits, "{stopped}");
}

fn sorted(mut told: Vec<String>) -> Vec<String> {
    told.sort_unstable();
    told
}

#[tokio::test]
async fn a_spent_call_that_cannot_be_looked_for_stops_the_tree_and_denies_nothing() {
    for looks in 1..9 {
        let home = Home::new();
        let (orchestrator, fated) = home.process(0..0);
        let lead = orchestrator.agent("lead", scope()).await.unwrap();
        let run = lead.run_id().unwrap();
        fated.fate.looks.store(looks, Ordering::SeqCst);
        let failed = lead.run("lead").await.unwrap_err();
        assert_eq!(
            failed.report().finished().ended,
            Ended::NotPersisted,
            "{looks}"
        );
        assert_eq!(failed.report().denials().len(), 0, "{looks}");
        fated.fate.looks.store(0, Ordering::SeqCst);
        let report = orchestrator.resume(run).await.unwrap().run().await.unwrap();
        assert_eq!(report.text(), "all are paid", "{looks}");
        assert_eq!(
            sorted(home.effects.lock().unwrap().clone()),
            ["ann", "bob", "cal"]
        );
    }
}

#[tokio::test]
async fn helpers_of_a_lead_that_code_drives_are_handed_back() {
    let (commits, _) = calm().await;
    for first in 0..commits {
        for many in [1, 7, 40] {
            let home = Home::new();
            let Some(left) = home.run(first..first + many, true, first % 2 == 0).await else {
                continue;
            };
            let at = format!("{many} from {first}: {left:?}");
            assert!(
                !left.ended.iter().any(|ended| ended.starts_with("open")),
                "{at}"
            );
            assert!(!left.ended.iter().any(|ended| ended == "not kept"), "{at}");
            // All places were given back.
            assert_eq!(left.left["agents"], 20, "{at}");
            let mut paid = home.effects.lock().unwrap().clone();
            let all = paid.len();
            paid.sort_unstable();
            paid.dedup();
            assert_eq!(paid.len(), all, "{at}: paid twice");
        }
    }
}

#[tokio::test]
async fn every_helper_comes_home_whenever_the_clock_cannot_be_read() {
    let (_, calm) = calm().await;
    let home = Home::new();
    home.run(0..0, false, false).await.unwrap();
    let readings = home.clock.readings.load(Ordering::SeqCst);
    assert!(readings > 30, "{readings}");
    let mut stopped = 0;
    for first in 0..readings {
        for many in [1, 9] {
            for same in [false, true] {
                let at = format!("{many} from {first}, same process: {same}");
                let home = Home::new();
                home.clock.at(first..first + many);
                let Some(left) = home.run(0..0, false, same).await else {
                    continue;
                };
                stopped += 1;
                assert_eq!(left, calm, "{at}");
                let told = home.told.lock().unwrap();
                let told = sorted(told[told.len() - 3..].to_vec());
                // A call that was not begun is made once the clock is back, and none is denied for the clock.
                for (name, told) in ["ann", "bob", "cal"].iter().zip(told) {
                    let is_told = told == format!("{name}: paid") || told.contains("not known");
                    assert!(is_told, "{at}: {told}");
                }
                let paid = sorted(home.effects.lock().unwrap().clone());
                let mut once = paid.clone();
                once.dedup();
                assert_eq!(paid, once, "{at}: paid twice");
            }
        }
    }
    assert!(stopped > readings, "{stopped} of {readings}");
}
