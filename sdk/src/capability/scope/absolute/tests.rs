use std::collections::BTreeSet;

use super::*;
use crate::capability::arbitrary::{key, now};
use crate::capability::scope::{
    Constraint, Grant, any, cidr, eq, host, matches, one_of, path_under, prefix, range, subset_of,
    url,
};
use crate::capability::value::Atom;
use crate::capability::value::UrlPattern;

fn of(grant: Grant) -> Scope {
    Scope::new().grant(grant)
}

fn with(constraint: Constraint) -> Scope {
    of(Grant::new("t").arg("x", constraint))
}

/// Scopes at fault, with the place and the text of each error.
fn fault(scope: &Scope) -> (String, String) {
    let error = scope.at(now()).unwrap_err();
    (error.place().to_owned(), error.to_string())
}

fn keys(count: u8) -> impl Iterator<Item = crate::capability::keys::PublicKey> {
    (0..count).map(key)
}

#[test]
fn a_scope_has_64_grants_and_no_more_each_alternative_counted() {
    let many = |count: usize| {
        (0..count).fold(Scope::new(), |scope, n| {
            scope.grant(Grant::new(format!("t{n}")))
        })
    };
    assert!(many(MAX_GRANTS).at(now()).is_ok());
    assert_eq!(fault(&many(MAX_GRANTS + 1)).0, "grants[64]");
    assert_eq!(fault(&many(MAX_GRANTS + 2)).0, "grants[64]");

    let approved = |count: u8| of(Grant::new("t").approved_by(keys(count)));
    assert!(approved(64).at(now()).is_ok());
    assert!(fault(&approved(65)).1.contains("at most 64 grants"));
    assert!(fault(&approved(100)).1.contains("at most 64 grants"));

    // Three types of value in each of several arguments.
    let mixed = |names: &[&str]| {
        let value = one_of([Atom::from("a"), Atom::from(1), Atom::from(true)]);
        of(names.iter().fold(Grant::new("t"), |grant, name| {
            grant.arg(*name, value.clone())
        }))
    };
    assert!(mixed(&["a", "b", "c"]).at(now()).is_ok());
    assert!(
        fault(&mixed(&["a", "b", "c", "d"]))
            .1
            .contains("at most 64 grants")
    );
}

#[test]
fn a_name_has_1_to_256_bytes_and_no_control_characters() {
    let long = "n".repeat(MAX_NAME);
    let over = "n".repeat(MAX_NAME + 1);
    for (name, fine) in [("", false), (&long, true), (&over, false), ("a\nb", false)] {
        assert_eq!(of(Grant::new(name)).at(now()).is_ok(), fine, "{name:?}");
        let arg = of(Grant::new("t").arg(name, any()));
        assert_eq!(arg.at(now()).is_ok(), fine, "{name:?}");
        let quorum = Scope::new().quorum(Quorum::new([name], 1, keys(2)));
        assert_eq!(quorum.at(now()).is_ok(), fine, "{name:?}");
    }
}

#[test]
fn a_constraint_that_allows_no_value_is_refused_from_whoever_says_it() {
    let none: [&str; 0] = [];
    let no_hosts = UrlPattern {
        hosts: Some(BTreeSet::new()),
        schemes: Some(["https".to_owned()].into()),
        ..UrlPattern::default()
    };
    let no_ports = UrlPattern {
        ports: Some(BTreeSet::new()),
        schemes: Some(["https".to_owned()].into()),
        ..UrlPattern::default()
    };
    for constraint in [
        one_of(none),
        subset_of(none),
        prefix(none),
        path_under(none),
        host(none),
        matches(none),
        cidr([]),
        url(no_hosts),
        url(no_ports),
        range(2, 1),
    ] {
        let scope = with(constraint.clone());
        assert_eq!(
            fault(&scope).1,
            "grants[0].args.x: the constraint allows no value; leave the grant out instead",
            "{constraint:?}"
        );
        let mut bounds = with(any()).at(now()).unwrap();
        bounds.grants = Grants::Only(vec![Grant::new("t").arg("x", constraint.clone())]);
        assert!(profile_fault(&bounds).is_some(), "{constraint:?}");
    }
    let open = Constraint::Range {
        min: None,
        max: None,
    };
    assert!(fault(&with(open)).1.contains("`range` needs"));
    assert!(with(range(1, 1)).at(now()).is_ok());
}

#[test]
fn a_pattern_has_256_bytes_and_no_more() {
    let long = |count: usize| with(matches("a".repeat(count)));
    assert!(long(256).at(now()).is_ok());
    assert!(fault(&long(257)).1.contains("at most 256 bytes"));
}

#[test]
fn a_demand_for_approvals_can_be_met() {
    for (need, of, fine) in [
        (0, 2, false),
        (1, 0, false),
        (1, 1, true),
        (2, 2, true),
        (3, 2, false),
        (5, 5, true),
        (1, 6, false),
        (6, 6, false),
    ] {
        let quorum = Quorum::new(["t"], need, keys(of));
        let scope = of_quorums([quorum.clone()]);
        assert_eq!(scope.at(now()).is_ok(), fine, "{need} of {of}");
        let mut bounds = with(any()).at(now()).unwrap();
        bounds.caveats.quorums = vec![quorum];
        assert_eq!(profile_fault(&bounds).is_none(), fine, "{need} of {of}");
    }
    let none: [&str; 0] = [];
    assert!(
        fault(&of_quorums([Quorum::new(none, 1, keys(1))]))
            .1
            .contains("at least one capability")
    );
    let twice = [1, 2].map(|need| Quorum::new(["t"], need, keys(2)));
    assert!(
        fault(&of_quorums(twice))
            .1
            .contains("the same capabilities")
    );
}

