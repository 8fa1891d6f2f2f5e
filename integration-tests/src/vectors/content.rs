//! What a block says, in the right places and under good signatures, but not in the profile.

use biscuit_auth::format::schema::{self, check, term::Content};
use prost::Message;

use super::cast::{CHECK, approve, approver, edited, later, mint, reader, reads, start, wired};
use super::draft::{held, sent};
use super::format::Vector;
use crate::forge::{self, Forge};

const KINDS: &str = "a stock library does not know the kinds of block";

pub(super) fn vectors() -> Vec<Vector> {
    let mut all = hops();
    all.extend(others());
    all
}

/// A hop of this Datalog: its role, its check, and more.
fn hop(more: &str) -> Forge {
    let base = format!("agent(\"reader\"); {CHECK}");
    mint(&reader()).merged(&base, more, false)
}

fn hops() -> Vec<Vector> {
    let refused = |name: &str, says: &str, chain: &Forge| {
        held(name, says, chain)
            .stock_differs(KINDS)
            .deny("malformed", None)
    };
    let denied =
        |name: &str, says: &str, chain: &Forge| held(name, says, chain).deny("malformed", None);
    let own = |text: &str| mint(&reader()).append(text);
    let grants = "check if tool(\"fs.read\"), arg_names($n), {\"path\"}.contains($n), \
                  $n.union($n) === $n, arg_path(\"path\", $v0), $v0.starts_with(\"/srv/docs/\");";
    let lenient = grants.replace("===", "==");
    vec![
        refused("fact_time_in_hop", "A hop brings its own time.", &{
            hop("time(2020-01-01T00:00:00Z);")
        }),
        refused(
            "fact_time_hides_an_expiry",
            "A hop that ended brings the time at which it had not.",
            &own("agent(\"reader\"); time(2020-01-01T00:00:00Z); \
                 check if time($x), $x < 2021-01-01T00:00:00Z;"),
        ),
        refused("fact_grants_in_hop", "A hop brings a list of grants.", &{
            hop("grants({\"pay\"});")
        }),
        refused(
            "fact_tool_in_hop",
            "A hop brings the capability that it grants.",
            &{
                own(&format!(
                    "agent(\"reader\"); tool(\"pay\"); check if tool(\"pay\"); {CHECK}"
                ))
            },
        ),
        refused(
            "fact_bailiwick_in_hop",
            "A hop brings the mark of an authority block.",
            &{ hop("bailiwick(1, hex:00);") },
        ),
        refused(
            "approval_as_a_fact_of_a_hop",
            "A hop brings the approval that it asks for.",
            &hop("approval(hex:00, 2030-01-01T00:00:00Z, hex:00); check if approval($h, $e, $i);"),
        ),
        refused(
            "rule_in_hop",
            "A hop derives facts.",
            &hop("tool($t) <- tool($t);"),
        ),
        refused(
            "trusting_in_hop",
            "A hop trusts all the blocks before it.",
            &{
                edited(mint(&reader()), &reads("/srv/docs"), |block| {
                    let previous = schema::scope::Content::ScopeType(1);
                    block.scope.push(schema::Scope {
                        content: Some(previous),
                    });
                    block.version = Some(4);
                })
            },
        ),
        refused("two_grants_checks", "A hop has two grants checks.", &{
            own(&format!("agent(\"reader\"); {grants} {grants} {CHECK}"))
        }),
        refused(
            "grants_check_after_expiry",
            "The checks of a hop stand in another order.",
            &{ own(&format!("agent(\"reader\"); {CHECK} {grants}")) },
        ),
        refused(
            "lenient_equality",
            "A grant compares with `==`, which has other rules.",
            &{ own(&format!("agent(\"reader\"); {lenient} {CHECK}")) },
        ),
        refused(
            "check_unknown",
            "A hop asks for a fact that the profile does not have.",
            &{
                own(&format!(
                    "agent(\"reader\"); check if depth($d), $d.type() === \"integer\"; {CHECK}"
                ))
            },
        ),
        refused(
            "check_all",
            "A hop demands a check of all facts that match.",
            &{
                edited(mint(&reader()), &reads("/srv/docs"), |block| {
                    kind(block, check::Kind::All)
                })
            },
        ),
        refused("reject_if", "A hop refuses where its check holds.", &{
            edited(mint(&reader()), &reads("/srv/docs"), |block| {
                kind(block, check::Kind::Reject)
            })
        }),
        refused(
            "expiry_missing",
            "A hop without an end.",
            &own("agent(\"reader\");"),
        ),
        refused("expiry_twice", "A hop with two ends.", &{
            own(&format!("agent(\"reader\"); {CHECK} {CHECK}"))
        }),
        refused(
            "role_twice",
            "A hop with two roles.",
            &hop("agent(\"admin\");"),
        ),
        refused("block_empty", "A block that says nothing.", &own("")),
        refused(
            "version_not_needed",
            "A hop declares a Datalog that it does not need.",
            &{
                edited(mint(&reader()), &reads("/srv/docs"), |block| {
                    block.version = Some(5)
                })
            },
        ),
        denied(
            "version_unknown",
            "A hop declares a Datalog that does not exist.",
            &{
                edited(mint(&reader()), &reads("/srv/docs"), |block| {
                    block.version = Some(99)
                })
            },
        ),
    ]
}

