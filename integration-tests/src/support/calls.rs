//! Calls of `fs.read {path}` asked of a guard directly, at home and over the wire.

use bailiwick::capability::{
    Call, Facts, Grant, Held, Kind, MAX_CALL_LIFE, Risk, Scope, WireCall, any,
};
use bailiwick::clock::Clock as _;
use bailiwick::guard::{Context, Effect, Guard, GuardBuilder, Presented, SKEW, Verdict};
use bailiwick::id::Timestamp;
use serde_json::json;

use super::Home;

pub const BANK: &str = "bank";

pub fn context() -> Context {
    Context::new("lead/reader", Effect::Read, Risk::Low, Timestamp::default())
}

pub fn read() -> Scope {
    Scope::new().grant(Grant::new("fs.read").arg("path", any()))
}

/// As [`read`], and children may be made.
pub fn parent() -> Scope {
    read().grant(Grant::spawn(["child"])).max_depth(2)
}

pub fn asked(path: &str) -> Call {
    let serde_json::Value::Object(arguments) = json!({ "path": path }) else {
        panic!()
    };
    Call::new("fs.read", arguments).unwrap()
}

/// `None` when the call was allowed.
pub async fn verdict(
    guard: &Guard,
    presented: impl Into<Presented<'_>>,
    call: Call,
) -> Option<Kind> {
    match guard.authorize(presented.into(), call, context()).await {
        Verdict::Permit(..) => None,
        Verdict::Denied(denial) => Some(denial.kind()),
        Verdict::Ask(_) => Some(Kind::Approval),
    }
}

pub async fn once(guard: &Guard, held: &Held) -> Option<Kind> {
    verdict(guard, held, asked("/a")).await
}

/// A bank whose clock has left the time after its start, in which it cannot know what was spent.
pub fn bank(home: &Home) -> Guard {
    bank_of(home, home.guard())
}

pub fn bank_of(home: &Home, guard: GuardBuilder) -> Guard {
    let guard = guard.audience(BANK).build();
    home.clock.advance(MAX_CALL_LIFE + SKEW);
    guard
}

pub fn wire(home: &Home, held: &Held, call: &Call, audience: &str) -> Vec<u8> {
    let mut facts = Facts::at(home.clock.now().unwrap());
    facts.audience = Some(audience.to_owned());
    held.wire_call(call, &facts, MAX_CALL_LIFE).unwrap()
}

/// A fresh call of `held`, as the bank received it.
pub fn sent(home: &Home, guard: &Guard, held: &Held) -> (WireCall, Call) {
    let call = asked("/a");
    let bytes = wire(home, held, &call, BANK);
    (guard.ring().wire_call(&bytes).unwrap(), call)
}

/// A fresh call of `held` over the wire.
pub async fn once_by_wire(home: &Home, guard: &Guard, held: &Held) -> Option<Kind> {
    let (wire, call) = sent(home, guard, held);
    verdict(guard, &wire, call).await
}
