//! Scopes as people write them, in JSON and TOML: no panic; what is read is written and read back
//! as it was; what is minted is what a verifier reads, and means the same to the stock engine.
//!
//! A text may hold two scopes, with a NUL between them. The second is delegated after the first and
//! met with it.

#![no_main]

use bailiwick::capability::{Bounds, Chain, KeyRing, Mandate, Scope, meet};
use bailiwick_fuzz::block_kind::{keys, now, root};
use bailiwick_fuzz::oracle;
use bailiwick_fuzz::probe::probe;
use bailiwick_fuzz::worst::{DELEGATION, MINT, within};
use bailiwick_integration_tests::random::{Rng, hold};
use bailiwick_integration_tests::{forge, stock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut rng = Rng::new(data.len() as u64);
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    let Some(scope) = read(first) else {
        return;
    };
    let Some((chain, bounds)) = minted(&scope) else {
        return;
    };
    compare(&mut rng, &chain, 1);
    let Some(scope) = read(second) else {
        return;
    };
    delegated(&mut rng, &chain, &scope);
    if let Some((other, theirs)) = minted(&scope) {
        met(&mut rng, (&chain, &bounds), (&other, &theirs));
    }
});

/// The scope that a text holds in either form, which survives being written in both ways.
fn read(text: &str) -> Option<Scope> {
    // Nothing is compiled or compared to read.
    let scope = within([0; 4], "a scope", || {
        let json = Scope::from_json(text).ok();
        json.or_else(|| Scope::from_toml(text).ok())
    })?;
    let value = scope.to_json();
    assert_eq!(Scope::from_value(&value).as_ref(), Ok(&scope), "{value}");
    let written = serde_json::to_string(&scope).expect("a scope is written");
    assert_eq!(Scope::from_json(&written).as_ref(), Ok(&scope), "{written}");
    Some(scope)
}

/// The token that a root mints with the scope, and its bounds, where it can be minted.
fn minted(scope: &Scope) -> Option<(Chain, Bounds)> {
    let bounds = scope.at(now()).ok()?;
    let again = Scope::from_value(&bounds.to_json()).expect("bounds are read back");
    assert_eq!(
        again.at(now()).as_ref(),
        Ok(&bounds),
        "bounds are read back as they were"
    );
    let [first, ..] = keys();
    let to = forge::agent(&first).public();
    let chain = within(MINT, "a mint", || {
        root().1.mint(scope, &Mandate::default(), to, now())
    });
    let chain = chain.map_err(|error| assert!(!error.to_string().contains("canonical"), "{error}"));
    Some((verified(&chain.ok()?), bounds))
}

/// What a verifier reads of a chain.
fn verified(chain: &Chain) -> Chain {
    let ring = KeyRing::new([root().1.root()]);
    let read = oracle::read(&ring, &chain.to_bytes()).expect("what is minted is read");
    assert!(read.bounds().eq(chain.bounds()), "minted and read differ");
    read
}

/// Asks the stock engine about calls that the chain might allow.
fn compare(rng: &mut Rng, chain: &Chain, holder: usize) {
    let bearer = stock::bearer(chain, &forge::agent(&keys()[holder - 1]));
    for _ in 0..3 {
        let (call, facts) = probe(rng, chain);
        oracle::verdict(&bearer, chain, &call, &facts);
    }
}

/// The second scope delegated by the holder of the first.
fn delegated(rng: &mut Rng, parent: &Chain, scope: &Scope) {
    let [first, second, _] = keys();
    let held = hold(parent, &first);
    let to = forge::agent(&second).public();
    let child = within(DELEGATION, "a delegation", || {
        held.delegate("agent", scope, to, now())
    });
    if let Ok(child) = child {
        compare(rng, &verified(&child), 2);
    }
}

/// The meeting of two scopes allows every call that both allow, and no other call.
fn met(rng: &mut Rng, a: (&Chain, &Bounds), b: (&Chain, &Bounds)) {
    // Each grant with each, and what they share with those that are kept.
    let met = within(DELEGATION.map(|most| 64 * most), "a meet", || {
        meet(a.1, b.1)
    });
    let Ok(both) = met else {
        return;
    };
    let scope = Scope::from_value(&both.to_json()).expect("bounds are read back");
    let Some((both, _)) = minted(&scope) else {
        return;
    };
    let all = [a.0, b.0, &both];
    for chain in all {
        let (call, mut facts) = probe(rng, chain);
        let budgets = all.into_iter().flat_map(Chain::budgets);
        for (key, _, _) in budgets {
            facts.used.entry(key.clone()).or_insert(0);
        }
        let [a, b, both] = all.map(|chain| chain.explain(&call, &facts, Default::default()));
        assert_eq!(
            a.is_ok() && b.is_ok(),
            both.is_ok(),
            "{call:?}\n{facts:?}\n{a:?}\n{b:?}\n{both:?}"
        );
    }
}
