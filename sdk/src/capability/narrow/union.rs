//! Whether several grants of a parent together allow all that a child's grant allows.
//!
//! The values that each argument of the child may have are cut into parts ([`parts`]). The child is covered
//! if, for each choice of one part for each argument, some grant of the parent allows all these parts.

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::mem::discriminant;

use super::cover::{Cover, Listed, cover};
use super::difference::Answer;
use super::parts::{MAX_PARTS, parts};
use super::same::{Set, Theirs};
use super::search::{Asked, Search};
use crate::capability::keys::PublicKey;
use crate::capability::scope::Constraint;

/// The parent's grants, at most 64 as in a block, that allow a part: those that certainly do, and those that
/// perhaps do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Allowing {
    certainly: Set,
    perhaps: Set,
}

/// Whether the union of the grants in `search` covers the child's grant. Only the grants in `fitting` may
/// allow a part of it; `left` is the number of searches for a part in a grant that are left.
///
/// The answer is `Undecided` if a part cannot be decided, or if there are too many parts.
pub(super) fn covered(search: &Search<'_>, fitting: Set, left: &Cell<usize>) -> Cover {
    decide(search, fitting, left).unwrap_or(Cover::Undecided)
}

fn decide(search: &Search<'_>, fitting: Set, left: &Cell<usize>) -> Option<Cover> {
    let mut choices = BTreeSet::from([Allowing {
        certainly: fitting,
        perhaps: fitting,
    }]);
    let mut all = Vec::new();
    for asked in search.arguments.values() {
        let mut parts = Parts::of(asked, fitting);
        // A part that no grant allows is wider, so the other parts do not matter.
        if !parts.each_allowed(left)? {
            return Some(Cover::No);
        }
        all.push(parts);
    }
    let arguments = all.into_iter().map(Some);
    for parts in arguments.chain([None]) {
        let live = choices.iter().fold(0, |live, choice| live | choice.perhaps);
        let parts = match parts {
            Some(parts) => parts.looked_for(live, left)?,
            None => approvals(search),
        };
        choices = choose(&choices, &parts)?;
        if choices.iter().any(|choice| choice.perhaps == 0) {
            return Some(Cover::No);
        }
    }
    Some(match choices.iter().all(|choice| choice.certainly != 0) {
        true => Cover::Yes,
        false => Cover::Undecided,
    })
}

/// The grants that allow each of the approvers of the child's grant.
fn approvals(search: &Search<'_>) -> Vec<Allowing> {
    let asks = |approver: Option<&PublicKey>| {
        let mut allowing = Allowing::NONE;
        for (index, parent) in search.same.grants.iter().enumerate() {
            let free = parent.approvers.is_empty();
            let asked = approver.is_some_and(|key| parent.approvers.contains(key));
            allowing.add((free || asked).into(), 1 << index);
        }
        allowing
    };
    match search.child.approvers.is_empty() {
        true => vec![asks(None)],
        false => search
            .child
            .approvers
            .iter()
            .map(|key| asks(Some(key)))
            .collect(),
    }
}

/// One argument compared with the constraints of the grants that fit.
struct Parts<'s, 'a> {
    asked: &'s Asked<'a>,
    /// The grants that allow all of it.
    whole: Set,
    /// The constraints that allow less, with the grants of each and its answer about the whole argument.
    open: Vec<(&'s Theirs<'a>, Set, Answer)>,
    /// For each value of a list, the answer known for each of `open`.
    known: Vec<Vec<Option<Cover>>>,
}

impl<'s, 'a> Parts<'s, 'a> {
    fn of(asked: &'s Asked<'a>, fitting: Set) -> Self {
        let mut parts = Self {
            asked,
            whole: 0,
            open: Vec::new(),
            known: Vec::new(),
        };
        for (place, theirs) in asked.theirs.different.iter().enumerate() {
            let whose = theirs.whose & fitting;
            if whose == 0 {
                continue;
            }
            match asked.answer(place) {
                Some(answer) if answer.cover == Cover::Yes => parts.whole |= whose,
                Some(answer) => parts.open.push((theirs, whose, answer)),
                None => {}
            }
        }
        parts
    }

    /// Whether some grant perhaps allows each value of a list; `None` if that takes too many searches.
    fn each_allowed(&mut self, left: &Cell<usize>) -> Option<bool> {
        let Some(list) = self.asked.list().filter(|_| self.whole == 0) else {
            return Some(true);
        };
        self.known = vec![Vec::new(); list.len()];
        for (index, (value, known)) in list.iter().zip(&mut self.known).enumerate() {
            // An answer that is already known costs no search.
            known.extend(self.open.iter().map(|(.., answer)| found(*answer, index)));
            let mut allowed = known.iter().flatten().any(|answer| *answer != Cover::No);
            for ((theirs, ..), known) in self.open.iter().zip(known) {
                if allowed {
                    break;
                }
                let answer = look(known, left, || value.satisfies(theirs.constraint))?;
                allowed = answer != Cover::No;
            }
            if !allowed {
                return Some(false);
            }
        }
        Some(true)
    }

