//! The table of decisions: each beside its floor and beside the stock engine, in one run.
//!
//! `cargo bench -p bailiwick --bench decision`

#![expect(clippy::unwrap_used, reason = "a benchmark")]

mod common;

use std::hint::black_box;

use bailiwick::capability::{AgentKey, Call};
use bailiwick::guard::{Guard, Revocable, Revocations};
use biscuit_auth::Biscuit;
use common::paired::ratio;
use common::table::{self, median, time};
use common::{ARGUMENTS, DEPTHS, Floor, World, now, stock};
use criterion::{BatchSize, Criterion};

fn measure(criterion: &mut Criterion, depth: u32) {
    let world = World::of(depth);
    let (held, call, context) = (&world.held, &world.call, &world.context);
    let guard = guard(&world);
    let bytes = held.chain().to_bytes();
    let floor = Floor::new(&world);
    let mut group = criterion.benchmark_group(depth.to_string());

    group.bench_function("warm", |b| {
        b.iter(|| guard.check(black_box(held).into(), call, context).unwrap());
    });
    let revoked = Revocations::new();
    revoked.revoke((0..1_000_000u64).map(|n| {
        let mut id = [0; 64];
        id[..8].copy_from_slice(&n.to_le_bytes());
        Revocable::Block(id)
    }));
    let strict = Guard::builder(world.ring.clone())
        .audience("files")
        .revocations(revoked)
        .build();
    group.bench_function("warm_revocations", |b| {
        b.iter(|| strict.check(black_box(held).into(), call, context).unwrap());
    });
    drop(strict);
    group.bench_function("whole", |b| {
        b.iter(|| whole(&world, &guard));
    });
    let (verifier, stock_bytes, stock_root) = (
        world.stock_verifier(),
        world.stock_bytes(),
        world.stock_root(),
    );
    let token = Biscuit::from(&stock_bytes, stock_root).unwrap();
    group.bench_function("stock", |b| b.iter(|| stock(&verifier, black_box(&token))));
    group.bench_function("stock_cold", |b| {
        b.iter(|| {
            stock(
                &verifier,
                &Biscuit::from(black_box(&stock_bytes), stock_root).unwrap(),
            )
        });
    });
    world.ring.keep(&world.ring.chain(&bytes).unwrap());
    group.bench_function("bytes_cached", |b| {
        b.iter(|| world.ring.chain(black_box(&bytes)).unwrap());
    });
    group.bench_function("cold", |b| {
        b.iter_batched(
            || world.fresh(),
            |bytes| world.ring.chain(black_box(&bytes)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("floor_verify", |b| b.iter(|| floor.verify(1)));
    // One that the guard has not seen each time: the cache knows the chain, not the call.
    group.bench_function("wire", |b| {
        b.iter_batched_ref(
            || world.wire_call(),
            |bytes| world.ring.wire_call(bytes).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("floor_sign", |b| b.iter(|| floor.sign()));
    let child = AgentKey::generate().public();
    group.bench_function("delegate", |b| {
        b.iter(|| {
            held.delegate("reader", &world.scope, black_box(child), now())
                .unwrap()
        });
    });
    group.finish();
}

/// What has a target, each measured in turns with what it is held against: a cold chain beside as many
/// verifications, a wire call beside one, a delegation beside a signature, and the rest.
fn beside_floors(depth: u32) -> Vec<String> {
    let world = World::of(depth);
    let floor = Floor::new(&world);
    let cold = ratio(
        || world.fresh(),
        |bytes| (world.ring.chain(black_box(&bytes)).unwrap(), bytes),
        || floor.verify(depth + 1),
    );
    world.ring.keep(world.held.chain());
    let wire = ratio(
        || world.wire_call(),
        |bytes| (world.ring.wire_call(&bytes).unwrap(), bytes),
        || floor.verify(1),
    );
    let child = AgentKey::generate().public();
    let delegate = ratio(
        || (),
        |()| {
            world
                .held
                .delegate("reader", &world.scope, black_box(child), now())
                .unwrap()
        },
        || floor.sign(),
    );
    let cells = [cold, wire, delegate].map(|ratio| format!("{ratio:.2}"));
    let quick = beside_stock(&world).map(|ratio| format!("1/{:.0}", 1.0 / ratio));
    let cached = format!("{:.1}", cached_beside_warm(&world));
    [depth.to_string()]
        .into_iter()
        .chain(cells)
        .chain(quick)
        .chain([cached])
        .collect()
}

fn guard(world: &World) -> Guard {
    Guard::builder(world.ring.clone()).audience("files").build()
}

/// The whole of a decision in process: the arguments' text read, the call checked, its digest made.
fn whole(world: &World, guard: &Guard) -> [u8; 32] {
    let (held, context) = (&world.held, &world.context);
    let call = Call::parse("fs.read", black_box(ARGUMENTS)).unwrap();
    guard.check(held.into(), &call, context).unwrap();
    let task = context.facts.task.as_deref();
    call.digest(&held.chain().holder(), task, guard.audience())
}

/// A warm check and a whole decision, each in turns with the stock engine.
fn beside_stock(world: &World) -> [f64; 2] {
    let (verifier, guard) = (world.stock_verifier(), guard(world));
    let token = Biscuit::from(world.stock_bytes(), world.stock_root()).unwrap();
    let (held, call, context) = (&world.held, &world.call, &world.context);
    let warm = ratio(
        || (),
        |()| guard.check(black_box(held).into(), call, context).is_ok(),
        || stock(&verifier, black_box(&token)),
    );
    let whole = ratio(
        || (),
        |()| whole(world, &guard),
        || stock(&verifier, black_box(&token)),
    );
    [warm, whole]
}

/// The bytes of a chain that was seen before, in turns with a warm check.
fn cached_beside_warm(world: &World) -> f64 {
    let (bytes, guard) = (world.held.chain().to_bytes(), guard(world));
    let (held, call, context) = (&world.held, &world.call, &world.context);
    ratio(
        || (),
        |()| world.ring.chain(black_box(&bytes)).unwrap(),
        || guard.check(black_box(held).into(), call, context).is_ok(),
    )
}

fn report() {
    table::head(&[
        "depth",
        "cold (its verifications = 1)",
        "wire call (a verification = 1)",
        "delegate (a signature = 1)",
        "warm (of stock)",
        "whole decision (of stock)",
        "cached bytes (warm = 1)",
    ]);
    for depth in DEPTHS {
        table::row(beside_floors(depth));
    }
    let row = |depth: u32| -> Option<Vec<String>> {
        let of = |id| median("decision", &depth.to_string(), id);
        let (warm, whole, stock, stock_cold) =
            (of("warm")?, of("whole")?, of("stock")?, of("stock_cold")?);
        let (verify, sign) = (of("floor_verify")?, of("floor_sign")?);
        let (cached, cold, wire) = (of("bytes_cached")?, of("cold")?, of("wire")?);
        Some(vec![
            depth.to_string(),
            format!("{} (1/{:.0})", time(warm), stock / warm),
            format!("{:.2}", of("warm_revocations")? / warm),
            format!("{} (1/{:.0})", time(whole), stock / whole),
            format!("{} ({:.1})", time(cached), cached / warm),
            format!("{} (1/{:.1})", time(cold), stock_cold / cold),
            time(wire),
            time(of("delegate")?),
            format!("{}, {}", time(stock), time(stock_cold)),
            format!("{}, {}", time(verify), time(sign)),
        ])
    };
    table::head(&[
        "depth",
        "warm (of stock)",
        "with a million revocations (warm = 1)",
        "whole decision (of stock)",
        "cached bytes (warm = 1)",
        "cold (of stock)",
        "wire call",
        "delegate",
        "stock engine, from bytes",
        "one verification, one signature",
    ]);
    DEPTHS
        .iter()
        .filter_map(|depth| row(*depth))
        .for_each(table::row);
}

fn main() {
    let mut criterion = table::criterion("decision");
    DEPTHS
        .iter()
        .for_each(|depth| measure(&mut criterion, *depth));
    criterion.final_summary();
    report();
}
