//! Blocks that are of the profile, in a place where they may not stand.

use bailiwick::capability::{Budget, Grant, Scope, path_under};
use biscuit_auth::format::schema::{self, term::Content};
use ed25519_dalek::SigningKey;
use prost::Message;

use super::cast::{
    CHECK, approve, approver, delegate, edited, first, mint, public, reader, root, spawning, start,
    stranger, wired,
};
use super::draft::{held, sent};
use super::format::{Used, Vector};
use crate::forge::{self, Forge};

const PLACES: &str = "a stock library does not know the kinds of block, nor where they stand";
const KEYS: &str = "a stock library does not look at whose keys they are";

fn hop() -> String {
    format!("agent(\"reader\"); {CHECK}")
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = order();
    all.extend(keys());
    all.extend(bounds());
    all
}

fn order() -> Vec<Vector> {
    let refused = |name: &str, says: &str, chain: &Forge| {
        held(name, says, chain)
            .stock_differs(PLACES)
            .deny("malformed", None)
    };
    let denied =
        |name: &str, says: &str, chain: &Forge| held(name, says, chain).deny("malformed", None);
    let genuine = mint(&reader());
    // The authority block again, its strings known already.
    let mut again = forge::block(&genuine.blocks[0]);
    again.symbols.clear();
    let call = wired(&genuine);
    let at_the_start = forge::datalog(
        &[],
        "check if tool(\"fs.read\"), call(hex:00), nonce(hex:00), aud(\"a\"), time($t), \
         $t < 2027-01-15T08:00:30Z",
    );
    let mut at_the_start = schema::Block::decode(at_the_start.as_slice()).unwrap();
    for (index, size) in [(1, 32), (2, 16)] {
        let terms = &mut at_the_start.checks[0].queries[0].body[index].terms;
        terms[0].content = Some(Content::Bytes(vec![0x44; size]));
    }
    // The profile interns the terms of a call block before its names.
    at_the_start.symbols.swap(0, 1);
    at_the_start.symbols.swap(3, 4);
    let body = &mut at_the_start.checks[0].queries[0].body;
    for (predicate, name) in [(0, 1025), (3, 1028)] {
        body[predicate].name = name;
        body[predicate].terms[0].content = Some(Content::String(name - 1));
    }
    let mut second = forge::block(&call.blocks[1]);
    second.symbols.clear();
    let approved = approve(genuine.clone(), &approver(1));
    vec![
        refused(
            "authority_block_as_a_hop",
            "A holder signs an authority block.",
            &{ genuine.clone().raw(again.encode_to_vec()) },
        ),
        denied(
            "hop_at_the_start",
            "The root signs a hop.",
            &start(forge::datalog(&[], &hop())),
        ),
        denied("call_at_the_start", "The root signs a call.", &{
            start(at_the_start.encode_to_vec())
        }),
        refused(
            "hop_after_an_approval",
            "A token with an approval is delegated.",
            &{ approved.append(&hop()) },
        ),
        sent("hop_after_a_call", "A call is delegated.", &{
            wired(&genuine).append(&hop()).sealed()
        })
        .deny("malformed", None),
        sent("two_calls", "A call block after a call block.", &{
            wired(&genuine).raw(second.encode_to_vec()).sealed()
        })
        .deny("malformed", None),
        sent(
            "approval_after_a_call",
            "An approval after a call block.",
            &{
                let approval = approve(genuine.clone(), &approver(1)).blocks[1]
                    .block
                    .clone();
                wired(&genuine).external(approval, &approver(1)).sealed()
            },
        )
        .stock_differs(PLACES)
        .deny("malformed", None),
    ]
}

