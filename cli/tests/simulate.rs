//! `simulate`: the cases beside this file, what is malformed, and the same output each time.

mod bin;

use std::collections::BTreeSet;

use bin::{Ran, bailiwick};
use serde_json::Value;

const CASES: [(&str, &[&str]); 5] = [
    ("constraints", &[]),
    ("caveats", &[]),
    ("grants", &[]),
    ("strange", &[]),
    ("raw", &["--raw"]),
];

fn cases(name: &str) -> String {
    format!("{}/tests/cases/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn simulate(lines: &str, options: &[&str]) -> Ran {
    bailiwick(&[&["simulate", "-"], options].concat(), lines)
}

#[test]
fn every_case_is_as_expected() {
    for (name, options) in CASES {
        let ran = bailiwick(&[&["simulate", &cases(name)], options].concat(), "");
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{name}");
        let text = std::fs::read_to_string(cases(name)).unwrap();
        // Each call has an expectation and is answered.
        let expected = text.matches(r#""expect":"#).count();
        assert!(expected > 20);
        assert_eq!(ran.out.lines().count(), expected, "{name}");
        for line in ran.out.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let members: BTreeSet<&str> = line
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            assert_eq!(members, ["hop", "id", "kind", "verdict"].into());
            if line["verdict"] == "allow" {
                assert!(line["kind"].is_null() && line["hop"].is_null(), "{line}");
            } else {
                assert!(
                    line["verdict"] == "deny" && line["kind"].is_string(),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn three_runs_on_busy_cores_print_the_same() {
    let all: String = CASES[..4]
        .iter()
        .map(|(name, _)| std::fs::read_to_string(cases(name)).unwrap())
        .collect();
    let all = all.repeat(3);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let runs: Vec<Ran> = std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let runs = (0..3).map(|_| simulate(&all, &[])).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        runs
    });
    for ran in &runs {
        assert_eq!(ran.code, 0);
        assert_eq!(ran.out, runs[0].out);
    }
    assert!(runs[0].out.lines().count() > 1500);
}

const CASE: &str = r#"{"id":"c","chain":[{"grants":[{"tool":"t"}]}],"calls":[{"id":"a","tool":"t"},{"id":"b","tool":"u"}]}"#;

#[test]
fn the_output_is_one_documented_line_a_call() {
    let ran = simulate(CASE, &[]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.out,
        "{\"id\":\"a\",\"verdict\":\"allow\",\"kind\":null,\"hop\":null}\n\
         {\"id\":\"b\",\"verdict\":\"deny\",\"kind\":\"tool\",\"hop\":0}\n"
    );
    assert_eq!(simulate(CASE, &["--json"]).out, ran.out);
}

#[test]
fn a_difference_is_exit_1_and_says_what_was_expected() {
    for (expect, differs) in [
        (r#""allow""#, false),
        (r#""deny""#, true),
        (r#"{"verdict":"allow"}"#, false),
        (r#"{"verdict":"allow","kind":null,"hop":null}"#, false),
        (r#"{"verdict":"deny","kind":"tool"}"#, true),
    ] {
        let case = CASE.replace(
            r#""tool":"t"},"#,
            &format!(r#""tool":"t","expect":{expect}}},"#),
        );
        let ran = simulate(&case, &[]);
        assert_eq!(ran.code, i32::from(differs), "{expect}");
        assert_eq!(
            ran.err.contains(r#"call "a" of case "c": expected deny"#),
            differs,
            "{expect}: {}",
            ran.err
        );
    }
    for (expect, differs) in [
        (r#""allow""#, true),
        (r#""deny""#, false),
        (r#"{"verdict":"deny","kind":"tool","hop":0}"#, false),
        (r#"{"verdict":"deny","kind":"tool","hop":1}"#, true),
        (r#"{"verdict":"deny","hop":null}"#, true),
        (r#"{"verdict":"deny","kind":"argument"}"#, true),
    ] {
        let case = CASE.replace(
            r#""tool":"u"}"#,
            &format!(r#""tool":"u","expect":{expect}}}"#),
        );
        let ran = simulate(&case, &["--expect-only"]);
        assert_eq!(ran.code, i32::from(differs), "{expect}");
        assert_eq!(ran.out.lines().count(), usize::from(differs), "{expect}");
    }
}

#[test]
fn a_malformed_line_is_named_and_nothing_of_it_runs() {
    let with = |from: &str, to: &str| CASE.replace(from, to);
    let calls = r#""calls":[{"id":"a","tool":"t"},{"id":"b","tool":"u"}]"#;
    for (line, what) in [
        ("nonsense".to_owned(), "expected"),
        ("[]".to_owned(), "the case"),
        (with(r#""id":"c","#, ""), "missing field `id`"),
        (with(calls, r#""call":[]"#), "unknown field `call`"),
        (
            with(r#""id":"c""#, r#""id":"c","id":"d""#),
            "duplicate field `id`",
        ),
        (with(r#""id":"c""#, r#""id":["c"]"#), "id: a string"),
        (format!("{CASE} x"), "trailing"),
        (
            with(r#"[{"grants":[{"tool":"t"}]}]"#, "[]"),
            "chain: the root's scope is missing",
        ),
        (
            with("grants", "grant"),
            "chain[0]: scope: unknown field `grant`",
        ),
        (
            with(
                r#"{"tool":"t"}]"#,
                r#"{"tool":"t","args":{"x":{"pathunder":"/a"}}}]"#,
            ),
            "chain[0]: grants[0].args.x",
        ),
        (
            with(
                r#"{"tool":"t"}]"#,
                r#"{"tool":"t","args":{"x":{"path_under":"a/.."}}}]"#,
            ),
            "chain[0]: grants[0].args.x",
        ),
        (
            with(
                r#"{"tool":"t"}]"#,
                r#"{"tool":"t","args":{"x":{"matches":"("}}}]"#,
            ),
            "chain[0]: grants[0].args.x",
        ),
        (
            with(r#"{"tool":"t"}]"#, r#"{"tool":"t","tool":"t"}]"#),
            "chain[0]",
        ),
        (
            with(
                r#"[{"tool":"t"}]}]"#,
                r#"[{"tool":"t"}]},{"grants":[],"expires_in":"10"}]"#,
            ),
            "chain[1]: expires_in",
        ),
        (
            with(
                r#"[{"tool":"t"}]}]"#,
                r#"[{"tool":"t"}]},{"grants":[]},{"grants":[],"audience":[]}]"#,
            ),
            "chain[2]: audience",
        ),
        (with(r#"[{"tool":"t"}]"#, r#""inherit""#), "chain[0]"),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","arg":{}}"#),
            "calls[1], column",
        ),
        (with(r#","tool":"u"}"#, "}"), "missing field `tool`"),
        (with(r#""id":"b","#, ""), "missing field `id`"),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","context":{"tim":1}}"#),
            "calls[1].context: unknown field `tim`",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","context":{"time":"noon"}}"#),
            "calls[1].context",
        ),
        (
            with(
                r#""tool":"u"}"#,
                r#""tool":"u","context":{"task":"a","task":"b"}}"#,
            ),
            "calls[1].context",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","context":{"risk":"hihg"}}"#),
            "calls[1].context",
        ),
        (
            with(
                r#""tool":"u"}"#,
                r#""tool":"u","context":{"used":{"calls":-1}}}"#,
            ),
            "calls[1].context",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","context":[]}"#),
            "calls[1].context: an object",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","context":null}"#),
            "calls[1].context: an object",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","expect":"permit"}"#),
            "calls[1].expect",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","expect":null}"#),
            "calls[1].expect",
        ),
        (
            with(r#""tool":"u"}"#, r#""tool":"u","expect":{"kind":"tool"}}"#),
            "calls[1].expect",
        ),
        (
            with(
                r#""tool":"u"}"#,
                r#""tool":"u","expect":{"verdict":"deny","kind":"tol"}}"#,
            ),
            "calls[1].expect",
        ),
        (
            with(
                r#""tool":"u"}"#,
                r#""tool":"u","expect":{"verdict":"deny","at":1}}"#,
            ),
            "unknown field `at`",
        ),
        (
            with(
                r#""tool":"u"}"#,
                r#""tool":"u","expect":{"verdict":"allow","kind":"tool"}}"#,
            ),
            "calls[1].expect",
        ),
    ] {
        let ran = simulate(&format!("{CASE}\n\n{line}\n{CASE}\n"), &[]);
        assert_eq!(ran.code, 2, "{line}");
        assert_eq!(
            ran.out.lines().count(),
            2,
            "{line}: only the line before runs"
        );
        assert!(
            ran.err.contains("line 3: ") && ran.err.contains(what),
            "{line}: {}",
            ran.err
        );
    }
}

#[test]
fn bytes_that_are_not_text_are_malformed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cases.jsonl");
    std::fs::write(&file, b"{\"id\":\"\xff\"}\n").unwrap();
    let ran = bailiwick(&["simulate", file.to_str().unwrap()], "");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("line 1: not text in UTF-8"), "{}", ran.err);
}

#[test]
fn lines_that_are_blank_are_none_and_a_missing_file_is_an_error() {
    let ran = simulate(&"\n".repeat(5000), &[]);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(bailiwick(&["simulate", "no/such/file"], "").code, 2);
}

#[test]
fn names_of_calls_are_escaped() {
    let ran = simulate(
        &CASE.replace(
            r#""id":"a""#,
            "\"id\":\"\\u001b[2J\\u202ea\u{202e}\u{9b}\u{e0041}\"",
        ),
        &[],
    );
    assert_eq!(ran.code, 0);
    assert!(
        ran.out
            .starts_with(r#"{"id":"\u001b[2J\u202ea\u202e\u009b\udb40\udc41","#),
        "{}",
        ran.out
    );
}
