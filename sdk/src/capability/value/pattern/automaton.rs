//! The position automaton (Glushkov) of a pattern, and its run over a text.

use std::ops::{BitAnd, BitOr, BitOrAssign};

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Look};

use super::MAX_POSITIONS;

const WORDS: usize = MAX_POSITIONS / 64;

/// A set of positions.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Set([u64; WORDS]);

impl Set {
    fn one(position: usize) -> Self {
        let mut set = Self::default();
        if let Some(word) = set.0.get_mut(position / 64) {
            *word = 1 << (position % 64);
        }
        set
    }

    fn is_empty(self) -> bool {
        self.0 == [0; WORDS]
    }

    fn without(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= !other;
        }
        self
    }

    /// The set with every position moved to the next.
    fn shifted(mut self) -> Self {
        let mut carry = 0;
        for word in &mut self.0 {
            let next = *word >> 63;
            *word = *word << 1 | carry;
            carry = next;
        }
        self
    }

    fn positions(self) -> impl Iterator<Item = usize> {
        self.0
            .into_iter()
            .enumerate()
            .flat_map(|(index, mut word)| {
                std::iter::from_fn(move || {
                    let bit = word.trailing_zeros() as usize;
                    (word != 0).then(|| {
                        word &= word - 1;
                        index * 64 + bit
                    })
                })
            })
    }
}

impl BitOrAssign for Set {
    fn bitor_assign(&mut self, other: Self) {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word |= other;
        }
    }
}

impl BitOr for Set {
    type Output = Self;

    fn bitor(mut self, other: Self) -> Self {
        self |= other;
        self
    }
}

impl BitAnd for Set {
    type Output = Self;

    fn bitand(mut self, other: Self) -> Self {
        for (word, other) in self.0.iter_mut().zip(other.0) {
            *word &= other;
        }
        self
    }
}

/// A part of a pattern: where it begins, where it ends, and whether it may be empty.
#[derive(Clone, Copy, Default)]
struct Part {
    first: Set,
    last: Set,
    nothing: bool,
}

/// Ranges of characters, both ends included, in order.
type Ranges = Box<[(char, char)]>;

/// A pattern as positions, each with the positions that may follow it.
pub(super) struct Automaton {
    whole: Part,
    /// For each position, the positions that may follow it. If the next position is one of them, the
    /// position is in `step` too.
    follow: Vec<Set>,
    /// The positions that the next position may follow.
    step: Set,
    /// The positions that some position other than the next may follow.
    branch: Set,
    /// For each ASCII character, the positions at which it can stand.
    ascii: Vec<Set>,
    /// The other characters: ranges, and the positions at which they can stand.
    wide: Vec<(Ranges, Set)>,
    /// The positions that are assertions.
    looks: Set,
    assertions: Vec<(usize, Look)>,
}

