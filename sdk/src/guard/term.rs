//! For how long a path is revoked, and of which trees.

use crate::id::Timestamp;

/// How a path is revoked. The two terms are kept apart, so that neither widens the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// The revocation in every tree lasts until this second.
    all: Option<u64>,
    /// The revocation in trees that began at this moment or before lasts until this second.
    earlier: Option<(Timestamp, u64)>,
}

impl Terms {
    /// Revokes until a second; with `before`, only in trees that began at that moment or before.
    pub(super) fn add(&mut self, until: u64, before: Option<Timestamp>) {
        match before {
            None => self.all = self.all.max(Some(until)),
            Some(before) => {
                let (moment, second) = self.earlier.unwrap_or((before, until));
                self.earlier = Some((moment.max(before), second.max(until)));
            }
        }
    }

    /// Forgets terms that ended at the second `now` or before, and returns whether none is left.
    pub(super) fn lapse(&mut self, now: u64) -> bool {
        self.all = self.all.filter(|until| *until > now);
        self.earlier = self.earlier.filter(|(_, until)| *until > now);
        *self == Self::default()
    }

    /// Whether the terms concern a tree; the argument tells whether the tree began after a moment.
    pub(super) fn concern(&self, began_after: impl FnOnce(Timestamp) -> bool) -> bool {
        self.all.is_some() || self.earlier.is_some_and(|(before, _)| !began_after(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_two_lasts_as_long_as_it_was_said() {
        let at = |secs| Timestamp::from_secs(secs).unwrap();
        let mut terms = Terms::default();
        terms.add(100, Some(at(10)));
        terms.add(50, None);
        terms.add(90, Some(at(20)));
        let concern = |terms: &Terms, begun| terms.concern(|before| at(begun) > before);
        assert!(concern(&terms, 20) && concern(&terms, 21));
        assert!(!terms.lapse(49) && concern(&terms, 21));
        assert!(!terms.lapse(50));
        assert!(concern(&terms, 20) && !concern(&terms, 21));
        assert!(!terms.lapse(99) && terms.lapse(100));
        assert!(!concern(&terms, 1));
    }
}
