//! Words and old names of `docs/words.txt`, which must not come back.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a phrase without paths of its own is searched for.
const SEARCHED: [&str; 11] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "cli",
    "docs",
    "examples/src",
    "integration-tests/src",
    "integration-tests/benches",
    "integration-tests/compile-fail",
    "macros",
    "sdk",
];

/// Where no phrase is searched for: the history, the list itself, and this test.
const LEFT_OUT: [&str; 4] = [
    "CHANGELOG.md",
    "docs/decisions",
    "docs/words.txt",
    "integration-tests/tests/docs/words.rs",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A line of the list.
struct Banned {
    phrase: String,
    tokens: Vec<String>,
    exact: bool,
    paths: Vec<String>,
}

impl Banned {
    fn new(line: &str) -> Self {
        let (phrase, paths) = line.split_once(" | ").unwrap_or((line, ""));
        Self {
            phrase: phrase.trim().to_owned(),
            tokens: tokens(phrase)
                .into_iter()
                .map(|(_, token)| token.to_owned())
                .collect(),
            exact: phrase.chars().any(char::is_uppercase),
            paths: paths.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// The lines in which the phrase begins.
    fn lines(&self, text: &[(usize, &str)]) -> Vec<usize> {
        text.windows(self.tokens.len().max(1))
            .filter(|window| self.is_at(window))
            .filter_map(|window| window.first().map(|(line, _)| *line))
            .collect()
    }

    /// Whether the phrase is these tokens. The first of them may begin a sentence.
    fn is_at(&self, window: &[(usize, &str)]) -> bool {
        let mut first = !self.exact;
        window.iter().zip(&self.tokens).all(|((_, found), token)| {
            let same = found == token || (first && found.eq_ignore_ascii_case(token));
            first = false;
            same
        })
    }
}

/// The lines of the list that say something.
fn list() -> Vec<Banned> {
    let text = fs::read_to_string(root().join("docs/words.txt")).unwrap();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(Banned::new)
        .collect()
}

/// The words and the single other characters of a text, with their lines. White space is left out, and so is
/// what marks a line as a comment or a quotation, so that a phrase is found over the end of a line.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.trim_start().trim_start_matches(['/', '!', '>', '#']);
        while let Some(first) = rest.chars().next() {
            let word = |letter: char| letter.is_alphanumeric() || letter == '_';
            let length = if word(first) {
                rest.find(|letter| !word(letter)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (token, after) = rest.split_at(length);
            if !first.is_whitespace() {
                found.push((index + 1, token));
            }
            rest = after;
        }
    }
    found
}

/// The text files at or beneath a path, without those that are left out and the output of builds.
fn files(path: &str, found: &mut Vec<String>) {
    if LEFT_OUT.contains(&path) {
        return;
    }
    let full = root().join(path);
    if full.is_dir() {
        for entry in fs::read_dir(full).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name != "target" && !name.starts_with('.') {
                files(&format!("{path}/{name}"), found);
            }
        }
        return;
    }
    let text = ["md", "rs", "toml", "txt"];
    let extension = full.extension().and_then(|extension| extension.to_str());
    if full.exists() && extension.is_some_and(|extension| text.contains(&extension)) {
        found.push(path.to_owned());
    }
}

/// The phrases that are searched for in each file.
fn searched(list: &[Banned]) -> BTreeMap<String, Vec<&Banned>> {
    let everywhere = SEARCHED.map(str::to_owned);
    let mut searched: BTreeMap<String, Vec<&Banned>> = BTreeMap::new();
    for banned in list {
        let paths: &[String] = if banned.paths.is_empty() {
            &everywhere
        } else {
            &banned.paths
        };
        let mut found = Vec::new();
        for path in paths {
            files(path, &mut found);
        }
        assert!(!found.is_empty(), "{}: no file at {paths:?}", banned.phrase);
        for file in found {
            searched.entry(file).or_default().push(banned);
        }
    }
    searched
}

#[test]
fn no_word_or_old_name_of_the_list_comes_back() {
    let list = list();
    let mut found = Vec::new();
    for (path, list) in searched(&list) {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let text = tokens(&text);
        for banned in list {
            let lines = banned.lines(&text).into_iter();
            found.extend(lines.map(|line| format!("{path}:{line}: {}", banned.phrase)));
        }
    }
    assert!(
        found.is_empty(),
        "docs/words.txt lists these words. Use others:\n{}",
        found.join("\n")
    );
}

#[test]
fn the_documentation_is_searched_and_its_history_is_not() {
    let list = list();
    let searched = searched(&list);
    for path in [
        "README.md",
        "SECURITY.md",
        "docs/src/guide.md",
        "sdk/src/lib.rs",
    ] {
        assert!(searched.contains_key(path), "{path}");
    }
    let left_out = |path: &&String| LEFT_OUT.iter().any(|left| path.starts_with(left));
    assert_eq!(searched.keys().find(left_out), None);
}

#[test]
fn every_phrase_of_the_list_is_found_where_it_stands() {
    for banned in list() {
        let shown = format!("Before.\nHere \"{}\", and after.", banned.phrase);
        assert_eq!(banned.lines(&tokens(&shown)), [2], "{}", banned.phrase);
        let broken = banned.phrase.replace(' ', "\n/// ");
        let shown = format!("/// {broken} after");
        assert_eq!(banned.lines(&tokens(&shown)), [1], "{}", banned.phrase);
    }
}

#[test]
fn a_phrase_is_found_as_whole_words_and_in_its_case() {
    let lines = |phrase: &str, text: &str| Banned::new(phrase).lines(&tokens(text));
    assert_eq!(lines("nobody", "Nobody\nnobody's\nnobody_else"), [1, 2]);
    assert_eq!(
        lines("is none", "There is none. It is. None. A basis none"),
        [1]
    );
    assert_eq!(lines("is none", "What is\n//! none of it"), [1]);
    assert_eq!(lines("is none", "call is None\nIs none there"), [2]);
    assert_eq!(
        lines("OldName", "OldName oldname OldNames\nError::OldName"),
        [1, 2]
    );
    assert_eq!(lines("a::Way", "a::Way a::Ways\na:Way"), [1]);
}
