//! Blocks that would cost too much to evaluate. They never are: the stock engine must not be asked.

use super::cast::{CHECK, mint, reader};
use super::draft::held;
use super::format::Vector;

pub(super) fn vectors() -> Vec<Vector> {
    let many = |count: usize, text: &dyn Fn(usize) -> String| {
        (0..count).map(text).collect::<Vec<_>>().join("")
    };
    let vars: Vec<String> = (0..12).map(|n| format!("tool($x{n})")).collect();
    let vars = vars.join(", ");
    let base = format!("agent(\"reader\"); {CHECK}");
    let bomb = |name: &str, says: &str, text: &str| {
        let chain = mint(&reader()).merged(&base, text, false);
        held(name, says, &chain)
            .stock_differs("its engine would run for a very long time")
            .deny_unasked("malformed", None)
    };
    let facts = many(20, &|n| format!("tool(\"{n}\");"));
    vec![
        bomb(
            "join_bomb",
            "A rule that joins twenty facts twelve times.",
            &format!("{facts} tool($x0) <- {vars}"),
        ),
        bomb(
            "join_bomb_in_a_check",
            "A check that joins twenty facts twelve times.",
            &format!("{facts} check if {vars}"),
        ),
        bomb(
            "closure_bomb",
            "A closure over a pattern that backtracks.",
            "check if arg_set(\"a\", $s), $s.all($x -> $x.matches(\"(a*)*b\"))",
        ),
        bomb(
            "facts_1100",
            "More than a thousand facts.",
            &many(1100, &|n| format!("f({n});")),
        ),
        bomb(
            "checks_300",
            "Hundreds of checks.",
            &many(300, &|_| CHECK.to_owned()),
        ),
    ]
}
