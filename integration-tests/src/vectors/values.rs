//! Values in constraints that no scope could have said.

use bailiwick::capability::{
    Constraint, Grant, Scope, UrlPattern, any, eq, host, matches, one_of, path_under, range,
    to_text, url,
};
use biscuit_auth::format::schema::{self, Term, term::Content};

use super::cast::{edited, mint, reader, respelt, spawning};
use super::draft::held;
use super::format::Vector;
use crate::forge::Forge;

/// A root's token that grants `x.do` with any text as `v`, for hops that say it otherwise.
fn open() -> Forge {
    mint(&spawning(Grant::new("x.do").arg("v", any())))
}

/// Lets `x.do` be called so.
pub(super) fn doing(constraint: Constraint) -> Scope {
    spawning(Grant::new("x.do").arg("v", constraint))
}

pub(super) fn vectors() -> Vec<Vector> {
    let ask = serde_json::json!({ "v": "abc" });
    let hop = |name: &str, says: &str, constraint: Constraint, from: &str, to: &str| {
        let chain = respelt(open(), &doing(constraint), from, to);
        held(name, says, &chain).call("x.do", ask.clone())
    };
    let pattern = |name: &str, says: &str, text: &str| {
        let wrapped = format!("\\A(?:{text})\\z");
        hop(
            name,
            says,
            matches("pattern"),
            "\\A(?:pattern)\\z",
            &wrapped,
        )
    };
    let site = || UrlPattern::new("https", "a.org").paths("/v1/");
    let all = vec![
        pattern(
            "pattern_escapes",
            "A pattern closes the group that is put around it.",
            "a)|(?:.*",
        )
        .stock_differs("a stock library takes the whole text as the pattern that it now is")
        .deny("malformed", None),
        pattern("pattern_is_none", "A pattern that does not parse.", "(").deny("malformed", None),
        pattern(
            "pattern_of_257_bytes",
            "A pattern of too many bytes.",
            &"a".repeat(257),
        )
        .deny("malformed", None),
        pattern(
            "pattern_bomb",
            "A pattern that is large when compiled.",
            "(a{1000}){1000}",
        )
        .deny("malformed", None),
        hop(
            "path_not_normal",
            "A directory with a way out of it.",
            path_under("/srv/docs"),
            "/srv/docs/",
            "/srv/../docs/",
        )
        .deny("malformed", None),
        hop(
            "host_with_a_trailing_dot",
            "A host not in normal form.",
            host("a.org"),
            ".a.org",
            ".a.org.",
        )
        .deny("malformed", None),
        hop(
            "url_scheme_file",
            "A scheme that cannot be granted.",
            url(site()),
            "https",
            "file",
        )
        .deny("malformed", None),
        hop(
            "url_path_not_normal",
            "A URL's path with a way out.",
            url(site()),
            "/v1/",
            "/v1/../",
        )
        .deny("malformed", None),
        hop(
            "name_with_a_control_character",
            "An argument named with a line end.",
            eq("abc"),
            "abc",
            "abc",
        )
        .with(|vector| {
            let chain = respelt(
                mint(&spawning(Grant::new("x.do"))),
                &{ spawning(Grant::new("x.do").arg("w", eq("abc"))) },
                "w",
                "w\n",
            );
            vector.token = to_text(&chain.token());
        })
        .deny("malformed", None),
        hop(
            "name_of_257_bytes",
            "A capability with a name too long.",
            eq("abc"),
            "abc",
            "abc",
        )
        .with(|vector| {
            let scope = spawning(Grant::new("y.do"));
            let chain = respelt(mint(&reader()), &scope, "y.do", &"y".repeat(257));
            vector.token = to_text(&chain.token());
        })
        .deny("malformed", None),
    ];
    let number = |change: &dyn Fn(&mut Vec<Term>)| {
        edited(open(), &doing(one_of(["abc", "b"])), |block| {
            let ops = &mut block.checks[0].queries[0].expressions[2].ops;
            let Some(schema::op::Content::Value(Term {
                content: Some(Content::Set(set)),
            })) = &mut ops[0].content
            else {
                panic!("a set of what is allowed");
            };
            change(&mut set.set);
        })
    };
    let turned = edited(open(), &doing(range(1, 2)), |block| {
        let ops = &mut block.checks[0].queries[0].expressions[2].ops;
        ops.swap(1, 4);
    });
    let mut all = all;
    all.extend([
        held(
            "range_upside_down",
            "A range whose least is above its most.",
            &turned,
        )
        .call("x.do", serde_json::json!({ "v": 1 }))
        .deny("malformed", None),
        held("mixed_types", "Values of two types in one list.", &{
            number(&|set| {
                set.push(Term {
                    content: Some(Content::Integer(1)),
                })
            })
        })
        .call("x.do", ask)
        .deny("malformed", None),
    ]);
    all
}
