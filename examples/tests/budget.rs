//! The budget: what the tree spends is counted against its first agent.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]

mod common;

use common::{lines, run, tree};

/// The number that follows a word.
fn after(line: &str, word: &str) -> u64 {
    let rest = line.split_once(word).map_or("", |(_, rest)| rest);
    let number = rest.split_whitespace().next().unwrap();
    number.trim_end_matches(',').parse().unwrap()
}

#[test]
fn who_spends_who_pauses_and_what_is_left() {
    let ran = run(env!("CARGO_BIN_EXE_budget"), &[], &[]);
    let text = &ran.text;
    assert_eq!(ran.code, Some(0), "{text}\n{}", ran.errors);
    let account: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" spent "))
        .collect();
    assert_eq!(account.len(), 3, "{text}");
    let mut left = 6_000;
    for line in &account {
        left -= after(line, " spent ");
        assert_eq!(after(line, "the lead has "), left, "{text}");
    }
    assert!(
        text.contains(&format!("{} of 6000 tokens", 6_000 - left)),
        "{text}"
    );

    // The first has too little of its own, the third too little of the lead's, who promised more.
    let paused = lines(text, '‖');
    assert_eq!(paused.len(), 2, "{text}");
    assert!(after(account[0], " spent ") > 2_000, "{text}");
    assert!(after(account[1], "the lead has ") < 4_000, "{text}");
    let how: Vec<_> = tree(text).into_iter().map(|row| row.3).collect();
    let pauses = "ended: out of budget";
    assert_eq!(
        how,
        ["ended: dropped", pauses, "ended: answer", pauses],
        "{text}"
    );

    // The second may make one call.
    let refused = lines(text, '✗');
    assert_eq!(refused.len(), 1, "{text}");
    assert!(
        refused[0].contains("hop 1 budget has too little left"),
        "{text}"
    );
}
