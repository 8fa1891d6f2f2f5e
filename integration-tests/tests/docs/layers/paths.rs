//! Which paths the scanner finds and which it does not, and that a circle is found.

use std::collections::BTreeSet;
use std::path::Path;

use super::arrows::{Arrows, circle, floor_faults, room_faults, storeys, within};
use super::scan::scan;
use super::tables::FLOORS;

#[track_caller]
fn faults(place: &str, text: &str) -> Vec<String> {
    let place = Path::new(place);
    room_faults(place, &scan(place, text))
}

#[test]
fn a_forbidden_path_is_found_however_it_is_written() {
    for (place, text) in [
        ("store/key.rs", "use crate::guard::Guard;"),
        ("store/key.rs", "fn f() -> crate::guard::Guard { todo!() }"),
        (
            "store/key.rs",
            "use crate::{\n    id::Timestamp,\n    guard::{self, Guard},\n};",
        ),
        ("store/key.rs", "use super::super::guard::Guard;"),
        (
            "store/key.rs",
            "use super::{batch::Batch, super::guard::Guard};",
        ),
        ("store/mod.rs", "use super::guard::Guard;"),
        (
            "store/mod.rs",
            "mod inner { use super::super::guard::Guard; }",
        ),
        (
            "clock.rs",
            "#[cfg(test)] mod tests { use super::*; use super::super::store::Key; }",
        ),
        (
            "capability/datalog/grant.rs",
            "use super::super::super::guard::Guard;",
        ),
        ("capability/mod.rs", "use bailiwick::guard::Guard;"),
        ("guard/mod.rs", "pub(in crate::record) struct S;"),
        ("guard/mod.rs", "use crate::*;"),
        ("guard/mod.rs", "use crate as c;"),
        ("guard/mod.rs", "use super as c;"),
        ("guard/mod.rs", "fn f() { biscuit_auth::Biscuit::from(b); }"),
        ("guard/mod.rs", "use self::super::record::Entry;"),
        ("guard/mod.rs", "mod tests { use super::Guard; }"),
        ("guard/mod.rs", "pub fn f() {} mod tests;"),
        ("lib.rs", "pub use biscuit_auth as token;"),
        ("attic/mod.rs", "use crate::id::Timestamp;"),
    ] {
        assert_eq!(faults(place, text).len(), 1, "{place}: {text}");
    }
    let fault = faults("store/key.rs", "\n/* guard */\nuse crate::guard::Guard;");
    assert_eq!(fault, ["store/key.rs:3: `store` may not name `guard`"]);
}

#[test]
fn what_is_allowed_and_what_is_no_path_is_not_found() {
    for (place, text) in [
        (
            "store/key.rs",
            "use crate::id::Timestamp; use super::batch::Batch; use crate::store::Key;",
        ),
        (
            "store/key.rs",
            "// use crate::guard::Guard;\n/// [`crate::guard::Guard`] /* */\n/* a /* crate::guard */ crate::guard */",
        ),
        (
            "store/key.rs",
            r####"const A: &str = "crate::guard \" crate::guard"; const B: &str = r#"crate::guard " "#; const C: char = '"';"####,
        ),
        (
            "store/key.rs",
            "#[cfg(test)] mod tests { use super::*; use super::super::batch::Batch; fn f<'a>(x: &'a str) {} }",
        ),
        (
            "capability/datalog/grant.rs",
            "use super::super::bounds::Grant; use super::{read::{atoms, strs}, table::Table};",
        ),
        ("capability/wire.rs", "use biscuit_auth::format::schema;"),
        (
            "guard/mod.rs",
            "pub(crate) fn f() { if x { y } } mod a { mod b { use super::super::denial::Denial; } } use super::store::Key;",
        ),
        (
            "agent/mod.rs",
            "use crate::tool::Gate; use crate::model::Model;",
        ),
        ("lib.rs", "pub use crate::agent::Agent;"),
    ] {
        assert_eq!(faults(place, text), Vec::<String>::new(), "{place}: {text}");
    }
}

#[track_caller]
fn capability_faults(place: &str, text: &str) -> Vec<String> {
    let floors = FLOORS.iter().find(|floors| floors.room == "capability");
    let place = Path::new(place);
    floor_faults(floors.unwrap(), place, &scan(place, text))
}

