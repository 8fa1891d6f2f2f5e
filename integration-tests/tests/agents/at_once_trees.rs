//! Random trees of agents under budgets of agents at once, against a count of who is alive: after each
//! step every counter is what it should be, for every way to end, and a process that is gone loses no count.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the functions that tests share are test code too"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bailiwick::agent::{Agent, Orchestrator, Resumed, SealKey};
use bailiwick::capability::{Authority, Budget, Held, Scope};
use bailiwick::guard::AGENTS;
use bailiwick::model::scripted::{ScriptedModel, say};
use bailiwick::store::{Batch, Key, SqliteStore};
use bailiwick_integration_tests::support::slots::{at_most, lead, scope, spawn};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

/// What happens to one of the agents that are alive.
#[derive(Clone, Debug)]
enum Step {
    /// It asks for so many children at once, each with a budget of its own or none.
    Spawn(u8, Option<u64>),
    /// It asks for a child that is wider than itself.
    Widen,
    /// It asks for a child, and after this number of polls it no longer waits for the child.
    Leave(u8),
    Drop,
    Run,
    Cancel,
    /// It runs, and the task that it runs on is stopped.
    Abort(u8),
}

fn steps() -> impl Strategy<Value = Vec<(usize, Step)>> {
    let most = prop_oneof![2 => Just(None), 3 => (0..4u64).prop_map(Some)];
    let step = prop_oneof![
        6 => (1..4u8, most).prop_map(|(many, most)| Step::Spawn(many, most)),
        1 => Just(Step::Widen),
        1 => (0..9u8).prop_map(Step::Leave),
        2 => Just(Step::Drop),
        1 => Just(Step::Run),
        1 => Just(Step::Cancel),
        1 => (0..9u8).prop_map(Step::Abort),
    ];
    prop::collection::vec((any::<usize>(), step), 1..24)
}

/// An agent that was made, and what is known of it without asking.
struct Node {
    parent: Option<usize>,
    most: Option<u64>,
    /// There while it is alive.
    agent: Option<Agent>,
    held: Arc<Held>,
    /// It, or an agent above it, has ended or was cancelled.
    stopped: bool,
}

/// A tree, and who of it is alive.
struct Tree {
    orchestrator: Orchestrator,
    nodes: Vec<Node>,
}

impl Tree {
    fn new(orchestrator: Orchestrator, lead: Agent, most: u64) -> Self {
        let mut tree = Self {
            orchestrator,
            nodes: Vec::new(),
        };
        tree.add(lead, None, Some(most));
        tree
    }

    fn add(&mut self, agent: Agent, parent: Option<usize>, most: Option<u64>) {
        let stopped = parent.is_some_and(|parent| self.nodes[parent].stopped);
        self.nodes.push(Node {
            parent,
            most,
            held: agent.held(),
            agent: Some(agent),
            stopped,
        });
    }

