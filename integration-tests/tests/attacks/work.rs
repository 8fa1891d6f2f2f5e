//! What a hostile holder's bytes make a verifier do: counted, and bounded.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;

use bailiwick::capability::{
    AgentKey, Call, Constraint, Facts, Grant, Held, KeyRing, Kind, MAX_ARGUMENTS,
    MAX_MATCHED_BYTES, MintError, Risk, Scope, Skip, UrlPattern, any, cidr, eq, matches, one_of,
    prefix, range, url,
};
use bailiwick::guard::{Context, Effect, Presented, Revocable};
use bailiwick_integration_tests::support::{Home, public, secs, start};
use serde_json::json;

use crate::common::work::{asked, counted, each, minted, spawning};

#[test]
fn a_hop_may_add_a_pattern_and_all_are_counted_together() {
    let home = Home::new();
    let parent = home.held(&spawning(any()).expires_in(secs(60)));
    let child = home.child(&parent, &spawning(matches("[ab]{200}")));
    let further = |pattern: &str| {
        child.danger_append("child", &spawning(matches(pattern)), public(), start())
    };
    let read = |chain: bailiwick::capability::Chain| {
        KeyRing::new([home.authority.root()])
            .chain(&chain.to_bytes())
            .unwrap()
    };
    read(further("[ab]{200}").unwrap());
    read(further("c{56}").unwrap());
    let error = further("c{57}").unwrap_err().to_string();
    assert!(error.contains("at most 256 positions"), "{error}");
}

#[test]
fn matching_is_bounded_by_positions_times_bytes() {
    let home = Home::new();
    let mut scope = Scope::new();
    for n in 0..40 {
        let pattern = matches("[ab]*a[ab]{250}c");
        scope = scope.grant(
            Grant::new("x")
                .arg("a", pattern)
                .arg(format!("b{n}"), any()),
        );
    }
    let chain = home.held(&scope).chain().clone();
    let ask = |value: &str| {
        counted(|| chain.explain(&asked(value), &Facts::at(start()), Skip::default()))
    };
    let longest = "ab".repeat(MAX_MATCHED_BYTES / 2);
    let (verdict, done) = ask(&longest);
    assert_eq!(verdict.unwrap_err().kind(), Kind::Argument);
    assert_eq!(done.steps, 253 * longest.len() as u64);
    let fits = format!("a{}c", "b".repeat(250));
    assert!(ask(&fits).0.is_ok());
    // Longer is denied, and not looked at.
    let (verdict, done) = ask(&"ab".repeat(32 << 10));
    assert_eq!(
        (verdict.unwrap_err().kind(), done.steps),
        (Kind::Argument, 0)
    );
    let all = home.held(&Scope::new().grant(Grant::new("x").arg("a", matches("(?:.|\n)*"))));
    let whole = |bytes: usize| {
        let call = asked(&"a".repeat(bytes));
        all.chain()
            .explain(&call, &Facts::at(start()), Skip::default())
    };
    assert!(whole(MAX_MATCHED_BYTES).is_ok() && whole(MAX_MATCHED_BYTES + 1).is_err());
}

/// A grant of two lists of so many values each.
fn two_lists(n: usize, first: impl Fn(usize) -> String, count: usize) -> Grant {
    let list = |letter: char| one_of((0..count).map(|m| format!("{letter}{}", first(m))));
    Grant::new("x")
        .arg("a", list('p'))
        .arg("b", list('q'))
        .arg(format!("c{n}"), any())
}

/// Thirty grants of two lists of eight values; in so many of them one value of `a` is `last`.
fn lists(count: usize, last: &str) -> Scope {
    (0..count).fold(Scope::new(), |scope, n| {
        let name = |m: usize| match m {
            7 => last.to_owned(),
            m => m.to_string(),
        };
        scope.grant(two_lists(n % 8, name, 8))
    })
}

/// A URL under each of so many paths; the last, under `last`.
fn urls(count: usize, last: &str) -> Scope {
    let under = |n: usize| match n + 1 == count {
        true => last.to_owned(),
        false => format!("p{}", n % 40),
    };
    let all = (0..count).map(|n| format!("https://a.org/{}/{n:03}", under(n)));
    Scope::new().grant(Grant::new("web").arg("url", one_of(all)))
}

