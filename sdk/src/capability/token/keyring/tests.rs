use std::sync::Arc;

use super::*;
use crate::capability::check::Skip;
use crate::capability::keys::{AgentKey, Authority};
use crate::capability::scope::{Grant, Scope};
use crate::capability::token::Mandate;
use crate::capability::value::{Call, Facts};
use crate::id::Timestamp;

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

fn mint(root: &Authority) -> Chain {
    let scope = Scope::new().grant(Grant::new("ping"));
    root.mint(
        &scope,
        &Mandate::default(),
        AgentKey::generate().public(),
        now(),
    )
    .unwrap()
}

fn kind<T>(result: Result<T, Refusal>) -> Option<Kind> {
    result.err().map(|refusal| refusal.kind())
}

#[test]
fn a_root_taken_away_ends_its_tokens_cached_and_held() {
    let (old, new) = (
        Authority::generate().with_key_id(1),
        Authority::generate().with_key_id(2),
    );
    let ring = KeyRing::new([old.root()]);
    let held = mint(&old);
    let bytes = held.to_bytes();
    let verified = ring.chain(&bytes).unwrap();
    for chain in [&held, &verified] {
        assert_eq!(ring.admit(chain), Ok(()));
        assert_eq!(ring.admit(chain), Ok(()));
    }
    assert_eq!(
        kind(ring.chain(&mint(&new).to_bytes())),
        Some(Kind::UntrustedRoot)
    );
    ring.trust(new.root()).unwrap();
    // In the meantime both are trusted, each under its own hint.
    assert_eq!(ring.admit(&verified), Ok(()));
    ring.chain(&bytes).unwrap();
    ring.chain(&mint(&new).to_bytes()).unwrap();
    assert!(ring.remove(&old.public()));
    assert!(!ring.remove(&old.public()));
    for chain in [&held, &verified] {
        assert_eq!(kind(ring.admit(chain)), Some(Kind::UntrustedRoot));
    }
    assert_eq!(kind(ring.chain(&bytes)), Some(Kind::UntrustedRoot));
    ring.trust(old.root()).unwrap();
    assert_eq!(ring.admit(&verified), Ok(()));
    ring.chain(&bytes).unwrap();
}

#[test]
fn two_rings_do_not_share_what_they_remember() {
    let root = Authority::generate();
    let chain = mint(&root);
    let (trusting, other) = (
        KeyRing::new([root.root()]),
        KeyRing::new([Authority::generate().root()]),
    );
    assert_eq!(trusting.admit(&chain), Ok(()));
    assert_eq!(kind(other.admit(&chain)), Some(Kind::UntrustedRoot));
    assert_eq!(trusting.clone().admit(&chain), Ok(()));
}

#[test]
fn the_hint_chooses_among_roots_and_trusts_none() {
    let root = Authority::generate().with_key_id(7);
    let bytes = mint(&root).to_bytes();
    let as_id = |key_id| {
        KeyRing::new([RootKey {
            key: root.public(),
            key_id,
        }])
    };
    assert_eq!(
        kind(as_id(Some(8)).chain(&bytes)),
        Some(Kind::UntrustedRoot)
    );
    as_id(Some(7)).chain(&bytes).unwrap();
    as_id(None).chain(&bytes).unwrap();
    let stranger = KeyRing::new([RootKey {
        key: AgentKey::generate().public(),
        key_id: Some(7),
    }]);
    assert_eq!(kind(stranger.chain(&bytes)), Some(Kind::UntrustedRoot));
}

#[test]
fn the_ring_is_bounded() {
    let ring = KeyRing::new((0..40).map(|_| AgentKey::generate().public()));
    assert_eq!(ring.roots().len(), MAX_ROOTS);
    let further = RootKey::from(AgentKey::generate().public());
    assert_eq!(ring.trust(further), Err(further));
}

#[test]
fn a_cached_chain_gives_the_verdict_of_a_cold_one() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let bytes = mint(&root).to_bytes();
    let cold = ring.chain(&bytes).unwrap();
    ring.keep(&cold);
    let warm = ring.chain(&bytes).unwrap();
    assert!(Arc::ptr_eq(cold.last(), warm.last()));
    for capability in ["ping", "pong"] {
        let call = Call::new(capability, serde_json::Map::new()).unwrap();
        let ask = |chain: &Chain| chain.explain(&call, &Facts::at(now()), Skip::default());
        assert_eq!(ask(&cold), ask(&warm));
    }
    // A changed block under a known signature is not taken from the cache.
    let at = bytes.windows(4).position(|four| four == b"ping").unwrap();
    let mut changed = bytes.clone();
    changed[at] = b'P';
    assert_eq!(kind(ring.chain(&changed)), Some(Kind::UntrustedRoot));
}

#[test]
fn attack_31_the_cache_stays_within_its_bound_and_right() {
    let root = Authority::generate();
    const MOST: usize = 1 << 20;
    let ring = KeyRing::new([root.root()]).cache_at_most(MOST);
    let read = |bytes: &[u8]| {
        let chain = ring.chain(bytes);
        if let Ok(chain) = &chain {
            ring.keep(chain);
        }
        chain
    };
    let kept = || ring.inner.cache.lock().unwrap().len();
    let first = mint(&root).to_bytes();
    // Without a call of `keep` no block is kept.
    ring.chain(&first).unwrap();
    assert_eq!((kept(), ring.cached_bytes()), (0, 0));
    read(&first).unwrap();
    // A chain that does not verify is not kept.
    let stranger = Authority::generate();
    for _ in 0..100 {
        let mut forged = mint(&root).to_bytes();
        *forged.last_mut().unwrap() ^= 1;
        assert!(read(&forged).is_err());
        assert!(read(&mint(&stranger).to_bytes()).is_err());
    }
    assert_eq!(kept(), 1);
    let mut highest = 0;
    let mut last = first.clone();
    for _ in 0..3 * MOST / (2 * ring.cached_bytes()) {
        last = mint(&root).to_bytes();
        read(&last).unwrap();
        highest = highest.max(ring.cached_bytes());
    }
    assert!(highest <= MOST && highest > MOST / 2, "{highest}");
    // Pushed out long ago, and verified again; of the last it is known.
    read(&first).unwrap();
    for bytes in [&first, &last] {
        let (once, again) = (read(bytes).unwrap(), read(bytes).unwrap());
        assert!(Arc::ptr_eq(once.last(), again.last()));
    }
    assert!(ring.remove(&root.public()));
    assert_eq!(kept(), 0);
    assert_eq!(kind(read(&last)), Some(Kind::UntrustedRoot));
    assert_eq!(kept(), 0);
}
