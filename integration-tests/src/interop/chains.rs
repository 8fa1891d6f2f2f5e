//! Chains and keys from which another implementation makes hops, approvals and calls.

use std::time::Duration;

use bailiwick::capability::{Authority, Grant, KeyRing, Mandate, Scope, path_under, to_text};
use bailiwick::id::Timestamp;
use ed25519_dalek::SigningKey;
use serde::Serialize;

use crate::forge;

/// A chain, and the private key of its holder as a seed in hexadecimal.
#[derive(Debug, Serialize)]
pub struct Given {
    /// Its text form.
    pub token: String,
    /// The key.
    pub holder_key: String,
}

/// Everything that is given. Keys are seeds in hexadecimal.
#[derive(Debug, Serialize)]
pub struct Material {
    /// The public key of the root in hexadecimal.
    pub root: String,
    /// Its private key, to see what a stock library mints with it.
    pub root_key: String,
    /// Grants reading under `/srv/docs`, and delegation.
    pub plain: Given,
    /// As `plain`, bound to the audience of the call.
    pub bound: Given,
    /// As `plain`, if the approver approves.
    pub asking: Given,
    /// Who approves.
    pub approver_key: String,
    /// To whom something is delegated.
    pub next_key: String,
    /// When calls and hops end.
    pub expires: String,
    /// The same in seconds since 1970.
    pub expires_secs: u64,
    /// The capability that is called.
    pub tool: String,
    /// The path that it is called with.
    pub path: String,
    /// The id of the call, in hexadecimal.
    pub nonce: String,
    /// The server that it is meant for.
    pub audience: String,
}

pub(super) const TOOL: &str = "fs.read";
pub(super) const PATH: &str = "/srv/docs/public/a.md";
pub(super) const AUDIENCE: &str = "files.example";
pub(super) const NONCE: [u8; 16] = *b"a nonce, no more";

pub(super) fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

pub(super) fn root() -> SigningKey {
    forge::key(201)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn given(authority: &Authority, scope: &Scope) -> Given {
    let key = forge::key(41);
    let to = forge::agent(&key).public();
    let chain = authority
        .mint(scope, &Mandate::default(), to, now())
        .unwrap();
    let bytes = chain.to_bytes();
    KeyRing::new([authority.root()]).chain(&bytes).unwrap();
    Given {
        token: to_text(&bytes),
        holder_key: hex(&key.to_bytes()),
    }
}

/// The material.
#[must_use]
pub fn material() -> Material {
    let authority = forge::authority(&root());
    let approver = forge::key(151);
    let grant = || Grant::new(TOOL).arg("path", path_under("/srv/docs"));
    let scope = |grant: Grant| Scope::new().grant(grant).grant(Grant::spawn(["reader"]));
    let asks = grant().approved_by([forge::agent(&approver).public()]);
    let expires = now().saturating_add(Duration::from_secs(30));
    Material {
        root: hex(root().verifying_key().as_bytes()),
        root_key: hex(&root().to_bytes()),
        plain: given(&authority, &scope(grant())),
        bound: given(&authority, &scope(grant()).audience(AUDIENCE)),
        asking: given(&authority, &scope(asks)),
        approver_key: hex(&approver.to_bytes()),
        next_key: hex(&forge::key(42).to_bytes()),
        expires: expires.to_string(),
        expires_secs: expires.secs(),
        tool: TOOL.to_owned(),
        path: PATH.to_owned(),
        nonce: hex(&NONCE),
        audience: AUDIENCE.to_owned(),
    }
}
