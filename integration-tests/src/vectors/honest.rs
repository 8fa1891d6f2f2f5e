//! Tokens that allow the call.

use bailiwick::capability::{
    Budget, Grant, KeyRing, Mandate, Quorum, Scope, hours, path_under, to_text,
};
use serde_json::json;

use super::cast::{
    approve, approver, delegate, hold, known, later, mint, minted, public, reader, reads, root,
    spawning, wired, wired_for,
};
use super::draft::{held, sent};
use super::format::{Used, Vector};
use crate::forge::{self, Forge};

pub(super) fn vectors() -> Vec<Vector> {
    let one = mint(&reader());
    let two = delegate(one.clone(), &reads("/srv/docs"));
    let deep = ["/srv/docs"; 4]
        .into_iter()
        .fold(one.clone(), |chain, dir| delegate(chain, &reads(dir)));
    let full = (1..32).fold(one.clone(), |chain, _| delegate(chain, &Scope::inherit()));
    let union = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under("/etc")))
        .grant(Grant::new("fs.read").arg("path", path_under("/srv")))
        .grant(Grant::spawn(["reader"]));
    let mandate = Mandate {
        principal: Some("ada".to_owned()),
        intent: Some("read \"the\" docs\n\\ 文".to_owned()),
        ends: Some(later(7200)),
    };
    let asks = spawning(
        Grant::new("fs.read")
            .arg("path", path_under("/srv"))
            .approved_by([public(&approver(1)), public(&approver(2))]),
    );
    let keys = [1, 2, 3].map(|n| public(&approver(n)));
    let two_of_three = reader().quorum(Quorum::new(["fs.read"], 2, keys));
    let both = approve(approve(mint(&two_of_three), &approver(3)), &approver(1));
    let with_null = json!({ "mode": null, "path": "/srv/docs/a.md" });
    vec![
        held(
            "honest_root",
            "A root's token in the hands of its first holder.",
            &one,
        )
        .allow(),
        held(
            "honest_hop",
            "One delegation to a narrower directory.",
            &two,
        )
        .allow(),
        held(
            "honest_depth_4",
            "Four delegations, each signed by the holder before.",
            &deep,
        )
        .allow(),
        held(
            "honest_32_blocks",
            "The most blocks that a token may have.",
            &full,
        )
        .allow(),
        held(
            "honest_inherit",
            "A hop without a grants check inherits what the blocks before it grant.",
            &delegate(one.clone(), &Scope::inherit().expires_in(hours(1))),
        )
        .allow(),
        held(
            "honest_union_of_grants",
            "Two grants of one capability: the second allows what the first does not.",
            &delegate(mint(&union), &union),
        )
        .allow(),
        held(
            "honest_principal_and_intent",
            "An authority block with all its facts, and strings that need escapes.",
            &minted(&reader(), &mandate),
        )
        .allow(),
        held(
            "honest_renewed_hop",
            "A hop that was signed again for longer names the decision that allowed it.",
            &renewal(),
        )
        .allow(),
        held(
            "honest_root_id",
            "The token names the id by which its root is known.",
            &one,
        )
        .with(|vector| {
            vector.root_id = Some(7);
            vector.token = hinted(&one, 7);
        })
        .allow(),
        held(
            "honest_null_is_no_argument",
            "An argument that is null is not given, so it need not be granted.",
            &two,
        )
        .call("fs.read", with_null)
        .allow(),
        held(
            "honest_grant_approved",
            "A grant that asks for the approval of one of two keys, approved by the second.",
            &approve(mint(&asks), &approver(2)),
        )
        .allow(),
        held(
            "honest_two_of_three_approved",
            "Two of three approvers approved.",
            &both,
        )
        .allow(),
        held(
            "honest_budget_shared_with_a_hop",
            "A hop lowers a budget that the block before it set.",
            &budget(),
        )
        .facts(|known| {
            let id = format!("{}/m", public(&root()));
            known.used.push(Used {
                kind: "calls".to_owned(),
                id,
                n: 3,
            });
        })
        .allow(),
        sent(
            "honest_wire_call",
            "A call made with a root's token.",
            &wired(&one).sealed(),
        )
        .allow(),
        sent(
            "honest_wire_call_depth_4",
            "A call after four delegations.",
            &wired(&deep).sealed(),
        )
        .allow(),
        sent(
            "honest_wire_call_with_approval",
            "A call that was approved: the approval stands between the last hop and the call.",
            &wired(&approve(mint(&asks), &approver(1))).sealed(),
        )
        .allow(),
        sent(
            "honest_wire_call_in_a_task",
            "The digest of the call covers the task.",
            &{
                let mut facts = known();
                facts.task = Some("t-1".to_owned());
                wired_for(&two, &facts).sealed()
            },
        )
        .facts(|known| known.task = Some("t-1".to_owned()))
        .allow(),
    ]
}

/// The token with a hint at its root.
fn hinted(chain: &Forge, hint: u32) -> String {
    let mut raw = forge::parts(&chain.token());
    raw.root_key_id = Some(hint);
    to_text(&forge::bytes(&raw))
}

/// A hop renewed by its delegator.
fn renewal() -> Forge {
    let parent = minted(
        &reader().expires_in(hours(2)),
        &Mandate {
            ends: Some(later(7200)),
            ..Mandate::default()
        },
    );
    let child = delegate(parent.clone(), &reader().expires_in(hours(1)));
    let ring = KeyRing::new([public(&root())]);
    let child = ring.chain(&child.token()).unwrap();
    let longer = hold(&parent)
        .renew(&child, later(5400), "d-17", public(&parent.next()))
        .unwrap();
    let block = forge::parts(&longer.to_bytes()).blocks.pop().unwrap();
    parent.raw(block.block)
}

fn budget() -> Forge {
    let parent = mint(&reader().budget(Budget::new("calls", 5).shared("m")));
    let root = public(&root());
    delegate(
        parent,
        &reader().budget(Budget::new("calls", 3).shared("m").set_by(root)),
    )
}
