//! Attack 4: wildcards and prefixes that overmatch.

mod fuzzed {
    use bailiwick::capability::{Grant, Scope, UrlPattern, path_under, url};

    use crate::common::fuzzed::now;

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
}

mod widening {
    use bailiwick::capability::{
        Facts, Grant, Kind, Scope, UrlPattern, host, matches, path_under, url,
    };
    use serde_json::json;

    use crate::common::widening::{ask, call, held, now};

    #[test]
    fn attack_04_nothing_overmatches() {
        let scope = Scope::new()
            .grant(Grant::new("db*"))
            .grant(Grant::new("fs.read").arg("path", path_under("/data")))
            .grant(Grant::new("dns").arg("name", host("example.com")))
            .grant(Grant::new("dns.under").arg("name", host(".example.com")))
            .grant(Grant::new("get").arg(
                "url",
                url(UrlPattern::new("https", ".example.com").paths("/v1")),
            ))
            .grant(Grant::new("mail").arg("to", matches("[a-z]+@x[.]org")));
        let (_, ring, held) = held(&scope);
        let chain = ring.chain(&held.chain().to_bytes()).unwrap();
        let cases = [
            ("db_drop_all", json!({}), Some(Kind::Tool)),
            ("db*", json!({}), None),
            ("DB*", json!({}), Some(Kind::Tool)),
            ("fs.read", json!({ "path": "/data/x" }), None),
            ("fs.read", json!({ "path": "/data" }), None),
            (
                "fs.read",
                json!({ "path": "/database" }),
                Some(Kind::Argument),
            ),
            (
                "fs.read",
                json!({ "path": "/data/../etc" }),
                Some(Kind::Argument),
            ),
            (
                "fs.read",
                json!({ "path": "/data//x" }),
                Some(Kind::Argument),
            ),
            ("dns", json!({ "name": "example.com" }), None),
            (
                "dns",
                json!({ "name": "a.example.com" }),
                Some(Kind::Argument),
            ),
            (
                "dns",
                json!({ "name": "example.com.evil.io" }),
                Some(Kind::Argument),
            ),
            ("dns.under", json!({ "name": "a.example.com" }), None),
            ("dns.under", json!({ "name": "example.com" }), None),
            (
                "dns.under",
                json!({ "name": "evilexample.com" }),
                Some(Kind::Argument),
            ),
            (
                "dns.under",
                json!({ "name": "a.example.com.evil.io" }),
                Some(Kind::Argument),
            ),
            ("get", json!({ "url": "https://a.example.com/v1/x" }), None),
            (
                "get",
                json!({ "url": "https://a.example.com/v10" }),
                Some(Kind::Argument),
            ),
            (
                "get",
                json!({ "url": "https://evilexample.com/v1" }),
                Some(Kind::Argument),
            ),
            (
                "get",
                json!({ "url": "https://example.com@evil.io/v1" }),
                Some(Kind::Argument),
            ),
            (
                "get",
                json!({ "url": "http://a.example.com/v1" }),
                Some(Kind::Argument),
            ),
            ("mail", json!({ "to": "a@x.org" }), None),
            ("mail", json!({ "to": "a@x.org\n" }), Some(Kind::Argument)),
            ("mail", json!({ "to": "b a@x.org" }), Some(Kind::Argument)),
        ];
        for (capability, args, refused) in cases {
            let verdict = ask(&chain, &call(capability, &args), &Facts::at(now()));
            assert_eq!(
                verdict,
                refused.map_or(Ok(()), |kind| Err((kind, Some(0)))),
                "{capability} {args}"
            );
        }
    }
}
