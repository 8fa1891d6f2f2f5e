//! Signatures of the chain: by whom, over what, in which version.

use biscuit_auth::format::schema;
use serde_json::json;

use super::cast::{delegate, first, mint, reader, reads, root, stranger};
use super::draft::bytes;
use super::format::Vector;
use crate::forge::{self, Forge};

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = chain();
    all.extend(versions());
    all
}

/// A token of these blocks, without a proof.
pub(super) fn of(blocks: &[schema::SignedBlock]) -> Vec<u8> {
    forge::bytes(&forge::token(blocks))
}

/// root → first → B → C.
fn three() -> Forge {
    delegate(
        delegate(mint(&reader()), &reads("/srv/docs")),
        &reads("/srv/docs/public"),
    )
}

fn chain() -> Vec<Vector> {
    let genuine = three();
    let [authority, b, c] = <[_; 3]>::try_from(genuine.blocks.clone()).unwrap();
    let key = &genuine.holder;
    let bad = |name: &str, says: &str, blocks: &[schema::SignedBlock]| {
        bytes(name, says, &of(blocks), key).deny("bad_signature", None)
    };
    let by = |signer| forge::sign(&genuine.blocks[..2], c.block.clone(), signer, key);
    let mut replaced = c.clone();
    replaced.next_key = forge::public(&stranger());
    let mut flipped = c.clone();
    flipped.signature[7] ^= 1;
    let mut changed = c.clone();
    changed.block[3] ^= 1;
    let mut short = c.clone();
    short.signature.pop();
    // Another chain of the same holder.
    let wide = delegate(delegate(mint(&reads("/")), &reads("/")), &reads("/"));
    let untrusted = |name: &str, says: &str, blocks: &[schema::SignedBlock]| {
        bytes(name, says, &of(blocks), key).deny("untrusted_root", None)
    };
    let own = forge::sign(&[], authority.block.clone(), &stranger(), &first());
    let mut other_id = forge::token(&genuine.blocks);
    other_id.root_key_id = Some(2);
    vec![
        bad(
            "hop_signed_by_stranger",
            "The last hop is signed by a key that no block names.",
            &[authority.clone(), b.clone(), by(&stranger())],
        ),
        bad(
            "hop_signed_by_grandparent",
            "The last hop is signed by the holder before.",
            &[authority.clone(), b.clone(), by(&first())],
        ),
        bad(
            "hop_signed_by_the_root",
            "The last hop is signed by the root.",
            &[authority.clone(), b.clone(), by(&root())],
        ),
        bytes(
            "next_key_replaced",
            "Somebody wrote their own key in the place of the last holder's.",
            &of(&[authority.clone(), b.clone(), replaced]),
            &stranger(),
        )
        .deny("bad_signature", None),
        bad(
            "signature_bit_flipped",
            "One bit of a signature is another.",
            &[authority.clone(), b.clone(), flipped],
        ),
        bad(
            "block_bit_flipped",
            "One bit of a block is another.",
            &[authority.clone(), b.clone(), changed],
        ),
        bad(
            "hop_left_out",
            "The hop in the middle is missing.",
            &[authority.clone(), c.clone()],
        ),
        bad(
            "hops_swapped",
            "Two hops changed places.",
            &[authority.clone(), c.clone(), b.clone()],
        ),
        bad(
            "hop_spliced",
            "The wide authority block of the same holder, the narrow hops.",
            &[wide.blocks[0].clone(), b.clone(), c.clone()],
        ),
        bytes(
            "signature_of_63_bytes",
            "A signature is too short.",
            &of(&[authority.clone(), b.clone(), short]),
            key,
        )
        .deny("malformed", None),
        bytes(
            "hop_stripped",
            "The last holder strips the hop that narrows its token; it lacks the key for the rest.",
            &of(&genuine.blocks[..2]),
            key,
        )
        .deny("not_holder", None),
        untrusted(
            "root_is_a_stranger",
            "The authority block is signed by no known key.",
            &[own],
        ),
        untrusted(
            "authority_left_out",
            "The chain starts with a hop.",
            &[b, c],
        ),
        bytes(
            "root_id_of_another",
            "The token names an id that is not that of the root which signed it.",
            &forge::bytes(&other_id),
            key,
        )
        .with(|vector| vector.root_id = Some(1))
        .call("fs.read", json!({ "path": "/srv/docs/public/a.md" }))
        .stock_differs("given one root key, a stock library does not read the id")
        .deny("untrusted_root", None),
    ]
}

fn versions() -> Vec<Vector> {
    let genuine = delegate(mint(&reader()), &reads("/srv/docs"));
    let key = &genuine.holder;
    let hop = genuine.blocks[1].clone();
    // What a holder of the same key was given elsewhere, on a chain that is wider.
    let splice = forge::sign_v0(hop.block.clone(), &first(), key);
    let first_v0 = forge::sign_v0(genuine.blocks[0].block.clone(), &root(), &first());
    let with = |version| schema::SignedBlock {
        version,
        ..hop.clone()
    };
    let named = |version, block: &schema::SignedBlock| schema::SignedBlock {
        version,
        ..block.clone()
    };
    let wide = mint(&reads("/srv")).blocks[0].clone();
    vec![
        bytes(
            "payload_v0_splice",
            "A hop signed with payload version 0, which fits any chain of the same holder key.",
            &of(&[wide.clone(), splice.clone()]),
            key,
        )
        .stock_differs("a stock library takes payload version 0")
        .deny("malformed", None),
        bytes(
            "payload_v0_authority",
            "An authority block signed with payload version 0.",
            &of(&[first_v0]),
            &first(),
        )
        .stock_differs("a stock library takes payload version 0")
        .deny("malformed", None),
        bytes(
            "payload_v0_called_v1",
            "A signature over payload version 0 that says it is over version 1.",
            &of(&[wide, named(Some(1), &splice)]),
            key,
        )
        .deny("bad_signature", None),
        bytes(
            "payload_v2",
            "A payload version that does not exist.",
            &of(&[genuine.blocks[0].clone(), with(Some(2))]),
            key,
        )
        .deny("malformed", None),
    ]
}