fn kind(block: &mut schema::Block, kind: check::Kind) {
    let first: &mut schema::Check = block.checks.first_mut().unwrap();
    first.kind = Some(kind as i32);
    block.version = Some(match kind {
        check::Kind::Reject => 6,
        _ => 4,
    });
}

fn others() -> Vec<Vector> {
    let of = |change: &dyn Fn(&mut schema::Block)| {
        let mut block = forge::block(&mint(&reader()).blocks[0]);
        change(&mut block);
        start(block.encode_to_vec())
    };
    let refused = |name: &str, says: &str, chain: &Forge| {
        held(name, says, chain)
            .stock_differs(KINDS)
            .deny("malformed", None)
    };
    let call = wired(&mint(&reader()));
    let approval = "approval(hex:00, 2030-01-01T00:00:00Z, hex:00);";
    let third = |text: &str| {
        let bytes = forge::datalog(&[], text);
        let mut block = schema::Block::decode(bytes.as_slice()).unwrap();
        // The least that a stock library takes of a third party.
        block.version = Some(5);
        mint(&reader()).external(block.encode_to_vec(), &approver(1))
    };
    let hop = format!("agent(\"reader\"); {CHECK}");
    let after = approve(mint(&reader()), &approver(1));
    vec![
        refused("profile_version_2", "The authority block declares another profile.", &{
            of(&|block| {
                block.facts[0].predicate.terms[0].content = Some(Content::Integer(2));
            })
        }),
        refused("lineage_of_15_bytes", "The lineage is too short.", &{
            of(&|block| {
                block.facts[0].predicate.terms[1].content = Some(Content::Bytes(vec![0x11; 15]));
            })
        }),
        refused("grants_fact_wider", "The list of grants names more than the check grants.", &{
            of(&|block| {
                let time = Content::String(5);
                if let Some(Content::Set(set)) = &mut block.facts[1].predicate.terms[0].content {
                    set.set.insert(0, schema::Term { content: Some(time) });
                }
            })
        }),
        refused("stock_token", "A token as a stock library's tutorial makes it.", &{
            start(forge::datalog(
                &[],
                "tool(\"fs.read\"); grants({\"fs.read\"}); check if time($t), \
                 $t < 2027-01-15T09:00:00Z;",
            ))
        }),
        refused("hop_of_a_third_party", "A hop that a third party signed as well.", &third(&hop)),
        refused("approval_of_the_holder", "An approval that no third party signed.", &{
            mint(&reader()).raw(after.blocks[1].block.clone())
        }),
        refused("approval_short", "An approval of too few bytes.", &third(approval)),
        refused("approval_with_a_rule", "A rule stands beside an approval.", &{
            third(&format!("{approval} tool($t) <- tool($t);"))
        }),
        refused("approval_with_a_check", "A check stands beside an approval.", &{
            third(&format!("{approval} {CHECK}"))
        }),
        sent("call_with_a_fact", "A call block brings a time.", &{
            let chain = mint(&reader());
            let base = call.blocks[1].block.clone();
            let text = "time(2020-01-01T00:00:00Z);";
            let mut block = forge::block(&call.blocks[1]);
            let fact = forge::block(&chain.clone().append(text).blocks[1]);
            assert!(fact.symbols.is_empty() && !base.is_empty());
            block.facts.extend(fact.facts);
                chain.raw(block.encode_to_vec()).sealed()
        })
        .stock_differs(KINDS)
        .deny("malformed", None),
        sent("call_with_two_checks", "A call block has two checks.", &{
            let mut block = forge::block(&call.blocks[1]);
            block.checks.push(block.checks[0].clone());
                mint(&reader()).raw(block.encode_to_vec()).sealed()
        })
        .stock_differs(KINDS)
        .deny("malformed", None),
        sent("call_for_any_audience", "A call block names no audience.", &{
            let end = later(30);
            mint(&reader())
                .append(&format!(
                    "check if tool(\"fs.read\"), call($h), nonce($n), aud($a), time($t), $t < {end};"
                ))
                .sealed()
        })
        .stock_differs(KINDS)
        .deny("malformed", None),
    ]
}
