//! A guard whose clock was ahead.

use std::time::Duration;

use bailiwick::capability::{Call, Facts, Held, MAX_CALL_LIFE, WireCall};
use bailiwick::clock::Clock as _;
use bailiwick::guard::Guard;
use bailiwick_integration_tests::support::Home;
use bailiwick_integration_tests::support::calls::asked;

/// A call that a sender sent whose clock is so much ahead, for as long as may be.
pub(crate) fn ahead(home: &Home, guard: &Guard, held: &Held, by: Duration) -> (WireCall, Call) {
    let call = asked("/a");
    let mut facts = Facts::at(home.clock.now().unwrap().saturating_add(by));
    facts.audience = guard.audience().map(str::to_owned);
    let bytes = held.wire_call(&call, &facts, MAX_CALL_LIFE).unwrap();
    (guard.ring().wire_call(&bytes).unwrap(), call)
}
