//! A program: a random honest chain, and changes of its structure, signed again by the right keys.

use bailiwick::capability::KeyRing;
use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::{Grown, Rng, World, grow};
use biscuit_auth::format::schema::SignedBlock;
use ed25519_dalek::SigningKey;

use crate::draft::{change, drafts, sign};

/// What a program made.
pub struct Program {
    /// What the chain was made from.
    pub world: World,
    /// A ring that trusts its root, whose key is `forge::key(201)`.
    pub ring: KeyRing,
    /// The chain as it was honest.
    pub grown: Grown,
    /// The blocks after the changes.
    pub signed: Vec<SignedBlock>,
    /// The key that the last of them names, where somebody holds it.
    pub holder: Option<SigningKey>,
    /// How many changes there were.
    pub changes: u64,
}

impl Program {
    /// Runs the program that `rng` gives; `None` where no block is left.
    #[must_use]
    pub fn run(rng: &mut Rng) -> Option<Self> {
        let root = forge::key(201);
        let authority = forge::authority(&root);
        let ring = KeyRing::new([authority.root()]);
        let world = World::random(rng);
        let thirds: Vec<SigningKey> = world.approvers.iter().map(forge::secret).collect();
        let (grown, blocks, mut keys) = chain(rng, &world, &ring);
        let mut plan = drafts(&blocks, &keys, &thirds);
        let changes = rng.below(6);
        let other = if changes > 0 && rng.chance(40) {
            let (_, blocks, keys) = chain(rng, &world, &ring);
            drafts(&blocks, &keys, &thirds)
        } else {
            Vec::new()
        };
        keys.push(root.clone());
        keys.extend(thirds);
        for _ in 0..changes {
            change(rng, &mut plan, &other, &keys);
        }
        if plan.is_empty() {
            return None;
        }
        let (signed, holder) = sign(&root, &plan);
        Some(Self {
            world,
            ring,
            grown,
            signed,
            holder,
            changes,
        })
    }
}

/// An honest chain, its blocks, and the keys that they name; sometimes a wire call.
fn chain(
    rng: &mut Rng,
    world: &World,
    ring: &KeyRing,
) -> (Grown, Vec<SignedBlock>, Vec<SigningKey>) {
    let authority = forge::authority(&forge::key(201));
    let grown = grow(rng, world, &authority, ring);
    let mut keys = grown.keys.clone();
    let mut bytes = grown.chain.to_bytes();
    if rng.chance(30) {
        let life = std::time::Duration::from_secs(rng.below(90));
        if let Ok(wire) = grown.held().wire_call(&world.call, &world.facts, life) {
            bytes = wire;
            keys.push(rng.key());
        }
    }
    let blocks = forge::blocks(&forge::parts(&bytes));
    (grown, blocks, keys)
}
