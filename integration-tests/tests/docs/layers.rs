//! The rooms of `sdk/src` import only what the table allows, and never in a circle.
//!
//! A path counts wherever it is written: `crate::room`, a group `crate::{room, …}`, and a `super::`
//! that climbs out of its room, computed from the file and the inline modules around it. Comments
//! and strings do not count.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which rooms a room may name, beside itself.
const TABLE: [(&str, &[&str]); 10] = [
    ("id", &[]),
    ("text", &[]),
    ("clock", &["id"]),
    ("model", &["text"]),
    ("store", &["text", "id", "clock"]),
    ("capability", &["text", "id"]),
    ("guard", &["store", "capability", "text", "id", "clock"]),
    (
        "record",
        &["store", "guard", "capability", "text", "id", "clock"],
    ),
    (
        "tool",
        &[
            "model",
            "record",
            "guard",
            "store",
            "capability",
            "text",
            "id",
            "clock",
        ],
    ),
    (
        "agent",
        &[
            "tool",
            "model",
            "record",
            "guard",
            "store",
            "capability",
            "text",
            "id",
            "clock",
        ],
    ),
];

/// Files beside the rooms: they put the rooms together, and no room names what is in them.
const FACADE: [&str; 2] = ["lib", "__private"];

/// The one room that names the token library.
const NAMES_BISCUIT: &str = "capability";

#[test]
fn rooms_import_what_the_table_allows() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    assert!(
        files.len() > 50,
        "found only {} files under {}",
        files.len(),
        src.display()
    );
    let mut faults = Vec::new();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in &files {
        let place = file.strip_prefix(&src).unwrap();
        let found = scan(place, &fs::read_to_string(file).unwrap());
        faults.extend(found.faults);
        arrows
            .entry(found.room.clone())
            .or_default()
            .extend(found.arrows.into_iter().filter(|room| *room != found.room));
    }
    let rooms: BTreeSet<&str> = arrows
        .keys()
        .map(String::as_str)
        .filter(|room| !FACADE.contains(room))
        .collect();
    assert_eq!(
        rooms,
        TABLE.iter().map(|(room, _)| *room).collect(),
        "the rooms of sdk/src are not those of the table"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The scanner sees something: these arrows are what the rooms are for.
    for (from, to) in [
        ("agent", "tool"),
        ("tool", "guard"),
        ("record", "guard"),
        ("guard", "capability"),
        ("capability", "id"),
    ] {
        assert!(
            arrows.get(from).is_some_and(|named| named.contains(to)),
            "no arrow from {from} to {to} was found"
        );
    }
    for facade in FACADE {
        arrows.remove(facade);
    }
    assert_eq!(
        circle(&arrows),
        BTreeSet::new(),
        "rooms that import one another"
    );
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    into.sort();
}

/// The rooms that are left when rooms that import nothing are taken away, again and again.
fn circle(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut left = arrows.clone();
    loop {
        let done: Vec<String> = left
            .iter()
            .filter(|(_, to)| !to.iter().any(|room| left.contains_key(room)))
            .map(|(from, _)| from.clone())
            .collect();
        if done.is_empty() {
            return left.into_keys().collect();
        }
        left.retain(|from, _| !done.contains(from));
    }
}

/// What one file names.
struct Found {
    room: String,
    arrows: BTreeSet<String>,
    faults: Vec<String>,
}

/// Reads a file that stands at `place` under `sdk/src`.
fn scan(place: &Path, text: &str) -> Found {
    let mut modules: Vec<String> = place
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    let room = modules.first().cloned().unwrap_or_default();
    if modules
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        modules.pop();
    }
    let tokens = tokens(text);
    let mut scanner = Scanner {
        tokens: &tokens,
        named: Vec::new(),
    };
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let word = |ahead: usize| {
            tokens
                .get(at + ahead)
                .map_or("", |token| token.text.as_str())
        };
        let follows_path = at > 0 && tokens.get(at - 1).is_some_and(|before| before.text == "::");
        match token.text.as_str() {
            "mod" if word(2) == "{" => {
                modules.push(word(1).to_owned());
                open.push(true);
                at += 3;
                continue;
            }
            "{" => open.push(false),
            "}" if open.pop() == Some(true) => {
                modules.pop();
            }
            "biscuit_auth" if room != NAMES_BISCUIT => scanner.named.push((
                token.line,
                Err("only `capability` names `biscuit_auth`".to_owned()),
            )),
            "crate" if word(1) == "::" => {
                at = scanner.tree(at + 2, Vec::new());
                continue;
            }
            "crate" if word(1) == "as" => scanner.named.push((
                token.line,
                Err("a name for the whole crate hides what is imported".to_owned()),
            )),
            // The crate by its own name, from inside.
            "bailiwick" if word(1) == "::" && !follows_path => {
                at = scanner.tree(at + 2, Vec::new());
                continue;
            }
            "super" if !follows_path => {
                at = scanner.tree(at, modules.clone());
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let mut found = Found {
        room: room.clone(),
        arrows: BTreeSet::new(),
        faults: Vec::new(),
    };
    let allowed = TABLE
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed);
    for (line, named) in scanner.named {
        let fault = match named {
            Err(fault) => Some(fault),
            Ok(_) if FACADE.contains(&room.as_str()) => None,
            Ok(other) => {
                let fine = other == room
                    || allowed.is_some_and(|allowed| allowed.contains(&other.as_str()));
                found.arrows.insert(other.clone());
                (!fine).then(|| format!("`{room}` may not name `{other}`"))
            }
        };
        found
            .faults
            .extend(fault.map(|fault| format!("{}:{line}: {fault}", place.display())));
    }
    found
}

