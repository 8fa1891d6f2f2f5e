//! What a token and the cache of verified blocks take in memory, counted at the allocator.
//!
//! `cargo bench -p bailiwick --bench memory`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use std::mem::forget;

use allocation_counter::measure;
use bailiwick::capability::{AgentKey, KeyRing, Mandate};
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
        let cold = measure(|| drop(ring.chain(&bytes).unwrap()));
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
                .for_each(|bytes| drop(ring.chain(bytes).unwrap()))
        })
        .bytes_current;
        seen = upto;
        row([upto.to_string(), held.to_string()]);
    }
    forget(ring);
}
