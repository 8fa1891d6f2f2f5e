use bailiwick::capability::{AgentKey, Held};
use bailiwick::guard::{Permit, Reservation};
use bailiwick::tool::Invocation;

fn copy<T: Clone>(it: &T) -> T {
    it.clone()
}

fn twice(permit: Permit, reservation: Reservation, held: Held, key: AgentKey, invocation: Invocation) {
    copy(&permit);
    let _ = copy(&reservation);
    copy(&held);
    copy(&key);
    copy(&invocation);
}

fn from_reference(permit: &Permit) -> Permit {
    *permit
}

fn main() {}
