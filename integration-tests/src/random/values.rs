//! Values and parts of constraints, from small alphabets.

use std::collections::BTreeSet;

use bailiwick::capability::{Atom, Cidr, Decimal, UrlPattern};
use serde_json::{Value, json};

use super::Rng;

pub(super) const CAPABILITIES: [&str; 4] = ["fs.read", "pay", "we\"ird\\", "agent.spawn"];
pub(super) const NAMES: [&str; 4] = ["a", "b", "path", "na\"me, \\é"];
pub(super) const TEXTS: [&str; 40] = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "x\"y",
    "back\\slash",
    "\\",
    "\"",
    "new\nline",
    "nul\0",
    "\u{202e}rtl",
    "\") or true",
    "a@x.org",
    "/",
    "/srv",
    "/srv/a",
    "/srv/ab",
    "/srv/a/b",
    "/srv/../etc",
    "https://a.org/",
    "https://a.org/v1/x",
    "http://x.b.org:8080/v1",
    "http://b.org/v10",
    "https://10.0.0.1/",
    "a.org",
    "b.org",
    "x.b.org",
    "xb.org",
    "10.0.0.1",
    "10.255.255.255",
    "11.0.0.0",
    "0.0.0.0",
    "255.255.255.255",
    "::1",
    "2001:db8::1",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "ffff::",
    "true",
    "$v0, {,} hex:00 2020-01-01T00:00:00Z",
];
pub(super) const PATTERNS: [&str; 12] = [
    "a",
    "a|b",
    ".*",
    "(?:.|\n)*",
    "[a-z]+",
    "a)|(?:.*",
    "\\\\.*",
    "[aA][bB]+",
    "^a",
    "x\"y",
    "/srv/.*",
    "\\d+\\.?\\d*",
];

pub(super) fn value(rng: &mut Rng, deep: bool) -> Value {
    match rng.below(if deep { 12 } else { 8 }) {
        0..=3 => json!(rng.pick(&TEXTS)),
        4 => json!(rng.chance(50)),
        5..=7 => number(rng),
        8 | 9 => {
            let same = value(rng, false);
            let items = (0..rng.below(4)).map(|_| {
                if rng.chance(50) {
                    same.clone()
                } else {
                    {
                        let deep = rng.seventh();
                        value(rng, deep)
                    }
                }
            });
            Value::Array(items.collect())
        }
        10 => json!(rng.some(&TEXTS[..8], 30)),
        _ => json!({ *rng.pick(&NAMES): value(rng, true) }),
    }
}

pub(super) fn number(rng: &mut Rng) -> Value {
    let all = [
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(-0.5),
        json!(98.7),
        json!(1e308),
        json!(9007199254740993i64),
        json!(0.0000001),
        json!(0.000001),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(9223372036854i64),
        json!(9223372036855i64),
        json!(-9223372036854.775),
        json!(1.0),
        json!(-0.0),
    ];
    rng.pick(&all).clone()
}

pub(super) fn decimal(rng: &mut Rng) -> Decimal {
    loop {
        if let Value::Number(number) = number(rng)
            && let Some(decimal) = Decimal::of(&number)
        {
            let near = decimal.micros().saturating_add(rng.below(3) as i64 - 1);
            return Decimal::from_micros(near);
        }
        if rng.chance(20) {
            return if rng.chance(50) {
                Decimal::MIN
            } else {
                Decimal::MAX
            };
        }
    }
}

pub(super) fn atoms(rng: &mut Rng, with: Option<&Value>) -> BTreeSet<Atom> {
    let mut atoms: BTreeSet<Atom> = with.and_then(Atom::of).into_iter().collect();
    for _ in 0..rng.below(4) {
        atoms.extend(Atom::of(&value(rng, true)));
    }
    atoms
}

pub(super) fn texts(rng: &mut Rng, with: Option<&str>) -> Vec<String> {
    let mut texts: Vec<String> = with.into_iter().map(str::to_owned).collect();
    for _ in 0..=rng.below(2) {
        texts.push((*rng.pick(&TEXTS)).to_owned());
    }
    texts
}

pub(super) fn networks(rng: &mut Rng) -> Vec<Cidr> {
    let all = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.0.0.1",
        "128.0.0.0/1",
        "255.255.255.255/32",
        "::/0",
        "::1",
        "2001:db8::/32",
        "2001:db8::/64",
        "2001:db8::/65",
        "2001:db8::/63",
        "8000::/1",
        "2001:db8::1/128",
        "11.0.0.0/31",
    ];
    let mut some: Vec<Cidr> = rng
        .some(&all, 30)
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    if some.is_empty() {
        some.push(rng.pick(&all).parse().unwrap());
    }
    some
}

pub(super) fn url_pattern(rng: &mut Rng) -> UrlPattern {
    let mut set = |all: &[&str]| {
        rng.chance(60).then(|| {
            let mut set: BTreeSet<String> =
                rng.some(all, 50).into_iter().map(str::to_owned).collect();
            set.insert((*rng.pick(all)).to_owned());
            set
        })
    };
    UrlPattern {
        schemes: set(&["http", "https"]),
        hosts: set(&["a.org", "b.org", ".b.org", "x.b.org", "10.0.0.1"]),
        paths: set(&["/", "/v1/", "/v1/x/"]),
        ports: rng
            .chance(30)
            .then(|| rng.some(&[80, 443, 8080], 60).into_iter().collect()),
    }
}

/// A value that may be taken for another: of another type, in an array, a little longer.
pub(super) fn similar(rng: &mut Rng, value: Option<&Value>) -> Value {
    let Some(value) = value else {
        return json!(null);
    };
    match rng.below(4) {
        0 => json!([value]),
        1 => json!(value.to_string()),
        2 => json!(format!(
            "{}{}",
            value.as_str().unwrap_or("/srv"),
            rng.pick(&["/x", "/..", " ", "\0", ".evil.io"])
        )),
        _ => match value {
            Value::Array(items) => items.first().cloned().unwrap_or(json!([[]])),
            Value::String(text) => json!(text.to_uppercase()),
            other => json!([other, other]),
        },
    }
}