#[test]
fn a_path_to_a_higher_floor_is_found_however_it_is_written() {
    for (place, text) in [
        (
            "capability/value/call.rs",
            "use crate::capability::scope::Bounds;",
        ),
        (
            "capability/value/call.rs",
            "use super::super::scope::Bounds;",
        ),
        ("capability/value/mod.rs", "use super::scope::Bounds;"),
        (
            "capability/value/pattern/mod.rs",
            "use super::super::{keys::PublicKey, scope::Bounds};",
        ),
        (
            "capability/value/call.rs",
            "use crate::{capability::{keys::PublicKey, scope::{Bounds, Grant}}, id::Timestamp};",
        ),
        (
            "capability/value/call.rs",
            "fn f(bounds: crate::capability::scope::Bounds) {}",
        ),
        (
            "capability/value/call.rs",
            "mod inner { use super::super::super::scope::Bounds; }",
        ),
        (
            "capability/value/call.rs",
            "use self::super::super::scope::Bounds;",
        ),
        ("capability/value/call.rs", "use crate::capability::scope;"),
        (
            "capability/value/call.rs",
            "pub(in crate::capability::scope) struct S;",
        ),
        // What puts the floors together is not theirs to name.
        ("capability/value/call.rs", "use crate::capability::Bounds;"),
        ("capability/value/call.rs", "use crate::capability::*;"),
        (
            "capability/value/call.rs",
            "use crate::capability::{self, keys::PublicKey};",
        ),
        ("capability/value/call.rs", "use super::super::*;"),
        ("capability/value/mod.rs", "use super as above;"),
        ("capability/narrow/mod.rs", "use super::check::Skip;"),
        (
            "capability/scope/bounds/mod.rs",
            "use crate::capability::arbitrary::key;",
        ),
        ("capability/attic.rs", "use super::keys::PublicKey;"),
    ] {
        assert_eq!(capability_faults(place, text).len(), 1, "{place}: {text}");
    }
    let fault = capability_faults(
        "capability/keys/pair.rs",
        "\nuse crate::capability::token::Chain;",
    );
    assert_eq!(
        fault,
        ["capability/keys/pair.rs:2: in `capability`, `keys` may not name `token`"]
    );
}

#[test]
fn a_path_to_a_lower_floor_and_what_tests_name_is_not_found() {
    for (place, text) in [
        (
            "capability/value/call.rs",
            "use crate::capability::{keys::PublicKey, work}; use super::reading::Reading; pub(super) fn f() {}",
        ),
        (
            "capability/value/mod.rs",
            "pub(super) use call::Arg; pub(in crate::capability::value) struct S;",
        ),
        (
            "capability/value/canonical/write.rs",
            "pub(in crate::capability) struct S; pub(in crate::capability::value) fn f() {}",
        ),
        (
            "capability/token/keyring/verify.rs",
            "use super::KeyRing; use crate::capability::token::chain::Chain; use crate::id::Timestamp;",
        ),
        (
            "capability/value/call.rs",
            "#[cfg(test)] mod tests { use super::*; use crate::capability::token::KeyRing; }",
        ),
        (
            "capability/value/canonical/tests.rs",
            "use crate::capability::arbitrary; use super::super::super::token::KeyRing;",
        ),
        ("capability/mod.rs", "pub use self::token::Chain;"),
        ("guard/mod.rs", "use crate::capability::Chain;"),
    ] {
        assert_eq!(
            capability_faults(place, text),
            Vec::<String>::new(),
            "{place}: {text}"
        );
    }
}

#[test]
fn a_circle_is_found() {
    let arrows = |pairs: &[(&str, &str)]| {
        let mut arrows = Arrows::new();
        for (from, to) in pairs {
            let to = (*to).to_owned();
            arrows.entry((*from).to_owned()).or_default().insert(to);
        }
        arrows
    };
    assert!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(
        circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")])).len(),
        3
    );
    assert_eq!(storeys(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])), 2);
    let both: BTreeSet<String> = ["b", "c"].map(str::to_owned).into();
    let tied = arrows(&[("a", "b"), ("b", "c"), ("c", "b")]);
    assert_eq!(circle(&within(&tied, &both)), both);
}
