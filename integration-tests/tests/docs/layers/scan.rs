//! What one source file names, as paths from the crate's root.

use std::path::Path;

use super::tables::NAMES_BISCUIT;
use super::tokens::{Token, tokens};

/// What one file names.
pub(crate) struct Scan {
    /// The module that the file is.
    pub(crate) module: Vec<String>,
    pub(crate) named: Vec<Named>,
    /// The line, and what is wrong there independently of the tables.
    pub(crate) faults: Vec<(usize, String)>,
}

/// One path that a file names.
pub(crate) struct Named {
    pub(crate) line: usize,
    pub(crate) path: Vec<String>,
    /// Whether it stands in a module `tests`.
    pub(crate) in_tests: bool,
}

impl Scan {
    /// The room that the file belongs to.
    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }
}

/// Reads a file that stands at `place` under `sdk/src`.
pub(crate) fn scan(place: &Path, text: &str) -> Scan {
    let mut module: Vec<String> = place
        .with_extension("")
        .iter()
        .map(|part| part.to_str().unwrap().to_owned())
        .collect();
    if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let room = module.first().cloned().unwrap_or_default();
    // What is beside the rooms is the crate's root.
    let mut modules = module.clone();
    if room == "lib" {
        modules.clear();
    }
    let tokens = tokens(text);
    let mut scanner = Scanner {
        tokens: &tokens,
        named: Vec::new(),
        faults: Vec::new(),
        in_tests: false,
    };
    let mut open: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        scanner.in_tests = modules.iter().any(|module| module == "tests");
        let before = |back: usize| at.checked_sub(back).map_or("", |at| scanner.text(at));
        let (before, before_that) = (before(1), before(2));
        let (next, after_next) = (scanner.text(at + 1), scanner.text(at + 2));
        let follows_path = before == "::";
        if token.text == "mod" && next == "tests" && !scanner.in_tests && !scanner.is_for_tests(at)
        {
            let what = "a module `tests` without `#[cfg(test)]`".to_owned();
            scanner.faults.push((token.line, what));
        }
        match token.text.as_str() {
            "mod" if after_next == "{" => {
                modules.push(next.to_owned());
                open.push(true);
                at += 3;
                continue;
            }
            "{" => open.push(false),
            "}" if open.pop() == Some(true) => {
                modules.pop();
            }
            "biscuit_auth" if room != NAMES_BISCUIT => scanner.faults.push((
                token.line,
                "only `capability` names `biscuit_auth`".to_owned(),
            )),
            // How widely an item is visible names nothing in a module above.
            "crate" if before == "in" && before_that == "(" && scanner.is_above(at, &modules) => {}
            "crate" if next == "::" => {
                at = scanner.tree(at + 2, Vec::new());
                continue;
            }
            "crate" if next == "as" => scanner.faults.push((
                token.line,
                "a name for the whole crate hides what is imported".to_owned(),
            )),
            // The crate by its own name, from inside.
            "bailiwick" if next == "::" && !follows_path => {
                at = scanner.tree(at + 2, Vec::new());
                continue;
            }
            // How widely an item is visible names nothing in the module above.
            "super" if before_that == "pub" && before == "(" && modules.len() > 1 => {}
            "super" if !follows_path => {
                at = scanner.tree(at, modules.clone());
                continue;
            }
            "self" if next == "::" && !follows_path => {
                at = scanner.tree(at + 2, modules.clone());
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    Scan {
        module,
        named: scanner.named,
        faults: scanner.faults,
    }
}

struct Scanner<'a> {
    tokens: &'a [Token],
    named: Vec<Named>,
    faults: Vec<(usize, String)>,
    in_tests: bool,
}

impl<'a> Scanner<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    /// Whether the path that begins with `crate` at `at` is that of a module in which `modules` stands.
    fn is_above(&self, at: usize, modules: &[String]) -> bool {
        let names = (at..).step_by(2);
        let names = names.take_while(|at| self.text(at + 1) == "::");
        let path: Vec<&str> = names.map(|at| self.text(at + 2)).collect();
        path.len() < modules.len() && path.iter().zip(modules).all(|(a, b)| a == b)
    }

    /// Whether an attribute of the item at `at` has it compiled for tests alone.
    fn is_for_tests(&self, at: usize) -> bool {
        let ends = |text: &str| matches!(text, ";" | "{" | "}");
        let start = (0..at).rev().find(|at| ends(self.text(*at)));
        let mut attributes = (start.unwrap_or(0)..at).map(|at| self.text(at));
        attributes.any(|text| text == "cfg") && attributes.any(|text| text == "test")
    }

    /// Follows the rest of a path, or a group of them, from the module `base`; gives where it ends.
    fn tree(&mut self, mut at: usize, mut base: Vec<String>) -> usize {
        loop {
            let line = self.tokens.get(at).map_or(0, |token| token.line);
            match self.text(at) {
                "super" => {
                    if base.pop().is_none() {
                        self.faults
                            .push((line, "a `super` above the crate".to_owned()));
                        return at + 1;
                    }
                    if self.text(at + 1) != "::" {
                        self.names(line, base);
                        return at + 1;
                    }
                    at += 2;
                }
                "self" if self.text(at + 1) == "::" => at += 2,
                "{" => return self.group(at + 1, &base),
                "*" | "self" => {
                    self.names(line, base);
                    return at + 1;
                }
                name => {
                    base.push(name.to_owned());
                    let goes_on = |text: &str| {
                        matches!(text, "{" | "*")
                            || text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    };
                    if self.text(at + 1) != "::" || !goes_on(self.text(at + 2)) {
                        self.names(line, base);
                        return at + 1;
                    }
                    at += 2;
                }
            }
        }
    }

    /// Everything of the crate's root at once hides what is imported.
    fn names(&mut self, line: usize, path: Vec<String>) {
        if path.is_empty() {
            let what = "the crate's root as a whole hides what is imported".to_owned();
            self.faults.push((line, what));
        } else {
            self.named.push(Named {
                line,
                path,
                in_tests: self.in_tests,
            });
        }
    }

    fn group(&mut self, mut at: usize, base: &[String]) -> usize {
        loop {
            if self.text(at) == "}" {
                return at + 1;
            }
            at = self.tree(at, base.to_vec());
            // To the next item of this group, past `as` and a name.
            loop {
                match self.text(at) {
                    "" => return at,
                    "}" => return at + 1,
                    "," => break,
                    _ => at += 1,
                }
            }
            at += 1;
        }
    }
}
