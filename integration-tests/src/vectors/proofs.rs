//! What shows who presents a token: a key, a seal, or nothing.

use biscuit_auth::format::schema::proof::Content;

use super::cast::{delegate, mint, reader, reads, wired};
use super::draft::{bytes, held, sent};
use super::format::Vector;
use crate::forge;

const BEARER: &str = "to a stock library any holder of a token with a secret or a seal may use it";

pub(super) fn vectors() -> Vec<Vector> {
    let chain = delegate(mint(&reader()), &reads("/srv/docs"));
    let call = wired(&chain);
    let mut bearer = forge::token(&chain.blocks);
    let secret = chain.holder.to_bytes().to_vec();
    bearer.proof.content = Some(Content::NextSecret(secret.clone()));
    let mut call_bearer = forge::token(&call.blocks);
    call_bearer.proof.content = Some(Content::NextSecret(call.holder.to_bytes().to_vec()));
    let mut by_holder = forge::token(&call.blocks);
    forge::seal(&mut by_holder, &chain.holder);
    let mut short = forge::parts(&call.sealed());
    short.proof.content = Some(Content::FinalSignature(vec![7; 63]));
    let not_holder = |name: &str, says: &str, token: &[u8]| {
        sent(name, says, token)
            .stock_differs(BEARER)
            .deny("not_holder", None)
    };
    vec![
        bytes(
            "secret_in_proof",
            "The token carries the holder's private key, so that it is good for any reader of it.",
            &forge::bytes(&bearer),
            &chain.holder,
        )
        .stock_differs(BEARER)
        .deny("not_holder", None),
        not_holder(
            "secret_in_proof_sent",
            "A token with its holder's private key is sent in place of a call.",
            &forge::bytes(&bearer),
        ),
        not_holder(
            "secret_in_proof_of_a_call",
            "A call carries the private key that should have sealed it.",
            &forge::bytes(&call_bearer),
        ),
        not_holder(
            "sealed_without_call",
            "A chain that its holder sealed is no call: any reader of it could send it again.",
            &chain.sealed(),
        ),
        bytes(
            "sealed_and_held",
            "A sealed chain is presented with the holder's key.",
            &chain.sealed(),
            &chain.holder,
        )
        .stock_differs(BEARER)
        .deny("not_holder", None),
        sent(
            "call_without_seal",
            "A call whose sender did not seal it.",
            &call.token(),
        )
        .deny("not_holder", None),
        held(
            "call_held",
            "A call without its seal is presented as a chain.",
            &call,
        )
        .deny("not_holder", None),
        sent(
            "chain_sent",
            "A chain without any proof is sent in place of a call.",
            &chain.token(),
        )
        .deny("not_holder", None),
        sent(
            "call_sealed_by_its_holder",
            "The seal is by the holder, not by the key that the call block names.",
            &forge::bytes(&by_holder),
        )
        .deny("bad_signature", None),
        sent(
            "seal_of_63_bytes",
            "The seal is too short.",
            &forge::bytes(&short),
        )
        .deny("malformed", None),
    ]
}
