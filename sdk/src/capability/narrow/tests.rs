use proptest::prelude::*;

use super::*;
use crate::capability::arbitrary::{allowed, key, now, related, world};
use crate::capability::scope::{Budget, Constraint, Grant, Quorum};
use crate::capability::scope::{
    Scope, any, at_least, at_most, eq, host, hours, matches, minutes, one_of, path_under, prefix,
    range, subset_of, url,
};
use crate::capability::value::{Atom, Decimal, Label, UrlPattern};

fn one(constraint: Constraint) -> Bounds {
    grants([Grant::new("t").arg("x", constraint)])
}

fn grants(grants: impl IntoIterator<Item = Grant>) -> Bounds {
    grants
        .into_iter()
        .fold(Scope::new(), Scope::grant)
        .at(now())
        .unwrap()
}

fn places(parents: &[&Bounds], child: &Bounds) -> Vec<String> {
    match narrow(parents, child) {
        Ok(()) => Vec::new(),
        Err(widens) => widens
            .excesses()
            .iter()
            .map(|excess| excess.place().to_owned())
            .collect(),
    }
}

/// Whether the child is inside the parent; `None` if that is not decided.
fn inside(child: Constraint, parent: Constraint) -> Option<bool> {
    match narrow(&[&one(parent)], &one(child)) {
        Ok(()) => Some(true),
        Err(widens) if widens.excesses()[0].undecided() => None,
        Err(_) => Some(false),
    }
}

fn networks<const N: usize>(texts: [&str; N]) -> Constraint {
    crate::capability::scope::cidr(texts.map(|text| text.parse().unwrap()))
}

