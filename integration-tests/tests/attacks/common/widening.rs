//! A holder with its own software, who appends what it likes.

use bailiwick::capability::{
    AgentKey, Authority, Call, Chain, Facts, Grant, Held, KeyRing, Kind, Mandate, Scope, Skip,
    path_under,
};
use bailiwick::id::Timestamp;
use biscuit_auth::format::schema;
use biscuit_auth::format::schema::scope::Content;
use serde_json::Value;

pub(crate) type Verdict = Result<(), (Kind, Option<u32>)>;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

pub(crate) fn call(capability: &str, args: &Value) -> Call {
    Call::new(capability, args.as_object().unwrap().clone()).unwrap()
}

pub(crate) fn ask(chain: &Chain, call: &Call, facts: &Facts) -> Verdict {
    chain
        .explain(call, facts, Skip::default())
        .map_err(|refusal| (refusal.kind(), refusal.hop()))
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, bailiwick::capability::Refusal>) -> Kind {
    result.unwrap_err().kind()
}

/// A root, its ring, and a token with `scope` in the hands of its first holder.
pub(crate) fn held(scope: &Scope) -> (Authority, KeyRing, Held) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(scope, &Mandate::default(), key.public(), now())
        .unwrap();
    let ring = KeyRing::new([root.root()]);
    (root, ring, chain.held_by(key).unwrap())
}

pub(crate) fn reader() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
        .grant(Grant::spawn(["reader"]))
}

/// A genuine token, and the key of its holder, who is the attacker.
pub(crate) fn hostile_holder() -> (KeyRing, Vec<u8>, AgentKey) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(&reader(), &Mandate::default(), key.public(), now())
        .unwrap();
    (KeyRing::new([root.root()]), chain.to_bytes(), key)
}

pub(crate) const CHECK: &str = "check if time($x), $x < 2030-01-01T00:00:00Z;";

pub(crate) fn scope(content: Content) -> schema::Scope {
    schema::Scope {
        content: Some(content),
    }
}
