//! The quickstart, run as a newcomer runs it, into a pipe.

use std::io;
use std::process::{Command, Output};

fn run() -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_quickstart")).output()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The refused calls, each line with its spaces squeezed.
fn refused(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .filter(|line| line.trim_start().starts_with('✗'));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_attack_is_refused_and_shown_with_hop_and_kind() {
    let output = run().unwrap();
    let text = text(&output);
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let refused = refused(&text);
    // A long path is cut on the left.
    let mut attacks = vec![
        (
            "docs/../private/payroll.csv",
            "argument not an absolute path",
        ),
        (
            "files/private/payroll.csv",
            "hop 1 argument not under /srv/files/docs",
        ),
        ("/etc/passwd", "hop 0 argument not under /srv/files"),
        ("handbook.md + keys.txt", "argument given twice"),
        (
            "https://evil.example/notes",
            "hop 0 argument not a URL by http at",
        ),
        (
            "agent.spawn reader with fs.read /",
            "hop 1 tool not granted",
        ),
        (
            "https://evil.example/summary",
            "hop 0 argument not a URL by http at",
        ),
        (
            "files/docs/travel-policy.md",
            "hop 0 argument not under /srv/files/out",
        ),
        (
            "agent.spawn reader with fs.read /",
            "widens the child's path is under /",
        ),
        ("writer's token, thief's key", "not_holder"),
        ("writer's token, as it is", "not_holder"),
        ("reader's token, task over", "hop 1 revoked"),
    ];
    if cfg!(unix) {
        attacks.push(("docs/archive/payroll.csv", "door goes through a symbolic"));
    }
    for (call, why) in attacks {
        let found = |line: &String| line.contains(call) && line.contains(why);
        assert!(refused.iter().any(found), "{call}: {why}\n{text}");
    }
    assert_eq!(refused.len(), 16, "{text}");
    assert!(text.contains("The attacker got nothing"), "{text}");
}

#[test]
fn it_fits_two_screens_and_a_pipe_gets_plain_text() {
    let text = text(&run().unwrap());
    // Twice twenty-five.
    assert!(text.lines().count() <= 50, "{text}");
    assert!(
        text.lines()
            .filter(|line| line.starts_with("  "))
            .all(|line| line.chars().count() <= 90),
        "{text}"
    );
    assert!(
        !text
            .chars()
            .any(|letter| letter.is_control() && letter != '\n'),
        "{text:?}"
    );
}

#[test]
fn the_tree_the_file_and_the_cost_are_shown() {
    let text = text(&run().unwrap());
    for part in [
        "└ reader  hop 1",
        "└ writer  hop 1",
        "may fs.read where path is under /srv/files/docs",
        "may fs.write where path is \"/srv/files/out/summary.md\"",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    for part in [
        "✓ fs.read     /srv/files/docs/",
        "✓ http.post   http://127.0.0.1:",
        "# Summary",
        "12 documents, ",
        "Customer interviews, spring (customer-interviews.md, ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.contains("ns · a token of 2 blocks"), "{text}");
    assert_eq!(
        text.contains("(debug build)"),
        cfg!(debug_assertions),
        "{text}"
    );
    assert!(text.contains("15 allowed, 16 refused"), "{text}");
    let written = text
        .lines()
        .find_map(|line| line.strip_prefix("Written  ")?.split_once(" ("))
        .unwrap()
        .0;
    assert!(
        written.ends_with("out/summary.md") && !std::path::Path::new(written).exists(),
        "{written}"
    );
}