#[test]
fn each_pair_of_constraints_is_decided_or_says_so() {
    let hash = || Atom::of(&serde_json::json!(["a"])).unwrap();
    let paths = |paths: &str| {
        url(UrlPattern {
            paths: Some([paths.to_owned()].into()),
            ..UrlPattern::default()
        })
    };
    let at = |host: &str| url(UrlPattern::new("https", host));
    for (child, parent, answer) in [
        (eq("a"), any(), Some(true)),
        (any(), eq("a"), Some(false)),
        (any(), any(), Some(true)),
        (eq("a"), one_of(["a", "b"]), Some(true)),
        (one_of(["a", "c"]), one_of(["a", "b"]), Some(false)),
        (one_of(["a"]), eq("a"), Some(true)),
        (eq("1"), eq(1), Some(false)),
        (eq("1"), range(0, 2), Some(false)),
        (eq(1), range(0, 2), Some(true)),
        (eq(3), range(0, 2), Some(false)),
        (range(1, 1), eq(1), Some(true)),
        (range(1, 2), one_of([1, 2]), Some(false)),
        (range(1, 2), range(0, 2), Some(true)),
        (at_least(0), range(0, 9), Some(false)),
        (at_most(0), range(0, 9), Some(false)),
        (at_most(1), at_most(2), Some(true)),
        (range(0, 1), prefix("1"), Some(false)),
        (eq("abc"), prefix("ab"), Some(true)),
        (prefix("abc"), prefix("ab"), Some(true)),
        (prefix("a"), prefix("ab"), Some(false)),
        (prefix("db_"), matches("db_.*"), None),
        (matches("db_.*"), prefix("db_"), None),
        (matches("a"), matches("a"), Some(true)),
        (matches("a"), matches(["a", "b"]), Some(true)),
        (matches("a"), matches("a|b"), None),
        (matches("a"), prefix(""), Some(true)),
        (eq("db_drop"), matches("db_[a-z]+"), Some(true)),
        (eq("db_drop;"), matches("db_[a-z]+"), Some(false)),
        (path_under("/data"), path_under("/"), Some(true)),
        (path_under("/database"), path_under("/data"), Some(false)),
        (path_under("/data/x"), path_under("/data"), Some(true)),
        (path_under("/data"), prefix("/data"), Some(true)),
        (path_under("/data"), prefix("/data/"), Some(false)),
        (prefix("/data/"), path_under("/data"), Some(false)),
        (eq("/data/x"), path_under("/data"), Some(true)),
        (eq("/data/../x"), path_under("/data"), Some(false)),
        (path_under("/data"), eq("/data"), Some(false)),
        (host("a.org"), host(".a.org"), Some(true)),
        (host("x.a.org"), host(".a.org"), Some(true)),
        (host(".x.a.org"), host(".a.org"), Some(true)),
        (host(".a.org"), host("a.org"), Some(false)),
        (host("evila.org"), host(".a.org"), Some(false)),
        (host("a.org"), eq("a.org"), Some(true)),
        (host("10.0.0.1"), networks(["10.0.0.0/8"]), Some(true)),
        (host(".b.org"), matches(".*"), None),
        (
            networks(["10.1.0.0/16"]),
            networks(["10.0.0.0/8"]),
            Some(true),
        ),
        (
            networks(["10.0.0.0/8"]),
            networks(["10.0.0.0/9", "10.128.0.0/9"]),
            Some(true),
        ),
        (
            networks(["10.0.0.0/8"]),
            networks(["10.0.0.0/9"]),
            Some(false),
        ),
        (
            networks(["10.0.0.0/8"]),
            networks(["10.128.0.0/9"]),
            Some(false),
        ),
        (
            networks(["10.0.0.0/8"]),
            networks(["10.0.0.0/10", "10.128.0.0/9"]),
            Some(false),
        ),
        (
            networks(["10.0.0.0/8"]),
            networks(["9.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"]),
            Some(true),
        ),
        (networks(["::/0"]), networks(["0.0.0.0/0"]), Some(false)),
        (networks(["10.0.0.1"]), eq("10.0.0.1"), None),
        (at("x.b.org"), at(".b.org"), Some(true)),
        (at("a.org"), at(".b.org"), Some(false)),
        (at("a.org"), paths("/v1/"), Some(false)),
        (paths("/v1/x/"), paths("/v1/"), Some(true)),
        (paths("/v10/"), paths("/v1/"), Some(false)),
        (at("a.org"), matches("https://.*"), None),
        (eq("https://a.org/"), at("a.org"), Some(true)),
        (eq("https://a.org.evil.io/"), at("a.org"), Some(false)),
        (subset_of(["a"]), subset_of(["a", "b"]), Some(true)),
        (subset_of(["a", "c"]), subset_of(["a", "b"]), Some(false)),
        (eq(hash()), subset_of(["a"]), None),
        (eq(hash()), one_of([hash()]), Some(true)),
        (subset_of(["a"]), eq(hash()), Some(false)),
        (subset_of(["a"]), prefix("a"), Some(false)),
    ] {
        assert_eq!(
            inside(child.clone(), parent.clone()),
            answer,
            "{child:?} under {parent:?}"
        );
    }
}

#[test]
fn a_grant_names_each_way_in_which_it_is_wider() {
    let parent = grants([
        Grant::new("fs.read")
            .arg("path", path_under("/srv"))
            .arg("note", any()),
        Grant::new("pay").arg("to", eq("x")).approved_by([key(0)]),
    ]);
    for (child, expected) in [
        (Grant::new("fs.read").arg("path", path_under("/srv/a")), ""),
        (Grant::new("fs.read"), "grants[0].args.path"),
        (
            Grant::new("fs.read").arg("path", any()),
            "grants[0].args.path",
        ),
        (
            Grant::new("fs.read")
                .arg("path", path_under("/srv"))
                .arg("mode", any()),
            "grants[0].args.mode",
        ),
        (
            Grant::new("fs.read")
                .arg("path", path_under("/etc"))
                .arg("mode", any()),
            "grants[0].args.mode grants[0].args.path",
        ),
        (Grant::new("fs.write"), "grants[0].tool"),
        (
            Grant::new("pay").arg("to", eq("x")),
            "grants[0].approved_by",
        ),
        (
            Grant::new("pay").arg("to", eq("x")).approved_by([key(0)]),
            "",
        ),
        (
            Grant::new("pay").arg("to", eq("x")).approved_by([key(1)]),
            "grants[0].approved_by",
        ),
        (
            Grant::new("fs.read")
                .arg("path", eq("/srv/a"))
                .approved_by([key(1)]),
            "",
        ),
    ] {
        assert_eq!(
            places(&[&parent], &grants([child.clone()])).join(" "),
            expected,
            "{child}"
        );
    }
    let widens = narrow(
        &[&parent],
        &grants([Grant::new("fs.read").arg("path", path_under("/etc"))]),
    )
    .unwrap_err();
    assert_eq!(
        widens.to_string(),
        "grants[0].args.path: the child's path is under /etc; the parent's path is under /srv"
    );
}