/// A parent's scope, a child's that is inside, and one of the same size that is not.
fn of_one_size() -> Vec<(&'static str, Scope, Scope, Scope)> {
    let paths = (0..40).map(|n| {
        let pattern = UrlPattern::new("https", "a.org").paths(format!("/p{n}"));
        Grant::new("web").arg("url", url(pattern))
    });
    let names = |last: &str| {
        let letter = |n: u16| char::from(b'a' + u8::try_from(n % 26).unwrap());
        let all = (0..300).map(|n| format!("{}{n:03}", letter(n)));
        one_of(all.chain([last.to_owned()]))
    };
    let letters = || (b'a'..=b'z').map(|letter| prefix(char::from(letter).to_string()));
    let halves = |n: u8| (0..2).map(move |half| network(&format!("10.{n}.{}.0/17", half * 128)));
    let networks = |last: &str| {
        let all = (0..30).map(|n| format!("10.{n}.0.0/16"));
        each(all.chain([last.to_owned()]).map(|text| network(&text)))
    };
    // As many parts as the parent cuts them into.
    let ranges = |first: i32, last: i32| {
        each(
            (0..30)
                .map(|n| range(n * 10, n * 10 + 9))
                .chain([range(first, last)]),
        )
    };
    vec![
        (
            "lists in one grant",
            lists(30, "7"),
            lists(20, "7"),
            lists(20, "z"),
        ),
        (
            "URLs in forty grants",
            paths.fold(Scope::new(), Scope::grant),
            urls(120, "p39"),
            urls(120, "q39"),
        ),
        (
            "names in 26 grants",
            each(letters()),
            each([names("zz")]),
            each([names("~~")]),
        ),
        (
            "networks in halves",
            each((0..30).flat_map(halves)),
            networks("10.3.0.0/16"),
            networks("11.3.0.0/16"),
        ),
        (
            "ranges that meet",
            each((0..60).map(|n| range(n * 5, n * 5 + 5))),
            ranges(0, 300),
            ranges(6, 301),
        ),
    ]
}

fn network(text: &str) -> Constraint {
    cidr([text.parse().unwrap()])
}

#[test]
fn a_refused_delegation_costs_no_more_than_an_accepted_one() {
    let home = Home::new();
    for (what, parent, inside, wider) in of_one_size() {
        let parent = home.held(&parent.grant(Grant::spawn(["child"])));
        let (accepted, cost) = counted(|| parent.delegate("child", &inside, public(), start()));
        accepted.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (refused, more) = counted(|| parent.delegate("child", &wider, public(), start()));
        let error = refused.unwrap_err();
        assert!(matches!(error, MintError::Widens(_)), "{what}: {error}");
        assert!(
            !error.to_string().contains("cannot be decided"),
            "{what}: {error}"
        );
        let length = error.to_string().len();
        assert!(length < 64 << 10, "{what}: {length} bytes of error");
        assert!(cost.comparisons > 0, "{what}");
        assert!(
            more.comparisons <= cost.comparisons,
            "{what}: {more:?} {cost:?}"
        );
        assert_eq!((more.signatures, more.patterns), (0, 0), "{what}");
    }
}

