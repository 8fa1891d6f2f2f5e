//! Each caveat, once where it holds and once where it does not; and where its fact is not known.

use std::collections::BTreeSet;

use bailiwick::capability::{
    Budget, Grant, Quorum, Risk, Scope, Sensitivity, hours, path_under, seconds,
};

use super::cast::{
    approval, approve, approver, delegate, first, known, later, mint, now, public, reader, root,
    spawning, stranger, widen,
};
use super::draft::{Draft, held};
use super::format::{Known, Used, Vector};
use crate::forge::Forge;

fn set(names: &[&str]) -> Option<BTreeSet<String>> {
    Some(names.iter().map(|name| (*name).to_owned()).collect())
}

/// A hop of this scope after a root's token.
fn hop(scope: &Scope) -> Forge {
    delegate(mint(&reader()), scope)
}

/// Holds, does not hold, and is not known.
fn three(
    kind: &str,
    scope: &Scope,
    holds: impl FnOnce(&mut Known),
    not: impl FnOnce(&mut Known),
    unknown: impl FnOnce(&mut Known),
) -> [Vector; 3] {
    let chain = hop(scope);
    let name = |end: &str| format!("caveat_{kind}{end}");
    let draft = |end: &str, says: &str| held(&name(end), &says.replace("{}", kind), &chain);
    [
        draft("", "The caveat `{}` of a hop holds.")
            .facts(holds)
            .allow(),
        draft("_fails", "The caveat `{}` of a hop does not hold.")
            .facts(not)
            .deny(kind, Some(1)),
        draft(
            "_unknown",
            "The caveat `{}` asks for a fact that the verifier does not know.",
        )
        .facts(unknown)
        .deny(kind, Some(1)),
    ]
}

fn used(known: &mut Known, n: u64) {
    let id = format!("{}/m", public(&first()));
    known.used.push(Used {
        kind: "calls".to_owned(),
        id,
        n,
    });
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    all.extend(three(
        "audience",
        &reader().audience(["files.example", "b"]),
        |_| {},
        |known| known.audience = Some("evil.example".to_owned()),
        |known| known.audience = None,
    ));
    all.extend(three(
        "task",
        &reader().task("t-1"),
        |known| known.task = Some("t-1".to_owned()),
        |known| known.task = Some("t-2".to_owned()),
        |_| {},
    ));
    all.extend(three(
        "step",
        &reader().step(["plan", "read"]),
        |known| known.step = Some("read".to_owned()),
        |known| known.step = Some("write".to_owned()),
        |_| {},
    ));
    all.extend(three(
        "dataset",
        &reader().dataset(["hr", "sales"]),
        |known| known.dataset = set(&["hr"]),
        |known| known.dataset = set(&["hr", "payroll"]),
        |_| {},
    ));
    all.extend(three(
        "taint",
        &reader().taint(["mail"]),
        |known| known.taint = set(&[]),
        |known| known.taint = set(&["web"]),
        |_| {},
    ));
    all.extend(three(
        "risk",
        &reader().max_risk(Risk::Medium),
        |known| known.risk = Some(Risk::Medium),
        |known| known.risk = Some(Risk::High),
        |_| {},
    ));
    all.extend(three(
        "sensitivity",
        &reader().max_sensitivity(Sensitivity::Internal),
        |known| known.sensitivity = Some(Sensitivity::Public),
        |known| known.sensitivity = Some(Sensitivity::Restricted),
        |_| {},
    ));
    all.extend(three(
        "budget",
        &reader().budget(Budget::new("calls", 5).shared("m")),
        |known| used(known, 5),
        |known| used(known, 6),
        |_| {},
    ));
    all.extend(times());
    all.extend(depths());
    all.extend(approvals());
    all
}