fn keys() -> Vec<Vector> {
    let refused = |name: &str, says: &str, chain: &Forge| {
        held(name, says, chain)
            .stock_differs(KEYS)
            .deny("malformed", None)
    };
    let genuine = mint(&reader());
    let naming = |chain: &Forge, next: &SigningKey| {
        let block = chain.clone().append(&hop()).blocks.pop().unwrap().block;
        let mut longer = chain.clone();
        longer
            .blocks
            .push(forge::sign(&chain.blocks, block, &chain.holder, next));
        longer.in_hands_of(next)
    };
    let grant = || Grant::new("fs.read").arg("path", path_under("/srv"));
    // What the library would refuse to write: another key is written, and replaced.
    let asking = |chain: Forge, by: &SigningKey| {
        let scope = spawning(grant()).grant(grant().approved_by([public(&stranger())]));
        edited(chain, &scope, |block| {
            block.public_keys = vec![forge::public(by)]
        })
    };
    let asks = |key: &SigningKey| {
        let free = spawning(grant()).grant(grant().approved_by([public(key)]));
        mint(&free)
    };
    let approval = approve(genuine.clone(), &approver(1));
    let third = approval.blocks[1].block.clone();
    vec![
        refused(
            "holder_is_the_root",
            "A hop names the root's key as its holder.",
            &{ naming(&genuine, &root()) },
        ),
        refused(
            "holder_is_an_approver",
            "A hop names as its holder a key that may approve.",
            &{ naming(&asks(&approver(1)), &approver(1)) },
        ),
        refused(
            "approver_is_the_next_holder",
            "A hop lets its own holder approve.",
            &{ asking(genuine.clone(), &genuine.next()) },
        ),
        refused(
            "approver_is_a_holder",
            "A hop lets a holder before it approve.",
            &{ asking(genuine.clone(), &first()) },
        ),
        held(
            "block_key_of_small_order",
            "The key of an approver is one for which anyone can sign.",
            &naming_approver(genuine.clone(), vec![0; 32]),
        )
        .stock_differs(KEYS)
        .deny("malformed", None),
        held(
            "block_key_of_31_bytes",
            "The key of an approver is too short.",
            &naming_approver(genuine.clone(), vec![7; 31]),
        )
        .deny("malformed", None),
        held(
            "block_key_known_already",
            "A block lists a key that a block before it listed.",
            &{
                let chain = asks(&approver(1));
                edited(chain, &reader(), |block| {
                    block.public_keys.push(forge::public(&approver(1)));
                })
            },
        )
        .deny("malformed", None),
        refused(
            "approved_by_a_holder",
            "A holder approved its own call.",
            &{ genuine.clone().external(third.clone(), &first()) },
        ),
        refused("approved_by_the_root", "The root approved a call.", &{
            genuine.clone().external(third, &root())
        }),
    ]
}

/// A hop that lets a key of these bytes approve.
fn naming_approver(chain: Forge, key: Vec<u8>) -> Forge {
    let grant = || Grant::new("fs.read").arg("path", path_under("/srv"));
    let scope = spawning(grant()).grant(grant().approved_by([public(&stranger())]));
    edited(chain, &scope, |block| block.public_keys[0].key = key)
}

fn bounds() -> Vec<Vector> {
    let denied =
        |name: &str, says: &str, chain: &Forge| held(name, says, chain).deny("malformed", None);
    let refused = |name: &str, says: &str, why: &str, chain: &Forge| {
        held(name, says, chain)
            .stock_differs(why)
            .deny("malformed", None)
    };
    let authority = |change: &dyn Fn(&mut schema::Block)| {
        let mut block = forge::block(&mint(&reader()).blocks[0]);
        change(&mut block);
        start(block.encode_to_vec())
    };
    let inherits = forge::datalog(
        &[],
        &format!(
            "bailiwick(1, hex:{}); grants({{,}}); ends(2027-01-15T09:00:00Z); {CHECK}",
            "11".repeat(16)
        ),
    );
    let limit = "it is a limit of the profile";
    let budget = delegate(
        mint(&reader()),
        &reader().budget(Budget::new("calls", 5).shared("m")),
    );
    let mine = format!("{}/m", public(&first()));
    let other = format!("{}/m", public(&approver(9)));
    vec![
        denied(
            "authority_inherits",
            "The authority block lists no grants.",
            &start(inherits),
        ),
        refused(
            "authority_outlives_its_end",
            "The authority block lives longer than any renewal may.",
            limit,
            &authority(&|block| {
                block.facts[2].predicate.terms[0].content = Some(Content::Date(1_800_000_100));
            }),
        ),
        refused(
            "role_with_a_space",
            "A role that could be taken for other words.",
            limit,
            &mint(&reader()).append(&format!("agent(\"root admin\"); {CHECK}")),
        ),
        refused(
            "role_of_33_letters",
            "A role of more letters than it may have.",
            limit,
            &mint(&reader()).append(&format!("agent(\"{}\"); {CHECK}", "a".repeat(33))),
        ),
        refused(
            "spawn_left_open",
            "A hop that does not grant `agent.spawn` leaves the depth open.",
            "it guards against hops to come",
            &edited(mint(&reader()), &no_spawn(), |block| {
                assert!(block.checks.len() == 3);
                block.checks.pop();
                block.symbols.retain(|text| text != "depth");
            }),
        ),
        held(
            "budget_of_another_signer",
            "A hop counts under a key that is neither its signer's nor named before.",
            &mint(&reader()).edited(&forge::block(&budget.blocks[1]), |block| {
                let id = block.symbols.iter_mut().find(|text| **text == mine);
                *id.unwrap() = other.clone();
            }),
        )
        .facts(|known| {
            known.used.push(Used {
                kind: "calls".to_owned(),
                id: other.clone(),
                n: 0,
            });
        })
        .stock_differs("a stock library does not know whose counters they are")
        .deny("malformed", None),
    ]
}

fn no_spawn() -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
}
