//! The patterns of [`matches`](crate::capability::matches): counted, compiled, and matched against a text.
//!
//! A pattern has the syntax of the `regex` crate without its costly parts: no flags, no operations on
//! classes, no Unicode classes, no repetition inside a repetition. The result is an automaton of at
//! most [`MAX_POSITIONS`] positions, one for each character or class once the repetitions are written
//! out, and a set of positions fits four words. So for every pattern the cost of a text is its length
//! times a small number, and no state is kept between texts. The syntax is read by the same crate as in
//! the Datalog engine, which gives the same answers.

mod automaton;
mod measure;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use regex_syntax::hir::translate::Translator;

use self::automaton::Automaton;
use self::measure::measure;
use crate::capability::work;

/// The most different patterns in one token.
pub(crate) const MAX_PATTERNS: usize = 16;
/// The most positions of all patterns of a token together.
pub(super) const MAX_POSITIONS: usize = 256;
/// The longest pattern, in bytes.
pub(super) const MAX_PATTERN_BYTES: usize = 256;
/// The longest text that a pattern can match, in bytes; a longer one is denied.
pub const MAX_MATCHED_BYTES: usize = 8 * 1024;

/// One pattern compiled, which matches whole texts.
pub(crate) struct Pattern {
    source: Box<str>,
    positions: usize,
    automaton: Automaton,
}

impl Pattern {
    /// Compiles a pattern that is within the limits of the profile.
    pub(crate) fn new(source: &str) -> Result<Self, String> {
        let (ast, positions) = measure(source)?;
        let fault = |error: &dyn fmt::Display| {
            format!("`{source}` is not a usable regular expression: {error}")
        };
        let hir = Translator::new()
            .translate(source, &ast)
            .map_err(|error| fault(&error))?;
        work::pattern();
        Ok(Self {
            source: source.into(),
            positions,
            automaton: Automaton::new(&hir).map_err(|error| fault(&error))?,
        })
    }

    /// The source of the pattern.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether the pattern matches all of `text`; no pattern matches a text of more than
    /// [`MAX_MATCHED_BYTES`].
    pub(crate) fn is_match(&self, text: &str) -> bool {
        if text.len() > MAX_MATCHED_BYTES {
            return false;
        }
        work::steps(self.positions, text.len());
        self.automaton.is_match(text)
    }

    /// How many bytes the pattern holds.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.source.len() + self.automaton.bytes()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

/// The different patterns of a chain up to some block, each compiled once. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns {
    all: Arc<Vec<Arc<Pattern>>>,
}

impl Patterns {
    /// Refuses more patterns, or more positions, than a token may hold, of the patterns that are here already
    /// and `more` together, before any of `more` is compiled.
    pub(crate) fn admit<'a>(&self, more: impl Iterator<Item = &'a str>) -> Result<(), String> {
        let fresh: BTreeSet<&str> = more.filter(|source| self.get(source).is_none()).collect();
        let count = self.all.len() + fresh.len();
        if count > MAX_PATTERNS {
            return Err(format!(
                "a token holds at most {MAX_PATTERNS} patterns, and this one would have {count} different ones"
            ));
        }
        let known = self.all.iter().map(|pattern| pattern.positions).sum();
        let positions = fresh.into_iter().try_fold(known, |all: usize, source| {
            Ok::<_, String>(all + measure(source)?.1)
        })?;
        if positions > MAX_POSITIONS {
            return Err(format!(
                "the patterns of a token have at most {MAX_POSITIONS} positions together, and these have {positions}; repeat less"
            ));
        }
        Ok(())
    }

    /// These patterns and `more`, which was admitted, each compiled once.
    pub(crate) fn with<'a>(&self, more: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut patterns = self.clone();
        for source in more {
            if patterns.get(source).is_none() {
                let pattern = Arc::new(Pattern::new(source)?);
                Arc::make_mut(&mut patterns.all).push(pattern);
            }
        }
        Ok(patterns)
    }

    /// The compiled form of one of these patterns.
    pub(crate) fn get(&self, source: &str) -> Option<&Arc<Pattern>> {
        self.all.iter().find(|pattern| *pattern.source == *source)
    }

    /// How many bytes the patterns hold.
    pub(crate) fn bytes(&self) -> usize {
        self.all.iter().map(|pattern| pattern.bytes()).sum()
    }
}

/// The fault of a pattern as written.
pub(crate) fn pattern_fault(source: &str) -> Option<String> {
    measure(source).err()
}

/// Whether these patterns, without duplicates, are more than one token may hold.
pub(crate) fn too_many_patterns<'a>(sources: impl Iterator<Item = &'a str>) -> Option<String> {
    Patterns::default().admit(sources).err()
}

/// The answers of patterns about the texts of one call, so that each pattern is matched once, however many
/// grants use it.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    given: RefCell<BTreeMap<(usize, usize), bool>>,
}

impl Answers {
    /// No answers yet.
    pub(crate) const fn new() -> Self {
        Self {
            given: RefCell::new(BTreeMap::new()),
        }
    }

    /// Whether the pattern matches the text. Both outlive these answers, so their addresses in memory
    /// identify them.
    pub(crate) fn ask(&self, pattern: &Arc<Pattern>, text: &str) -> bool {
        let key = (Arc::as_ptr(pattern).addr(), text.as_ptr().addr());
        if let Some(answer) = self.given.borrow().get(&key) {
            return *answer;
        }
        let answer = pattern.is_match(text);
        self.given.borrow_mut().insert(key, answer);
        answer
    }
}

/// Whether `text` as a whole matches the pattern; a pattern that does not compile matches no text.
///
/// Each thread keeps the few patterns that it used last, and their latest answers, since each value of a
/// list is matched by itself, and for many grants.
pub(crate) fn pattern_matches(source: &str, text: &str) -> bool {
    /// How many answers of one pattern are kept.
    const ANSWERS: usize = 4096;
    type Asked = (Option<Pattern>, BTreeMap<String, bool>);
    thread_local! {
        static LAST: RefCell<BTreeMap<String, Asked>> = const { RefCell::new(BTreeMap::new()) };
    }
    LAST.with_borrow_mut(|last| {
        if last.len() >= 2 * MAX_PATTERNS && !last.contains_key(source) {
            last.clear();
        }
        let (pattern, answers) = last
            .entry(source.to_owned())
            .or_insert_with(|| (Pattern::new(source).ok(), BTreeMap::new()));
        let Some(pattern) = pattern else {
            return false;
        };
        if let Some(answer) = answers.get(text) {
            return *answer;
        }
        if answers.len() >= ANSWERS || text.len() > 256 {
            answers.clear();
        }
        let answer = pattern.is_match(text);
        answers.insert(text.to_owned(), answer);
        answer
    })
}
