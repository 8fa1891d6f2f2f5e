//! Random chains.

use bailiwick::capability::{
    AgentKey, ApprovalRequest, Authority, Chain, Held, KeyRing, Mandate, Scope,
};

use super::{Rng, World};
use crate::forge;

/// A token, the key of its last block, and the chains that it grew from, root first.
pub struct Grown {
    /// The token as a verifier reads it.
    pub chain: Chain,
    /// The key that its last block names.
    pub key: AgentKey,
    /// The chains that it grew from.
    pub before: Vec<Chain>,
}

fn clone(key: &AgentKey) -> AgentKey {
    AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap()
}

/// The chain in the hands of its holder.
#[must_use]
pub fn hold(chain: &Chain, key: &AgentKey) -> Held {
    chain.clone().held_by(clone(key)).unwrap()
}

/// The first random scope that can be used, or why none of some tries can: a chain may be full.
fn usable<T, E: std::fmt::Display>(
    rng: &mut Rng,
    mut scope: impl FnMut(&mut Rng) -> Scope,
    make: impl Fn(&Scope) -> Result<T, E>,
) -> Result<T, String> {
    let mut last = String::new();
    for _ in 0..200 {
        match make(&scope(rng)) {
            Ok(made) => return Ok(made),
            Err(error) => last = error.to_string(),
        }
        assert!(!last.contains("canonical"), "{last}");
    }
    Err(last)
}

/// A random chain about a world, with approvals perhaps.
#[must_use]
pub fn grow(rng: &mut Rng, world: &World, root: &Authority, ring: &KeyRing) -> Grown {
    let mut key = AgentKey::generate();
    let to = key.public();
    let depth = rng.below(5);
    let last = |hop: u64| hop == depth;
    let mut chain = usable(
        rng,
        |rng| world.scope(rng, false, last(0), &[]),
        |scope| root.mint(scope, &Mandate::default(), to, world.now),
    )
    .unwrap();
    let mut before = vec![chain.clone()];
    for hop in 1..=depth {
        let next = AgentKey::generate();
        let held = hold(&chain, &key);
        let named: Vec<_> = chain.budgets().map(|(key, _, _)| key.clone()).collect();
        let longer = usable(
            rng,
            |rng| world.scope(rng, true, last(hop), &named),
            |scope| held.danger_append("agent", scope, next.public(), world.now),
        );
        chain = match longer {
            Ok(longer) => longer,
            Err(full) => {
                assert!(
                    full.contains("bytes") || full.contains("patterns"),
                    "{full}"
                );
                break;
            }
        };
        before.push(chain.clone());
        key = next;
    }
    for _ in 0..if rng.chance(60) { rng.below(5) } else { 0 } {
        (chain, key) = approved(rng, world, ring, chain, key);
    }
    // What is compared is what a verifier reads, not what the minter kept.
    let read = ring.chain(&chain.to_bytes()).unwrap();
    assert!(read.bounds().eq(chain.bounds()), "encode and decode differ");
    assert_eq!(read.to_bytes(), chain.to_bytes());
    Grown {
        chain: read,
        key,
        before,
    }
}

/// Appends an approval under a key that the test knows, which the library keeps to itself.
fn approved(
    rng: &mut Rng,
    world: &World,
    ring: &KeyRing,
    chain: Chain,
    key: AgentKey,
) -> (Chain, AgentKey) {
    let held = hold(&chain, &key);
    let mut request = held.approval_request(&world.call, &world.facts);
    if rng.chance(10) {
        request = ApprovalRequest {
            call: [7; 32],
            ..request
        };
    }
    let by = rng.pick(&world.approvers);
    let approval = request.approve(by, world.expiry(rng));
    let Ok(held) = held.with_approval(&approval) else {
        // Only where it would have too many bytes; the token stays as it was.
        return (chain, key);
    };
    let bytes = held.chain().to_bytes();
    let mut blocks = forge::blocks(&forge::parts(&bytes));
    let theirs = blocks.pop().unwrap();
    let next = AgentKey::generate();
    let (by, signer) = (forge::secret(by), forge::secret(&key));
    let block = forge::sign_external(&blocks, theirs.block, &by, &signer, &forge::secret(&next));
    blocks.push(block);
    (
        ring.chain(&forge::bytes(&forge::token(&blocks))).unwrap(),
        next,
    )
}