impl Automaton {
    pub(super) fn new(hir: &Hir) -> Result<Self, &'static str> {
        let mut all = Self {
            whole: Part::default(),
            follow: Vec::new(),
            step: Set::default(),
            branch: Set::default(),
            ascii: vec![Set::default(); 128],
            wide: Vec::new(),
            looks: Set::default(),
            assertions: Vec::new(),
        };
        all.whole = all.part(hir)?;
        for (position, follow) in all.follow.iter().enumerate() {
            let next = Set::one(position + 1);
            if !(*follow & next).is_empty() {
                all.step |= Set::one(position);
            }
            if !follow.without(next).is_empty() {
                all.branch |= Set::one(position);
            }
        }
        all.follow.shrink_to_fit();
        all.wide.shrink_to_fit();
        Ok(all)
    }

    /// How many bytes the automaton holds on the heap.
    pub(super) fn bytes(&self) -> usize {
        let ranges: usize = self
            .wide
            .iter()
            .map(|(ranges, _)| size_of_val(&**ranges))
            .sum();
        size_of_val(&*self.follow)
            + size_of_val(&*self.ascii)
            + size_of_val(&*self.wide)
            + ranges
            + size_of_val(&*self.assertions)
    }

    fn position(&mut self) -> Result<Part, &'static str> {
        let position = self.follow.len();
        if position >= MAX_POSITIONS {
            return Err("it has too many positions");
        }
        self.follow.push(Set::default());
        let set = Set::one(position);
        Ok(Part {
            first: set,
            last: set,
            nothing: false,
        })
    }

    fn part(&mut self, hir: &Hir) -> Result<Part, &'static str> {
        match hir.kind() {
            HirKind::Empty => Ok(nothing()),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0)
                    .map_err(|_| "it matches bytes that are not UTF-8")?;
                text.chars().try_fold(nothing(), |before, char| {
                    let part = self.class(&[(char, char)])?;
                    Ok(self.then(before, part))
                })
            }
            HirKind::Class(Class::Unicode(class)) => self.class(&ranges(class)),
            HirKind::Class(Class::Bytes(class)) => {
                let class = class
                    .to_unicode_class()
                    .ok_or("it matches bytes that are not UTF-8")?;
                self.class(&ranges(&class))
            }
            HirKind::Look(look) => {
                let part = self.position()?;
                self.looks |= part.first;
                self.assertions.push((self.follow.len() - 1, *look));
                Ok(part)
            }
            HirKind::Repetition(repetition) => {
                let (min, max) = (repetition.min, repetition.max);
                let mut all = nothing();
                for copy in 0..max.unwrap_or(min.max(1)) {
                    let mut part = self.part(&repetition.sub)?;
                    if max.is_none() && copy + 1 >= min {
                        self.link(part.last, part.first);
                    }
                    part.nothing |= copy >= min;
                    all = self.then(all, part);
                }
                Ok(all)
            }
            HirKind::Capture(capture) => self.part(&capture.sub),
            HirKind::Concat(parts) => parts.iter().try_fold(nothing(), |before, part| {
                let part = self.part(part)?;
                Ok(self.then(before, part))
            }),
            HirKind::Alternation(parts) => parts.iter().try_fold(Part::default(), |all, part| {
                let part = self.part(part)?;
                Ok(Part {
                    first: all.first | part.first,
                    last: all.last | part.last,
                    nothing: all.nothing || part.nothing,
                })
            }),
        }
    }

    fn then(&mut self, before: Part, after: Part) -> Part {
        self.link(before.last, after.first);
        let or = |use_it: bool, set: Set| if use_it { set } else { Set::default() };
        Part {
            first: before.first | or(before.nothing, after.first),
            last: after.last | or(after.nothing, before.last),
            nothing: before.nothing && after.nothing,
        }
    }

    fn link(&mut self, from: Set, to: Set) {
        for position in from.positions() {
            if let Some(follow) = self.follow.get_mut(position) {
                *follow |= to;
            }
        }
    }

    fn class(&mut self, ranges: &[(char, char)]) -> Result<Part, &'static str> {
        let part = self.position()?;
        for (char, set) in ('\0'..).zip(&mut self.ascii) {
            if holds(ranges, char) {
                *set |= part.first;
            }
        }
        let wide: Ranges = ranges
            .iter()
            .copied()
            .filter(|(_, high)| !high.is_ascii())
            .collect();
        if wide.is_empty() {
            return Ok(part);
        }
        match self.wide.iter_mut().find(|(known, _)| *known == wide) {
            Some((_, set)) => *set |= part.first,
            None => self.wide.push((wide, part.first)),
        }
        Ok(part)
    }

    /// Whether all of the text matches.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let (mut next, mut ended) = (self.whole.first, self.whole.nothing);
        let mut before = None;
        for char in text.chars() {
            (next, _) = self.look(next, ended, before, Some(char));
            let here = next & self.at(char);
            if here.is_empty() {
                return false;
            }
            ended = !(here & self.whole.last).is_empty();
            next = (here & self.step).shifted();
            for position in (here & self.branch).positions() {
                next |= self.follow.get(position).copied().unwrap_or_default();
            }
            before = Some(char);
        }
        self.look(next, ended, before, None).1
    }

    /// The positions at which the character can stand.
    fn at(&self, char: char) -> Set {
        match self.ascii.get(char as usize) {
            Some(set) => *set,
            None => self
                .wide
                .iter()
                .filter(|(ranges, _)| holds(ranges, char))
                .fold(Set::default(), |all, (_, set)| all | *set),
        }
    }

    /// Passes the assertions that hold between two characters.
    fn look(
        &self,
        mut next: Set,
        mut ended: bool,
        before: Option<char>,
        after: Option<char>,
    ) -> (Set, bool) {
        let mut passed = Set::default();
        loop {
            let waiting = (next & self.looks).without(passed);
            if waiting.is_empty() {
                return (next.without(self.looks), ended);
            }
            passed |= waiting;
            for (position, look) in &self.assertions {
                let set = Set::one(*position) & waiting;
                if !set.is_empty() && satisfied(*look, before, after) {
                    ended |= !(set & self.whole.last).is_empty();
                    next |= self.follow.get(*position).copied().unwrap_or_default();
                }
            }
        }
    }
}

const fn nothing() -> Part {
    Part {
        first: Set([0; WORDS]),
        last: Set([0; WORDS]),
        nothing: true,
    }
}

fn ranges(class: &ClassUnicode) -> Vec<(char, char)> {
    class
        .ranges()
        .iter()
        .map(|range| (range.start(), range.end()))
        .collect()
}

/// Whether one of the ranges, which are in order, contains the character.
fn holds(ranges: &[(char, char)], char: char) -> bool {
    let after = ranges.partition_point(|(_, high)| *high < char);
    ranges.get(after).is_some_and(|(low, _)| *low <= char)
}

fn satisfied(look: Look, before: Option<char>, after: Option<char>) -> bool {
    let word = |char: Option<char>| {
        char.is_some_and(|char| regex_syntax::try_is_word_character(char).unwrap_or(false))
    };
    match look {
        Look::Start => before.is_none(),
        Look::End => after.is_none(),
        Look::WordUnicode => word(before) != word(after),
        Look::WordUnicodeNegate => word(before) == word(after),
        // The walk that counts refuses the other kinds.
        _ => false,
    }
}
