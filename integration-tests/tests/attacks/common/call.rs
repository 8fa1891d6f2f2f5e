//! Calls of a payer, and the verdicts on them.

use bailiwick::capability::{
    AgentKey, Authority, Call, Chain, Facts, Grant, Held, KeyRing, Kind, Mandate, Refusal, Scope,
    Skip, one_of, range,
};
use bailiwick::id::Timestamp;
use serde_json::Value;

pub(crate) type Verdict = Result<(), (Kind, Option<u32>)>;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
}

pub(crate) fn facts() -> Facts {
    Facts {
        audience: Some("here".to_owned()),
        ..Facts::at(at(0))
    }
}

pub(crate) fn call(capability: &str, args: &Value) -> Call {
    Call::new(capability, args.as_object().unwrap().clone()).unwrap()
}

pub(crate) fn ask(chain: &Chain, call: &Call, facts: &Facts) -> Verdict {
    chain
        .explain(call, facts, Skip::default())
        .map_err(|refusal| (refusal.kind(), refusal.hop()))
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T, Refusal>) -> Kind {
    result.unwrap_err().kind()
}

pub(crate) fn copy(key: &AgentKey) -> AgentKey {
    AgentKey::from_pem(&key.danger_to_pem().unwrap()).unwrap()
}

/// A ring and a token with `scope`, and its holder's key.
pub(crate) fn token(scope: &Scope) -> (KeyRing, Chain, AgentKey) {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let chain = root
        .mint(scope, &Mandate::default(), key.public(), at(0))
        .unwrap();
    let ring = KeyRing::new([root.root()]);
    // What verifies is what was read.
    let chain = ring.chain(&chain.to_bytes()).unwrap();
    (ring, chain, key)
}

pub(crate) fn hold(chain: &Chain, key: &AgentKey) -> Held {
    chain.clone().held_by(copy(key)).unwrap()
}

pub(crate) fn payer() -> Scope {
    Scope::new()
        .grant(
            Grant::new("pay")
                .arg("to", one_of(["a", "b"]))
                .arg("sum", range(0, 100)),
        )
        .grant(
            Grant::new("mail")
                .arg("to", one_of(["a", "b"]))
                .arg("sum", range(0, 100)),
        )
}