struct Scanner<'a> {
    tokens: &'a [Token],
    /// The line, and the first module under the crate's root that is named there.
    named: Vec<(usize, Result<String, String>)>,
}

impl Scanner<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    /// Follows the rest of a path, or a group of them, from the module `base`; gives where it ends.
    fn tree(&mut self, mut at: usize, mut base: Vec<String>) -> usize {
        loop {
            let line = self.tokens.get(at).map_or(0, |token| token.line);
            match self.text(at) {
                "super" => {
                    if base.pop().is_none() {
                        self.named
                            .push((line, Err("a `super` above the crate".to_owned())));
                        return at + 1;
                    }
                    if self.text(at + 1) != "::" {
                        self.root(line, &base);
                        return at + 1;
                    }
                    at += 2;
                }
                "self" if self.text(at + 1) == "::" => at += 2,
                "{" => return self.group(at + 1, &base),
                "*" | "self" => {
                    self.root(line, &base);
                    return at + 1;
                }
                name => {
                    if base.is_empty() {
                        self.named.push((line, Ok(name.to_owned())));
                    }
                    return at + 1;
                }
            }
        }
    }

    /// Everything of the crate's root at once hides what is imported.
    fn root(&mut self, line: usize, base: &[String]) {
        if base.is_empty() {
            self.named.push((
                line,
                Err("the crate's root as a whole hides what is imported".to_owned()),
            ));
        }
    }

    fn group(&mut self, mut at: usize, base: &[String]) -> usize {
        loop {
            at = self.tree(at, base.to_vec());
            // To the next item of this group; what an item's own groups hold is inside one room.
            let mut depth = 0;
            loop {
                match self.text(at) {
                    "" => return at,
                    "{" => depth += 1,
                    "}" if depth == 0 => return at + 1,
                    "}" => depth -= 1,
                    "," if depth == 0 => break,
                    _ => {}
                }
                at += 1;
            }
            at += 1;
            if self.text(at) == "}" {
                return at + 1;
            }
        }
    }
}

struct Token {
    text: String,
    line: usize,
}

/// Words, `::`, and every other sign by itself; without comments, strings, characters, lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let letters: Vec<char> = text.chars().collect();
    let at = |index: usize| letters.get(index).copied().unwrap_or('\0');
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut found, mut i, mut line) = (Vec::new(), 0, 1);
    while i < letters.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < letters.len() && at(i) != '\n' {
                    i += 1;
                }
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 0;
                loop {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                    if depth == 0 || i >= letters.len() {
                        break;
                    }
                }
            }
            'r' if at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"')) => {
                i = raw(&letters, i + 1)
            }
            'b' if at(i + 1) == 'r' && matches!(at(i + 2), '"' | '#') => i = raw(&letters, i + 2),
            'b' if at(i + 1) == '"' => i = string(&letters, i + 2),
            '"' => i = string(&letters, i + 1),
            '\'' if at(i + 1) == '\\' => {
                i += 3;
                while i < letters.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            }
            '\'' if at(i + 2) == '\'' => i += 3,
            '\'' => {
                i += 1;
                while word(at(i)) {
                    i += 1;
                }
            }
            letter if word(letter) => {
                while word(at(i)) {
                    i += 1;
                }
                found.push(Token {
                    text: letters.iter().skip(start).take(i - start).collect(),
                    line,
                });
            }
            ':' if at(i + 1) == ':' => {
                i += 2;
                found.push(Token {
                    text: "::".to_owned(),
                    line,
                });
            }
            letter => {
                i += 1;
                if !letter.is_whitespace() {
                    found.push(Token {
                        text: letter.to_string(),
                        line,
                    });
                }
            }
        }
        line += letters
            .iter()
            .skip(start)
            .take(i - start)
            .filter(|letter| **letter == '\n')
            .count();
    }
    found
}

