//! Keys that are not valid, and the approvers' signatures.

use bailiwick::capability::{Grant, path_under};
use biscuit_auth::format::schema;

use super::cast::{
    CHECK, approval, approve, approver, first, known, later, mint, public, reader, root, spawning,
    stranger,
};
use super::draft::{bytes, held};
use super::format::Vector;
use super::signatures::of;
use crate::forge;

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = keys();
    all.extend(externals());
    all
}

fn keys() -> Vec<Vector> {
    let chain = mint(&reader());
    let text = format!("agent(\"reader\"); {CHECK}");
    let hop = chain.clone().append(&text);
    let block = hop.blocks[1].block.clone();
    let key = |algorithm, key: Vec<u8>| schema::PublicKey { algorithm, key };
    let naming = |next: schema::PublicKey| {
        forge::sign_for(&chain.blocks, block.clone(), &chain.holder, next)
    };
    let malformed = |name: &str, says: &str, next: schema::PublicKey| {
        let blocks = [chain.blocks[0].clone(), naming(next)];
        bytes(name, says, &of(&blocks), &hop.holder).deny("malformed", None)
    };
    let mut identity = vec![0; 32];
    identity[0] = 1;
    let mut off_the_curve = vec![0; 32];
    off_the_curve[0] = 2;
    let mut compressed = vec![7; 33];
    compressed[0] = 2;
    // A block after such a key, under the signature that a lenient verifier takes of anyone.
    let mut blocks = vec![chain.blocks[0].clone(), naming(key(0, identity.clone()))];
    let mut anyones = forge::sign(&blocks, block.clone(), &stranger(), &stranger());
    anyones.signature = forge::universal(&stranger()).to_vec();
    lenient(&identity, &anyones.signature);
    blocks.push(anyones);
    vec![
        malformed(
            "small_order_key",
            "The last block names a key for which anyone can sign.",
            key(0, identity),
        ),
        bytes(
            "small_order_key_before_a_hop",
            "A block in the middle names a key for which anyone can sign.",
            &of(&blocks),
            &stranger(),
        )
        .deny("malformed", None),
        malformed(
            "key_off_the_curve",
            "The last block names bytes that are no key.",
            key(0, off_the_curve),
        ),
        malformed(
            "key_of_31_bytes",
            "The last block names a key that is too short.",
            key(0, vec![7; 31]),
        ),
        malformed(
            "key_of_another_algorithm",
            "The last block names a key for secp256r1.",
            key(1, compressed),
        ),
    ]
}

fn externals() -> Vec<Vector> {
    let grant = Grant::new("fs.read").arg("path", path_under("/srv"));
    let asks = mint(&spawning(grant.approved_by([public(&approver(1))])));
    let mut named = approve(asks.clone(), &stranger());
    let external = &mut named.blocks[1].external_signature;
    external.as_mut().unwrap().public_key = forge::public(&approver(1));
    let mut short = approve(asks.clone(), &approver(1));
    let external = &mut short.blocks[1].external_signature;
    external.as_mut().unwrap().signature.pop();
    // The approver signed it after another token of the same holder.
    let block = approval(&asks, &approver(1), &known(), later(600));
    let elsewhere = mint(&reader()).external(block.clone(), &approver(1));
    let mut moved = asks.clone().external(block, &approver(1));
    moved.blocks[1].external_signature = elsewhere.blocks[1].external_signature.clone();
    forge::resign(&mut moved.blocks, &asks.holder);
    let authority = forge::sign_external(
        &[],
        asks.blocks[0].block.clone(),
        &approver(1),
        &root(),
        &first(),
    );
    vec![
        held(
            "approval_in_anothers_name",
            "An approval names the approver, but somebody else signed it.",
            &named,
        )
        .deny("bad_signature", None),
        held(
            "approval_of_another_token",
            "The approval was signed after another token of the same holder.",
            &moved,
        )
        .deny("bad_signature", None),
        held(
            "approval_signature_of_63_bytes",
            "An approver's signature is too short.",
            &short,
        )
        .deny("malformed", None),
        bytes(
            "authority_signed_by_a_third_party",
            "The authority block has the signature of a third party beside the root's.",
            &of(&[authority]),
            &first(),
        )
        .deny("malformed", None),
    ]
}

/// Whether a verifier that is not strict takes the signature for anything: else the vector of it
/// would show nothing.
fn lenient(key: &[u8], signature: &[u8]) {
    use ed25519_dalek::{Signature, Verifier, VerifyingKey};
    let key = VerifyingKey::from_bytes(key.try_into().unwrap()).unwrap();
    let signature = Signature::from_slice(signature).unwrap();
    assert!(key.verify(b"anything", &signature).is_ok());
    assert!(key.verify_strict(b"anything", &signature).is_err());
}
