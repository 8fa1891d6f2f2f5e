//! Runs an example as a newcomer does, into a pipe.

#![expect(
    clippy::unwrap_used,
    reason = "the functions that tests share are test code too"
)]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::process::{Command, Stdio};

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
    pub(crate) errors: String,
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, args: &[&str], variables: &[(&str, &str)]) -> Ran {
    let output = Command::new(program)
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ran = Ran {
        code: output.status.code(),
        text: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    };
    // Nothing that a model wrote, and no colour, moves a cursor.
    let hidden = |letter: char| letter.is_control() && letter != '\n';
    assert!(!ran.text.contains(hidden), "{:?}", ran.text);
    ran
}

/// The lines that begin so, with their spaces squeezed.
pub(crate) fn lines(text: &str, start: char) -> Vec<String> {
    let lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with(start));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// Of each agent in the tree at the end: its name, what was allowed and refused, and how it ended.
pub(crate) fn tree(text: &str) -> Vec<(String, u32, u32, String)> {
    let row = |line: &str| {
        let mut parts = line.split_whitespace().filter(|part| !"├└│".contains(part));
        let name = parts.next()?;
        let (tick, allowed, cross, refused) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let doing = parts.collect::<Vec<_>>().join(" ");
        let counts = (allowed.parse().ok()?, refused.parse().ok()?);
        (tick == "✓" && cross == "✗").then(|| (name.to_owned(), counts.0, counts.1, doing))
    };
    text.lines().filter_map(row).collect()
}
