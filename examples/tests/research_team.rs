//! The research team: a reader for each document, and no reader reads more.

mod common;

use common::{lines, run, tree};

const PROGRAM: &str = env!("CARGO_BIN_EXE_research_team");

#[test]
fn each_document_has_a_reader_and_the_lead_answers_from_all() {
    let ran = run(PROGRAM, &[], &[]);
    let text = &ran.text;
    assert_eq!(ran.code, Some(0), "{text}\n{}", ran.errors);
    let tree = tree(text);
    let (lead, readers) = tree.split_first().unwrap();
    assert_eq!(lead.0, "lead");
    assert_eq!(readers.len(), 12, "{text}");
    for (reader, allowed, _, how) in readers {
        assert_eq!((*allowed, how.as_str()), (1, "ended: answer"), "{reader}");
    }
    assert!(text.contains("Notes    12 of 12"), "{text}");
    assert!(text.contains("Staff handbook: 596 words"), "{text}");
    assert!(text.contains("12 documents, 6663 words"), "{text}");
}

#[test]
fn the_reader_that_obeys_its_document_gets_nothing_else() {
    let text = run(PROGRAM, &[], &[]).text;
    // What its parent may read, it may not.
    let refused = lines(&text, '✗');
    for (call, why) in [
        ("private/payroll.csv", "hop 1 argument"),
        ("/etc/passwd", "hop 0 argument"),
        ("agent.spawn reader with fs.read /", "hop 1 tool"),
        ("http_post", "unknown_tool"),
    ] {
        let found = |line: &String| line.contains(call) && line.contains(why);
        assert!(refused.iter().any(found), "{call}: {why}\n{text}");
    }
    let tried: Vec<_> = tree(&text).into_iter().filter(|row| row.2 > 0).collect();
    assert_eq!(tried.len(), 1, "{text}");
    assert_eq!((tried[0].2, refused.len()), (7, 7), "{text}");
    // The grant of each reader is one document.
    let grants = text.matches("may fs.read where path is \"/srv/files/docs/");
    assert_eq!(grants.count(), 12, "{text}");
}

#[test]
fn other_documents_can_be_given() {
    let private = concat!(env!("CARGO_MANIFEST_DIR"), "/documents/incoming");
    let ran = run(PROGRAM, &[private], &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.errors);
    assert!(ran.text.contains("Notes    1 of 1"), "{}", ran.text);
    let ran = run(PROGRAM, &["/nowhere/at/all"], &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.errors.starts_with("research_team: "), "{}", ran.errors);
}
