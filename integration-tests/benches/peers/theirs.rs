//! The side of `tenuo`: one warrant a block, a distinct key for each, a proof of possession a call.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::BenchmarkGroup;
use criterion::measurement::WallTime;
use tenuo::constraints::{ConstraintSet, ConstraintValue, Subpath};
use tenuo::planes::Authorizer;
use tenuo::sdk::prelude::{
    Call, DelegationProfile, Guard, LocalSigner, PresentedAuthority, RevocationMode, SigningKey,
};
use tenuo::wire::{WarrantStack, decode_stack, encode_stack};
use tenuo::{Signature, Warrant};

use crate::{DIRECTORY, PATH, TOOL};

const LIFE: Duration = Duration::from_secs(3600);

struct World {
    root: SigningKey,
    holder: SigningKey,
    chain: Vec<Warrant>,
    arguments: HashMap<String, ConstraintValue>,
}

fn constraints() -> ConstraintSet {
    let path = Subpath::new(DIRECTORY).unwrap();
    ConstraintSet::from_iter([("path".to_owned(), path.into())])
}

impl World {
    fn of(blocks: u32) -> Self {
        let (root, mut holder) = (SigningKey::generate(), SigningKey::generate());
        let first = Warrant::builder()
            .capability(TOOL, constraints())
            .ttl(LIFE)
            .holder(holder.public_key())
            .build(&root);
        let mut chain = vec![first.unwrap()];
        for _ in 1..blocks {
            let child = SigningKey::generate();
            let parent = chain.last().expect("there is a first");
            let next = parent
                .attenuate()
                .capability(TOOL, constraints())
                .holder(child.public_key())
                .build(&holder);
            chain.push(next.unwrap());
            holder = child;
        }
        let arguments = HashMap::from([("path".to_owned(), ConstraintValue::from(PATH))]);
        Self {
            root,
            holder,
            chain,
            arguments,
        }
    }

    fn authorizer(&self) -> Authorizer {
        Authorizer::new().with_trusted_root(self.root.public_key())
    }

    /// The proof of possession over the call, at the moment that the check is told.
    fn proof(&self, at: i64) -> Signature {
        let leaf = self.chain.last().expect("there is a first");
        leaf.sign_with_timestamp(&self.holder, TOOL, &self.arguments, Some(at))
            .unwrap()
    }

    fn check(&self, authorizer: &Authorizer, chain: &[Warrant], proof: &Signature, at: i64) {
        let (arguments, proof) = (&self.arguments, Some(proof));
        authorizer
            .check_chain_with_pop_args_as_of(chain, TOOL, arguments, arguments, proof, &[], at)
            .unwrap();
    }

    fn bytes(&self) -> Vec<u8> {
        encode_stack(&WarrantStack::new(self.chain.clone())).unwrap()
    }
}

/// The bytes of a chain of so many warrants, and of a request made with it.
pub(crate) fn sizes(blocks: u32) -> (usize, usize) {
    let size = World::of(blocks).bytes().len();
    (size, size + 64)
}

/// Reads the bytes of a chain, and verifies it.
pub(crate) fn cold(blocks: u32) -> impl FnMut() {
    let world = World::of(blocks);
    let (authorizer, bytes) = (world.authorizer(), world.bytes());
    move || {
        let stack = decode_stack(black_box(&bytes)).unwrap();
        black_box(authorizer.verify_chain(&stack.0).unwrap());
    }
}

/// From the bytes of a chain to the verdict about a call with its proof of possession.
pub(crate) fn wire_cold(blocks: u32) -> impl FnMut() {
    let world = World::of(blocks);
    let leaf = world.chain.last().expect("there is a first");
    let at = leaf.issued_at().timestamp();
    let (authorizer, bytes, proof) = (world.authorizer(), world.bytes(), world.proof(at));
    move || {
        let stack = decode_stack(black_box(&bytes)).unwrap();
        world.check(&authorizer, &stack.0, &proof, at);
    }
}

/// Measures their side for chains of so many warrants.
pub(crate) fn measure(group: &mut BenchmarkGroup<'_, WallTime>, blocks: u32) {
    let world = World::of(blocks);
    let authorizer = world.authorizer();
    let at = world
        .chain
        .last()
        .expect("there is a first")
        .issued_at()
        .timestamp();
    let proof = world.proof(at);
    group.bench_function("their_check", |b| {
        b.iter(|| world.check(&authorizer, black_box(&world.chain), &proof, at));
    });
    let bytes = world.bytes();
    group.bench_function("their_bytes", |b| {
        b.iter(|| {
            let stack = decode_stack(black_box(&bytes)).unwrap();
            world.check(&authorizer, &stack.0, &proof, at);
        });
    });
    group.bench_function("their_chain_cold", |b| {
        b.iter(|| {
            let stack = decode_stack(black_box(&bytes)).unwrap();
            authorizer.verify_chain(&stack.0).unwrap()
        });
    });
    let signer = LocalSigner::new(SigningKey::from_bytes(&world.holder.secret_key_bytes()));
    let authority = PresentedAuthority::new(world.chain.clone(), Arc::new(signer)).unwrap();
    let guard = Guard::builder()
        .authorizer(world.authorizer())
        .revocation(RevocationMode::TtlOnly {
            max_lifetime: 2 * LIFE,
        })
        .build()
        .unwrap();
    let call = Call::owned(TOOL, world.arguments.clone()).unwrap();
    group.bench_function("their_guard", |b| {
        b.iter(|| guard.check(black_box(&authority), &call).unwrap());
    });
    let profile = DelegationProfile::new().capability(TOOL, constraints());
    group.bench_function("their_delegate", |b| {
        b.iter(|| authority.delegate_local(black_box(&profile)).unwrap());
    });
}
