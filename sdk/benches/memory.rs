//! What a token, the cache of verified blocks and idle agents take in memory, counted at the allocator.
//!
//! `cargo bench -p bailiwick --bench memory`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use std::mem::forget;

use allocation_counter::measure;
use bailiwick::agent::{Agent, Orchestrator};
use bailiwick::capability::{AgentKey, Authority, Grant, KeyRing, Mandate, Scope, any};
use common::table::{head, row};
use common::{DEPTHS, World, now};

fn main() {
    head(&[
        "depth",
        "bytes of the token",
        "verified and compiled, beside them",
        "allocations to verify",
        "allocations of a warm check",
    ]);
    for depth in DEPTHS {
        let world = World::of(depth);
        let bytes = world.held.chain().to_bytes();
        let ring = KeyRing::new([world.root.root()]);
        // The cache keeps the links; what the caller holds is dropped.
        let cold = measure(|| ring.keep(&ring.chain(&bytes).unwrap()));
        let guard = bailiwick::guard::Guard::builder(ring)
            .audience("files")
            .build();
        let check = || {
            let checked = guard.check((&world.held).into(), &world.call, &world.context);
            assert!(checked.is_ok());
        };
        check();
        let warm = measure(check);
        row([
            depth.to_string(),
            bytes.len().to_string(),
            cold.bytes_current.to_string(),
            cold.count_total.to_string(),
            warm.count_total.to_string(),
        ]);
    }
    caches();
    agents();
}

/// The cache under ever more tokens: it stops growing.
fn caches() {
    head(&["tokens of one block seen", "bytes held by the cache"]);
    let world = World::of(0);
    let ring = KeyRing::new([world.root.root()]);
    let mut seen = 0;
    let mut held = 0;
    for upto in [1_000, 5_000, 10_000, 20_000, 40_000u32] {
        let tokens: Vec<Vec<u8>> = (seen..upto)
            .map(|_| {
                let key = AgentKey::generate().public();
                let chain = world
                    .root
                    .mint(&world.scope, &Mandate::default(), key, now());
                chain.unwrap().to_bytes()
            })
            .collect();
        held += measure(|| {
            tokens
                .iter()
                .for_each(|bytes| ring.keep(&ring.chain(bytes).unwrap()))
        })
        .bytes_current;
        seen = upto;
        row([upto.to_string(), held.to_string()]);
    }
    forget(ring);
}

/// Agents that are alive and do nothing: children of one agent, with one grant each.
fn agents() {
    head(&[
        "idle agents",
        "bytes an agent",
        "of these its spawn, in the record",
        "allocations to spawn one",
    ]);
    // All of it on this thread, whose allocations are counted.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let read = || Scope::new().grant(Grant::new("fs.read").arg("path", any()));
    let orchestrator = Orchestrator::builder(&Authority::generate())
        .max_agents(usize::MAX)
        .build()
        .unwrap();
    let scope = read().grant(Grant::spawn(["reader"])).max_depth(1);
    let lead = runtime.block_on(orchestrator.agent("lead", scope)).unwrap();
    let store = orchestrator.guard().store();
    let mut alive: Vec<Agent> = Vec::with_capacity(3_000);
    for _ in 0..3 {
        let mut spawned = Vec::with_capacity(1_000);
        let all = measure(|| {
            runtime.block_on(async {
                for _ in 0..1_000 {
                    let child = lead.spawn("reader").scope(read());
                    spawned.push(child.await.unwrap());
                }
            });
        });
        alive.append(&mut spawned);
        // Read back as copies, a spawn is as many bytes as the store keeps of it.
        let log = orchestrator.gate().audit().log();
        let mut entries = Vec::new();
        let kept = measure(|| {
            let seq = runtime.block_on(store.head(log)).unwrap().seq;
            let last = store.log(log, seq - 3_000, usize::MAX);
            entries = runtime.block_on(last).unwrap();
        });
        assert_eq!(entries.len(), 3_000);
        row([
            alive.len().to_string(),
            (all.bytes_current / 1_000).to_string(),
            (kept.bytes_current / 1_000).to_string(),
            (all.count_total / 1_000).to_string(),
        ]);
    }
}