#[test]
fn a_delegation_compares_each_value_with_each_different_constraint_once() {
    let home = Home::new();
    // 63 grants with one list, and with 63 lists that lack one value each.
    let list = |without: usize| {
        let all = (0..12).filter(|n| *n != without);
        one_of(all.map(|n| format!("v{n:02}")))
    };
    let grants = |lists: &[usize]| {
        let grant = |n: usize| {
            let lacking = lists.get(n % lists.len()).copied().unwrap_or_default();
            Grant::new("x")
                .arg("a", list(lacking))
                .arg(format!("b{n}"), any())
        };
        (0..63).map(grant).fold(Scope::new(), Scope::grant)
    };
    let wide = |scope: Scope| home.held(&scope.grant(Grant::spawn(["child"])));
    let child = |grants: usize, value: &str| {
        let values = (0..11)
            .map(|n| format!("v{n:02}"))
            .chain([value.to_owned()]);
        let grant = Grant::new("x").arg("a", one_of(values));
        (0..grants).fold(Scope::new(), |scope, _| scope.grant(grant.clone()))
    };
    let cost = |parent: &Held, child: &Scope| {
        let (made, done) = counted(|| parent.delegate("child", child, public(), start()));
        assert!(made.is_err());
        done.comparisons
    };
    let (one, twelve) = (
        wide(grants(&[12])),
        wide(grants(&(0..12).collect::<Vec<_>>())),
    );
    for child_grants in [1, 60] {
        let many = child_grants as u64;
        assert!(cost(&one, &child(child_grants, "w")) <= many * 2 * 12);
        assert!(cost(&twelve, &child(child_grants, "w")) <= many * (12 * 12 + 12));
    }
}

#[test]
fn a_refusal_says_some_hundred_ways_and_no_more() {
    let home = Home::new();
    // Three blocks that say different things, each of which refuses the same 200 arguments.
    let grants = |names: &[&str]| {
        let all = names.iter().map(|name| Grant::new(*name).arg("a", any()));
        all.fold(Scope::new().grant(Grant::spawn(["child"])), Scope::grant)
    };
    let top = home.held(&grants(&["x", "y", "z"]));
    let middle = home.child(&top, &grants(&["x", "y"]));
    let parent = home.child(&middle, &grants(&["x"]));
    let wide = (0..20).fold(Scope::new(), |scope, _| {
        let names = (0..10).map(|n| format!("n{n}"));
        scope.grant(names.fold(Grant::new("x"), |grant, name| grant.arg(name, eq("v"))))
    });
    let refused = parent.delegate("child", &wide, public(), start());
    let Err(MintError::Widens(widens)) = refused else {
        panic!("it is wider: {refused:?}");
    };
    let ways = widens.excesses().len();
    assert!((64..=512).contains(&ways), "{ways}");
    let more = format!("… and at least {} more ways", ways - 64);
    assert!(widens.to_string().ends_with(&more), "{widens}");
}

#[test]
fn what_is_too_large_for_a_token_is_compared_with_nothing() {
    let home = Home::new();
    let paths: Vec<String> = (0..63).map(|n| format!("/p{n}")).collect();
    let pattern = UrlPattern::new("https", "a.org").paths(paths);
    let parent = home.held(
        &Scope::new()
            .grant(Grant::new("web").arg("url", url(pattern)))
            .grant(Grant::spawn(["child"])),
    );
    let urls = (0..20_000).map(|n| format!("https://a.org/q{n}"));
    let scope = Scope::new().grant(Grant::new("web").arg("url", one_of(urls)));
    let (refused, done) = counted(|| parent.delegate("child", &scope, public(), start()));
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("more than 16384"), "{error}");
    assert!(error.len() < 200, "{error}");
    assert_eq!((done.comparisons, done.signatures), (0, 0));
    let lists = (0..60).fold(Scope::new(), |scope, n| {
        scope.grant(two_lists(n, |m| m.to_string(), 32))
    });
    let few = (0..63).fold(Scope::new(), |scope, n| {
        scope.grant(Grant::new("x").arg("a", eq(format!("p{n}"))))
    });
    let many = home.held(&few.max_depth(9));
    let (refused, done) = counted(|| many.delegate("child", &lists, public(), start()));
    assert!(refused.is_err());
    assert_eq!((done.comparisons, done.signatures), (0, 0));
    // What fits is told about shortly.
    let urls = (0..300).map(|n| format!("https://a.org/q{n}"));
    let scope = Scope::new().grant(Grant::new("web").arg("url", one_of(urls)));
    let error = parent
        .delegate("child", &scope, public(), start())
        .unwrap_err()
        .to_string();
    assert!(error.contains("… and 290 more"), "{error}");
    assert!(error.contains("… and 53 more"), "{error}");
    assert!(error.len() < 2000, "{error}");
}

