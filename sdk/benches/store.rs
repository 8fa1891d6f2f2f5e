//! Commits to the store in a file beside SQLite's own, and whole calls through the gate over it.
//!
//! `cargo bench -p bailiwick --features sqlite --bench store`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;
#[path = "common/raw.rs"]
mod raw;

use std::sync::Arc;

use bailiwick::capability::Risk;
use bailiwick::clock::ManualClock;
use bailiwick::guard::{Effect, Guard};
use bailiwick::record::Audit;
use bailiwick::store::{Batch, Expected, Key, LogName, MemoryStore, SqliteStore, Store};
use bailiwick::tool::{Declaration, Gate, Outcome, RuntimeTool, Situation, Toolbox};
use common::World;
use common::table::{self, median, time};
use criterion::{BenchmarkGroup, Throughput, measurement::WallTime};
use raw::{Raw, body, fresh};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// How many are asked for at once.
const AT_ONCE: [u64; 2] = [1, 64];
/// How often each of them asks in a round, one after the other.
const TIMES: u64 = 8;
/// On the disk of the build, since `/tmp` may be in memory.
fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// What a call writes: its id, a budget, the time, an entry.
fn batch() -> Batch {
    let key = Key::of(["replay", "5f", &fresh()]);
    Batch::new()
        .expect(key.clone(), Expected::Absent)
        .put(key, "true")
        .add(Key::of(["budget", "calls", "all"]), 1, None)
        .raise(Key::of(["clock", "highest"]), 1)
        .append(LogName::of(["audit"]), body())
}

/// So many that commit at once, each again when it was answered.
async fn commits(store: &Arc<SqliteStore>, at_once: u64) {
    let mut running = JoinSet::new();
    for _ in 0..at_once {
        let store = store.clone();
        running.spawn(async move {
            for _ in 0..TIMES {
                store.commit(batch()).await.unwrap();
            }
        });
    }
    running.join_all().await;
}

/// A gate to a tool that does nothing, and who calls it.
struct Calls {
    gate: Gate,
    world: World,
    situation: Situation,
}

impl Calls {
    fn over(store: Arc<dyn Store>) -> Arc<Self> {
        let world = World::of(1);
        let declared = Declaration::new("fs.read", Effect::Read, Risk::Low);
        let tool = RuntimeTool::new(declared, json!({}), |_, _| async { Ok(Value::Null) });
        let guard = Guard::builder(world.ring.clone())
            .audience("files")
            .clock(Arc::new(ManualClock::at(common::now())))
            .store(store)
            // The clock stands still, so no call ever lapses.
            .replay_bounds(usize::MAX, usize::MAX)
            .build_recorded(Audit::new());
        let toolbox = Toolbox::builder().tool(tool).build().unwrap();
        let situation = Situation {
            agent: "lead/reader".to_owned(),
            task: Some("report".to_owned()),
            ..Situation::default()
        };
        Arc::new(Self {
            gate: Gate::new(guard, toolbox),
            world,
            situation,
        })
    }

    async fn round(self: &Arc<Self>, at_once: u64) {
        let mut running = JoinSet::new();
        for _ in 0..at_once {
            let calls = self.clone();
            running.spawn(async move {
                let Self {
                    gate,
                    world,
                    situation,
                } = &*calls;
                for _ in 0..TIMES {
                    let called = gate.call(&world.held, "fs.read", common::ARGUMENTS, situation);
                    let outcome = called.await;
                    assert!(matches!(outcome, Outcome::Value { .. }), "{outcome:?}");
                }
            });
        }
        running.join_all().await;
    }
}

fn measure(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut round: impl FnMut(u64)) {
    for at_once in AT_ONCE {
        group.throughput(Throughput::Elements(at_once * TIMES));
        group.bench_function(format!("{name}-{at_once}"), |b| b.iter(|| round(at_once)));
    }
}

fn main() {
    let runtime = Runtime::new().unwrap();
    let mut criterion = table::criterion("store");
    let mut group = criterion.benchmark_group("store");

    let place = directory();
    let mut raw = Raw::new(&place.path().join("raw"));
    measure(&mut group, "raw", |rows| {
        for _ in 0..TIMES {
            raw.write(rows);
        }
    });

    let store = Arc::new(SqliteStore::open(place.path().join("commits")).unwrap());
    measure(&mut group, "commits", |at_once| {
        runtime.block_on(commits(&store, at_once));
    });

    let store = SqliteStore::open(place.path().join("calls")).unwrap();
    let kept = Calls::over(Arc::new(store));
    measure(&mut group, "calls", |at_once| {
        runtime.block_on(kept.round(at_once));
    });
    let forgot = Calls::over(Arc::new(MemoryStore::new()));
    measure(&mut group, "memory", |at_once| {
        runtime.block_on(forgot.round(at_once));
    });
    group.finish();
    criterion.final_summary();

    let of = |name: &str, at_once: u64| {
        median("store", "store", &format!("{name}-{at_once}"))
            .map(|all| all / (at_once * TIMES) as f64)
    };
    table::head(&["what", "at once", "each", "a second", "of SQLite's own"]);
    for (name, what) in [
        ("raw", "SQLite's own, rows of a call in one transaction"),
        ("commits", "commits to the store"),
        ("calls", "calls through the gate, two commits each"),
        ("memory", "the same calls, kept in memory"),
    ] {
        for at_once in AT_ONCE {
            if let (Some(each), Some(raw)) = (of(name, at_once), of("raw", at_once)) {
                table::row([
                    what.to_owned(),
                    at_once.to_string(),
                    time(each),
                    format!("{:.0}", 1e9 / each),
                    format!("{:.2}", raw / each),
                ]);
            }
        }
    }
}