#[test]
fn several_grants_of_a_parent_share_a_child_s() {
    let parent = grants([
        Grant::new("t").arg("x", one_of(["a", "b"])),
        Grant::new("t").arg("x", path_under("/c")),
    ]);
    assert!(narrow(&[&parent], &one(one_of(["a", "/c/d"]))).is_ok());
    let widens = narrow(&[&parent], &one(one_of(["a", "/c/d", "e"]))).unwrap_err();
    assert_eq!(widens.excesses().len(), 1);
    let roots = grants([
        Grant::new("t").arg("x", path_under("/a")),
        Grant::new("t").arg("x", path_under("/b")),
    ]);
    assert!(narrow(&[&roots], &one(path_under(["/a/1", "/b/2"]))).is_ok());
}

#[test]
fn every_block_of_the_chain_is_asked() {
    let (root, hop) = (one(path_under("/a")), one(path_under("/a/b")));
    assert!(narrow(&[&root], &one(path_under("/a/c"))).is_ok());
    assert_eq!(
        places(&[&root, &hop], &one(path_under("/a/c"))),
        ["grants[0].args.x"]
    );
    let inherit = Scope::inherit().at(now()).unwrap();
    assert!(narrow(&[&root, &inherit], &inherit).is_ok());
    assert_eq!(
        places(&[&root, &inherit], &one(path_under("/c"))),
        ["grants[0].args.x"]
    );
    assert_eq!(places(&[&grants([])], &one(any())), ["grants[0].tool"]);
    assert!(narrow(&[&root], &grants([])).is_ok());
}

#[test]
fn each_caveat_is_compared() {
    let quorum = |need, keys: &[u8]| Quorum::new(["t"], need, keys.iter().map(|index| key(*index)));
    let full = || {
        Scope::inherit()
            .not_before(now())
            .expires_in(minutes(10))
            .audience(["p", "q"])
            .task("p")
            .step("p")
            .dataset("p")
            .taint(["p", "q"])
            .max_risk(crate::capability::value::Risk::Medium)
            .max_sensitivity(crate::capability::value::Sensitivity::Internal)
            .max_depth(2)
            .budget(Budget::new("calls", 5).shared("x").set_by(key(0)))
            .quorum(quorum(2, &[0, 1]))
    };
    let parent = full().at(now()).unwrap();
    let bare = || Scope::inherit().expires_in(minutes(10));
    for (child, place) in [
        (full(), ""),
        (bare(), ""),
        (bare().expires_in(hours(1)), "expires_at"),
        (
            bare().not_before(crate::id::Timestamp::default()),
            "not_before",
        ),
        (bare().audience(["p", "z"]), "audience"),
        (bare().task("z"), "task"),
        (bare().step("z"), "step"),
        (bare().dataset("z"), "dataset"),
        (bare().taint("z"), "taint"),
        (bare().taint(Vec::<String>::new()), ""),
        (
            bare().max_risk(crate::capability::value::Risk::High),
            "max_risk",
        ),
        (
            bare().max_sensitivity(crate::capability::value::Sensitivity::Restricted),
            "max_sensitivity",
        ),
        (bare().max_depth(3), "max_depth"),
        (bare().budget(Budget::new("calls", 9)), ""),
        (
            bare().budget(Budget::new("calls", 5).shared("x").set_by(key(0))),
            "",
        ),
        (
            bare().budget(Budget::new("calls", 6).shared("x").set_by(key(0))),
            "budget.calls",
        ),
        (
            bare().budget(Budget::new("calls", 1).shared("y").set_by(key(0))),
            "budget.calls",
        ),
        (
            bare().budget(Budget::new("turns", 1).shared("x").set_by(key(0))),
            "budget.turns",
        ),
        (
            bare().budget(Budget::new("calls", 1).shared("x").set_by(key(1))),
            "budget.calls",
        ),
        (bare().quorum(quorum(1, &[0, 1])), "approvals[0]"),
        (bare().quorum(quorum(2, &[0, 1, 2])), "approvals[0]"),
        (bare().quorum(quorum(1, &[0, 1, 2])), "approvals[0]"),
        (bare().quorum(quorum(1, &[2])), ""),
    ] {
        assert_eq!(
            places(&[&parent], &child.at(now()).unwrap()).join(" "),
            place,
            "{child:?}"
        );
    }
}

