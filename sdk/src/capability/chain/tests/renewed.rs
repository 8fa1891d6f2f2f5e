//! What a renewal keeps, and whose budgets are whose.

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

    // Not past the parent's own expiry, so the parent is renewed first.
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
        Err(MintError::Profile(_) | MintError::Widens(_))
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
    // Another holder under the same parent renews nothing of it.
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
            Apart {
                budgets: true,
                approvals: false
            }
        ),
        Ok(())
    );

    // A counter under another's key that no block before has named is refused.
    let stray = Budget::new("calls", 1)
        .shared("other")
        .set_by(root.public());
    assert!(
        parent
            .danger_append("reader", &reader("/a").budget(stray), b.public(), at(0))
            .is_err()
    );
}
