//! What the benchmarks share: chains of every depth, the same for the stock library, and the floor.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up stops"
)]
#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod paired;
pub(crate) mod table;

use std::time::Duration;

use bailiwick::capability::{
    AgentKey, Authority, Call, Facts, Grant, Held, KeyRing, Mandate, Risk, Scope, minutes, one_of,
    path_under, stock_facts,
};
use bailiwick::guard::{Context, Effect};
use bailiwick::id::Timestamp;
use biscuit_auth::builder::{Algorithm, AuthorizerBuilder};
use biscuit_auth::format::schema;
use biscuit_auth::{AuthorizerLimits, Biscuit, PublicKey};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use prost::Message;

/// The depths that are measured: the number of delegations.
pub(crate) const DEPTHS: [u32; 6] = [0, 1, 2, 4, 8, 16];
/// The arguments of the call that is measured, as a model writes them.
pub(crate) const ARGUMENTS: &str = r#"{"path":"/srv/files/docs/report.md"}"#;

/// A chain of one depth, its holder, and one call that it allows.
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) ring: KeyRing,
    pub(crate) scope: Scope,
    depth: u32,
    pub(crate) held: Held,
    pub(crate) call: Call,
    pub(crate) context: Context,
    holder: SigningKey,
}

pub(crate) fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// What each block of the chain says: three grants, a task, a risk and an expiry.
fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv/files")))
        .grant(Grant::new("mail.send").arg("to", one_of(["ops@example.com", "lead@example.com"])))
        .grant(Grant::spawn(["reader"]))
        .task("report")
        .max_risk(Risk::Medium)
        .expires_in(minutes(10))
}

/// A chain of fresh keys, and the secret of its holder.
fn grown(root: &Authority, scope: &Scope, depth: u32) -> (Held, SigningKey) {
    let mut key = AgentKey::generate();
    let mut holder = secret(&key);
    let mint = root.mint(scope, &Mandate::default(), key.public(), now());
    let mut held = mint.unwrap().held_by(key).unwrap();
    for _ in 0..depth {
        key = AgentKey::generate();
        holder = secret(&key);
        let child = held.delegate("reader", scope, key.public(), now());
        held = child.unwrap().held_by(key).unwrap();
    }
    (held, holder)
}

impl World {
    pub(crate) fn of(depth: u32) -> Self {
        let (root, scope) = (Authority::generate(), scope());
        let (held, holder) = grown(&root, &scope, depth);
        let mut context = Context::new("lead/reader", Effect::Read, Risk::Low, now());
        context.facts.task = Some("report".to_owned());
        context.facts.audience = Some("files".to_owned());
        Self {
            ring: KeyRing::new([root.root()]),
            root,
            scope,
            depth,
            held,
            call: Call::parse("fs.read", ARGUMENTS).unwrap(),
            context,
            holder,
        }
    }

    /// The bytes of another chain of the same root and depth, which no keyring has seen.
    pub(crate) fn fresh(&self) -> Vec<u8> {
        let (held, _) = grown(&self.root, &self.scope, self.depth);
        held.chain().to_bytes()
    }

    /// The bytes of a fresh wire call of the chain.
    pub(crate) fn wire_call(&self) -> Vec<u8> {
        let call = Call::parse("fs.read", ARGUMENTS).unwrap();
        let life = Duration::from_secs(30);
        self.held
            .wire_call(&call, &self.context.facts, life)
            .unwrap()
    }

    /// The chain as the stock library takes one: with its holder's secret.
    pub(crate) fn stock_bytes(&self) -> Vec<u8> {
        let mut raw = schema::Biscuit::decode(&*self.held.chain().to_bytes()).unwrap();
        let secret = self.holder.to_bytes().to_vec();
        raw.proof.content = Some(schema::proof::Content::NextSecret(secret));
        raw.encode_to_vec()
    }

    pub(crate) fn stock_root(&self) -> PublicKey {
        PublicKey::from_bytes(self.root.public().as_bytes(), Algorithm::Ed25519).unwrap()
    }

    /// The stock engine with the facts of the call, parsed beforehand.
    pub(crate) fn stock_verifier(&self) -> AuthorizerBuilder {
        let (chain, facts): (_, &Facts) = (self.held.chain(), &self.context.facts);
        let lines = stock_facts(&self.call, facts, chain.depth(), None);
        let code = format!(
            "{};\nallow if tool($t), grants($g), $g.contains($t);",
            lines.join(";\n")
        );
        let limits = AuthorizerLimits {
            max_time: Duration::from_secs(60),
            ..AuthorizerLimits::default()
        };
        AuthorizerBuilder::new()
            .code(code)
            .unwrap()
            .set_limits(limits)
    }
}

/// Asks the stock engine, as a verifier that has read the token would.
pub(crate) fn stock(verifier: &AuthorizerBuilder, token: &Biscuit) -> usize {
    verifier.clone().build(token).unwrap().authorize().unwrap()
}

fn secret(key: &AgentKey) -> SigningKey {
    SigningKey::from_pkcs8_pem(&key.danger_to_pem().unwrap()).unwrap()
}

/// The signatures that a chain cannot do without, over messages as long as its blocks.
pub(crate) struct Floor {
    key: SigningKey,
    bytes: [u8; 32],
    message: Vec<u8>,
    signature: Signature,
}

impl Floor {
    pub(crate) fn new(world: &World) -> Self {
        let size = world.held.chain().hops().map(|hop| hop.size).max().unwrap();
        let message = vec![7; size + 200];
        let key = SigningKey::from_bytes(&[7; 32]);
        Self {
            bytes: key.verifying_key().to_bytes(),
            signature: key.sign(&message),
            message,
            key,
        }
    }

    /// `count` strict verifications, each under a key that is read from its bytes.
    pub(crate) fn verify(&self, count: u32) -> bool {
        (0..count).all(|_| {
            let key = VerifyingKey::from_bytes(std::hint::black_box(&self.bytes)).unwrap();
            key.verify_strict(&self.message, &self.signature).is_ok()
        })
    }

    pub(crate) fn sign(&self) -> Signature {
        self.key.sign(std::hint::black_box(&self.message))
    }
}
