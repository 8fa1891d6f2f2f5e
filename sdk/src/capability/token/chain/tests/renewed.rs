//! What a renewal keeps, and which signer's budgets are counted where.

use super::*;

#[test]
fn a_renewal_keeps_lineage_budgets_and_place() {
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let (a, b) = (key(), key());
    let mandate = Mandate {
        ends: Some(at(7200)),
        ..Mandate::default()
    };
    let scope = lead("/a")
        .budget(Budget::new("calls", 9))
        .expires_in(minutes(10));
    let first = root.mint(&scope, &mandate, a.public(), at(0)).unwrap();
    let parent = first.clone().held_by(a.clone()).unwrap();
    let child = parent
        .delegate(
            "reader",
            &reader("/a/b").budget(Budget::new("turns", 3)),
            b.public(),
            at(0),
        )
        .unwrap();
    assert_eq!(child.expires(), at(600));

    // The child cannot outlive its parent, so the parent is renewed first.
    assert!(parent.renew(&child, at(900), "d1", key().public()).is_err());
    let renewed = root.renew(&first, at(1200), a.public()).unwrap();
    assert!(root.renew(&first, at(7201), a.public()).is_err());
    assert!(
        Authority::generate()
            .renew(&first, at(1200), a.public())
            .is_err()
    );
    let parent = ring
        .chain(&renewed.to_bytes())
        .unwrap()
        .held_by(a.clone())
        .unwrap();
    let fresh = parent.renew(&child, at(900), "d1", key().public()).unwrap();
    let fresh = ring.chain(&fresh.to_bytes()).unwrap();
    assert_eq!(
        (fresh.lineage(), fresh.expires(), fresh.depth()),
        (child.lineage(), at(900), 1)
    );
    let ids = |chain: &Chain| {
        chain
            .budgets()
            .map(|(key, max, hop)| (key.clone(), max, hop))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(&fresh), ids(&child));
    assert_eq!(fresh.hops().last().unwrap().decision, Some("d1"));
    assert_ne!(fresh.id(), child.id());
    // Under a fresh key of its delegator the child's own counter cannot stay what it was.
    let again = key();
    let moved = root
        .renew(&first, at(1200), again.public())
        .unwrap()
        .held_by(again)
        .unwrap();
    assert!(matches!(
        moved.renew(&child, at(900), "d1", key().public()),
        Err(MintError::Widens(_))
    ));
    let plain = parent
        .delegate("reader", &reader("/a/b"), key().public(), at(0))
        .unwrap();
    moved
        .renew(
            &plain,
            at(3700).min(moved.chain().expires()),
            "d2",
            key().public(),
        )
        .unwrap_err();
    let short = parent
        .delegate(
            "reader",
            &reader("/a/b").expires_in(minutes(1)),
            key().public(),
            at(0),
        )
        .unwrap();
    moved.renew(&short, at(1000), "d2", key().public()).unwrap();
    // Another holder under the same parent cannot renew it.
    let sibling = key();
    let sibling = parent
        .delegate("lead", &Scope::inherit(), sibling.public(), at(0))
        .unwrap()
        .held_by(sibling)
        .unwrap();
    assert!(
        sibling
            .renew(&child, at(700), "d3", key().public())
            .is_err()
    );
}

#[test]
fn budgets_are_counted_under_the_signer_who_set_them() {
    let root = Authority::generate();
    let (a, b) = (key(), key());
    let scope = lead("/a").budget(Budget::new("calls", 9).shared("month"));
    let parent = root
        .mint(&scope, &Mandate::default(), a.public(), at(0))
        .unwrap()
        .held_by(a.clone())
        .unwrap();
    let restated = Budget::new("calls", 5)
        .shared("month")
        .set_by(root.public());
    let own = Budget::new("calls", 100);
    let child = parent
        .delegate(
            "reader",
            &reader("/a").budget(restated).budget(own),
            b.public(),
            at(0),
        )
        .unwrap();
    let found: Vec<_> = child
        .budgets()
        .map(|(key, max, hop)| (key.clone(), max, hop))
        .collect();
    let id = format!("{}/month", root.public());
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: id.clone()
        },
        9,
        0
    )));
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: id.clone()
        },
        5,
        1
    )));
    let mine = format!("{}/{}", a.public(), Hex(b.public().as_bytes()));
    assert!(found.contains(&(
        BudgetKey {
            kind: "calls".to_owned(),
            id: mine.clone()
        },
        100,
        1
    )));

    let used = |month: u64, own: u64| {
        let used = [(id.clone(), month), (mine.clone(), own)];
        let used = used
            .into_iter()
            .map(|(id, n)| {
                (
                    BudgetKey {
                        kind: "calls".to_owned(),
                        id,
                    },
                    n,
                )
            })
            .collect();
        Facts { used, ..facts(0) }
    };
    assert_eq!(ask(&child, &read("/a/x"), &used(5, 100)), Ok(()));
    assert_eq!(
        ask(&child, &read("/a/x"), &used(6, 100)),
        Err((Kind::Budget, Some(1)))
    );
    assert_eq!(
        ask(&child, &read("/a/x"), &used(10, 0)),
        Err((Kind::Budget, Some(0)))
    );
    assert_eq!(
        ask(&child, &read("/a/x"), &facts(0)),
        Err((Kind::Budget, Some(0)))
    );
    assert_eq!(
        child.explain(
            &read("/a/x"),
            &facts(0),
            Skip {
                budgets: true,
                approvals: false
            }
        ),
        Ok(())
    );

    // A counter under another key that no earlier block has named is refused.
    let stray = Budget::new("calls", 1)
        .shared("other")
        .set_by(root.public());
    assert!(
        parent
            .danger_append("reader", &reader("/a").budget(stray), b.public(), at(0))
            .is_err()
    );
}

