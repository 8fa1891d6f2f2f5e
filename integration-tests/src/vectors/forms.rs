//! Each form of an argument, once with a value that it allows and once with one that it does not.

use bailiwick::capability::{
    Atom, Cidr, Constraint, Grant, Scope, UrlPattern, absent, any, at_least, at_most, cidr, eq,
    host, matches, one_of, path_under, prefix, range, subset_of, url,
};
use serde_json::{Value, json};

use super::cast::{delegate, mint};
use super::draft::held;
use super::format::Vector;

fn networks(texts: &[&str]) -> Vec<Cidr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Name, constraint, a value inside, a value outside, and what is outside about it.
type Form = (&'static str, Constraint, Value, Value, &'static str);

fn forms() -> Vec<Form> {
    let pattern = UrlPattern::new("https", ["a.org", ".b.org"])
        .ports([443, 8443])
        .paths("/v1");
    let object = json!({ "a": "x", "b": [1, 2.5] });
    let hash = Atom::of(&object).unwrap();
    let mixed = one_of([Atom::from("EUR"), Atom::from(true), Atom::from(7)]);
    let long = json!("a".repeat(300));
    vec![
        (
            "eq_string",
            eq("a\"b\\c\n"),
            json!("a\"b\\c\n"),
            json!("a\"b\\c"),
            "another text",
        ),
        (
            "eq_number",
            eq(5),
            json!(5.0),
            json!("5"),
            "the digits as text",
        ),
        (
            "eq_bool",
            eq(true),
            json!(true),
            json!("true"),
            "the word as text",
        ),
        (
            "eq_object",
            eq(hash),
            object,
            json!({ "b": [1, 2.5] }),
            "an object with less in it",
        ),
        (
            "one_of",
            one_of(["EUR", "USD"]),
            json!("USD"),
            json!("usd"),
            "other letters",
        ),
        (
            "one_of_mixed",
            mixed,
            json!(7),
            json!("7"),
            "a number's digits as text",
        ),
        (
            "prefix",
            prefix(["db_", "x"]),
            json!("db_a"),
            json!("db"),
            "a text too short",
        ),
        (
            "range",
            range(0, 100),
            json!(99.999999),
            json!(-1),
            "a negative number",
        ),
        (
            "at_least",
            at_least(10),
            json!(10),
            json!(9.999999),
            "a number just below",
        ),
        (
            "at_most",
            at_most(10),
            json!(-3),
            json!(1e300),
            "a number without fixed-point form",
        ),
        (
            "subset_of",
            subset_of(["a", "b"]),
            json!(["b", "a"]),
            json!([]),
            "an empty list",
        ),
        (
            "path_under",
            path_under("/data"),
            json!("/data"),
            json!("/database"),
            "a longer name",
        ),
        (
            "path_dots",
            path_under("/data"),
            json!("/data/x"),
            json!("/data/../etc"),
            "a way out",
        ),
        (
            "url",
            url(pattern.clone()),
            json!("https://x.b.org:8443/v1/y?q=1"),
            json!("https://a.org.evil.io/v1/"),
            "a host that only starts alike",
        ),
        (
            "url_userinfo",
            url(pattern),
            json!("https://a.org/v1"),
            json!("https://a.org@evil.io/v1/"),
            "a user name that looks like the host",
        ),
        (
            "host",
            host(["a.org", ".b.org"]),
            json!("b.org"),
            json!("evilb.org"),
            "a longer name",
        ),
        (
            "cidr_4",
            cidr(networks(&["10.0.0.0/8", "192.168.1.1"])),
            json!("10.255.0.1"),
            json!("0x0a000001"),
            "an address in hexadecimal",
        ),
        (
            "cidr_6",
            cidr(networks(&["2001:db8::/32", "::1", "2001:db9::/65"])),
            json!("2001:db8::ffff"),
            json!("2001:DB8::1"),
            "an address not in normal form",
        ),
        (
            "matches",
            matches(["[a-z]+", "\\d{1,3}"]),
            json!("abc"),
            json!("abc\n"),
            "a line end",
        ),
        (
            "any",
            any(),
            json!([{ "deep": [1] }]),
            long,
            "nothing: all values are allowed",
        ),
        (
            "absent",
            absent(),
            Value::Null,
            json!(false),
            "given at all",
        ),
    ]
}

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    for (form, constraint, inside, outside, what) in forms() {
        let scope = Scope::new()
            .grant(Grant::new("x.do").arg("v", constraint))
            .grant(Grant::spawn(["reader"]));
        let chain = delegate(mint(&scope), &scope);
        let says = format!("The form `{form}`, and a value that it allows.");
        let fine = held(&format!("form_{form}_inside"), &says, &chain);
        all.push(fine.call("x.do", json!({ "v": inside })).allow());
        let says = format!("The form `{form}`, and a value that it does not allow: {what}.");
        let draft = held(&format!("form_{form}_outside"), &says, &chain);
        let draft = draft.call("x.do", json!({ "v": outside }));
        if form != "any" {
            all.push(draft.deny("argument", Some(0)));
        }
    }
    let scope = Scope::new().grant(Grant::new("x.do").arg("v", one_of(["a"])).arg("w", any()));
    let chain = mint(&scope);
    let asked = |name: &str, says: &str, args: Value| {
        let draft = held(name, says, &chain).call("x.do", args);
        draft.deny("argument", Some(0))
    };
    all.extend([
        asked(
            "argument_missing",
            "An argument that is constrained must be given.",
            json!({}),
        ),
        asked(
            "argument_not_granted",
            "A grant closes its arguments: one that it does not name is refused.",
            json!({ "v": "a", "z": 1 }),
        ),
        asked(
            "argument_in_an_array",
            "An array is not the value in it.",
            json!({ "v": ["a"] }),
        ),
    ]);
    let named = |tool: &str, says: &str, name: &str| {
        held(name, says, &chain)
            .call(tool, json!({ "v": "a" }))
            .deny("tool", Some(0))
    };
    all.extend([
        named("x.undo", "Another capability.", "tool_not_granted"),
        named(
            "x.do ",
            "A capability is its very text.",
            "tool_with_a_space",
        ),
        named(
            "X.do",
            "A capability is its very text.",
            "tool_in_other_letters",
        ),
    ]);
    let text = held(
        "arguments_name_one_twice",
        "A name twice in the arguments.",
        &chain,
    );
    all.push(
        text.with(|vector| vector.call.args = r#"{"v":"a","v":"a"}"#.to_owned())
            .deny("argument", None),
    );
    all
}
