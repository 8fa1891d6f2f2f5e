//! The two programs of the README: the same text, as short as it says, and what they print.

mod common;

use common::run;

const README: &str = include_str!("../../README.md");

/// Each with the most lines that it may have, `use` and empty ones among them.
const PROGRAMS: [(&str, usize); 2] = [
    (include_str!("../src/bin/readme_two_tools.rs"), 30),
    (include_str!("../src/bin/readme_two_children.rs"), 50),
];

#[test]
fn they_are_in_the_readme_and_short() {
    let blocks = README.split("\n```rust\n").skip(1);
    let blocks: Vec<_> = blocks.filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), PROGRAMS.len());
    for (block, (program, most)) in blocks.iter().zip(PROGRAMS) {
        // The file has a line of its own, for a person who opens it.
        let (note, text) = program.split_once("\n\n").unwrap();
        assert!(
            note.starts_with("//! ") && note.lines().count() == 1,
            "{note}"
        );
        assert_eq!(*block, text);
        let lines = block.lines().count();
        assert!(lines <= most, "{lines} lines, at most {most}");
        assert!(block.lines().all(|line| line.chars().count() <= 100));
    }
    // What the README says of them, they have.
    assert_eq!(PROGRAMS[0].0.matches(".tool(").count(), 2);
    assert_eq!(PROGRAMS[1].0.matches("\"/project/").count(), 4);
}

#[test]
fn an_agent_with_two_tools_uses_both() {
    let ran = run(env!("CARGO_BIN_EXE_readme_two_tools"), &[], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    // Three turns, the file was read, and nothing was refused.
    for part in [
        "\"four words\"",
        "turns: 3",
        "taint: {\"file\"}",
        "denials: []",
    ] {
        assert!(ran.text.contains(part), "{part}: {}", ran.text);
    }
}

#[test]
fn each_of_two_children_reads_its_own_part() {
    let ran = run(env!("CARGO_BIN_EXE_readme_two_children"), &[], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    let denials: Vec<_> = ran.text.lines().collect();
    // Which of the two has which name is up to the order in which they come.
    assert_eq!(denials.len(), 3, "{}", ran.text);
    for denial in &denials {
        assert!(
            denial.starts_with("fs.read denied to lead/reader"),
            "{denial}"
        );
        assert!(denial.contains(": argument at hop 1"), "{denial}");
    }
    let of = |part: &str| {
        denials
            .iter()
            .filter(|denial| denial.contains(part))
            .count()
    };
    assert_eq!(
        (of("under /project/src"), of("under /project/tests")),
        (1, 2),
        "{}",
        ran.text
    );
}