#[test]
fn a_budget_has_a_plain_name_and_a_limit_that_fits() {
    let (long, over) = ("n".repeat(64), "n".repeat(65));
    let most = i64::MAX.unsigned_abs();
    for (budget, fine) in [
        (Budget::new("calls", 0), true),
        (Budget::new("a-b_c.D9", 1).shared("x"), true),
        (Budget::new(&*long, 1).shared(&*long), true),
        (Budget::new(&*over, 1), false),
        (Budget::new("calls", 1).shared(over), false),
        (Budget::new("", 1), false),
        (Budget::new("calls", 1).shared(""), false),
        (Budget::new("a b", 1), false),
        (Budget::new("calls", 1).shared("a/b"), false),
        (Budget::new("calls", most), true),
        (Budget::new("calls", most + 1), false),
    ] {
        let scope = Scope::new().budget(budget.clone());
        assert_eq!(scope.at(now()).is_ok(), fine, "{budget}");
        let mut bounds = with(any()).at(now()).unwrap();
        bounds.caveats.budgets = vec![budget.clone()];
        assert_eq!(profile_fault(&bounds).is_none(), fine, "{budget}");
    }
    let twice = Scope::new()
        .budget(Budget::new("calls", 1))
        .budget(Budget::new("calls", 2));
    assert!(fault(&twice).1.contains("written twice"));
}

fn of_quorums(quorums: impl IntoIterator<Item = Quorum>) -> Scope {
    quorums.into_iter().fold(Scope::new(), Scope::quorum)
}

#[test]
fn what_a_scope_says_can_be_read() {
    let scope = of(Grant::new("t").arg("x", eq(1)).approved_by(keys(1)))
        .budget(Budget::new("calls", 7).shared("s"))
        .quorum(Quorum::new(["t", "u"], 2, keys(3)));
    let bounds = scope.at(now()).unwrap();
    let Grants::Only(grants) = bounds.grants() else {
        panic!("grants are listed");
    };
    let [grant] = grants.as_slice() else {
        panic!("one grant");
    };
    assert_eq!(grant.capability(), "t");
    assert_eq!(grant.args(), &[("x".to_owned(), eq(1))].into());
    assert_eq!(grant.approvers(), &keys(1).collect());
    let [budget] = bounds.caveats().budgets.as_slice() else {
        panic!("one budget");
    };
    assert_eq!((budget.kind(), budget.max()), ("calls", 7));
    assert_eq!(budget.id(), None);
    let [quorum] = bounds.caveats().quorums.as_slice() else {
        panic!("one demand");
    };
    let names = ["t", "u"].map(str::to_owned);
    assert_eq!(quorum.capabilities(), &names.into());
    assert_eq!((quorum.need(), quorum.of()), (2, &keys(3).collect()));
}

#[test]
fn nothing_is_under_an_address() {
    for text in ["10.0.0.1", "[2001:db8::1]", "a.org", ".a.org"] {
        assert!(with(host(text)).at(now()).is_ok(), "{text}");
    }
    for text in [".10.0.0.1", ".[2001:db8::1]", "A.org", "a.org.", "."] {
        assert!(
            fault(&with(host(text))).1.contains("is not a host"),
            "{text}"
        );
        let pattern = url(UrlPattern::new("https", text));
        assert!(fault(&with(pattern)).1.contains("is not a host"), "{text}");
    }
}

#[test]
fn one_string_is_a_list_of_one_whoever_owns_it() {
    let owned = "a".to_owned();
    let expected = prefix(["a"]);
    for constraint in [prefix("a"), prefix(&owned), prefix(vec!["a"])] {
        assert_eq!(constraint, expected);
    }
    assert_eq!(prefix(owned), expected);
    assert_eq!(range(1_u32, 2_u32), range(1, 2));
    assert_eq!(range(1_u16, 2_u16), range(1, 2));
    let life = |scope: Scope| scope.at(now()).unwrap().caveats.expires;
    let in_a_minute = life(Scope::new().expires_in(crate::capability::scope::minutes(1)));
    assert_eq!(
        life(Scope::new().expires_in(crate::capability::scope::seconds(60))),
        in_a_minute
    );
}

#[test]
fn budgets_and_demands_are_said_in_words() {
    let scope = Scope::new()
        .expires_at(Timestamp::from_secs(1_000_060).unwrap())
        .budget(Budget::new("calls", 7))
        .budget(Budget::new("turns", 3).shared("month").set_by(key(0)))
        .quorum(Quorum::new(["pay"], 1, keys(1)));
    assert_eq!(
        scope.at(now()).unwrap().lines(),
        [
            "nothing".to_owned(),
            "before 1970-01-12T13:47:40Z".to_owned(),
            "at most 7 calls".to_owned(),
            format!("at most 3 turns, counted as month, set by {}", key(0)),
            format!("1 of {} must approve pay", key(0)),
        ]
    );
}
