//! Our side.

use std::hint::black_box;
use std::time::Duration;

use bailiwick::capability::{
    AgentKey, Authority, Call, Grant, Held, KeyRing, Mandate, Risk, Scope, minutes, path_under,
};
use bailiwick::guard::{Context, Effect, Guard};
use bailiwick::id::Timestamp;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup};

use crate::paired::ratio;
use crate::{DIRECTORY, PATH, TOOL};

struct World {
    root: Authority,
    scope: Scope,
    blocks: u32,
    held: Held,
    arguments: String,
    context: Context,
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// A chain of fresh keys.
fn grown(root: &Authority, scope: &Scope, blocks: u32) -> Held {
    let key = AgentKey::generate();
    let chain = root.mint(scope, &Mandate::default(), key.public(), now());
    let mut held = chain.unwrap().held_by(key).unwrap();
    for _ in 1..blocks {
        let key = AgentKey::generate();
        let chain = held.delegate("reader", scope, key.public(), now());
        held = chain.unwrap().held_by(key).unwrap();
    }
    held
}

impl World {
    fn of(blocks: u32) -> Self {
        let grant = Grant::new(TOOL).arg("path", path_under(DIRECTORY));
        // As their warrants may be attenuated further, so may our chains.
        let scope = Scope::new()
            .grant(grant)
            .grant(Grant::spawn(["reader"]))
            .expires_in(minutes(10));
        let root = Authority::generate();
        let held = grown(&root, &scope, blocks);
        let mut context = Context::new("reader", Effect::Read, Risk::Low, now());
        context.facts.audience = Some("files".to_owned());
        let arguments = format!(r#"{{"path":"{PATH}"}}"#);
        Self {
            root,
            scope,
            blocks,
            held,
            arguments,
            context,
        }
    }

    fn call(&self) -> Call {
        Call::parse(TOOL, black_box(&self.arguments)).unwrap()
    }

    fn ring(&self) -> KeyRing {
        KeyRing::new([self.root.root()])
    }

    /// Another chain of the same root, which no keyring has seen.
    fn fresh(&self) -> Held {
        grown(&self.root, &self.scope, self.blocks)
    }

    /// A request that was never made before, under this chain.
    fn request(&self, held: &Held) -> Vec<u8> {
        let life = Duration::from_secs(30);
        held.wire_call(&self.call(), &self.context.facts, life)
            .unwrap()
    }
}

fn guard(ring: KeyRing) -> Guard {
    // The clock of the guard is asked only where it decides for good, which is not measured.
    Guard::builder(ring).audience("files").build()
}

/// The bytes of a chain of so many blocks, and of a request made with it.
pub(crate) fn sizes(blocks: u32) -> (usize, usize) {
    let world = World::of(blocks);
    (
        world.held.chain().to_bytes().len(),
        world.request(&world.held).len(),
    )
}

/// How much longer `tenuo` takes to read and verify a chain that was never seen.
pub(crate) fn cold_beside<B>(blocks: u32, theirs: impl FnMut() -> B) -> f64 {
    let world = World::of(blocks);
    let ring = world.ring();
    let read = |bytes: Vec<u8>| (ring.chain(black_box(&bytes)).unwrap(), bytes);
    1.0 / ratio(|| world.fresh().chain().to_bytes(), read, theirs)
}

/// The same from the bytes of a request to the verdict about it, in a server that never saw its
/// chain.
pub(crate) fn wire_beside<B>(blocks: u32, theirs: impl FnMut() -> B) -> f64 {
    let world = World::of(blocks);
    let ring = world.ring();
    let verdict = |request: Vec<u8>| {
        let wire = ring.wire_call(black_box(&request)).unwrap();
        let skip = bailiwick::capability::Skip::default();
        let verdict = wire
            .chain()
            .explain(&world.call(), &world.context.facts, skip);
        (verdict.is_ok(), wire, request)
    };
    1.0 / ratio(|| world.request(&world.fresh()), verdict, theirs)
}

/// Measures our side for chains of so many blocks.
pub(crate) fn measure(group: &mut BenchmarkGroup<'_, WallTime>, blocks: u32) {
    let world = World::of(blocks);
    let (held, context) = (&world.held, &world.context);
    let guard = guard(world.ring());
    let call = world.call();
    group.bench_function("warm", |b| {
        b.iter(|| guard.check(black_box(held).into(), &call, context).unwrap());
    });
    let whole = || {
        let call = world.call();
        guard.check(held.into(), &call, context).unwrap();
        call.digest(&held.chain().holder(), None, guard.audience())
    };
    group.bench_function("whole", |b| b.iter(whole));
    group.bench_function("held", |b| b.iter(whole));
    let bytes = held.chain().to_bytes();
    guard.ring().chain(&bytes).unwrap();
    group.bench_function("bytes_cached", |b| {
        b.iter(|| {
            guard.ring().chain(black_box(&bytes)).unwrap();
            guard.check(held.into(), &call, context).unwrap()
        });
    });
    // From the bytes of a request to the verdict about it; the chain was seen before, or not.
    let cached = world.ring();
    cached.chain(&bytes).unwrap();
    let verdict = |bytes: &[u8]| {
        let wire = cached.wire_call(bytes).unwrap();
        let call = world.call();
        wire.chain()
            .explain(
                &call,
                &context.facts,
                bailiwick::capability::Skip::default(),
            )
            .is_ok()
    };
    for (name, fresh) in [("wire_cached", false), ("wire_cold", true)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    if fresh {
                        world.request(&world.fresh())
                    } else {
                        world.request(held)
                    }
                },
                |bytes| verdict(&bytes),
                BatchSize::SmallInput,
            );
        });
    }
    group.bench_function("chain_cold", |b| {
        b.iter_batched(
            || world.fresh().chain().to_bytes(),
            |bytes| cached.chain(black_box(&bytes)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("delegate", |b| {
        b.iter(|| {
            let key = AgentKey::generate();
            let chain = held.delegate("reader", &world.scope, key.public(), now());
            chain.unwrap().held_by(key).unwrap()
        });
    });
}