    /// An agent and all above it.
    fn line(&self, of: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(of), |at| self.nodes[*at].parent)
    }

    fn alive(&self) -> Vec<usize> {
        let all = 0..self.nodes.len();
        all.filter(|at| self.nodes[*at].agent.is_some()).collect()
    }

    /// How many more may be alive beneath an agent; none where nothing says.
    fn room(&self, of: usize) -> Option<u64> {
        let room = self.line(of).filter_map(|above| {
            let beneath = |at: &usize| *at != above && self.line(*at).any(|it| it == above);
            let alive = self.alive().into_iter().filter(beneath).count() as u64;
            Some(self.nodes[above].most?.saturating_sub(alive))
        });
        room.min()
    }

    /// Lets everything that was begun come to its end: a spawn is two commits, and an end is one more.
    async fn settle(&self) {
        for _ in 0..6 {
            self.written().await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Waits until what the store was given is written: commits are made in their order.
    async fn written(&self) {
        let nothing = Batch::new().raise(Key::of(["nothing"]), 0);
        let store = self.orchestrator.guard().store();
        store.commit(nothing).await.unwrap();
    }

    /// Every counter is what it should be, of those that have ended too. It never says that there is
    /// more room than there is; that there is less is said until an end is written, which on a busy
    /// machine takes its time.
    async fn check(&self) {
        for (at, node) in self.nodes.iter().enumerate() {
            let room = self.room(at);
            let mut left = None;
            for _ in 0..2_000 {
                self.written().await;
                let now = self.orchestrator.guard().left(&node.held, AGENTS).await;
                left = now.unwrap();
                assert!(left <= room, "agent {at}: {left:?} of {room:?}");
                if left == room {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(left, room, "agent {at}");
        }
    }

    fn stop(&mut self, at: usize) {
        for other in 0..self.nodes.len() {
            if self.line(other).any(|it| it == at) {
                self.nodes[other].stopped = true;
            }
        }
    }

    async fn take(&mut self, who: usize, step: Step) {
        let alive = self.alive();
        let Some(at) = alive.get(who % alive.len().max(1)).copied() else {
            return;
        };
        match step {
            Step::Spawn(many, most) => self.spawn(at, many, most).await,
            Step::Widen => {
                let wider = spawn(self.agent(at), scope().max_depth(99)).await;
                assert!(wider.is_err());
            }
            Step::Leave(polls) => {
                let mut spawning = Box::pin(spawn(self.agent(at), scope()));
                for _ in 0..polls {
                    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                    if spawning.as_mut().poll(&mut context).is_ready() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                drop(spawning);
                self.settle().await;
            }
            Step::Drop => drop(self.end(at)),
            Step::Run => drop(self.end(at).run("go").await),
            Step::Cancel => {
                let agent = self.end(at);
                agent.handle().cancel();
                assert!(agent.run("go").await.is_err());
            }
            Step::Abort(polls) => {
                let running = tokio::spawn(self.end(at).run("go"));
                for _ in 0..polls {
                    tokio::task::yield_now().await;
                }
                running.abort();
                drop(running.await);
                self.settle().await;
            }
        }
    }

    fn agent(&self, at: usize) -> &Agent {
        self.nodes[at].agent.as_ref().unwrap()
    }

    fn end(&mut self, at: usize) -> Agent {
        self.stop(at);
        self.nodes[at].agent.take().unwrap()
    }

    /// Exactly as many are spawned as there is room for.
    async fn spawn(&mut self, at: usize, many: u8, most: Option<u64>) {
        if self.line(at).count() > 6 {
            return;
        }
        let room = match self.nodes[at].stopped {
            true => 0,
            false => self.room(at).unwrap_or(u64::MAX),
        };
        let child = most.map_or_else(scope, at_most);
        let asked = (0..many).map(|_| {
            let spawning = self.agent(at).spawn("worker").scope(child.clone());
            tokio::spawn(spawning.into_future())
        });
        let asked: Vec<_> = asked.collect();
        let mut spawned = 0;
        for asked in asked {
            if let Ok(agent) = asked.await.unwrap() {
                spawned += 1;
                self.add(agent, Some(at), most);
            }
        }
        assert_eq!(spawned, u64::from(many).min(room), "{room} had room");
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// An orchestrator of one process on a store in a file.
fn process(file: &std::path::Path, (authority, seal): (&Authority, [u8; 32])) -> Orchestrator {
    let store = SqliteStore::open(file).unwrap();
    Orchestrator::builder(authority)
        .store(Arc::new(store))
        .seal_keys(SealKey::from_bytes(seal))
        .max_agents(10_000)
        .model(ScriptedModel::from_fn(|_| say("done")))
        .build()
        .unwrap()
}

impl Tree {
    /// Takes up the agents of a process that is gone.
    fn take_up(&mut self, mut resumed: Resumed, by_path: &BTreeMap<String, usize>) {
        let children = resumed.children();
        let at = by_path[resumed.path()];
        let agent = resumed.into_agent();
        self.nodes[at].held = agent.held();
        self.nodes[at].agent = Some(agent);
        for child in children {
            self.take_up(child, by_path);
        }
    }

    /// The same tree in another process: what was alive is alive.
    async fn crash(mut self, next: Orchestrator, new_keys: bool) -> Self {
        let Some(lead) = &self.nodes[0].agent else {
            return self;
        };
        let (run, mut by_path) = (lead.run_id().unwrap(), BTreeMap::new());
        for at in self.alive() {
            let agent = self.nodes[at].agent.take().unwrap();
            by_path.insert(agent.path().to_owned(), at);
            // Neither dropped nor ended: the process is gone.
            std::mem::forget(agent);
        }
        // What is beneath one that has ended is lost with the process, and its places are free.
        let resumed = match new_keys {
            true => next.resume_with_new_keys(run).await.unwrap(),
            false => next.resume(run).await.unwrap(),
        };
        self.orchestrator = next;
        self.take_up(resumed, &by_path);
        // Tokens that are no more have counters that are no more.
        let gone = |node: &Node| node.agent.is_none();
        let lead = self.nodes[0].held.clone();
        for node in self.nodes.iter_mut().filter(|node| gone(node)) {
            node.held = lead.clone();
            node.parent = Some(0);
            node.most = None;
        }
        self
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn attack_21_who_is_alive_is_counted_and_nothing_leaks(steps in steps(), most in 0..6u64) {
        runtime().block_on(async {
            let (orchestrator, lead) = lead(at_most(most)).await;
            let mut tree = Tree::new(orchestrator, lead, most);
            for (who, step) in steps {
                tree.take(who, step).await;
                tree.check().await;
            }
            for at in tree.alive() {
                drop(tree.end(at));
            }
            tree.check().await;
            assert_eq!(tree.room(0), Some(most));
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn attack_21_a_process_that_is_gone_holds_what_was_alive_and_no_more(
        before in steps(),
        after in steps(),
        most in 1..6u64,
        new_keys in any::<bool>(),
    ) {
        runtime().block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("store");
            let authority = Authority::generate();
            let first = process(&file, (&authority, [7; 32]));
            let lead = first.agent("lead", shared(most)).await.unwrap();
            let mut tree = Tree::new(first, lead, most);
            for (who, step) in before {
                // With the first agent the run would be over.
                let ends = matches!(step, Step::Drop | Step::Run | Step::Cancel | Step::Abort(_));
                let alive = tree.alive();
                if !ends || alive[who % alive.len()] != 0 {
                    tree.take(who, step).await;
                }
                tree.check().await;
            }
            let mut tree = tree.crash(process(&file, (&authority, [7; 32])), new_keys).await;
            tree.check().await;
            for (who, step) in after {
                tree.take(who, step).await;
                tree.check().await;
            }
            for at in tree.alive() {
                drop(tree.end(at));
            }
            tree.check().await;
            assert_eq!(tree.room(0), Some(most));
        });
    }
}

fn shared(most: u64) -> Scope {
    scope().budget(Budget::new(AGENTS, most).shared("team"))
}