/// Where a string ends whose first letter after the quote is at `i`.
fn string(letters: &[char], mut i: usize) -> usize {
    while let Some(letter) = letters.get(i) {
        match letter {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    i
}

/// Where a raw string ends whose hashes, or quote, begin at `i`.
fn raw(letters: &[char], mut i: usize) -> usize {
    let hashes = letters
        .iter()
        .skip(i)
        .take_while(|letter| **letter == '#')
        .count();
    i += hashes + 1;
    while i < letters.len() {
        let closes = letters.get(i) == Some(&'"')
            && letters
                .iter()
                .skip(i + 1)
                .take(hashes)
                .filter(|letter| **letter == '#')
                .count()
                == hashes;
        if closes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

#[track_caller]
fn faults(place: &str, text: &str) -> Vec<String> {
    scan(Path::new(place), text).faults
}

#[test]
fn a_forbidden_path_is_found_however_it_is_written() {
    for (place, text) in [
        ("store/key.rs", "use crate::guard::Guard;"),
        ("store/key.rs", "fn f() -> crate::guard::Guard { todo!() }"),
        (
            "store/key.rs",
            "use crate::{\n    id::Timestamp,\n    guard::{self, Guard},\n};",
        ),
        ("store/key.rs", "use super::super::guard::Guard;"),
        (
            "store/key.rs",
            "use super::{batch::Batch, super::guard::Guard};",
        ),
        ("store/mod.rs", "use super::guard::Guard;"),
        (
            "store/mod.rs",
            "mod inner { use super::super::guard::Guard; }",
        ),
        (
            "clock.rs",
            "mod tests { use super::*; use super::super::store::Key; }",
        ),
        (
            "capability/datalog/grant.rs",
            "use super::super::super::guard::Guard;",
        ),
        ("capability/mod.rs", "use bailiwick::guard::Guard;"),
        ("guard/mod.rs", "pub(in crate::record) struct S;"),
        ("guard/mod.rs", "use crate::*;"),
        ("guard/mod.rs", "use crate as c;"),
        ("guard/mod.rs", "use super as c;"),
        ("guard/mod.rs", "fn f() { biscuit_auth::Biscuit::from(b); }"),
        ("lib.rs", "pub use biscuit_auth as token;"),
        ("attic/mod.rs", "use crate::id::Timestamp;"),
    ] {
        assert_eq!(faults(place, text).len(), 1, "{place}: {text}");
    }
    let fault = faults("store/key.rs", "\n/* guard */\nuse crate::guard::Guard;");
    assert_eq!(fault, ["store/key.rs:3: `store` may not name `guard`"]);
}

#[test]
fn what_is_allowed_and_what_is_no_path_is_not_found() {
    for (place, text) in [
        (
            "store/key.rs",
            "use crate::id::Timestamp; use super::batch::Batch; use crate::store::Key;",
        ),
        (
            "store/key.rs",
            "// use crate::guard::Guard;\n/// [`crate::guard::Guard`] /* */\n/* a /* crate::guard */ crate::guard */",
        ),
        (
            "store/key.rs",
            r####"const A: &str = "crate::guard \" crate::guard"; const B: &str = r#"crate::guard " "#; const C: char = '"';"####,
        ),
        (
            "store/key.rs",
            "mod tests { use super::*; use super::super::batch::Batch; fn f<'a>(x: &'a str) {} }",
        ),
        (
            "capability/datalog/grant.rs",
            "use super::super::bounds::Grant; use super::{read::{atoms, strs}, table::Table};",
        ),
        ("capability/wire.rs", "use biscuit_auth::format::schema;"),
        (
            "guard/mod.rs",
            "pub(crate) fn f() { if x { y } } mod a { mod b { use super::super::denial::Denial; } } use super::store::Key;",
        ),
        (
            "agent/mod.rs",
            "use crate::tool::Gate; use crate::model::Model;",
        ),
        ("lib.rs", "pub use crate::agent::Agent;"),
    ] {
        assert_eq!(faults(place, text), Vec::<String>::new(), "{place}: {text}");
    }
}

#[test]
fn a_circle_is_found() {
    let arrows = |pairs: &[(&str, &str)]| {
        pairs.iter().fold(
            BTreeMap::new(),
            |mut arrows: BTreeMap<String, BTreeSet<String>>, (from, to)| {
                arrows
                    .entry((*from).to_owned())
                    .or_default()
                    .insert((*to).to_owned());
                arrows
            },
        )
    };
    assert!(circle(&arrows(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(
        circle(&arrows(&[("a", "b"), ("b", "c"), ("c", "b")])).len(),
        3
    );
}
