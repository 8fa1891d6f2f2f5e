//! What fuzzing found, each with the least input that showed it.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bailiwick::capability::{Call, Facts, Grant, Scope, UrlPattern, path_under, stock_facts, url};
use bailiwick::id::Timestamp;
use serde_json::{Map, Value};

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

/// `%25%32%65` was not seen to be `%2e` after one decoding, and so a dot after two.
#[test]
fn attack_17_an_escape_whose_digits_are_escaped_hides_no_dot() {
    for text in [
        "/%25%%304",
        "/srv/%2%65%2%65/etc",
        "/srv/%25%32%65%25%32%65/etc",
        "/srv/a%%32fb",
        "https://a.org/v1/%25%32%65%25%32%65/x",
    ] {
        let mut arguments = Map::new();
        arguments.insert("a".to_owned(), Value::from(text));
        let call = Call::new("t", arguments).unwrap();
        let facts = stock_facts(&call, &Facts::at(now()), 0, None);
        let read = |fact: &&String| fact.starts_with("arg_path") || fact.starts_with("arg_url");
        assert_eq!(facts.iter().find(read), None, "{text}");
    }
}
