//! The work of a verifier, as it is counted.

use std::sync::Arc;

use bailiwick::capability::{
    AgentKey, Call, Constraint, Grant, Held, Mandate, Scope, Work, any, work,
};
use bailiwick_integration_tests::support::{Home, start};
use serde_json::{Map, Value};

pub(crate) fn counted<T>(what: impl FnOnce() -> T) -> (T, Work) {
    let before = work();
    let done = what();
    (done, work() - before)
}

pub(crate) fn spawning(constraint: Constraint) -> Scope {
    Scope::new()
        .grant(Grant::new("x").arg("a", constraint))
        .grant(Grant::spawn(["child"]))
}

/// A token and the key that it names.
pub(crate) fn minted(home: &Home, scope: &Scope) -> (Held, Arc<AgentKey>) {
    let key = Arc::new(AgentKey::generate());
    let chain = home
        .authority
        .mint(scope, &Mandate::default(), key.public(), start())
        .unwrap();
    (chain.held_by(key.clone()).unwrap(), key)
}

pub(crate) fn asked(value: &str) -> Call {
    let arguments = Map::from_iter([("a".to_owned(), Value::from(value))]);
    Call::new("x", arguments).unwrap()
}

/// One grant of an argument for each of the constraints.
pub(crate) fn each(constraints: impl IntoIterator<Item = Constraint>) -> Scope {
    let grant = |one| Grant::new("x").arg("a", one).arg("b", any());
    let all = constraints.into_iter().map(grant);
    all.fold(Scope::new(), Scope::grant)
}