#[test]
fn only_what_a_guard_found_live_is_kept_in_memory() {
    let home = Home::new();
    let guard = home.guard().build();
    let context = Context::new("lead", Effect::Read, Risk::Low, start());
    let call = asked("v");
    let mut late = context.clone();
    late.facts.time = start().saturating_add(secs(120));
    let ring = guard.ring();
    let present = |(held, key): &(Held, Arc<AgentKey>), context: &Context| {
        let chain = ring.chain(&held.chain().to_bytes()).unwrap();
        let held = chain.held_by(key.clone()).unwrap();
        guard.check(Presented::from(&held), &call, context).is_ok()
    };
    let short = minted(&home, &spawning(eq("v")).expires_in(secs(60)));
    assert!(!present(&short, &late));
    assert_eq!(ring.cached_bytes(), 0, "expired");
    let long = minted(&home, &spawning(eq("v")).expires_in(secs(25 * 60 * 60)));
    assert!(!present(&long, &context));
    assert_eq!(ring.cached_bytes(), 0, "too long-lived");
    let (flat, _) = minted(&home, &spawning(eq("v")).max_depth(0));
    let key = Arc::new(AgentKey::generate());
    let deep = flat
        .danger_append("child", &spawning(eq("v")), key.public(), start())
        .unwrap();
    assert!(!present(
        &(deep.held_by(key.clone()).unwrap(), key),
        &context
    ));
    assert_eq!(ring.cached_bytes(), 0, "too deep");
    let gone = minted(&home, &spawning(eq("v")));
    guard
        .revocations()
        .revoke([Revocable::Block(gone.0.chain().id())]);
    assert!(!present(&gone, &context));
    assert_eq!(ring.cached_bytes(), 0, "revoked");
    // A call that is refused does not make the next one dear.
    let live = minted(&home, &spawning(eq("w")));
    assert!(!present(&live, &context), "another value");
    let kept = ring.cached_bytes();
    assert!(kept > 0);
    let (_, done) = counted(|| present(&live, &context));
    assert_eq!((done.signatures, ring.cached_bytes()), (0, kept));
}

#[test]
fn the_cache_is_bounded_in_bytes() {
    const MOST: usize = 4 << 20;
    let home = Home::new();
    let ring = KeyRing::new([home.authority.root()]).cache_at_most(MOST);
    let words = (0..900).map(|n| format!("w{n}"));
    let parent = home.held(&spawning(one_of(words)));
    for n in 0..60 {
        let words = (0..900).map(|m| format!("{n}w{m}"));
        let chain = parent
            .danger_append("child", &spawning(one_of(words)), public(), start())
            .or_else(|_| parent.danger_append("child", &spawning(any()), public(), start()))
            .unwrap();
        let read = ring.chain(&chain.to_bytes()).unwrap();
        ring.keep(&read);
        assert!(ring.cached_bytes() <= MOST);
    }
    assert!(ring.cached_bytes() > MOST / 8);
    let none = KeyRing::new([home.authority.root()]).cache_at_most(0);
    none.keep(&none.chain(&parent.chain().to_bytes()).unwrap());
    assert_eq!(none.cached_bytes(), 0);
}

#[test]
fn arguments_have_at_most_a_mebibyte() {
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}", "v".repeat(bytes - 8));
    let call = Call::parse("x", &text(MAX_ARGUMENTS)).unwrap();
    let nonce = call.nonce();
    // Refused before it is read: what follows is no JSON at all.
    for long in [text(MAX_ARGUMENTS + 1), "[".repeat(MAX_ARGUMENTS + 1)] {
        let error = Call::parse("x", &long).unwrap_err();
        assert_eq!(error.kind(), Kind::Argument);
        assert!(error.to_string().contains("more than 1048576"), "{error}");
        assert!(error.to_string().len() < 300);
    }
    let mut arguments = call.arguments().clone();
    Call::with_nonce("x", arguments.clone(), nonce).unwrap();
    arguments.insert(
        "b".to_owned(),
        json!([1, "\n\u{1}\"", {"c": -1.5, "d": null}]),
    );
    for made in [
        Call::new("x", arguments.clone()),
        Call::with_nonce("x", arguments, nonce),
    ] {
        assert_eq!(made.unwrap_err().kind(), Kind::Argument);
    }
}
