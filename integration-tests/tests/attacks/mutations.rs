//! Hostile holders sign mutated blocks: no panic, and every block that is still accepted is in its one
//! spelling, means the same to the stock engine, and widens nothing.
//!
//! `BAILIWICK_CASES` and `BAILIWICK_SEED` as for `differential`, `random` apart.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use bailiwick::capability::{AgentKey, Authority, Chain, KeyRing, Mandate, Skip};
use bailiwick_integration_tests::forge::{self, Forge};
use bailiwick_integration_tests::random::{Rng, World};
use bailiwick_integration_tests::stock::{self, Verdict};
use prost::Message;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A chain of one hop, everything about it random.
fn grow(rng: &mut Rng, world: &World, root: &Authority) -> Option<(Chain, Chain, AgentKey)> {
    let (a, b) = (AgentKey::generate(), AgentKey::generate());
    let scope = world.scope(rng, false, false, &[]);
    let parent = root
        .mint(&scope, &Mandate::default(), a.public(), world.now)
        .ok()?;
    let held = parent
        .clone()
        .held_by(forge::agent(&forge::secret(&a)))
        .ok()?;
    let scope = world.scope(rng, true, true, &[]);
    let child = held
        .danger_append("agent", &scope, b.public(), world.now)
        .ok()?;
    Some((parent, child, a))
}

/// The bytes with a few edits: a bit, a byte, a piece left out, doubled or moved.
fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(3) {
        let len = bytes.len() as u64;
        if len < 4 {
            return;
        }
        let at = rng.below(len) as usize;
        let end = (at + 1 + rng.below(12) as usize).min(bytes.len());
        match rng.below(7) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.below(256) as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let piece: Vec<u8> = bytes.drain(at..end).collect();
                let to = rng.below(bytes.len() as u64 + 1) as usize;
                bytes.splice(to..to, piece);
            }
            5 => bytes[at] = bytes[at].wrapping_add(1),
            _ => bytes[at] = bytes[at].wrapping_sub(1),
        }
    }
}

/// The block with its structure edited: queries, expressions, operations, terms and strings.
fn edit(rng: &mut Rng, bytes: &[u8]) -> Vec<u8> {
    let mut block = biscuit_auth::format::schema::Block::decode(bytes).unwrap();
    for _ in 0..1 + rng.below(2) {
        let checks = block.checks.len() as u64;
        let at = rng.below(checks.max(1)) as usize;
        match rng.below(12) {
            0 => shuffle(rng, &mut block.checks),
            1 => shuffle(rng, &mut block.facts),
            2 => shuffle(rng, &mut block.symbols),
            3 => shuffle(rng, &mut block.public_keys),
            4 if checks > 0 => shuffle(rng, &mut block.checks[at].queries),
            5 if checks > 0 => {
                for query in &mut block.checks[at].queries {
                    shuffle(rng, &mut query.body);
                }
            }
            6 if checks > 0 => {
                for query in &mut block.checks[at].queries {
                    shuffle(rng, &mut query.expressions);
                }
            }
            7 if checks > 0 => {
                for query in &mut block.checks[at].queries {
                    for expression in &mut query.expressions {
                        if rng.chance(40) {
                            shuffle(rng, &mut expression.ops);
                        }
                    }
                }
            }
            8 if checks > 0 => {
                for query in &mut block.checks[at].queries {
                    shuffle(rng, &mut query.scope);
                }
            }
            9 if checks > 0 => {
                for predicate in block.checks[at]
                    .queries
                    .iter_mut()
                    .flat_map(|query| &mut query.body)
                {
                    shuffle(rng, &mut predicate.terms);
                }
            }
            10 => {
                for text in &mut block.symbols {
                    if rng.chance(20) {
                        let tail: &str = rng.pick::<&str>(&["x", "/", "\"", "/..", ".", "\0", "*"]);
                        text.push_str(tail);
                    }
                }
            }
            _ => {
                let text = *rng.pick(&["", "tool", "x"]);
                block.symbols.push(text.to_owned());
            }
        }
    }
    block.encode_to_vec()
}

/// Leaves one out, doubles one, or swaps two.
fn shuffle<T: Clone>(rng: &mut Rng, list: &mut Vec<T>) {
    if list.is_empty() {
        return;
    }
    let (a, b) = (
        rng.below(list.len() as u64) as usize,
        rng.below(list.len() as u64) as usize,
    );
    match rng.below(3) {
        0 => drop(list.remove(a)),
        1 => list.insert(b, list[a].clone()),
        _ => list.swap(a, b),
    }
}

#[test]
fn a_mutated_block_is_refused_or_means_what_it_says() {
    let seed = number("BAILIWICK_SEED").unwrap_or(20_261_122);
    eprintln!("BAILIWICK_SEED={seed}");
    let cases = number("BAILIWICK_CASES").unwrap_or(3000);
    let mut rng = Rng::new(seed);
    let (mut tried, mut accepted) = (0, 0);
    while tried < cases {
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let world = World::random(&mut rng);
        let Some((parent, child, key)) = grow(&mut rng, &world, &root) else {
            continue;
        };
        let block = forge::parts(&child.to_bytes()).blocks[0].block.clone();
        let start = Forge::after(&parent.to_bytes(), &key);
        for _ in 0..30 {
            tried += 1;
            let bytes = if rng.chance(50) {
                let mut bytes = block.clone();
                mutate(&mut rng, &mut bytes);
                bytes
            } else {
                edit(&mut rng, &block)
            };
            let forged = start.clone().raw(bytes);
            assert!(ring.wire_call(&forged.sealed()).is_err());
            let token = forged.token();
            let Ok(chain) = ring.chain(&token) else {
                continue;
            };
            accepted += 1;
            assert_eq!(chain.to_bytes(), token);
            let bearer = stock::bearer(&chain, &forge::agent(&forged.holder));
            for index in 0..4 {
                let (call, facts) = world.ask(&mut rng, &chain, index);
                let ours = chain.explain(&call, &facts, Skip::default());
                let theirs = stock::ask(&bearer, &chain, &call, &facts);
                let show: Vec<_> = chain.hops().map(|hop| hop.datalog()).collect();
                assert_eq!(
                    ours.is_ok(),
                    theirs == Verdict::Allow,
                    "{show:#?} {call:?} {facts:?} {ours:?} {theirs:?}"
                );
                let before = parent.explain(
                    &call,
                    &facts,
                    Skip {
                        approvals: true,
                        budgets: false,
                    },
                );
                assert!(ours.is_err() || before.is_ok(), "{show:#?} {before:?}");
            }
        }
    }
    eprintln!("{tried} tried, {accepted} accepted");
    assert!(accepted > 0);
}
