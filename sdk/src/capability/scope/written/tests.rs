use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::capability::arbitrary::{bounds, key, now, scope};
use crate::capability::scope::{
    Budget, Constraint, Grant, Quorum, absent, any, eq, minutes, path_under, range, subset_of, url,
};
use crate::capability::value::UrlPattern;

#[test]
fn the_example_of_the_design_reads() {
    let text = r#"{ "grants": [
        { "tool": "mail.send", "args": { "to": {"subset_of": ["a@x.org"]}, "subject": "any", "body": "any" } },
        { "tool": "pay",       "args": { "iban": {"eq": "DE02"}, "amount": {"range": {"min": 0, "max": 98.7}}, "note": "absent" } },
        { "tool": "fs.read",   "args": { "path": {"path_under": ["/srv/docs"]} } },
        { "tool": "http.get",  "args": { "url": {"url": {"schemes": ["https"], "hosts": ["a.org", ".b.org"], "paths": ["/v1/"]}} } } ],
      "expires_in": "10m", "audience": ["bank"], "max_depth": 2 }"#;
    let expected = Scope::new()
        .grant(
            Grant::new("mail.send")
                .arg("to", subset_of(["a@x.org"]))
                .arg("subject", any())
                .arg("body", any()),
        )
        .grant(
            Grant::new("pay")
                .arg("iban", eq("DE02"))
                .arg(
                    "amount",
                    range(
                        0,
                        "98.7".parse::<crate::capability::value::Decimal>().unwrap(),
                    ),
                )
                .arg("note", absent()),
        )
        .grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
        .grant(Grant::new("http.get").arg(
            "url",
            url(UrlPattern::new("https", ["a.org", ".b.org"]).paths("/v1")),
        ))
        .expires_in(minutes(10))
        .audience("bank")
        .max_depth(2);
    let scope = Scope::from_json(text).unwrap();
    assert_eq!(scope, expected);
    assert_eq!(
        scope.to_json()["grants"][2]["args"]["path"],
        json!({"path_under": ["/srv/docs"]})
    );
    let typed: Scope = serde_json::from_str(&serde_json::to_string(&scope).unwrap()).unwrap();
    assert_eq!(typed, scope);
}

