//! More of something than a token may have.

use bailiwick::capability::{Budget, Quorum, matches};
use biscuit_auth::format::schema::{self, Term, term::Content};

use super::cast::{approver, edited, first, mint, public, reader, reads, respelt};
use super::draft::held;
use super::format::{Used, Vector};
use super::values::doing;

const LIMIT: &str = "it is a limit of the profile";

pub(super) fn vectors() -> Vec<Vector> {
    let many = |count: usize| {
        move |block: &mut schema::Block| {
            let queries = &mut block.checks[0].queries;
            let grant = queries[0].clone();
            queries.splice(0..0, vec![grant; count - 2]);
        }
    };
    let numbered = |letter: &str, count: u32| {
        matches(
            (0..count)
                .map(|n| format!("{letter}{n}"))
                .collect::<Vec<_>>(),
        )
    };
    let nine = mint(&doing(numbered("a", 9)));
    let quorum = |count: u8| {
        let keys = (1..=count).map(|n| public(&approver(n)));
        reader().quorum(Quorum::new(["pay"], 1, keys))
    };
    vec![
        held("grants_64", "As many grants as a block may have.", &{
            edited(mint(&reads("/srv")), &reads("/srv"), many(64))
        })
        .allow(),
        held("grants_65", "A grant more than a block may have.", &{
            edited(mint(&reads("/srv")), &reads("/srv"), many(65))
        })
        .stock_differs(LIMIT)
        .deny("malformed", None),
        held(
            "patterns_17",
            "Nine patterns in one block and eight in the next.",
            &{
                // Seven are as many as the library writes; the eighth is another `or`.
                edited(nine, &doing(numbered("(?:a)", 7)), |block| {
                    let ops = &mut block.checks[0].queries[0].expressions[2].ops;
                    let mut more = ops[ops.len() - 4..].to_vec();
                    let Some(schema::op::Content::Value(text)) = &mut more[1].content else {
                        panic!("a pattern");
                    };
                    let Some(Content::String(index)) = &mut text.content else {
                        panic!("a pattern");
                    };
                    *index += 1;
                    ops.extend(more);
                    assert_eq!(block.symbols.pop().as_deref(), Some("\\A(?:(?:a)6)\\z"));
                    block
                        .symbols
                        .extend(["\\A(?:(?:a)6)\\z".to_owned(), "\\A(?:(?:a)7)\\z".to_owned()]);
                })
            },
        )
        .call("x.do", serde_json::json!({ "v": "a1" }))
        .stock_differs(LIMIT)
        .deny("malformed", None),
        held(
            "quorum_of_six",
            "Six keys of which one must approve something else.",
            &{
                // Five are as many as the library writes; the sixth is another alternative.
                edited(mint(&reader()), &quorum(5), |block| {
                    let check = block.checks.last_mut().unwrap();
                    let mut another = check.queries.last().unwrap().clone();
                    another.scope[0].content = Some(schema::scope::Content::PublicKey(5));
                    check.queries.push(another);
                    block.public_keys.push(crate::forge::public(&approver(6)));
                })
            },
        )
        .stock_differs(LIMIT)
        .deny("malformed", None),
        held(
            "quorum_for_nothing",
            "A demand for approvals names no capability.",
            &{
                edited(mint(&reader()), &quorum(1), |block| {
                    let queries = &mut block.checks.last_mut().unwrap().queries;
                    let op = &mut queries[0].expressions[0].ops[0];
                    op.content = Some(schema::op::Content::Value(Term {
                        content: Some(Content::Set(schema::TermSet { set: Vec::new() })),
                    }));
                    block.symbols.retain(|text| text != "pay");
                })
            },
        )
        .deny("malformed", None),
        held("budget_twice", "A hop sets one budget twice.", &{
            let budget = Budget::new("calls", 5).shared("m");
            edited(mint(&reader()), &reader().budget(budget), |block| {
                let again = block.checks.last().unwrap().clone();
                block.checks.push(again);
            })
        })
        .facts(|known| {
            let id = format!("{}/m", public(&first()));
            known.used.push(Used {
                kind: "calls".to_owned(),
                id,
                n: 1,
            });
        })
        .stock_differs(LIMIT)
        .deny("malformed", None),
        held(
            "budget_of_a_kind_with_a_space",
            "The kind of a budget is no plain name.",
            &{
                let budget = Budget::new("calls", 5).shared("m");
                respelt(
                    mint(&reader()),
                    &reader().budget(budget),
                    "calls",
                    "the calls",
                )
            },
        )
        .facts(|known| {
            let id = format!("{}/m", public(&first()));
            known.used.push(Used {
                kind: "the calls".to_owned(),
                id,
                n: 1,
            });
        })
        .stock_differs(LIMIT)
        .deny("malformed", None),
        held("audience_of_nobody", "A caveat with an empty list.", &{
            edited(mint(&reader()), &reader().audience("b"), |block| {
                let ops = &mut block.checks.last_mut().unwrap().queries[0].expressions[0].ops;
                ops[0].content = Some(schema::op::Content::Value(Term {
                    content: Some(Content::Set(schema::TermSet { set: Vec::new() })),
                }));
                block.symbols.retain(|text| text != "b");
            })
        })
        .deny("malformed", None),
    ]
}
