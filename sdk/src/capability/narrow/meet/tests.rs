use proptest::prelude::*;

use super::*;
use crate::capability::arbitrary::{allowed, bounds, key, now, related, world};
use crate::capability::scope::{
    Budget, Grant, Quorum, Scope, any, at_least, at_most, eq, host, matches, one_of, path_under,
    prefix, range, subset_of, url,
};
use crate::capability::value::UrlPattern;

fn one(constraint: Constraint) -> Bounds {
    Scope::new()
        .grant(Grant::new("t").arg("x", constraint))
        .at(now())
        .unwrap()
}

fn networks<const N: usize>(texts: [&str; N]) -> Constraint {
    crate::capability::scope::cidr(texts.map(|text| text.parse().unwrap()))
}

/// The intersection: `Ok(None)` means that it is empty, an error that no constraint expresses it.
fn both(a: Constraint, b: Constraint) -> Result<Option<Constraint>, ()> {
    let met = meet(&one(a), &one(b)).map_err(|_| ())?;
    let Grants::Only(grants) = met.grants else {
        return Err(());
    };
    assert!(grants.len() < 2);
    Ok(grants.first().map(|grant| grant.args["x"].clone()))
}

#[test]
fn each_pair_of_constraints_has_its_intersection_or_none() {
    let at = |host: &str| url(UrlPattern::new("https", host));
    let under = |path: &str| {
        url(UrlPattern {
            paths: Some([path.to_owned()].into()),
            ..UrlPattern::default()
        })
    };
    for (a, b, expected) in [
        (any(), eq("a"), Ok(Some(eq("a")))),
        (eq("a"), eq("b"), Ok(None)),
        (eq("a"), eq(1), Ok(None)),
        (eq(1), range(0, 2), Ok(Some(eq(1)))),
        (
            one_of(["a", "b"]),
            one_of(["b", "c"]),
            Ok(Some(one_of(["b"]))),
        ),
        (
            one_of(["/a/b", "/c"]),
            path_under("/a"),
            Ok(Some(one_of(["/a/b"]))),
        ),
        (
            one_of(["ab", "ba"]),
            matches("a."),
            Ok(Some(one_of(["ab"]))),
        ),
        (range(0, 2), range(1, 3), Ok(Some(range(1, 2)))),
        (at_least(1), at_most(2), Ok(Some(range(1, 2)))),
        (range(0, 1), range(2, 3), Ok(None)),
        (
            prefix(["a", "b"]),
            prefix(["ab", "c"]),
            Ok(Some(prefix("ab"))),
        ),
        (prefix("a"), prefix("b"), Ok(None)),
        (
            path_under("/a"),
            path_under(["/a/b", "/ab"]),
            Ok(Some(path_under("/a/b"))),
        ),
        (
            path_under(["/a/b", "/c"]),
            prefix("/a"),
            Ok(Some(path_under("/a/b"))),
        ),
        (path_under("/a"), prefix("/a/b"), Err(())),
        (path_under("/a"), prefix("b"), Ok(None)),
        (path_under("/a"), matches("/a.*"), Err(())),
        (path_under("/a"), at("a.org"), Ok(None)),
        (prefix("a"), matches("a.*"), Err(())),
        (prefix(""), matches("a.*"), Ok(Some(matches("a.*")))),
        (matches("a"), matches(["a", "b"]), Ok(Some(matches("a")))),
        (matches("a"), matches("b"), Err(())),
        (
            subset_of(["a", "b"]),
            subset_of(["b", "c"]),
            Ok(Some(subset_of(["b"]))),
        ),
        (subset_of(["a"]), prefix("a"), Ok(None)),
        (subset_of(["a"]), subset_of([1]), Ok(None)),
        (
            host([".b.org", "a.org"]),
            host(["x.b.org", "b.org"]),
            Ok(Some(host(["x.b.org", "b.org"]))),
        ),
        (
            host([".b.org", "a.org"]),
            host(["x.b.org", "c.org"]),
            Ok(Some(host("x.b.org"))),
        ),
        (
            networks(["10.0.0.0/8", "192.168.0.0/16"]),
            networks(["10.1.0.0/16", "172.16.0.0/12"]),
            Ok(Some(networks(["10.1.0.0/16"]))),
        ),
        (at("a.org"), host("a.org"), Ok(None)),
        (at("10.0.0.1"), networks(["10.0.0.0/8"]), Ok(None)),
        (
            url(UrlPattern::new(["http", "https"], "a.org").ports([80, 443])),
            url(UrlPattern::new("https", "a.org").ports([443, 8080])),
            Ok(Some(url(UrlPattern::new("https", "a.org").ports([443])))),
        ),
        (at(".b.org"), at("x.b.org"), Ok(Some(at("x.b.org")))),
        (at("a.org"), at("b.org"), Ok(None)),
        (
            at("a.org"),
            under("/v1/"),
            Ok(Some(url(UrlPattern::new("https", "a.org").paths("/v1")))),
        ),
        (range(0, 1), prefix("a"), Ok(None)),
    ] {
        assert_eq!(both(a.clone(), b.clone()), expected, "{a:?} and {b:?}");
        assert_eq!(both(b.clone(), a.clone()), expected, "{b:?} and {a:?}");
    }
}

