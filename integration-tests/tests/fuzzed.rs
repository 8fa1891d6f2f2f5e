//! What fuzzing found, each with the least input that showed it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bailiwick::capability::{
    AgentKey, Apart, Authority, Call, Facts, Grant, Mandate, Scope, UrlPattern, path_under, url,
};
use bailiwick::id::Timestamp;

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

/// An empty text became `/`, and so everything, when the slash of a root was added to it.
#[test]
fn attack_04_an_empty_root_is_refused_and_not_the_root_of_everything() {
    let pattern = UrlPattern::new("https", "a.org").paths("");
    // `//` was kept as it was, a root that nothing lies under.
    let roots = [path_under(""), path_under(["/srv", ""]), path_under("//")];
    for constraint in roots.into_iter().chain([url(pattern)]) {
        let scope = Scope::new().grant(Grant::new("t").arg("a", constraint));
        let error = scope.at(now()).unwrap_err();
        assert_eq!(error.place(), "grants[0].args.a");
        assert!(error.to_string().contains("normal form"), "{error}");
    }
    for constraint in [r#"{"path_under":""}"#, r#"{"url":{"paths":""}}"#] {
        let text = format!(r#"{{"grants":[{{"tool":"t","args":{{"a":{constraint}}}}}]}}"#);
        let scope = Scope::from_json(&text).unwrap();
        assert!(scope.at(now()).is_err(), "{text}");
    }
}

/// Unescaped twice, the digits of an escape come out of two others.
#[test]
fn attack_17_escapes_that_are_put_together_by_unescaping_are_no_path() {
    let scope = Scope::new().grant(Grant::new("t").arg("a", path_under("/")));
    let to = AgentKey::generate().public();
    let minted = Authority::generate().mint(&scope, &Mandate::default(), to, now());
    let chain = minted.unwrap();
    let asked = |path: &str| {
        let arguments = format!(r#"{{"a":"{path}"}}"#);
        let call = Call::parse("t", &arguments).unwrap();
        chain.explain(&call, &Facts::at(now()), Apart::default())
    };
    for path in [
        "/%25%%304",
        "/a/%%32e%%32e/b",
        "/%%35%63",
        "/%252525252525252541",
    ] {
        assert!(asked(path).is_err(), "{path}");
    }
    for path in ["/100%", "/%41", "/%25", "/%2541", "/%zz", "/%%"] {
        assert_eq!(asked(path), Ok(()), "{path}");
    }
}
