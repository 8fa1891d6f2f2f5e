//! A random honest chain, changed in its structure and signed again by the right keys: what is
//! accepted means the same to the stock engine, and widens nothing.

#![no_main]

use bailiwick_fuzz::oracle;
use bailiwick_fuzz::program::Program;
use bailiwick_integration_tests::random::Rng;
use bailiwick_integration_tests::{forge, stock};
use biscuit_auth::Biscuit;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut rng = Rng::given(data.to_vec());
    let rng = &mut rng;
    let Some(program) = Program::run(rng) else {
        return;
    };
    let Program {
        world,
        ring,
        grown,
        signed,
        holder,
        changes,
    } = program;
    let authority = forge::authority(&forge::key(201));
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
        wire = oracle::wire(&ring, &bytes);
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
