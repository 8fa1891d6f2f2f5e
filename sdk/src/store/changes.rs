//! What has changed beneath a prefix, and since when.

use std::collections::{BTreeSet, HashMap};

use super::Key;

/// Changes are noted beneath prefixes of at most so many parts.
pub(super) const DEPTH: usize = 2;

/// How many prefixes beneath which nothing is left are remembered; the oldest are forgotten first.
pub(super) const EMPTY: usize = 1000;

/// The version of the last change beneath each prefix of at most two parts, in memory.
///
/// It holds the answers to [`Store::changed`](super::Store::changed) for a store that keeps its rows in memory. A
/// store in a database keeps the same as rows: one row for each of [`Changes::prefixes`], which every change
/// of a value raises to the version of its commit.
///
/// Its size is in proportion to the number of prefixes beneath which there are values, and at most 1,000 more: of
/// the prefixes beneath which nothing is left, the oldest are forgotten. For a prefix that it does not know, it
/// answers as if the latest forgotten change had been beneath it, so no change is missed.
///
/// ```
/// use bailiwick::store::{Changes, Key};
///
/// let inbox = Key::of(["inbox", "lead"]);
/// let mut changes = Changes::default();
/// changes.put(&inbox.child("1"), 7);
/// assert_eq!(changes.after(&inbox, 6), Some(7));
/// assert_eq!(changes.after(&inbox, 7), None);
/// assert_eq!(changes.after(&Key::of(["inbox", "leader"]), 0), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The version of the last change of any value.
    last: u64,
    /// The highest version of a prefix that was forgotten.
    forgotten: u64,
    beneath: HashMap<Key, u64>,
    /// The prefixes beneath which nothing is left, by the version of their last change.
    empty: BTreeSet<(u64, Key)>,
}

impl Changes {
    /// The prefixes beneath which a change of the value under `key` is noted: its first part and its first two
    /// parts, as far as it has more parts than that. [`Key::root`], above every key, is not among them.
    pub fn prefixes(key: &Key) -> impl Iterator<Item = Key> {
        (1..=DEPTH).filter_map(|parts| key.above(parts))
    }

    /// The prefix that answers a question about `prefix`: its first two parts, or itself if it has no more.
    #[must_use]
    pub fn asked(prefix: &Key) -> Key {
        prefix.above(DEPTH).unwrap_or_else(|| prefix.clone())
    }

    /// Notes that the commit `version` put a value under `key`.
    pub fn put(&mut self, key: &Key, version: u64) {
        self.last = self.last.max(version);
        for prefix in Self::prefixes(key) {
            self.note(prefix, version);
        }
    }

    /// Notes that the commit `version` removed the value under `key`. `is_empty` says whether there is no value
    /// beneath a prefix after the commit.
    pub fn delete(&mut self, key: &Key, version: u64, is_empty: impl Fn(&Key) -> bool) {
        self.put(key, version);
        for prefix in Self::prefixes(key).filter(is_empty) {
            self.empty.insert((version, prefix));
        }
        while self.empty.len() > EMPTY
            && let Some((version, prefix)) = self.empty.pop_first()
        {
            self.beneath.remove(&prefix);
            self.forgotten = self.forgotten.max(version);
        }
    }

    /// The version of the last change beneath `prefix` if that is after `since`, as
    /// [`Store::changed`](super::Store::changed) answers it.
    #[must_use]
    pub fn after(&self, prefix: &Key, since: u64) -> Option<u64> {
        let prefix = Self::asked(prefix);
        let last = match prefix == Key::root() {
            true => self.last,
            false => *self.beneath.get(&prefix).unwrap_or(&self.forgotten),
        };
        (last > since).then_some(last)
    }

    fn note(&mut self, prefix: Key, version: u64) {
        if let Some(before) = self.beneath.insert(prefix.clone(), version) {
            self.empty.remove(&(before, prefix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn a_change_is_noted_beneath_the_first_two_parts() {
        let prefixes = |text| Changes::prefixes(&key(text)).collect::<Vec<_>>();
        assert_eq!(prefixes("a"), []);
        assert_eq!(prefixes("a/b"), [key("a")]);
        assert_eq!(prefixes("a/b/c/d"), [key("a"), key("a/b")]);
        assert_eq!(Changes::asked(&key("a")), key("a"));
        assert_eq!(Changes::asked(&key("a/b/c")), key("a/b"));
        assert_eq!(Changes::asked(&Key::root()), Key::root());
    }

    #[test]
    fn the_size_is_bounded_and_a_forgotten_change_is_not_missed() {
        let mut changes = Changes::default();
        changes.put(&key("live/x"), 1);
        let count = EMPTY as u64 + 10;
        for version in 2..2 + count {
            let name = Key::of(["box", &version.to_string(), "1"]);
            changes.put(&name, version);
            changes.delete(&name, version, |prefix| *prefix != key("box"));
        }
        // `live`, `box`, and those that are not forgotten.
        assert_eq!(changes.beneath.len(), EMPTY + 2);
        assert_eq!(changes.empty.len(), EMPTY);
        assert_eq!(changes.after(&key("live"), 1), None);
        assert_eq!(changes.after(&key("box/2"), 1), Some(11), "it is forgotten");
        assert_eq!(changes.after(&key("box/2"), 11), None);
        assert_eq!(changes.after(&key("box/12"), 11), Some(12));
        assert_eq!(changes.after(&key("box/12"), 12), None);
        // A prefix that has values again is not forgotten.
        changes.put(&key("box/12/1"), 2000);
        assert!(!changes.empty.contains(&(12, key("box/12"))));
        assert_eq!(changes.empty.len(), EMPTY - 1);
        assert_eq!(changes.after(&key("box/12"), 1999), Some(2000));
        assert_eq!(changes.after(&Key::root(), 1999), Some(2000));
    }
}