/// The child with the parts that it does not state taken from the parent, as in a chain of the two.
fn resolved(parent: &Bounds, child: &Bounds) -> Bounds {
    let mut all = child.clone();
    if all.grants == Grants::Inherit {
        all.grants = parent.grants.clone();
    }
    let (to, from) = (&mut all.caveats, parent.caveats.clone());
    to.not_before = to.not_before.or(from.not_before);
    for label in Label::ALL {
        let own = to.labels.get(label).or(from.labels.get(label)).cloned();
        to.labels.set(label, own);
    }
    to.risk = to.risk.or(from.risk);
    to.sensitivity = to.sensitivity.or(from.sensitivity);
    to.depth = to.depth.or(from.depth);
    // A counter of the child is different from a counter of the parent.
    let same = |a: &Budget, b: &Budget| {
        a.signer.is_some() && (&a.kind, a.signer, &a.label) == (&b.kind, b.signer, &b.label)
    };
    to.budgets = from
        .budgets
        .into_iter()
        .filter(|old| !child.caveats.budgets.iter().any(|new| same(new, old)))
        .chain(to.budgets.clone())
        .collect();
    to.quorums.extend(from.quorums);
    all
}

proptest! {
    #[test]
    fn what_is_narrow_allows_no_more(
        (parent, child, worlds) in related().prop_flat_map(|(parent, child)| {
            let worlds = proptest::collection::vec(world(&child), 8);
            (Just(parent), Just(child), worlds)
        }),
    ) {
        if narrow(&[&parent], &child).is_ok() {
            let child = resolved(&parent, &child);
            for world in worlds {
                prop_assert!(!allowed(&child, &world) || allowed(&parent, &world), "{world:?}");
            }
        }
    }

    /// For numbers, the answer equals the result of trying each of them.
    #[test]
    fn ranges_cover_together_where_every_number_is_covered(
        ends in (0..12_i64, 0..12_i64),
        parents in proptest::collection::vec((0..12_i64, 0..6_i64), 2..5),
    ) {
        let millionths = |low: i64, high: i64| range(Decimal::from_micros(low), Decimal::from_micros(high));
        let (low, high) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let all = parents.iter().map(|(from, more)| {
            Grant::new("t").arg("x", millionths(*from, from + more))
        });
        let expected = (low..=high).all(|at| {
            parents.iter().any(|(from, more)| (*from..=from + more).contains(&at))
        });
        let answer = narrow(&[&grants(all)], &one(millionths(low, high)));
        prop_assert_eq!(answer.is_ok(), expected, "{:?}", answer);
    }

    #[test]
    fn bounds_are_inside_themselves((mut bounds, _) in related()) {
        // The signer of a block gives its budgets a label.
        bounds.caveats.budgets.retain(|budget| budget.signer.is_none() || budget.label.is_some());
        prop_assert_eq!(narrow(&[&bounds], &bounds), Ok(()));
    }
}