#[test]
fn arguments_and_approvers_meet_too() {
    let bounds = |grant: Grant| Scope::new().grant(grant).at(now()).unwrap();
    let bare = || Grant::new("t");
    let nothing: [Grant; 0] = [];
    for (a, b, expected) in [
        (bare().arg("x", any()), bare(), vec![bare()]),
        (bare().arg("x", eq("a")), bare(), nothing.to_vec()),
        (
            bare().arg("x", eq("a")),
            bare().arg("x", any()),
            vec![bare().arg("x", eq("a"))],
        ),
        (bare(), Grant::new("u"), nothing.to_vec()),
        (
            bare().approved_by([key(0)]),
            bare(),
            vec![bare().approved_by([key(0)])],
        ),
    ] {
        assert_eq!(
            meet(&bounds(a), &bounds(b)).unwrap().grants,
            Grants::Only(expected)
        );
    }
    let error = meet(
        &bounds(bare().approved_by([key(0)])),
        &bounds(bare().approved_by([key(1)])),
    )
    .unwrap_err();
    assert_eq!(error.place(), "t.approved_by");
}

#[test]
fn names_in_common_with_nobody_allow_nothing() {
    let only = |name: &str| Scope::inherit().audience(name).at(now()).unwrap();
    let met = meet(&only("p"), &only("q")).unwrap();
    assert_eq!(met.grants, Grants::Only(Vec::new()));
    assert!(Scope::from_value(&met.to_json()).unwrap().at(now()).is_ok());
}

#[test]
fn a_chain_is_shown_as_one() {
    let (root, hop) = (
        one(path_under("/a")),
        Scope::inherit().max_depth(1).at(now()).unwrap(),
    );
    let all = Bounds::effective(&[&root, &hop, &one(path_under(["/a/b", "/c"]))]).unwrap();
    assert_eq!(
        all.lines(),
        [
            "t where x is under /a/b",
            "before 1970-01-12T14:46:40Z",
            "at most 1 hop from the root"
        ]
    );
}

#[test]
fn the_lower_budget_and_the_stronger_demand_are_met() {
    let at = |scope: Scope| scope.at(now()).unwrap();
    let calls = |max| Budget::new("calls", max).shared("s").set_by(key(0));
    let own = Budget::new("calls", 3).shared("s").set_by(key(1));
    let (a, b) = (
        at(Scope::inherit().budget(calls(5)).budget(own.clone())),
        at(Scope::inherit()
            .budget(calls(4))
            .budget(Budget::new("turns", 9))),
    );
    let mut all = vec![calls(4), own, Budget::new("turns", 9)];
    all.sort();
    assert_eq!(meet(&a, &b).unwrap().caveats.budgets, all);
    assert_eq!(meet(&b, &a).unwrap().caveats.budgets, all);

    let demand =
        |tool: &str, need, of: &[u8]| Quorum::new([tool], need, of.iter().map(|index| key(*index)));
    let met = |a: &Quorum, b: &Quorum| {
        let [a, b] = [a, b].map(|quorum| at(Scope::inherit().quorum(quorum.clone())));
        meet(&a, &b).map(|bounds| bounds.caveats.quorums)
    };
    let (weak, strong) = (demand("t", 1, &[0, 1]), demand("t", 2, &[0, 1]));
    for (a, b) in [(&weak, &strong), (&strong, &weak), (&strong, &strong)] {
        assert_eq!(met(a, b).unwrap(), std::slice::from_ref(&strong));
    }
    let other = demand("u", 1, &[2]);
    for (a, b) in [(&weak, &other), (&other, &weak)] {
        assert_eq!(met(a, b).unwrap(), [weak.clone(), other.clone()]);
    }
    let apart = met(&weak, &demand("t", 1, &[2])).unwrap_err();
    assert_eq!(apart.place(), "approvals");
}

