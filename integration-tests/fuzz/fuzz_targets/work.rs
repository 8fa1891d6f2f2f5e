//! Work that somebody else's bytes cause, counted: of tokens changed and signed again, of scopes that
//! are delegated, of patterns and of arguments. It fails past the bound, and prints the worst counts.
//!
//! The first byte says which: a program that changes a signed chain, two scopes in JSON, or patterns
//! and a text.

#![no_main]

use bailiwick::capability::{
    AgentKey, Call, Facts, Grant, KeyRing, Mandate, MintError, Scope, Skip, matches,
};
use bailiwick_fuzz::block_kind::{now, root};
use bailiwick_fuzz::draft::{change, drafts, sign};
use bailiwick_fuzz::oracle::MOST;
use bailiwick_fuzz::worst::{DELEGATION, MINT, of_call, within};
use bailiwick_fuzz::{meter, probe};
use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::{Rng, World, grow};
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    match first % 3 {
        0 => token(rest),
        1 => scopes(rest),
        _ => patterns(rest),
    }
});

fn token(program: &[u8]) {
    let mut rng = Rng::given(program.to_vec());
    let rng = &mut rng;
    let key = forge::key(201);
    let authority = forge::authority(&key);
    let ring = KeyRing::new([authority.root()]);
    let world = World::random(rng);
    let thirds: Vec<SigningKey> = world.approvers.iter().map(forge::secret).collect();
    let grown = grow(rng, &world, &authority, &ring);
    let blocks = forge::blocks(&forge::parts(&grown.chain.to_bytes()));
    let mut plan = drafts(&blocks, &grown.keys, &thirds);
    let other = plan.clone();
    let mut keys = grown.keys.clone();
    keys.push(key.clone());
    keys.extend(thirds);
    for _ in 0..rng.below(8) {
        change(rng, &mut plan, &other, &keys);
    }
    if plan.is_empty() {
        return;
    }
    let (signed, _) = sign(&key, &plan);
    let bytes = forge::bytes(&forge::token(&signed));
    // Each block has one signature, and an approval a second one.
    let most = [2 * signed.len() as u64, 16, 0, 0];
    let chain = meter::at_most(MOST, "a token", || {
        within(most, "a token", || ring.chain(&bytes))
    });
    let Ok(chain) = chain else { return };
    for _ in 0..2 {
        let (call, facts) = probe::probe(rng, &chain);
        asked(&chain, &call, &facts);
    }
}

/// Asks a chain about a call: each pattern is asked once about each argument.
fn asked(chain: &bailiwick::capability::Chain, call: &Call, facts: &Facts) {
    let _ = within(of_call(call), "a call", || {
        chain.explain(call, facts, Skip::default())
    });
}

fn scopes(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let (parent, child) = text.split_once('\0').unwrap_or((text, text));
    let (Ok(parent), Ok(child)) = (Scope::from_json(parent), Scope::from_json(child)) else {
        return;
    };
    let authority = root().1;
    let key = forge::agent(&forge::key(7));
    let minted = within(MINT, "a mint", || {
        authority.mint(&parent, &Mandate::default(), key.public(), now())
    });
    let Ok(chain) = minted else { return };
    let held = chain.held_by(key).expect("the key that it names");
    let to = AgentKey::generate().public();
    let child = within(DELEGATION, "a delegation", || {
        held.delegate("child", &child, to, now())
    });
    if let Err(MintError::Widens(ways)) = child {
        let ways = ways.to_string();
        assert!(ways.len() < 512 << 10, "{} bytes of error", ways.len());
    }
}

fn patterns(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let (sources, value) = text.split_once('\0').unwrap_or((&text, "ab"));
    let sources: Vec<&str> = sources.split('\n').take(20).collect();
    let scope = Scope::new().grant(Grant::new("t").arg("a", matches(sources)));
    let key = forge::agent(&forge::key(7));
    let minted = meter::at_most(MOST, "patterns", || {
        within(MINT, "patterns", || {
            root()
                .1
                .mint(&scope, &Mandate::default(), key.public(), now())
        })
    });
    let Ok(chain) = minted else { return };
    for times in [1, 100] {
        let value = serde_json::json!({ "a": value.repeat(times) });
        let call = Call::new("t", value.as_object().cloned().unwrap_or_default());
        asked(&chain, &call.expect("short"), &Facts::at(now()));
    }
}