fn times() -> Vec<Vector> {
    let brief = hop(&reader().expires_in(seconds(60)));
    let starts = hop(&reader().not_before(later(10)));
    let at = |draft: Draft, seconds: u64| draft.facts(|known| known.time = later(seconds));
    let long = mint(&reader().expires_in(hours(48)));
    vec![
        at(
            held("expiry_before", "The last second of a hop.", &brief),
            59,
        )
        .allow(),
        at(held("expiry_at", "The end is exclusive.", &brief), 60).deny("expired", Some(1)),
        at(
            held(
                "expiry_of_the_root",
                "A hop that outlives its root ends with it.",
                &widen(
                    mint(&reader().expires_in(seconds(60))),
                    &reader().expires_in(hours(1)),
                ),
            ),
            100,
        )
        .deny("expired", Some(0)),
        at(held("start_at", "The start is inclusive.", &starts), 10).allow(),
        at(held("start_before", "A second too early.", &starts), 9).deny("not_yet_valid", Some(1)),
        held(
            "life_over_24_hours",
            "More life left than a verifier accepts.",
            &long,
        )
        .stock_differs("the longest life accepted is a rule of the verifier, and no check")
        .deny("expired", None),
    ]
}

fn depths() -> Vec<Vector> {
    let alone = Scope::new().grant(Grant::new("fs.read").arg("path", path_under("/srv")));
    let chain = mint(&alone);
    let two = delegate(mint(&reader().max_depth(1)), &reader());
    vec![
        held("depth_at", "As many hops as the root allows.", &two.clone()).allow(),
        held(
            "depth_over",
            "One hop more than the root allows.",
            &widen(two, &reader()),
        )
        .deny("depth", Some(0)),
        held(
            "delegated_without_spawn",
            "A holder that was not granted `agent.spawn` cannot delegate.",
            &widen(chain, &alone),
        )
        .deny("depth", Some(0)),
    ]
}

fn approvals() -> Vec<Vector> {
    let grant = Grant::new("fs.read").arg("path", path_under("/srv"));
    let asks = mint(&spawning(grant.approved_by([public(&approver(1))])));
    let keys = [1, 2, 3].map(|n| public(&approver(n)));
    let two = mint(&reader().quorum(Quorum::new(["fs.read"], 2, keys)));
    let elsewhere = Known {
        audience: Some("other.example".to_owned()),
        ..known()
    };
    let of_other = approval(&asks, &approver(1), &elsewhere, later(600));
    let brief = approval(&asks, &approver(1), &known(), now());
    let twice = approve(approve(two.clone(), &approver(1)), &approver(1));
    let deny =
        |name: &str, says: &str, chain: &Forge| held(name, says, chain).deny("approval", Some(0));
    vec![
        deny(
            "approval_missing",
            "A grant that asks for an approval has none.",
            &asks,
        ),
        deny(
            "approval_by_stranger",
            "The approval is of a key that the grant does not name.",
            &approve(asks.clone(), &stranger()),
        ),
        deny(
            "approval_of_another_call",
            "The approval is for the same call to another audience.",
            &asks.clone().external(of_other, &approver(1)),
        ),
        deny(
            "approval_expired",
            "The approval ended in this very second.",
            &asks.clone().external(brief, &approver(1)),
        ),
        deny(
            "approval_twice_same_key",
            "Two are needed, and one approver approved twice.",
            &twice,
        ),
        deny(
            "approval_one_of_two",
            "Two are needed, and one approved.",
            &approve(two.clone(), &approver(2)),
        ),
        deny(
            "approval_of_two_by_one_and_a_stranger",
            "Two are needed, and one of them and somebody else approved.",
            &approve(approve(two, &approver(2)), &stranger()),
        ),
        held(
            "budget_over_by_the_highest_number",
            "A count past 64 bits with a sign is past every budget.",
            &mint(&reader().budget(Budget::new("calls", 5).shared("m"))),
        )
        .facts(|known| {
            let id = format!("{}/m", public(&root()));
            known.used.push(Used {
                kind: "calls".to_owned(),
                id,
                n: u64::MAX,
            });
        })
        .deny("budget", Some(0)),
    ]
}