#[test]
fn a_meet_has_64_grants_and_16_patterns_at_most() {
    let of = |grants: Vec<Grant>| {
        let scope = grants.into_iter().fold(Scope::new(), Scope::grant);
        scope.at(now()).unwrap()
    };
    let count = |a: &Bounds, b: &Bounds| {
        meet(a, b)
            .map(|met| match met.grants {
                Grants::Only(grants) => grants.len(),
                Grants::Inherit => 0,
            })
            .map_err(|error| error.to_string())
    };
    // Each grant of one side meets each grant of the other.
    let sides = |xs: i32, ys: i32| {
        let grant = |x, y| Grant::new("t").arg("x", x).arg("y", y);
        (
            of((0..xs).map(|n| grant(eq(n), any())).collect()),
            of((0..ys).map(|n| grant(any(), eq(n))).collect()),
        )
    };
    let (a, b) = sides(8, 8);
    assert_eq!(count(&a, &b), Ok(64));
    let (a, b) = sides(13, 5);
    assert!(count(&a, &b).unwrap_err().contains("more than 64 grants"));

    let pattern = of(vec![
        Grant::new("t").arg("x", matches("a.*")).arg("y", any()),
    ]);
    let many = |ys: i32| {
        let grant = |n| Grant::new("t").arg("x", any()).arg("y", eq(n));
        of((0..ys).map(grant).collect())
    };
    // One pattern, however often it is written; of different ones 16.
    assert_eq!(count(&pattern, &many(17)), Ok(17));
    let one = |name: &str, letter: char, patterns: u32| {
        let patterns: Vec<String> = (0..patterns).map(|n| format!("{letter}{n}")).collect();
        let both = Grant::new("t").arg("x", any()).arg("y", any());
        of(vec![both.arg(name, matches(patterns))])
    };
    assert_eq!(count(&one("x", 'a', 9), &one("y", 'b', 7)), Ok(1));
    assert!(
        count(&one("x", 'a', 9), &one("y", 'b', 8))
            .unwrap_err()
            .contains("at most 16 patterns")
    );
}

fn exact(
    a: &Bounds,
    b: &Bounds,
    worlds: &[crate::capability::arbitrary::World],
) -> Result<(), TestCaseError> {
    let Ok(met) = meet(a, b) else { return Ok(()) };
    for world in worlds {
        prop_assert_eq!(
            allowed(&met, world),
            allowed(a, world) && allowed(b, world),
            "{:?} in {:?}",
            met,
            world
        );
    }
    prop_assert_eq!(
        Scope::from_value(&met.to_json())
            .unwrap()
            .at(now())
            .unwrap(),
        met
    );
    Ok(())
}

proptest! {
    #[test]
    fn a_meet_is_exact(
        (a, b, worlds) in prop_oneof![related(), (bounds(), bounds())].prop_flat_map(|(a, b)| {
            let worlds = (proptest::collection::vec(world(&a), 4), proptest::collection::vec(world(&b), 4));
            (Just(a), Just(b), worlds.prop_map(|(some, more)| [some, more].concat()))
        }),
    ) {
        exact(&a, &b, &worlds)?;
        exact(&b, &a, &worlds)?;
    }
}