#[test]
fn each_part_of_a_url_is_asked() {
    let parent = UrlPattern::new("https", ".a.org").ports([443]).paths("/v1");
    let whole = url(parent.clone());
    assert_eq!(inside(whole.clone(), whole.clone()), Some(true));
    for (child, answer) in [
        (UrlPattern::new(["https", "http"], ".a.org"), false),
        (UrlPattern::new("https", ["x.a.org", "b.org"]), false),
        (UrlPattern::new("https", "x.a.org"), true),
    ] {
        let child = url(child.ports([443]).paths("/v1/x"));
        assert_eq!(
            inside(child.clone(), whole.clone()),
            Some(answer),
            "{child}"
        );
    }
    for (ports, path) in [(vec![443, 8443], "/v1"), (vec![443], "/v2")] {
        let child = url(UrlPattern::new("https", "x.a.org").ports(ports).paths(path));
        assert_eq!(inside(child.clone(), whole.clone()), Some(false), "{child}");
    }
    // A part that is not stated may be anything.
    for open in [
        UrlPattern {
            schemes: None,
            ..parent.clone()
        },
        UrlPattern {
            hosts: None,
            ..parent.clone()
        },
        UrlPattern {
            ports: None,
            ..parent.clone()
        },
        UrlPattern {
            paths: None,
            ..parent.clone()
        },
    ] {
        assert_eq!(inside(url(open.clone()), whole.clone()), Some(false));
        assert_eq!(inside(whole.clone(), url(open)), Some(true));
    }
}

#[test]
fn a_way_says_what_is_too_much_and_what_there_is() {
    let (parent, child) = (one(one_of(["a", "b"])), one(one_of(["a", "c"])));
    let widens = narrow(&[&parent], &child).unwrap_err();
    let [excess] = widens.excesses() else {
        panic!("one excess: {widens}");
    };
    assert_eq!(excess.place(), "grants[0].args.x");
    assert_eq!(excess.child(), "x is \"c\"");
    assert_eq!(excess.parent(), "x is \"a\" or \"b\"");
    let depth = |most, hop| Widens::depth(most, hop).to_string();
    assert!(depth(1, 2).contains("does not grant `agent.spawn`"));
    assert!(!depth(1, 3).contains("agent.spawn"));
}

#[test]
fn a_grant_is_looked_for_in_several_by_1024_parts_of_an_argument_at_most() {
    // Each grant of the parent holds a half of the values of `x`, so that neither covers the child.
    let half = |low: i32, high: i32| Grant::new("t").arg("x", range(low, high)).arg("y", any());
    let parent = grants([half(0, 15), half(16, 9999)]);
    let child = |xs: i32, ys: i32| {
        grants([Grant::new("t")
            .arg("x", one_of(0..xs))
            .arg("y", one_of(0..ys))])
    };
    assert_eq!(narrow(&[&parent], &child(32, 32)), Ok(()));
    // The values that both grants allow for `y` do not matter.
    assert_eq!(narrow(&[&parent], &child(1024, 33)), Ok(()));
    let widens = narrow(&[&parent], &child(1025, 1)).unwrap_err();
    assert!(widens.excesses().iter().all(Excess::undecided), "{widens}");
}

/// Whether the child is inside the union of grants of one argument; `None` if that is not decided.
fn together<const N: usize>(child: Constraint, parents: [Constraint; N]) -> Option<bool> {
    let parent = grants(parents.map(|one| Grant::new("t").arg("x", one)));
    match narrow(&[&parent], &one(child)) {
        Ok(()) => Some(true),
        Err(widens) if widens.excesses().iter().all(Excess::undecided) => None,
        Err(_) => Some(false),
    }
}