    /// The grants in `live` that allow each part; `None` if there are too many parts.
    fn looked_for(mut self, live: Set, left: &Cell<usize>) -> Option<Vec<Allowing>> {
        let mut whole = Allowing::NONE;
        whole.add(Cover::Yes, self.whole & live);
        for (_, whose, _) in &mut self.open {
            *whose &= live;
        }
        // Most arguments are the same in all grants of a parent and need no parts.
        if self.open.iter().all(|(_, whose, _)| *whose == 0) {
            return Some(vec![whole]);
        }
        if let Some(list) = self.asked.list() {
            return self.values(list, whole, left);
        }
        let open = self.open.iter().filter(|(_, whose, _)| *whose != 0);
        let constraints: Vec<_> = open.clone().map(|(theirs, ..)| theirs.constraint).collect();
        let parts = parts(self.asked.constraint, &constraints)?;
        let is_whole = parts.len() == 1;
        let mut all = Vec::with_capacity(parts.len());
        for constraint in &parts {
            let mut part = whole;
            for (theirs, whose, answer) in open.clone() {
                let mut known = is_whole.then_some(answer.cover);
                let answer = look(&mut known, left, || cover(constraint, theirs.constraint))?;
                part.add(read_otherwise(answer, constraint, theirs), *whose);
            }
            all.push(part);
        }
        Some(all)
    }

    fn values(
        mut self,
        list: &[Listed<'_>],
        whole: Allowing,
        left: &Cell<usize>,
    ) -> Option<Vec<Allowing>> {
        if list.len() > MAX_PARTS {
            return None;
        }
        self.known.resize(list.len(), Vec::new());
        let mut all = Vec::with_capacity(list.len());
        for (index, (value, known)) in list.iter().zip(&mut self.known).enumerate() {
            if known.is_empty() {
                known.extend(self.open.iter().map(|(.., answer)| found(*answer, index)));
            }
            let mut part = whole;
            for ((theirs, whose, _), known) in self.open.iter().zip(known) {
                if *whose != 0 {
                    let answer = look(known, left, || value.satisfies(theirs.constraint))?;
                    part.add(answer, *whose);
                }
            }
            all.push(part);
        }
        Some(all)
    }
}

/// The answer about one value of a list that follows from the answer about the whole list.
fn found(answer: Answer, index: usize) -> Option<Cover> {
    let (inside, next) = answer.inside?;
    match index.cmp(&inside) {
        Ordering::Less => Some(Cover::Yes),
        Ordering::Equal => Some(next),
        Ordering::Greater => None,
    }
}

/// A known answer, or one that is found now, which costs one of the searches left, and is kept.
fn look(
    known: &mut Option<Cover>,
    left: &Cell<usize>,
    ask: impl FnOnce() -> Cover,
) -> Option<Cover> {
    if let Some(answer) = known {
        return Some(*answer);
    }
    left.set(left.get().checked_sub(1)?);
    Some(*known.insert(ask()))
}

/// The answer about a part. If one text is read in two ways, several grants may together allow a part that no
/// single grant allows.
fn read_otherwise(answer: Cover, part: &Constraint, theirs: &Theirs<'_>) -> Cover {
    let otherwise = discriminant(part) != discriminant(theirs.constraint);
    match answer {
        Cover::No if part.reads_text() && theirs.text && otherwise => Cover::Undecided,
        answer => answer,
    }
}

impl Allowing {
    const NONE: Self = Self {
        certainly: 0,
        perhaps: 0,
    };

    fn add(&mut self, answer: Cover, grants: Set) {
        if answer == Cover::Yes {
            self.certainly |= grants;
        }
        if answer != Cover::No {
            self.perhaps |= grants;
        }
    }
}

/// Each choice so far, combined with each part of one more argument; `None` if too many of them differ.
fn choose(choices: &BTreeSet<Allowing>, parts: &[Allowing]) -> Option<BTreeSet<Allowing>> {
    let parts: BTreeSet<&Allowing> = parts.iter().collect();
    let mut all = BTreeSet::new();
    for one in choices {
        for part in &parts {
            all.insert(Allowing {
                certainly: one.certainly & part.certainly,
                perhaps: one.perhaps & part.perhaps,
            });
        }
        if all.len() > MAX_PARTS {
            return None;
        }
    }
    Some(all)
}
