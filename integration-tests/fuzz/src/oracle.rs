//! The properties that must hold of every input that is accepted.

use bailiwick::capability::{Call, Chain, Facts, KeyRing, Skip, WireCall};
use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::Rng;
use bailiwick_integration_tests::stock::{self, Verdict};
use biscuit_auth::Biscuit;
use biscuit_auth::format::schema::SignedBlock;
use ed25519_dalek::SigningKey;

use crate::meter;
use crate::probe::probe;
use crate::worst::{TOKEN, of_call, within};

/// The most that one token may make the library allocate: some hundred times its greatest size, and
/// room for sixteen patterns at their greatest.
pub const MOST: u64 = 64 << 20;

/// Reads a chain within the bound on work, twice: from the bytes, and from the cache.
#[must_use]
pub fn read(ring: &KeyRing, token: &[u8]) -> Option<Chain> {
    let first = meter::at_most(MOST, "a chain", || {
        within(TOKEN, "a chain", || ring.chain(token))
    });
    if let Ok(chain) = &first {
        ring.keep(chain);
    }
    let second = within(TOKEN, "a chain that is kept", || ring.chain(token));
    let chain = match (first, second) {
        (Ok(chain), Ok(_)) => chain,
        (Err(first), Err(second)) => {
            assert_eq!(first, second, "another answer the second time");
            return None;
        }
        (first, second) => panic!("another answer the second time: {first:?} {second:?}"),
    };
    assert_eq!(chain.to_bytes(), token, "read and written differ");
    Some(chain)
}

/// Reads a wire call within the bound on work.
#[must_use]
pub fn wire(ring: &KeyRing, token: &[u8]) -> Option<WireCall> {
    let read = meter::at_most(MOST, "a wire call", || {
        within(TOKEN, "a wire call", || ring.wire_call(token))
    });
    read.ok()
}

/// Asks the stock engine what we are asked, about `calls` calls made from what the chain says and
/// about the one given.
///
/// `blocks` are the chain's, and `holder` the key that the last of them names. Every shorter chain
/// must be a chain too, and must allow what this one allows.
pub fn agree(
    rng: &mut Rng,
    ring: &KeyRing,
    chain: &Chain,
    blocks: &[SignedBlock],
    holder: &SigningKey,
    calls: &[(Call, Facts)],
) {
    let bearer = stock::bearer(chain, &forge::agent(holder));
    let parents: Vec<Chain> = (1..blocks.len())
        .map(|length| {
            let bytes = forge::bytes(&prefix(chain, &blocks[..length]));
            ring.chain(&bytes).expect("the start of a chain is a chain")
        })
        .collect();
    let own = (0..3).map(|_| probe(rng, chain)).collect::<Vec<_>>();
    for (call, facts) in calls.iter().chain(&own) {
        let allowed = verdict(&bearer, chain, call, facts);
        // An approval stands in the longer chain only.
        let skip = Skip {
            approvals: true,
            budgets: false,
        };
        for parent in &parents {
            let before = parent.explain(call, facts, skip);
            assert!(
                !allowed || before.is_ok(),
                "a parent refuses what its child may: {before:?}\n{}",
                shown(chain, call, facts)
            );
        }
    }
}

fn prefix(chain: &Chain, blocks: &[SignedBlock]) -> biscuit_auth::format::schema::Biscuit {
    let mut token = forge::token(blocks);
    token.root_key_id = chain.key_id();
    token
}

/// Compares one verdict: whether the call is allowed, and which block refuses it first.
pub fn verdict(token: &Biscuit, chain: &Chain, call: &Call, facts: &Facts) -> bool {
    let ours = within(of_call(call), "a call", || {
        chain.explain(call, facts, Skip::default())
    });
    let theirs = stock::ask(token, chain, call, facts);
    let same = match (&ours, &theirs) {
        (Ok(()), Verdict::Allow) => true,
        (Err(refusal), Verdict::Deny { block: Some(block) }) => {
            let hop = refusal.hop().unwrap_or(u32::MAX);
            if hop <= chain.depth() {
                hop == *block
            } else {
                *block > chain.depth()
            }
        }
        _ => false,
    };
    assert!(
        same,
        "the verdicts differ\n{}\nours {ours:?}\ntheirs {theirs:?}",
        shown(chain, call, facts)
    );
    ours.is_ok()
}

fn shown(chain: &Chain, call: &Call, facts: &Facts) -> String {
    let blocks: Vec<_> = chain.hops().map(|hop| hop.datalog()).collect();
    format!("{blocks:#?}\n{call:#?}\n{facts:#?}")
}