/// The reason why a token does not renew a hop.
fn refused(renewed: Result<Chain, MintError>) -> String {
    renewed.unwrap_err().to_string()
}

#[test]
fn a_renewal_may_last_to_the_very_end_and_no_longer() {
    let root = Authority::generate();
    let a = key();
    let mandate = Mandate {
        ends: Some(at(7200)),
        ..Mandate::default()
    };
    let scope = lead("/a").expires_in(minutes(10));
    let first = root.mint(&scope, &mandate, a.public(), at(0)).unwrap();
    let last = root.renew(&first, at(7200), a.public()).unwrap();
    assert_eq!(last.expires(), at(7200));
    for secs in [0, 600, 7201, 9000] {
        let why = refused(root.renew(&first, at(secs), a.public()));
        assert!(why.contains("a renewal ends after"), "{secs}: {why}");
    }
    // A hop ends with its parent at the latest.
    let parent = last.held_by(a).unwrap();
    let child = parent
        .delegate(
            "reader",
            &reader("/a").expires_in(minutes(1)),
            key().public(),
            at(0),
        )
        .unwrap();
    let renew = |secs| parent.renew(&child, at(secs), "d", key().public());
    assert_eq!(renew(7200).unwrap().expires(), at(7200));
    assert!(refused(renew(7201)).contains("a renewal ends after"));
}

#[test]
fn a_hop_is_renewed_by_its_delegator_or_the_renewal_of_that_one() {
    let root = Authority::generate();
    let a = key();
    let mint = || {
        root.mint(&lead("/a"), &Mandate::default(), a.public(), at(0))
            .unwrap()
            .held_by(a.clone())
            .unwrap()
    };
    let (top, elsewhere) = (mint(), mint());
    let under = |role: &str, scope: &Scope| {
        let holder = key();
        top.delegate(role, scope, holder.public(), at(0))
            .unwrap()
            .held_by(holder)
            .unwrap()
    };
    let short = |scope: Scope| scope.expires_in(minutes(10));
    let delegator = under("lead", &short(lead("/a/b")));
    let child = delegator
        .delegate(
            "reader",
            &reader("/a/b").expires_in(minutes(1)),
            key().public(),
            at(0),
        )
        .unwrap();
    let renew = |held: &Held| held.renew(&child, at(500), "d", key().public());
    assert_eq!(renew(&delegator).unwrap().expires(), at(500));

    // The parent is renewed itself, and has a new key.
    let holder = key();
    let renewed = top
        .renew(delegator.chain(), at(900), "d", holder.public())
        .unwrap()
        .held_by(holder)
        .unwrap();
    assert_eq!(renew(&renewed).unwrap().expires(), at(500));

    // One parent has the same role and is wide enough, one has another role, and one is a hop short.
    let (wider, other) = (
        under("lead", &short(lead("/a"))),
        under("reader", &short(lead("/a/b"))),
    );
    for held in [&wider, &other, &top] {
        let why = refused(renew(held));
        assert!(why.contains("signed by another holder"), "{why}");
    }
    // The same key in a chain of another lineage.
    let own = top
        .delegate(
            "reader",
            &reader("/a").expires_in(minutes(1)),
            key().public(),
            at(0),
        )
        .unwrap();
    assert!(top.renew(&own, at(500), "d", key().public()).is_ok());
    let why = refused(elsewhere.renew(&own, at(500), "d", key().public()));
    assert!(why.contains("signed by another holder"), "{why}");
}
