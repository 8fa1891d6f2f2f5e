//! Files are short: the median has at most 150 lines, and a file of more than 400 says why. Tests do not count.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of the median file.
const MEDIAN: usize = 150;

/// The most lines of a file without a reason.
const LONGEST: usize = 400;

/// What the head of a longer file says, with the reason after it.
const REASON: &str = "//! This file has more than 400 lines because ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The Rust files beneath a directory that are not tests, without the output of builds.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            if name != "target" && name != "tests" && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// How many lines a file has before its module of tests.
fn length(text: &str) -> usize {
    let code = text.split("\n#[cfg(test)]\nmod tests {").next();
    code.unwrap_or_default().lines().count()
}

/// Whether the head of a file says why it is long.
fn says_why(text: &str) -> bool {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .any(|line| line.starts_with(REASON) && line.len() > REASON.len())
}

#[test]
fn files_are_short_and_a_long_one_says_why() {
    let mut files = Vec::new();
    for dir in ["sdk", "macros", "cli", "examples", "integration-tests"] {
        sources(&root().join(dir), &mut files);
    }
    let (mut lengths, mut long) = (Vec::new(), Vec::new());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let lines = length(&text);
        if lines > LONGEST && !says_why(&text) {
            long.push(format!("{} has {lines} lines", file.display()));
        }
        lengths.push(lines);
    }
    assert!(
        long.is_empty(),
        "split these files, or write a line `{REASON}…` at the head:\n{}",
        long.join("\n")
    );
    lengths.sort_unstable();
    assert!(lengths.len() > 300, "only {} files", lengths.len());
    let median = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN, "the median file has {median} lines");
}

#[test]
fn tests_are_not_counted_and_the_reason_is_read_from_the_head() {
    let code = "//! A.\n\nfn a() {}\n";
    let tested = format!("{code}\n#[cfg(test)]\nmod tests {{\n    use super::*;\n}}\n");
    assert_eq!((length(code), length(&tested)), (3, 3));
    assert_eq!(length(&format!("{code}#[cfg(test)]\nmod tests;\n")), 5);
    let reason = format!("{REASON}a table is one thing.");
    assert!(says_why(&format!("//! A.\n{reason}\n\nfn a() {{}}")));
    for without in [code, REASON, &format!("fn a() {{}}\n{reason}")] {
        assert!(!says_why(without), "{without}");
    }
}
