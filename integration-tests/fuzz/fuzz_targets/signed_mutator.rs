//! A random honest chain, changed in its structure and signed again by the right keys: what is
//! accepted means the same to the stock engine, and widens nothing.

#![no_main]

use bailiwick::capability::KeyRing;
use bailiwick_fuzz::draft::{change, drafts, sign};
use bailiwick_fuzz::oracle;
use bailiwick_integration_tests::random::{Grown, Rng, World, grow};
use bailiwick_integration_tests::{forge, stock};
use biscuit_auth::Biscuit;
use biscuit_auth::format::schema::SignedBlock;
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rng = Rng::given(data.to_vec());
    let rng = &mut rng;
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
        return;
    }
    let (signed, holder) = sign(&root, &plan);
    let mut token = forge::token(&signed);
    if rng.chance(5) {
        token.root_key_id = Some(rng.below(3) as u32);
    }
    let calls: Vec<_> = (0..2)
        .map(|index| world.ask(rng, &grown.chain, index))
        .collect();
    let bytes = forge::bytes(&token);
    let chain = oracle::read(&ring, &bytes);
    if let (Some(chain), Some(holder)) = (&chain, &holder) {
        oracle::agree(rng, &ring, chain, &signed, holder, &calls);
    }
    let mut wire = None;
    if let Some(holder) = &holder {
        forge::seal(&mut token, holder);
        let bytes = forge::bytes(&token);
        wire = ring.wire_call(&bytes).ok();
        if let Some(wire) = &wire {
            let stock =
                Biscuit::from(&bytes, stock::key(&authority.public())).expect("ours accepts it");
            let own = bailiwick_fuzz::probe::probe(rng, wire.chain());
            for (call, facts) in calls.iter().chain([&own]) {
                oracle::verdict(&stock, wire.chain(), call, facts);
            }
        }
    }
    if changes == 0 {
        assert!(
            chain.is_some() || wire.is_some(),
            "an honest token is refused"
        );
    }
});

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
