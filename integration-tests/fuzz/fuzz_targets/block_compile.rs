//! A block of any content behind signatures that hold: raw protobuf, or built from pieces of honest
//! blocks. No panic; what is accepted means the same to the stock engine.
//!
//! The first byte says where the block stands, and whether the rest is the block or a program that
//! builds one.

#![no_main]

use std::sync::OnceLock;

use bailiwick::capability::{Call, CallNonce, Facts, KeyRing};
use bailiwick_fuzz::block_kind::{BlockKind, honest, now, root};
use bailiwick_fuzz::edit::edit;
use bailiwick_fuzz::intern::least_version;
use bailiwick_fuzz::oracle;
use bailiwick_fuzz::probe::probe;
use bailiwick_integration_tests::random::Rng;
use bailiwick_integration_tests::{forge, stock};
use biscuit_auth::Biscuit;
use biscuit_auth::format::schema::Block;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use prost::Message as _;

/// Set where the rest is a program.
const PROGRAM: u8 = 4;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let place = BlockKind::of(*first);
    let bytes = if first & PROGRAM == 0 {
        rest.to_vec()
    } else {
        built(place, rest)
    };
    let authority = root().1;
    let ring = KeyRing::new([authority.root()]);
    let (blocks, holder) = place.signed(bytes);
    let mut rng = Rng::new(rest.len() as u64);
    // The call that the honest approval and the honest call block are for.
    let args = serde_json::json!({ "n": 20 })
        .as_object()
        .cloned()
        .unwrap_or_default();
    let call = Call::with_nonce("pay", args, CallNonce([7; 16])).expect("a call");
    let mut facts = Facts::at(now());
    facts.audience = Some("x".to_owned());
    let asked = [(call, facts)];
    let mut token = forge::token(&blocks);
    if let Some(chain) = oracle::read(&ring, &forge::bytes(&token)) {
        oracle::agree(&mut rng, &ring, &chain, &blocks, &holder, &asked);
    }
    forge::seal(&mut token, &holder);
    let bytes = forge::bytes(&token);
    if let Some(wire) = oracle::wire(&ring, &bytes) {
        let key = stock::key(&authority.public());
        let stock = Biscuit::from(&bytes, key).expect("ours accepts it");
        let own = probe(&mut rng, wire.chain());
        for (call, facts) in asked.iter().chain([&own]) {
            oracle::verdict(&stock, wire.chain(), call, facts);
        }
    }
});

// Half of the time a block stays one: it is edited in its structure and not in its bytes.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut rng = Rng::new(u64::from(seed));
    let Some((first, rest)) = data[..size].split_first() else {
        return fuzzer_mutate(data, size, max_size);
    };
    let block = Block::decode(rest).ok().filter(|_| first & PROGRAM == 0);
    let Some(block) = block.filter(|_| rng.chance(75)) else {
        return fuzzer_mutate(data, size, max_size);
    };
    let place = BlockKind::of(*first);
    let mut block = place.table().apart(&block);
    for _ in 0..=rng.below(3) {
        edit(&mut rng, &mut block, pieces());
    }
    let edited = written(place, &block);
    if edited.len() >= max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[1..=edited.len()].copy_from_slice(&edited);
    edited.len() + 1
});

/// The block that a program builds: an honest one or none, edited.
fn built(place: BlockKind, program: &[u8]) -> Vec<u8> {
    let mut rng = Rng::given(program.to_vec());
    let pieces = pieces();
    let mut block = match rng.below(pieces.len() as u64 + 4) as usize {
        index if index < pieces.len() => pieces[index].clone(),
        _ => Block::default(),
    };
    for _ in 0..rng.below(12) {
        edit(&mut rng, &mut block, pieces);
    }
    written(place, &block)
}

fn written(place: BlockKind, block: &Block) -> Vec<u8> {
    let mut block = place.table().after(block);
    least_version(&mut block, place == BlockKind::Approval);
    block.encode_to_vec()
}

fn pieces() -> &'static [Block] {
    static PIECES: OnceLock<Vec<Block>> = OnceLock::new();
    PIECES.get_or_init(|| {
        let each = honest().iter();
        each.map(|(place, block)| place.table().apart(block))
            .collect()
    })
}
