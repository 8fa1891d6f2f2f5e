//! The review: a child for each file, and the one whose file tells it otherwise.

mod common;

use common::{lines, run, tree};

const PROGRAM: &str = env!("CARGO_BIN_EXE_code_review");

#[test]
fn twelve_files_of_this_repository_are_reviewed_and_the_one_that_was_sent_in() {
    let ran = run(PROGRAM, &[], &[]);
    let text = &ran.text;
    assert_eq!(ran.code, Some(0), "{text}\n{}", ran.errors);
    let tree = tree(text);
    assert_eq!(tree.len(), 1 + 13, "{text}");
    for (reviewer, allowed, _, how) in tree.iter().skip(1) {
        assert_eq!((*allowed, how.as_str()), (1, "ended: answer"), "{reviewer}");
    }
    assert!(text.contains("13 allowed, 5 refused"), "{text}");
    assert!(
        text.contains("read its own file and nothing else"),
        "{text}"
    );
    // The finding that the file asks to be left out.
    let (_, sent) = text.split_once("\n/incoming/retry.rs\n").unwrap();
    assert!(sent.contains("line 39: `.unwrap()` panics"), "{text}");
}

#[test]
fn what_the_file_asks_for_is_refused() {
    let text = run(PROGRAM, &[], &[]).text;
    let refused = lines(&text, '✗');
    for (call, why) in [
        (
            "fs.read /repo/Cargo.toml",
            "hop 1 argument not \"/incoming/retry.rs\"",
        ),
        ("fs.read /repo/.git/config", "hop 1 argument"),
        (
            "/incoming/../repo/.git/config",
            "argument not an absolute path",
        ),
        ("fs.write /repo/build.rs", "hop 0 tool not granted"),
        (
            "agent.spawn reviewer with fs.read /repo",
            "hop 1 tool not granted",
        ),
    ] {
        let found = |line: &String| line.contains(call) && line.contains(why);
        assert!(refused.iter().any(found), "{call}: {why}\n{text}");
    }
    assert_eq!(refused.len(), 5, "{text}");
}

#[test]
fn another_repository_can_be_given() {
    let ran = run(PROGRAM, &[env!("CARGO_MANIFEST_DIR")], &[]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.text, ran.errors);
    assert!(
        ran.text.contains("/repo/src/bin/quickstart/main.rs"),
        "{}",
        ran.text
    );
    let empty = concat!(env!("CARGO_MANIFEST_DIR"), "/documents/docs");
    let ran = run(PROGRAM, &[empty], &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.errors.contains("no Rust files"), "{}", ran.errors);
}
