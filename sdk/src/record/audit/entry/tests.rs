//! Stored samples of the entries of each version, and what is refused.

use super::*;

const FIRST: &str = include_str!("../../golden/audit-1.jsonl");
const SECOND: &str = include_str!("../../golden/audit-2.jsonl");

fn kinds(entries: &[AuditEntry]) -> Vec<&'static str> {
    let kind = |entry: &AuditEntry| match entry.body {
        Body::Attempt { .. } => "attempt",
        Body::Denials { .. } => "denials",
        Body::Outcome { .. } => "outcome",
        Body::Hop { .. } => "hop",
        Body::Ended { .. } => "ended",
    };
    entries.iter().map(kind).collect()
}

fn read(lines: &str) -> Vec<AuditEntry> {
    lines
        .lines()
        .map(|line| AuditEntry::parse(line).unwrap())
        .collect()
}

#[test]
fn an_entry_reads_what_it_writes_and_refuses_another_version() {
    let body = Body::Outcome {
        call: CallId::fresh(),
        error: Some("line\nbreak".to_owned()),
    };
    let entry = AuditEntry {
        version: AUDIT_VERSION,
        time: None,
        body,
    };
    assert_eq!(AuditEntry::parse(&entry.text()).unwrap(), entry);
    assert!(!entry.text().contains('\n'));
    let before = entry.text().replace(r#""version":2"#, r#""version":1"#);
    assert_eq!(AuditEntry::parse(&before).unwrap().body, entry.body);
    for wrong in [
        entry
            .text()
            .replace(r#""version":2"#, r#""version":3"#)
            .as_str(),
        r#"{"version":2,"body":{}}"#,
        r#"{"body":{}}"#,
        "[]",
        "",
    ] {
        assert!(AuditEntry::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn entries_of_version_1_are_read() {
    let entries = read(FIRST);
    let outcomes = ["attempt", "attempt", "outcome", "outcome", "hop", "ended"];
    assert_eq!(kinds(&entries), outcomes);
    for (entry, line) in entries.iter().zip(FIRST.lines()) {
        assert_eq!((entry.version, &*entry.text()), (1, line));
    }
    let Body::Attempt {
        verdict, refusal, ..
    } = &entries[1].body
    else {
        panic!("{:?}", entries[1]);
    };
    assert_eq!(
        (*verdict, *refusal),
        (AuditVerdict::Denied, Some(Kind::Argument))
    );
    assert_eq!(entries[1].time, None);
}

#[test]
fn entries_of_version_2_are_read_and_written() {
    let entries = read(SECOND);
    for (entry, line) in entries.iter().zip(SECOND.lines()) {
        assert_eq!((entry.version, &*entry.text()), (AUDIT_VERSION, line));
    }
    assert_eq!(kinds(&entries)[6..], ["attempt", "denials", "denials"]);
    let Body::Denials { count, .. } = entries[8].body else {
        panic!("{:?}", entries[8]);
    };
    assert_eq!(count, u64::MAX);
}

#[test]
fn what_version_1_does_not_have_is_refused_in_it() {
    for line in SECOND.lines().skip(6) {
        let earlier = line.replace(r#""version":2"#, r#""version":1"#);
        let error = AuditEntry::parse(&earlier).unwrap_err().to_string();
        assert!(error.contains("its version has no"), "{error}");
    }
}

#[test]
fn a_member_that_the_version_does_not_have_is_refused() {
    for line in FIRST.lines().chain(SECOND.lines()) {
        for (place, with) in [
            ("{\"body\":{", "{\"body\":{\"stray\":1,"),
            ("{\"body\"", "{\"stray\":1,\"body\""),
        ] {
            let error = AuditEntry::parse(&line.replacen(place, with, 1)).unwrap_err();
            assert!(error.to_string().contains("`stray`"), "{error}");
        }
    }
}

#[test]
fn an_unknown_version_is_named_whatever_else_the_entry_has() {
    for (version, shown) in [("3", "`3`"), ("0", "`0`"), ("\"2\"", "`\"2\"`")] {
        let text = format!("{{\"version\":{version},\"from_the_future\":[]}}");
        let error = AuditEntry::parse(&text).unwrap_err().to_string();
        for part in [shown, "reads versions `1` and `2`", "use a build"] {
            assert!(error.contains(part), "{error}");
        }
    }
    let error = AuditEntry::parse("{\"body\":{}}").unwrap_err();
    assert!(error.to_string().contains("no `version`"), "{error}");
}
