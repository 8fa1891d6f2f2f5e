//! The vectors: every file gives the verdict that it says, ours and the stock library's; they are
//! what the command writes; and every reason for which a token is refused has one.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bailiwick_integration_tests::vectors::{
    Expect, Present, Stage, StockVerdict, Vector, all, folder, text,
};

fn read() -> Vec<Vector> {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == "json"))
        .collect();
    files.sort();
    let vector = |path: &std::path::PathBuf| {
        let vector: Vector = serde_json::from_slice(&fs::read(path).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(path.file_stem().unwrap(), vector.name.as_str());
        vector
    };
    files.iter().map(vector).collect()
}

#[test]
fn every_file_gives_the_verdict_that_it_says() {
    let vectors = read();
    assert!(vectors.len() >= 200, "{}", vectors.len());
    for vector in &vectors {
        let name = &vector.name;
        match (vector.ours(), &vector.expect) {
            (Ok(()), Expect::Allow {}) => {}
            (
                Err((found_at, refusal)),
                Expect::Deny {
                    kind,
                    hop,
                    stage,
                    explanation,
                },
            ) => {
                assert_eq!(refusal.kind().name(), kind, "{name}: {refusal}");
                assert_eq!(refusal.hop(), *hop, "{name}: {refusal}");
                assert_eq!(found_at, *stage, "{name}: {refusal}");
                assert_eq!(refusal.detail(), explanation, "{name}");
            }
            (ours, expected) => panic!("{name}: {ours:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn the_stock_library_agrees_or_the_file_says_why_not() {
    for vector in read() {
        let (name, stock) = (&vector.name, &vector.stock);
        if stock.verdict == StockVerdict::NotAsked {
            assert!(stock.differs.is_some(), "{name}");
            continue;
        }
        assert_eq!(vector.theirs(), (stock.verdict, stock.block), "{name}");
        let allows = stock.verdict == StockVerdict::Allow;
        let same = allows == (vector.expect == Expect::Allow {});
        assert_eq!(same, stock.differs.is_none(), "{name}");
        assert!(
            allows || vector.expect != Expect::Allow {},
            "{name}: allowed here and refused there"
        );
        // Both refuse in the same block, where a block of the chain is to blame.
        if let (
            Expect::Deny {
                hop: Some(hop),
                stage: Stage::Call,
                ..
            },
            StockVerdict::Deny,
        ) = (&vector.expect, stock.verdict)
        {
            assert_eq!(stock.block, Some(*hop), "{name}");
        }
    }
}

#[test]
fn a_vector_tells_what_it_takes_to_ask_it() {
    for vector in read() {
        let held = vector.present == Present::Held;
        assert_eq!(vector.holder_key.is_some(), held, "{}", vector.name);
        assert!(vector.says.ends_with('.'), "{}", vector.name);
    }
}

#[test]
fn the_files_are_what_the_command_writes() {
    let made = all();
    let names: BTreeSet<_> = made.iter().map(|vector| &vector.name).collect();
    let files = read();
    let found: BTreeSet<_> = files.iter().map(|vector| &vector.name).collect();
    assert_eq!(
        names, found,
        "cargo run -p bailiwick-integration-tests --bin vectors"
    );
    for vector in &made {
        let path = folder().join(format!("{}.json", vector.name));
        assert_eq!(fs::read_to_string(path).unwrap(), text(vector));
    }
}

/// The kinds of refusal that no token can show, and why.
const KINDS_WITHOUT: [(&str, &str); 6] = [
    ("revoked", "state of the verifier"),
    ("unknown_tool", "of the toolbox"),
    ("policy", "of the verifier's policy"),
    ("replay", "state of the verifier"),
    ("widens", "at delegation"),
    ("unavailable", "state of the verifier"),
];

#[test]
fn every_kind_of_refusal_has_a_vector() {
    let seen: BTreeSet<String> = read()
        .into_iter()
        .filter_map(|vector| match vector.expect {
            Expect::Deny { kind, .. } => Some(kind),
            Expect::Allow {} => None,
        })
        .collect();
    // `Self::Malformed => "malformed",` and so on.
    let source = source("capability/value/refusal.rs");
    let names: BTreeSet<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""))
        .map(|(_, name)| name.trim_end_matches("\",").to_owned())
        .collect();
    assert!(names.len() >= 24, "{names:?}");
    let without: BTreeSet<String> = KINDS_WITHOUT.map(|(name, _)| name.to_owned()).into();
    assert!(without.is_subset(&names), "{without:?}");
    assert!(seen.is_disjoint(&without), "{seen:?}");
    let both: BTreeSet<String> = seen.union(&without).cloned().collect();
    assert_eq!(both, names);
}

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sdk/src")
        .join(file);
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    // The words of a constraint stand in the texts of refusals, and are no texts of their own.
    match code.split_once("impl Display for Constraint {") {
        Some((before, rest)) => before.to_owned() + rest.split_once("\n}\n").unwrap().1,
        None => code.to_owned(),
    }
}