#[test]
fn grants_cover_together_what_none_covers_alone() {
    let at = |hosts: &[&str]| url(UrlPattern::new("https", hosts.to_vec()));
    let decimals = |low: &str, high: &str| {
        let [low, high] = [low, high].map(|text| text.parse::<Decimal>().unwrap());
        range(low, high)
    };
    for (child, parents, answer) in [
        (
            at(&["a.org", "b.org"]),
            [at(&["a.org"]), at(&["b.org"])],
            Some(true),
        ),
        (
            at(&["a.org", "c.org"]),
            [at(&["a.org"]), at(&["b.org"])],
            Some(false),
        ),
        (
            at(&["a.org", "x.b.org"]),
            [at(&["a.org"]), at(&[".b.org"])],
            Some(true),
        ),
        (
            host(["a.org", "b.org"]),
            [host("a.org"), host("b.org")],
            Some(true),
        ),
        (
            host([".org"]),
            [host(".a.org"), host(".b.org")],
            Some(false),
        ),
        (range(0, 10), [range(0, 5), range(5, 10)], Some(true)),
        (range(0, 10), [at_most(3), at_least(2)], Some(true)),
        (at_least(0), [range(0, 5), at_least(5)], Some(true)),
        (at_least(0), [range(0, 5), range(5, 10)], Some(false)),
        // Two whole numbers have others between them, and two neighbouring millionths do not.
        (range(0, 10), [range(0, 5), range(6, 10)], Some(false)),
        (
            decimals("0", "10"),
            [decimals("0", "4.999999"), decimals("5", "10")],
            Some(true),
        ),
        (
            networks(["10.0.0.0/8"]),
            [networks(["10.0.0.0/9"]), networks(["10.128.0.0/9"])],
            Some(true),
        ),
        (
            networks(["10.0.0.0/8"]),
            [networks(["10.0.0.0/9"]), networks(["10.128.0.0/10"])],
            Some(false),
        ),
        (
            networks(["2001:db8::/32"]),
            [
                networks(["2001:db8::/34", "2001:db8:8000::/33"]),
                networks(["2001:db8:4000::/34"]),
            ],
            Some(true),
        ),
        (
            networks(["::/0"]),
            [networks(["::/1"]), networks(["8000::/1"])],
            Some(true),
        ),
        (prefix(["a", "b"]), [prefix("a"), prefix("b")], Some(true)),
        (
            subset_of(["a", "b"]),
            [subset_of(["a"]), subset_of(["b"])],
            Some(false),
        ),
        // A path under a root is the root, or continues after its slash.
        (path_under("/a"), [eq("/a"), prefix("/a/")], None),
        (prefix("a"), [matches("a[0-9].*"), matches("a.*")], None),
    ] {
        assert_eq!(
            together(child.clone(), parents.clone()),
            answer,
            "{child} in {parents:?}"
        );
    }
}

#[test]
fn the_parts_of_several_arguments_are_chosen_together() {
    let quarter = |x: Constraint, y: Constraint| Grant::new("t").arg("x", x).arg("y", y);
    let (low, high) = (|| range(0, 5), || range(5, 9));
    let all = [
        quarter(low(), low()),
        quarter(low(), high()),
        quarter(high(), low()),
        quarter(high(), high()),
    ];
    let child = grants([quarter(range(0, 9), range(0, 9))]);
    assert_eq!(narrow(&[&grants(all.clone())], &child), Ok(()));
    let widens = narrow(&[&grants(all.into_iter().take(3))], &child).unwrap_err();
    assert!(!widens.excesses().iter().any(Excess::undecided), "{widens}");

    // Each approver of the child is in a grant of its own; one argument may be left out in only one grant.
    let by = |keys: Vec<_>| Grant::new("t").arg("x", any()).approved_by(keys);
    let parent = grants([by(vec![key(1)]), by(vec![key(2)])]);
    assert_eq!(
        narrow(&[&parent], &grants([by(vec![key(1), key(2)])])),
        Ok(())
    );
    assert!(narrow(&[&parent], &grants([by(vec![key(1), key(3)])])).is_err());
    assert!(narrow(&[&parent], &grants([Grant::new("t").arg("x", any())])).is_err());
    let parent = grants([
        Grant::new("t").arg("x", eq(1)),
        Grant::new("t").arg("x", eq(2)),
    ]);
    assert!(narrow(&[&parent], &grants([Grant::new("t")])).is_err());
}

#[test]
fn a_url_without_schemes_or_paths_has_all_there_are() {
    let at = |scheme: &str| url(UrlPattern::new(scheme, "a.org"));
    let open = UrlPattern {
        schemes: None,
        ..UrlPattern::new("https", "a.org")
    };
    assert_eq!(
        together(url(open.clone()), [at("http"), at("https")]),
        Some(true)
    );
    assert_eq!(
        inside(url(open), url(UrlPattern::new(["http", "https"], "a.org"))),
        Some(true)
    );
    assert_eq!(
        inside(
            at("https"),
            url(UrlPattern::new("https", "a.org").paths("/"))
        ),
        Some(true)
    );
}
