//! Who takes part in the vectors, and how their tokens are made: the same bytes in every run.

use std::time::Duration;

use bailiwick::capability::{
    Call, CallNonce, Facts, Grant, Held, KeyRing, Mandate, PublicKey, Scope, path_under,
};
use bailiwick::id::Timestamp;
use biscuit_auth::format::schema::{self, term::Content};
use ed25519_dalek::SigningKey;
use prost::Message;
use serde_json::Value;

use super::format::{Asked, Known};
use super::judge::hex;
use crate::forge::{self, Forge};

/// When every call is made, unless a vector is about time.
pub(super) fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

pub(super) fn later(seconds: u64) -> Timestamp {
    now().saturating_add(Duration::from_secs(seconds))
}

pub(super) fn root() -> SigningKey {
    forge::key(200)
}

/// The first holder; those after it are keys 1, 2, ….
pub(super) fn first() -> SigningKey {
    forge::key(40)
}

pub(super) fn approver(number: u8) -> SigningKey {
    forge::key(150 + number)
}

pub(super) fn public(key: &SigningKey) -> PublicKey {
    forge::agent(key).public()
}

/// The check that every hop has: an hour of life.
pub(super) const CHECK: &str = "check if time($x), $x < 2027-01-15T09:00:00Z;";

/// Reads under `/srv/docs` and delegates.
pub(super) fn reader() -> Scope {
    reads("/srv/docs")
}

pub(super) fn reads(dir: &str) -> Scope {
    spawning(Grant::new("fs.read").arg("path", path_under(dir)))
}

pub(super) fn spawning(grant: Grant) -> Scope {
    Scope::new().grant(grant).grant(Grant::spawn(["reader"]))
}

/// A root's token for the first holder.
pub(super) fn mint(scope: &Scope) -> Forge {
    minted(scope, &Mandate::default())
}

pub(super) fn minted(scope: &Scope, mandate: &Mandate) -> Forge {
    let minted = forge::authority(&root())
        .mint(scope, mandate, public(&first()), now())
        .unwrap();
    let mut block = forge::block(&forge::parts(&minted.to_bytes()).authority);
    // The lineage is drawn at random; here it is always the same.
    block.facts[0].predicate.terms[1].content = Some(Content::Bytes(vec![0x11; 16]));
    start(block.encode_to_vec())
}

/// A chain that starts with these bytes, signed by the root.
pub(super) fn start(block: Vec<u8>) -> Forge {
    let signed = forge::sign(&[], block, &root(), &first());
    Forge::after(
        &forge::bytes(&forge::token(&[signed])),
        &forge::agent(&first()),
    )
}

/// The holder's view of a chain.
pub(super) fn hold(chain: &Forge) -> Held {
    let ring = KeyRing::new([public(&root())]);
    let read = ring.chain(&chain.token()).unwrap();
    read.held_by(forge::agent(&chain.holder)).unwrap()
}

fn last(token: &[u8]) -> Vec<u8> {
    forge::blocks(&forge::parts(token)).pop().unwrap().block
}

/// A hop with a narrower scope.
pub(super) fn delegate(chain: Forge, scope: &Scope) -> Forge {
    let to = public(&chain.next());
    let longer = hold(&chain).delegate("reader", scope, to, now()).unwrap();
    chain.raw(last(&longer.to_bytes()))
}

/// A hop with any scope, as foreign software could append it.
pub(super) fn widen(chain: Forge, scope: &Scope) -> Forge {
    let to = public(&chain.next());
    let longer = hold(&chain)
        .danger_append("reader", scope, to, now())
        .unwrap();
    chain.raw(last(&longer.to_bytes()))
}

/// The block that [`widen`] would append, changed.
pub(super) fn edited(
    chain: Forge,
    scope: &Scope,
    change: impl FnOnce(&mut schema::Block),
) -> Forge {
    let block = forge::block(&widen(chain.clone(), scope).blocks.pop().unwrap());
    chain.edited(&block, change)
}

/// The block that [`widen`] would append, with another text in the place of one of its strings.
pub(super) fn respelt(chain: Forge, scope: &Scope, from: &str, to: &str) -> Forge {
    edited(chain, scope, |block| {
        let text = block.symbols.iter_mut().find(|text| *text == from);
        *text.expect(from) = to.to_owned();
    })
}

/// The approval of a call by a key; its id, drawn at random, is here always the same.
pub(super) fn approval(
    chain: &Forge,
    by: &SigningKey,
    facts: &Known,
    expires: Timestamp,
) -> Vec<u8> {
    let held = hold(chain);
    let request = held.approval_request(&call(&asked()), &facts.facts());
    let approval = request.approve(&forge::agent(by), expires);
    let with = held.with_approval(&approval).unwrap();
    let mut block = schema::Block::decode(last(&with.chain().to_bytes()).as_slice()).unwrap();
    block.facts[0].predicate.terms[2].content = Some(Content::Bytes(vec![0x33; 16]));
    block.encode_to_vec()
}

pub(super) fn approve(chain: Forge, by: &SigningKey) -> Forge {
    let block = approval(&chain, by, &known(), later(600));
    chain.external(block, by)
}

/// A chain made a wire call of the usual call, good for 30 s.
pub(super) fn wired(chain: &Forge) -> Forge {
    wired_for(chain, &known())
}

pub(super) fn wired_for(chain: &Forge, known: &Known) -> Forge {
    let facts: Facts = known.facts();
    let life = Duration::from_secs(30);
    let token = hold(chain)
        .wire_call(&call(&asked()), &facts, life)
        .unwrap();
    chain.clone().raw(last(&token))
}

/// The call that is asked unless a vector is about calls.
pub(super) fn asked() -> Asked {
    ask("fs.read", serde_json::json!({ "path": "/srv/docs/a.md" }))
}

pub(super) fn ask(tool: &str, args: Value) -> Asked {
    Asked {
        tool: tool.to_owned(),
        args: args.to_string(),
        nonce: hex(&[0x22; 16]),
    }
}

fn call(asked: &Asked) -> Call {
    let call = Call::parse(asked.tool.as_str(), &asked.args).unwrap();
    let arguments = call.arguments().clone();
    Call::with_nonce(asked.tool.as_str(), arguments, CallNonce([0x22; 16])).unwrap()
}

/// What the verifier knows unless a vector is about that.
pub(super) fn known() -> Known {
    Known {
        audience: Some("files.example".to_owned()),
        ..Known::at(now())
    }
}

/// The key that a vector's readers are told nothing about.
pub(super) fn stranger() -> SigningKey {
    forge::key(99)
}
