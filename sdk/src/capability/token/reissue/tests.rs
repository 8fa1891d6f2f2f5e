use super::*;
use crate::capability::keys::AgentKey;
use crate::capability::scope::{Budget, Grant, Scope, any, minutes};
use crate::capability::token::{KeyRing, Mandate};
use crate::id::Timestamp;

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

fn scope() -> Scope {
    Scope::new()
        .grant(Grant::new("fs.read").arg("path", any()))
        .grant(Grant::spawn(["a", "b"]))
        .expires_in(minutes(10))
}

fn child(parent: &Held, role: &str, scope: &Scope) -> Held {
    let key = AgentKey::generate();
    let chain = parent.delegate(role, scope, key.public(), now()).unwrap();
    chain.held_by(key).unwrap()
}

fn budgets(chain: &Chain) -> Vec<(BudgetKey, u64)> {
    let budgets = chain.budgets();
    budgets.map(|(key, max, _)| (key.clone(), max)).collect()
}

#[test]
fn a_tree_is_issued_again_with_its_budgets_and_not_a_second_more() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let key = AgentKey::generate();
    let scope_of = scope().budget(Budget::new("calls", 9).shared("all"));
    let minted = root.mint(&scope_of, &Mandate::default(), key.public(), now());
    let lead = minted.unwrap().held_by(key).unwrap();
    let first = child(
        &lead,
        "a",
        &scope().budget(Budget::new("turns", 7).shared("ours")),
    );
    // The second restates what the root and the lead set, and sets one of its own.
    let restated = scope()
        .budget(Budget::new("calls", 5).shared("all").set_by(root.public()))
        .budget(
            Budget::new("turns", 6)
                .shared("ours")
                .set_by(lead.chain().holder()),
        )
        .budget(Budget::new("tokens", 100));
    let second = child(&first, "b", &restated);

    let again = |chain: Result<Chain, MintError>, key: AgentKey| {
        // This is how a verifier reads it.
        let chain = ring.chain(&chain.unwrap().to_bytes()).unwrap();
        chain.held_by(key).unwrap()
    };
    let fresh = AgentKey::generate;
    let key = fresh();
    let new_lead = again(root.reissue(lead.chain(), key.public(), &[]), key);
    let key = fresh();
    let new_first = again(new_lead.reissue(first.chain(), key.public()), key);
    let key = fresh();
    let new_second = again(new_first.reissue(second.chain(), key.public()), key);

    let (before, after) = (second.chain(), new_second.chain());
    assert_eq!(after.lineage(), before.lineage());
    assert_eq!(after.expires(), before.expires());
    // The root's counters are the same; those of agents are new, with the same maxima.
    let mut moved = Moved::default();
    for (old, new) in [
        (&lead, &new_lead),
        (&first, &new_first),
        (&second, &new_second),
    ] {
        moved.insert(old.chain().holder(), new.chain().holder());
    }
    let now_counted = |(key, max)| (moved.budget(&key).unwrap_or(key), max);
    let mut expected: Vec<_> = budgets(before).into_iter().map(now_counted).collect();
    let mut counted = budgets(after);
    expected.sort();
    counted.sort();
    assert_eq!(counted, expected);
    let ids = |chain: &Chain, kind: &str| -> Vec<String> {
        let of_kind = budgets(chain)
            .into_iter()
            .filter(|(key, _)| key.kind == kind);
        of_kind.map(|(key, _)| key.id).collect()
    };
    assert_eq!(ids(after, "calls"), ids(before, "calls"));
    assert_eq!(ids(after, "turns").len(), 2);
    for kind in ["turns", "tokens"] {
        assert!(
            ids(after, kind)
                .iter()
                .all(|id| !ids(before, kind).contains(id))
        );
    }
    for (new, old) in after.hops().zip(before.hops()) {
        assert_ne!(new.holder, old.holder);
        assert_eq!(
            (new.role, &new.bounds.grants),
            (old.role, &old.bounds.grants)
        );
    }
}

#[test]
fn a_root_gives_more_of_a_budget_that_it_gave_and_under_the_same_id() {
    let (root, key) = (Authority::generate(), AgentKey::generate());
    let given = scope()
        .budget(Budget::new("calls", 9))
        .budget(Budget::new("turns", 3).shared("a"))
        .budget(Budget::new("turns", 4).shared("b"));
    let old = root.mint(&given, &Mandate::default(), key.public(), now());
    let old = old.unwrap();
    let again = |more: &[Budget]| root.reissue(&old, AgentKey::generate().public(), more);
    let more = [
        Budget::new("calls", 20),
        Budget::new("turns", 5).shared("b"),
    ];
    let new = again(&more).unwrap();
    let expected: Vec<_> = budgets(&old)
        .into_iter()
        .map(|(key, max)| {
            let max = match max {
                9 => 20,
                4 => 5,
                max => max,
            };
            (key, max)
        })
        .collect();
    assert_eq!(budgets(&new), expected);
    assert!(again(&[Budget::new("tokens", 1)]).is_err());
    assert!(again(&[Budget::new("turns", 9).shared("c")]).is_err());
}

#[test]
fn only_a_child_is_signed_again_and_only_by_its_own_root() {
    let root = Authority::generate();
    let key = AgentKey::generate();
    let lead = root.mint(&scope(), &Mandate::default(), key.public(), now());
    let lead = lead.unwrap().held_by(key).unwrap();
    let reader = child(&lead, "a", &scope());
    let to = AgentKey::generate().public();
    assert!(
        Authority::generate()
            .reissue(lead.chain(), to, &[])
            .is_err()
    );
    assert!(lead.reissue(lead.chain(), to).is_err());
    assert!(reader.reissue(reader.chain(), to).is_err());
    let other = root.mint(&scope(), &Mandate::default(), to, now()).unwrap();
    assert!(reader.reissue(&other, to).is_err());
    // A hop that is wider than the new parent token is refused.
    let key = AgentKey::generate();
    let narrow = Scope::new()
        .grant(Grant::spawn(["a"]))
        .expires_in(minutes(10));
    let narrow = root.mint(&narrow, &Mandate::default(), key.public(), now());
    let narrow = narrow.unwrap().held_by(key).unwrap();
    assert!(narrow.reissue(reader.chain(), to).is_err());
}
