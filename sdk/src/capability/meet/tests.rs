use proptest::prelude::*;

use super::*;
use crate::capability::arbitrary::{allowed, bounds, key, now, related, world};
use crate::capability::{
    Grant, Scope, UrlPattern, any, at_least, at_most, eq, host, matches, one_of, path_under,
    prefix, range, subset_of, url,
};

fn one(constraint: Constraint) -> Bounds {
    Scope::new()
        .grant(Grant::new("t").arg("x", constraint))
        .at(now())
        .unwrap()
}

/// What both allow: `Ok(None)` is nothing, an error is that no constraint says it.
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
