//! Words and old names of `docs/words.txt`, which must not come back.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Where a phrase without paths of its own is searched for.
const SEARCHED: [&str; 5] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "sdk/README.md",
    "docs",
];

/// Where no phrase is searched for: what is history, and the list itself.
const HISTORY: [&str; 3] = ["CHANGELOG.md", "docs/decisions", "docs/words.txt"];

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
        let same = |(found, token): (&(usize, &str), &String)| {
            found.1 == token || (!self.exact && found.1.to_lowercase() == *token)
        };
        text.windows(self.tokens.len().max(1))
            .filter(|window| window.iter().zip(&self.tokens).all(same))
            .filter_map(|window| window.first().map(|(line, _)| *line))
            .collect()
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

/// The text files at or beneath a path, without those of history and what a build has made.
fn files(path: &str, found: &mut Vec<String>) {
    if HISTORY.contains(&path) {
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

/// What is found of some phrases in the files at or beneath some paths.
fn search(paths: &[String], banned: &[&Banned]) -> Vec<String> {
    let mut searched = Vec::new();
    for path in paths {
        files(path, &mut searched);
    }
    assert!(!searched.is_empty(), "there is no text file at {paths:?}");
    let mut found = Vec::new();
    for path in searched {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        let text = tokens(&text);
        for banned in banned {
            for line in banned.lines(&text) {
                found.push(format!("{path}:{line}: {}", banned.phrase));
            }
        }
    }
    found
}

#[test]
fn no_word_or_old_name_of_the_list_comes_back() {
    let list = list();
    let (everywhere, by_path): (Vec<_>, Vec<_>) =
        list.iter().partition(|banned| banned.paths.is_empty());
    assert!(!everywhere.is_empty() && !by_path.is_empty());
    let mut found = search(&SEARCHED.map(str::to_owned), &everywhere);
    for banned in by_path {
        found.extend(search(&banned.paths, &[banned]));
    }
    assert!(
        found.is_empty(),
        "docs/words.txt lists these words, so use others:\n{}",
        found.join("\n")
    );
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
    assert_eq!(
        lines("AtWork", "AtWork atwork AtWorkers\nError::AtWork"),
        [1, 2]
    );
    assert_eq!(lines("a::Way", "a::Way a::Ways\na:Way"), [1]);
}
