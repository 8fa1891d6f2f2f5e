//! What fuzzing found, each with the least input that showed it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bailiwick::capability::{Grant, Scope, UrlPattern, path_under, url};
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
