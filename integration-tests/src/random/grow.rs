//! Random honest chains.

use bailiwick::capability::{
    AgentKey, ApprovalRequest, Authority, Chain, Held, KeyRing, Mandate, Scope,
};
use ed25519_dalek::SigningKey;

use super::{Rng, World};
use crate::forge;

/// A token, the keys that its blocks name, and the chains that it grew from.
pub struct Grown {
    /// The token.
    pub chain: Chain,
    /// The key that each of its blocks names, root first.
    pub keys: Vec<SigningKey>,
    /// The chains that it grew from, root first, up to its last hop.
    pub before: Vec<Chain>,
}

impl Grown {
    /// The key that the last block names.
    #[must_use]
    pub fn key(&self) -> AgentKey {
        forge::agent(self.keys.last().unwrap())
    }

    /// The token in the hands of its holder.
    #[must_use]
    pub fn held(&self) -> Held {
        hold(&self.chain, self.keys.last().unwrap())
    }
}

/// A chain in the hands of the holder of `key`.
#[must_use]
pub fn hold(chain: &Chain, key: &SigningKey) -> Held {
    chain.clone().held_by(forge::agent(key)).unwrap()
}

/// What the first random scope that can be used makes; none of some tries can, where a chain is
/// full or the draws have run out.
fn usable<T, E: std::fmt::Display>(
    rng: &mut Rng,
    mut scope: impl FnMut(&mut Rng) -> Scope,
    make: impl Fn(&Scope) -> Result<T, E>,
) -> Option<T> {
    (0..200).find_map(|_| {
        let made = make(&scope(rng));
        if let Err(error) = &made {
            let error = error.to_string();
            assert!(!error.contains("canonical"), "{error}");
        }
        made.ok()
    })
}

/// A chain of up to five blocks, and sometimes approvals after it.
#[must_use]
pub fn grow(rng: &mut Rng, world: &World, root: &Authority, ring: &KeyRing) -> Grown {
    let mut keys = vec![rng.key()];
    let to = forge::agent(&keys[0]).public();
    let depth = rng.below(5);
    let last = |hop: u64| hop == depth;
    let mint = |scope: &Scope| root.mint(scope, &Mandate::default(), to, world.now);
    let random = usable(rng, |rng| world.scope(rng, false, last(0), &[]), mint);
    let mut chain = random.unwrap_or_else(|| {
        // Drawn from bytes that have run out, all scopes are one, and that one may have a fault.
        mint(&Scope::new().expires_at(world.expiry(rng))).unwrap()
    });
    let mut before = vec![chain.clone()];
    for hop in 1..=depth {
        let next = rng.key();
        let to = forge::agent(&next).public();
        let held = hold(&chain, keys.last().unwrap());
        let named: Vec<_> = chain.budgets().map(|(key, _, _)| key.clone()).collect();
        let longer = usable(
            rng,
            |rng| world.scope(rng, true, last(hop), &named),
            |scope| held.danger_append("agent", scope, to, world.now),
        );
        let Some(longer) = longer else { break };
        chain = longer;
        before.push(chain.clone());
        keys.push(next);
    }
    for _ in 0..if rng.chance(60) { rng.below(5) } else { 0 } {
        chain = approved(rng, world, ring, chain, &mut keys);
    }
    // What is compared is what a verifier reads, not what the minter kept.
    let read = ring.chain(&chain.to_bytes()).unwrap();
    assert!(read.bounds().eq(chain.bounds()), "encode and decode differ");
    assert_eq!(read.to_bytes(), chain.to_bytes());
    Grown {
        chain: read,
        keys,
        before,
    }
}

/// Appends an approval under a key that the test knows, which the library keeps to itself.
fn approved(
    rng: &mut Rng,
    world: &World,
    ring: &KeyRing,
    chain: Chain,
    keys: &mut Vec<SigningKey>,
) -> Chain {
    let key = keys.last().unwrap();
    let held = hold(&chain, key);
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
        return chain;
    };
    let bytes = held.chain().to_bytes();
    let mut blocks = forge::blocks(&forge::parts(&bytes));
    let theirs = blocks.pop().unwrap();
    let next = rng.key();
    blocks.push(forge::sign_external(
        &blocks,
        theirs.block,
        &forge::secret(by),
        key,
        &next,
    ));
    keys.push(next);
    ring.chain(&forge::bytes(&forge::token(&blocks))).unwrap()
}
