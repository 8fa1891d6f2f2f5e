//! Warm checks while one, two, four and eight tasks share one guard.
//!
//! `cargo bench -p bailiwick --bench shared`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use std::hint::black_box;
use std::sync::Arc;

use bailiwick::guard::Guard;
use common::World;
use common::table::{self, median, time};
use criterion::Throughput;
use tokio::task::JoinSet;

const TASKS: [u64; 4] = [1, 2, 4, 8];
/// How many checks each measured round makes, whatever the number of tasks.
const CHECKS: u64 = 80_000;

/// All checks of a round, shared out among so many tasks.
async fn round(tasks: u64, world: &Arc<World>, guard: &Arc<Guard>) {
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let (world, guard) = (world.clone(), guard.clone());
        running.spawn(async move {
            for _ in 0..CHECKS / tasks {
                let held = black_box(&world.held);
                guard
                    .check(held.into(), &world.call, &world.context)
                    .unwrap();
            }
        });
    }
    running.join_all().await;
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = Arc::new(World::of(4));
    let guard = Arc::new(Guard::builder(world.ring.clone()).audience("files").build());
    let mut criterion = table::criterion("shared");
    let mut group = criterion.benchmark_group("checks");
    group.throughput(Throughput::Elements(CHECKS));
    for tasks in TASKS {
        group.bench_function(tasks.to_string(), |b| {
            b.iter(|| runtime.block_on(round(tasks, &world, &guard)));
        });
    }
    group.finish();
    criterion.final_summary();
    table::head(&["tasks", "checks", "a check", "throughput (one task = 1)"]);
    for tasks in TASKS {
        let of = |tasks: u64| median("shared", "checks", &tasks.to_string());
        if let (Some(one), Some(some)) = (of(1), of(tasks)) {
            let each = time(some / CHECKS as f64);
            table::row([
                tasks.to_string(),
                CHECKS.to_string(),
                each,
                format!("{:.2}", one / some),
            ]);
        }
    }
}