#[test]
fn every_fault_names_its_place() {
    let arg = |constraint: Value| json!({"grants": [{"tool": "t", "args": {"to": constraint}}]});
    let with = |name: &str, value: Value| json!({"grants": [], name: value});
    for (value, expected) in [
        (json!([]), "scope: an object is expected here, not a list"),
        (json!({}), "scope: `grants` is missing"),
        (
            json!({"grants": null}),
            "grants: a list of grants or \"inherit\" is expected here, not null",
        ),
        (
            json!({"grants": "inherits"}),
            "grants: `inherits` is neither",
        ),
        (json!({"grants": {}}), "grants: a list"),
        (
            json!({"grants": [], "expire_in": "1m"}),
            "scope: unknown field `expire_in`, did you mean `expires_in`?; one of `grants`",
        ),
        (
            json!({"grants": [], "auidence": "x"}),
            "scope: unknown field `auidence`, did you mean `audience`?",
        ),
        (json!({"grants": [{}]}), "grants[0]: `tool` is missing"),
        (
            json!({"grants": [{"tool": 1}]}),
            "grants[0].tool: the name of a capability",
        ),
        (
            json!({"grants": [{"tool": "t"}, {"tool": "t", "arg": {}}]}),
            "grants[1]: unknown field `arg`, did you mean `args`?",
        ),
        (
            json!({"grants": [{"tool": "t", "args": []}]}),
            "grants[0].args: an object",
        ),
        (
            json!({"grants": [{"tool": "t", "approved_by": []}]}),
            "grants[0].approved_by: an empty list",
        ),
        (
            json!({"grants": [{"tool": "t", "approved_by": ["x"]}]}),
            "grants[0].approved_by[0]: a public key is written",
        ),
        (
            arg(json!("anny")),
            "grants[0].args.to: unknown constraint `anny`, did you mean `any`?",
        ),
        (
            arg(json!("eq")),
            "grants[0].args.to: `eq` is written with its value",
        ),
        (
            arg(json!({"any": true})),
            "grants[0].args.to: `any` is written as a bare string",
        ),
        (
            arg(json!({"subsetof": []})),
            "grants[0].args.to: unknown constraint `subsetof`, did you mean `subset_of`?; one of `eq`",
        ),
        (
            arg(json!({})),
            "grants[0].args.to: a constraint is an object with one key, this one has none",
        ),
        (
            arg(json!({"eq": 1, "prefix": "a"})),
            "grants[0].args.to: a constraint is an object with one key, this one has `eq`, `prefix`",
        ),
        (arg(json!(["a"])), "grants[0].args.to: a constraint"),
        (arg(json!(null)), "grants[0].args.to: a constraint"),
        (
            arg(json!({"eq": null})),
            "grants[0].args.to.eq: null is not a value",
        ),
        (
            arg(json!({"one_of": "a"})),
            "grants[0].args.to.one_of: a list of values",
        ),
        (
            arg(json!({"one_of": ["a", null]})),
            "grants[0].args.to.one_of[1]: null is not a value",
        ),
        (
            arg(json!({"prefix": 1})),
            "grants[0].args.to.prefix: a string or a list of strings",
        ),
        (
            arg(json!({"prefix": ["a", 1]})),
            "grants[0].args.to.prefix[1]: a string",
        ),
        (
            arg(json!({"range": {"minn": 1}})),
            "grants[0].args.to.range: unknown field `minn`, did you mean `min`?",
        ),
        (
            arg(json!({"range": {"min": "1"}})),
            "grants[0].args.to.range.min: a number",
        ),
        (
            arg(json!({"range": {"max": 1e30}})),
            "grants[0].args.to.range.max: `1e+30` does not fit",
        ),
        (
            arg(json!({"url": {"host": ["a.org"]}})),
            "grants[0].args.to.url: unknown field `host`, did you mean `hosts`?",
        ),
        (
            arg(json!({"url": {"ports": [70000]}})),
            "grants[0].args.to.url.ports[0]: an integer from 0 to 65535",
        ),
        (
            arg(json!({"cidr": "10.0.0.1/8"})),
            "grants[0].args.to.cidr: `10.0.0.1/8` is not a network",
        ),
        (
            arg(json!({"cidr": ["10.0.0.0/8", "x"]})),
            "grants[0].args.to.cidr[1]: `x` is not a network",
        ),
        (
            with("expires_in", json!("10")),
            "expires_in: `10` is not a lifetime such as `10m` or `1h30m`: `10` has no unit",
        ),
        (
            with("expires_in", json!("10x")),
            "expires_in: `10x` is not a lifetime such as `10m` or `1h30m`: `x` is not a unit",
        ),
        (with("expires_in", json!("0s")), "expires_in: `0s`"),
        (with("expires_in", json!("")), "expires_in: ``"),
        (with("expires_in", json!("-1m")), "expires_in: `-1m`"),
        (with("expires_in", json!("1m ")), "expires_in: `1m `"),
        (
            with("expires_in", json!("999999999999999d")),
            "expires_in: `999999999999999d`",
        ),
        (with("expires_in", json!(600)), "expires_in: a lifetime"),
        (
            with("expires_at", json!("tomorrow")),
            "expires_at: `tomorrow` is not an RFC 3339 time",
        ),
        (with("not_before", json!(5)), "not_before: a time"),
        (
            json!({"grants": [], "expires_in": "1m", "expires_at": "2030-01-01T00:00:00Z"}),
            "expires_at: a scope has",
        ),
        (with("audience", json!(1)), "audience: a string or a list"),
        (with("task", json!([1])), "task[0]: a string"),
        (
            with("max_risk", json!("hgih")),
            "max_risk: unknown risk `hgih`, did you mean `high`?; one of `low`",
        ),
        (
            with("max_sensitivity", json!("secret")),
            "max_sensitivity: unknown sensitivity `secret`; one of `public`",
        ),
        (
            with("max_depth", json!(-1)),
            "max_depth: an integer from 0 to 4294967295 is expected here, not `-1`",
        ),
        (with("max_depth", json!(1.5)), "max_depth: an integer"),
        (with("budget", json!([])), "budget: an object"),
        (
            with("budget", json!({"calls": -1})),
            "budget.calls: an integer",
        ),
        (
            with("budget", json!({"calls": 0.5})),
            "budget.calls: an integer",
        ),
        (
            with("budget", json!({"calls": {}})),
            "budget.calls: `max` is missing",
        ),
        (
            with("budget", json!({"calls": {"max": 1, "share": "x"}})),
            "budget.calls: unknown field `share`, did you mean `shared`?",
        ),
        (
            with("budget", json!({"calls": {"max": 1, "set_by": "x"}})),
            "budget.calls.set_by: a public key",
        ),
        (
            with("budget", json!({"calls": []})),
            "budget.calls: nothing is limited here",
        ),
        (with("budget", json!({})), "budget: nothing is limited here"),
        (
            with("budget", json!({"calls": {"max": null}})),
            "budget.calls.max: an integer",
        ),
        (
            with("budget", json!({"calls": [null]})),
            "budget.calls[0]: an integer",
        ),
        (with("audience", json!([])), "audience: an empty list"),
        (with("task", json!([])), "task: an empty list"),
        (with("step", json!([])), "step: an empty list"),
        (with("approvals", json!([])), "approvals: an empty list"),
        (
            with(
                "approvals",
                json!([{"tools": [], "need": 1, "of": [key(0)]}]),
            ),
            "approvals[0].tools: an empty list",
        ),
        (
            with("approvals", json!([{"tools": ["t"], "need": 1, "of": []}])),
            "approvals[0].of: an empty list",
        ),
        (
            with(
                "approvals",
                json!([{"tools": ["t"], "need": 0, "of": [key(0)]}]),
            ),
            "approvals[0].need: 0 asks for no approval",
        ),
        (
            arg(json!({"one_of": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"subset_of": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"prefix": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"path_under": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"host": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"cidr": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"matches": []})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"url": {"hosts": ["a.org"], "ports": []}})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (arg(json!({"url": {}})), "grants[0].args.to: `url` needs"),
        (
            arg(json!({"range": {}})),
            "grants[0].args.to: `range` needs",
        ),
        (
            arg(json!({"range": {"min": null}})),
            "grants[0].args.to.range.min: a number",
        ),
        (
            arg(json!({"range": {"min": 2, "max": 1}})),
            "grants[0].args.to: the constraint allows no value",
        ),
        (
            arg(json!({"eq": {"$decimal": "05"}})),
            "grants[0].args.to.eq.$decimal: `05` is not a number",
        ),
        (
            arg(json!({"range": {"max": {"$decimal": "05"}}})),
            "grants[0].args.to.range.max.$decimal: `05` is not a number",
        ),
        (
            arg(json!({"range": {"max": {"$sha256": "0".repeat(64)}}})),
            "grants[0].args.to.range.max: a number",
        ),
        (
            arg(json!({"one_of": ["a", {"$decimal": 5}]})),
            "grants[0].args.to.one_of[1].$decimal: a number as a string",
        ),
        (
            arg(json!({"eq": {"$decimal": "5", "unit": "eur"}})),
            "grants[0].args.to.eq: unknown field `unit`",
        ),
        (
            arg(json!({"eq": {"$sha256": "0".repeat(63)}})),
            "grants[0].args.to.eq.$sha256: a hash is written as 64",
        ),
        (
            arg(json!({"subset_of": [{"$sha256": "A".repeat(64)}]})),
            "grants[0].args.to.subset_of[0].$sha256: a hash is written as 64",
        ),
        (
            arg(json!({"eq": {"$sha256": null}})),
            "grants[0].args.to.eq.$sha256: a hash as a string",
        ),
        (
            arg(json!({"eq": [1, {"k": {"$decimal": "5"}}]})),
            "grants[0].args.to.eq: `$decimal` stands for a whole value",
        ),
        (with("approvals", json!({})), "approvals: a list"),
        (
            with("approvals", json!([{"tools": ["t"], "of": []}])),
            "approvals[0]: `need` is missing",
        ),
        (
            with("approvals", json!([{"tool": ["t"], "need": 1, "of": []}])),
            "approvals[0]: unknown field `tool`, did you mean `tools`?",
        ),
        (
            with("approvals", json!([{"tools": ["t"], "need": 6, "of": []}])),
            "approvals[0].need: an integer from 0 to 5",
        ),
        (
            with(
                "approvals",
                json!([{"tools": "t", "need": 1, "of": [key(0), key(0)]}]),
            ),
            "approvals[0].of: a key is written twice",
        ),
    ] {
        let error = Scope::from_value(&value).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    // A list that restricts to nothing is different from a limit that is left out.
    for (name, value) in [("taint", json!([])), ("dataset", json!([]))] {
        assert!(Scope::from_value(&with(name, value)).is_ok(), "{name}");
    }
    let error = Scope::from_json(r#"{"grants": [], "grants": "inherit"}"#).unwrap_err();
    assert!(error.to_string().contains("grants"), "{error}");
}

#[test]
fn a_member_without_a_value_is_an_error_and_not_a_member_that_is_left_out() {
    let members = [
        "grants",
        "not_before",
        "expires_in",
        "expires_at",
        "audience",
        "task",
        "step",
        "dataset",
        "max_risk",
        "max_sensitivity",
        "taint",
        "max_depth",
        "budget",
        "approvals",
    ];
    for name in members {
        for value in [
            json!(null),
            json!({}),
            json!([[]]),
            json!([null]),
            json!(""),
            json!(false),
        ] {
            // A name may be empty, and is still a name.
            let names = ["audience", "task", "step", "dataset", "taint"];
            if value == json!("") && names.contains(&name) {
                continue;
            }
            let mut scope = json!({"grants": []});
            scope[name] = value;
            let text = scope.to_string();
            let error = Scope::from_json(&text).expect_err(&text).to_string();
            assert!(error.starts_with(name), "{text}: {error}");
            assert!(serde_json::from_str::<Scope>(&text).is_err(), "{text}");
        }
    }
    for name in ["approvals", "budget", "audience", "task", "step"] {
        let text = json!({"grants": [], name: []}).to_string();
        let read =
            Scope::from_json(&text).and_then(|scope| scope.at(crate::id::Timestamp::default()));
        assert!(read.is_err(), "{text}");
    }
    let grant = |member: &str, value: Value| {
        let mut grant = json!({"tool": "t", "args": {}});
        grant[member] = value;
        json!({ "grants": [grant] }).to_string()
    };
    for text in [
        grant("tool", json!(null)),
        grant("tool", json!("")),
        grant("args", json!(null)),
        grant("args", json!([])),
        grant("approved_by", json!(null)),
        grant("approved_by", json!("")),
        grant("approved_by", json!([])),
    ] {
        let read =
            Scope::from_json(&text).and_then(|scope| scope.at(crate::id::Timestamp::default()));
        assert!(read.is_err(), "{text}");
    }
    for part in ["schemes", "hosts", "ports", "paths"] {
        for value in [json!(null), json!([]), json!({}), json!([null])] {
            let url = json!({"url": {part: value, "hosts": if part == "hosts" { value.clone() } else { json!("a.org") }}});
            let text = json!({"grants": [{"tool": "t", "args": {"u": url}}]}).to_string();
            assert!(Scope::from_json(&text).is_err(), "{text}");
        }
    }
}

#[test]
fn a_scope_writes_what_it_cannot_hold_as_its_hash() {
    let text =
        r#"{"grants": [{"tool": "t", "args": {"x": {"one_of": [[1, 2], {"k": 1}, 1e-7, "a"]}}}]}"#;
    let scope = Scope::from_json(text).unwrap();
    let json = scope.to_json();
    assert!(json.to_string().contains("$sha256"), "{json}");
    assert_eq!(Scope::from_value(&json).unwrap(), scope);
    let odd = crate::capability::value::Decimal::from_micros(9_000_000_000_000_000_001);
    let scope = Scope::new().grant(Grant::new("t").arg("x", eq(odd)).arg(
        "y",
        Constraint::Range {
            min: Some(odd),
            max: None,
        },
    ));
    assert_eq!(Scope::from_value(&scope.to_json()).unwrap(), scope);
}

#[test]
fn one_of_a_list_may_be_written_by_itself() {
    let read = |arg: Value, by: Value| {
        let grant = json!({"tool": "t", "args": {"to": arg}, "approved_by": by});
        Scope::from_value(&json!({"grants": [grant]})).unwrap()
    };
    let key = key(0).to_string();
    let pattern = |ports: Value| json!({"url": {"ports": ports}});
    let listed = read(pattern(json!([443])), json!([key]));
    assert_eq!(read(pattern(json!(443)), json!(key)), listed);
    let networks = |networks: Value| read(json!({"cidr": networks}), json!(key));
    assert_eq!(
        networks(json!("10.0.0.0/8")),
        networks(json!(["10.0.0.0/8"]))
    );
}

#[test]
fn a_word_is_suggested_where_one_is_near_and_no_other_as_near() {
    let meant = |word: &str, known: &[&str]| {
        let value = json!(null);
        let node = node::Node::root(&value);
        let said = node.unknown("word", word, known).to_string();
        let known = known
            .iter()
            .find(|name| said.contains(&format!("mean `{name}`")));
        known.map(|name| (*name).to_owned())
    };
    for (word, known, name) in [
        ("audienc", vec!["audience"], Some("audience")),
        ("auidence", vec!["audience"], Some("audience")),
        ("audi", vec!["audience"], None),
        ("axxxence", vec!["audience"], None),
        ("audiencexxx", vec!["audience"], None),
        ("rusk", vec!["risk", "rust"], None),
        ("risc", vec!["risk", "rust"], Some("risk")),
        ("xx", vec!["eq"], None),
        ("ep", vec!["eq"], Some("eq")),
        ("", vec!["eq"], None),
    ] {
        assert_eq!(meant(word, &known).as_deref(), name, "{word}");
    }
    let long = "w".repeat(33);
    let most = "w".repeat(32);
    assert_eq!(meant(&most, &[&most[1..]]).as_deref(), Some(&most[1..]));
    assert_eq!(meant(&long, &[&long[1..]]), None);
}

#[test]
fn budgets_and_approvals_are_read_back() {
    let scope = Scope::inherit()
        .budget(Budget::new("calls", 0))
        .budget(Budget::new("calls", 5).shared("x").set_by(key(1)))
        .budget(Budget::new("turns", 7).shared("y"))
        .quorum(Quorum::new(["t", "u"], 2, [key(0), key(1)]));
    assert_eq!(
        Scope::from_json(&scope.to_json().to_string()).unwrap(),
        scope
    );
}

#[test]
fn lifetimes_read_what_they_write() {
    for (text, seconds) in [
        ("1s", 1),
        ("10m", 600),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d1h1m1s", 90_061),
    ] {
        assert_eq!(lifetime::read(text).unwrap().as_secs(), seconds);
        assert_eq!(lifetime::write(lifetime::read(text).unwrap()), text);
    }
}

#[cfg(feature = "toml")]
#[test]
fn toml_says_the_same() {
    let text = r#"
        expires_at = 2030-01-01T00:00:00Z
        max_depth = 2
        budget = { calls = 5 }
        [[grants]]
        tool = "pay"
        args = { amount = { range = { min = 0, max = 98.7 } }, note = "absent" }
        [[grants]]
        tool = "fs.read"
        [grants.args]
        path = { path_under = "/srv/docs" }
    "#;
    let json = json!({
        "grants": [
            {"tool": "pay", "args": {"amount": {"range": {"min": 0, "max": 98.7}}, "note": "absent"}},
            {"tool": "fs.read", "args": {"path": {"path_under": "/srv/docs"}}}
        ],
        "expires_at": "2030-01-01T00:00:00Z", "max_depth": 2, "budget": {"calls": 5}
    });
    assert_eq!(
        Scope::from_toml(text).unwrap(),
        Scope::from_value(&json).unwrap()
    );
    for (text, place) in [
        (
            "grants = \"inherit\"\nexpires = \"1m\"",
            "scope: unknown field `expires`",
        ),
        (
            "grants = [{ tool = \"t\", args = { x = { eq = nan } } }]",
            "grants[0].args.x.eq: ",
        ),
        ("grants = [", "scope: not TOML"),
        ("grants = []\ngrants = \"inherit\"", "scope: not TOML"),
        (
            "grants = []\nexpires_at = 12:00:00",
            "expires_at: `12:00:00`",
        ),
        ("grants = []\n[budget]", "budget: nothing is limited here"),
        (
            "grants = []\nbudget = { calls = [] }",
            "budget.calls: nothing is limited here",
        ),
        (
            "grants = [{ tool = \"t\", args = { x = { eq = { \"$decimal\" = \"05\" } } } }]",
            "grants[0].args.x.eq.$decimal: `05`",
        ),
    ] {
        let error = Scope::from_toml(text).unwrap_err().to_string();
        assert!(error.starts_with(place), "{error}");
    }
}

proptest! {
    #[test]
    fn bounds_are_read_as_they_were_written(bounds in bounds()) {
        let text = bounds.to_json().to_string();
        prop_assert_eq!(Scope::from_json(&text).unwrap().at(now()).unwrap(), bounds);
    }

    #[test]
    fn scopes_are_read_as_they_were_written(scope in scope()) {
        // The order in which kinds of budget are written is the order of their names.
        let mut scope = scope;
        scope.budgets.sort();
        prop_assert_eq!(Scope::from_json(&scope.to_json().to_string()).unwrap(), scope);
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".*", json in "[\\[\\]{}\":,a-z0-9 ]*") {
        let _ = (Scope::from_json(&text), Scope::from_json(&json), lifetime::read(&text));
    }

    #[test]
    fn no_damage_makes_reading_panic(scope in scope(), at in proptest::arbitrary::any::<proptest::sample::Index>(), byte in "[ -~é]") {
        let mut text = scope.to_json().to_string();
        let at = at.index(text.len());
        if text.is_char_boundary(at) {
            text.replace_range(at..=at, &byte);
            let _ = Scope::from_json(&text).map(|scope| scope.at(now()));
        }
    }
}