/// Where a token or a call is refused, and by which texts no vector is.
const SOURCES: [&str; 14] = [
    "capability/block/wire/read.rs",
    "capability/token/keyring/mod.rs",
    "capability/token/keyring/verify.rs",
    "capability/block/datalog/mod.rs",
    "capability/block/datalog/table.rs",
    "capability/token/position.rs",
    "capability/scope/absolute/mod.rs",
    "capability/scope/constraint.rs",
    "capability/value/url_pattern.rs",
    "capability/token/held.rs",
    "capability/check/compiled/mod.rs",
    "capability/check/compiled/caveats.rs",
    "capability/check/grant.rs",
    "capability/token/explain.rs",
];

const TEXTS_WITHOUT: [(&str, &str); 13] = [
    // A third party's signature on the first block is refused before what the block says.
    ("an approval cannot stand at the start", "unreachable"),
    (
        "argument `{name}` must not be given",
        "a token has no such constraint, only no argument",
    ),
    (
        "the most that a budget can hold is",
        "a token's number is no larger",
    ),
    ("two entries name the same capabilities", "read as one"),
    ("`range` needs `min`, `max` or both", "read as no range"),
    ("`url` needs at least one of", "read as no URL"),
    (
        "`need` is at least 1 and at most",
        "read as none of the kinds",
    ),
    // Said by `Scope::at`, before there is a token.
    ("the scope ends at", "of scopes"),
    ("an empty list allows nothing", "of scopes"),
    ("a token holds at most", "of scopes"),
    ("a scope holds at most", "of scopes"),
    (
        "name at least one capability that needs",
        "of scopes, and read as none of the kinds",
    ),
    ("Held({:?}, {:?})", "for developers"),
];

/// The string literals of some code that are words to a reader.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
    {
        let mut rest = line;
        while let Some(start) = rest.find('"') {
            let mut end = start + 1;
            let bytes = rest.as_bytes();
            while end < bytes.len() && bytes[end] != b'"' {
                end += 1 + usize::from(bytes[end] == b'\\');
            }
            let literal = &rest[start + 1..end.min(rest.len())];
            if literal.contains(' ') && !literal.starts_with('\\') {
                found.push(literal.to_owned());
            }
            rest = rest.get(end + 1..).unwrap_or_default();
        }
    }
    found
}

/// Whether a text could have been formatted from a literal with `{…}` in it.
fn from(literal: &str, text: &str) -> bool {
    let mut parts = Vec::new();
    let mut rest = literal;
    while let Some((before, after)) = rest.split_once('{') {
        parts.push(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    parts.push(rest);
    let mut at = 0;
    parts.iter().all(|part| {
        let found = text[at..].find(part);
        at += found.unwrap_or(0) + if found.is_some() { part.len() } else { 0 };
        found.is_some()
    })
}

#[test]
fn every_text_of_a_refusal_has_a_vector() {
    let said: Vec<String> = read()
        .into_iter()
        .filter_map(|vector| match vector.expect {
            Expect::Deny { explanation, .. } => Some(explanation),
            Expect::Allow {} => None,
        })
        .collect();
    let mut missing = Vec::new();
    let mut excused = BTreeSet::new();
    let mut known = 0;
    for file in SOURCES {
        for literal in literals(&source(file)) {
            known += 1;
            let excuse = TEXTS_WITHOUT
                .iter()
                .find(|(text, _)| literal.starts_with(text));
            let spoken = said.iter().any(|text| from(&literal, text));
            match excuse {
                Some((text, _)) if !spoken => {
                    excused.insert(*text);
                }
                None if !spoken => missing.push(format!("{file}: {literal}")),
                _ => {}
            }
        }
    }
    assert!(known > 60, "{known}");
    assert!(missing.is_empty(), "no vector for:\n{}", missing.join("\n"));
    let stale: Vec<_> = TEXTS_WITHOUT
        .iter()
        .filter(|(text, _)| !excused.contains(text))
        .collect();
    assert!(stale.is_empty(), "excused for nothing: {stale:?}");
}
