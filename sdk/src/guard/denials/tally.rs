//! The counts of denials. The number of rows is bounded for each first holder, and in all.

use std::collections::{BTreeMap, HashMap};

use super::Under;
use crate::capability::{Kind, PublicKey, canonical};
use crate::id::Timestamp;

/// How many denials of one kind are written in full in a minute.
pub(super) const FULL: u32 = 20;
/// How many denials are written in full in a minute for one first holder and all holders that it
/// delegated to, since these can make keys and ask for capabilities of any name.
pub(super) const FULL_OF_TREE: u32 = 200;
/// The most rows, beside those of [`Under::Others`], of which there is one for each kind.
pub(super) const ROWS: usize = 1024;
/// The most of these rows for one first holder and all holders that it delegated to.
pub(super) const ROWS_OF_TREE: usize = 64;
/// The most doors that are counted separately.
pub(super) const DOORS: usize = 64;
/// How many bytes of a capability's or a door's name are kept.
const NAME: usize = 128;

/// One denial, as it is counted.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) under: Under,
    /// The first holder of the chain, if a holder has shown its key.
    pub(super) tree: Option<PublicKey>,
    pub(super) kind: Kind,
    pub(super) capability: Option<String>,
    pub(super) digest: [u8; 32],
}

/// The denials that share a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) under: Under,
    pub(super) kind: Kind,
    pub(super) capability: Option<String>,
}

/// Denials that are not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) digest: [u8; 32],
}

impl Count {
    /// These and those after them.
    fn and(self, later: Self) -> Self {
        Self {
            count: self.count.saturating_add(later.count),
            first: self.first.min(later.first),
            last: self.last.max(later.last),
            digest: canonical::sha256(&self.digest, later.digest),
        }
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// How many were written in full in this minute.
    full: u32,
    waiting: Option<Count>,
}

#[derive(Debug, Default)]
struct Tree {
    rows: usize,
    full: u32,
}

/// How often each kind was denied.
type Kinds = BTreeMap<Kind, u64>;

#[derive(Debug, Default)]
pub(super) struct Tally {
    minute: u64,
    rows: HashMap<Row, Seen>,
    /// How many of the rows are not of [`Under::Others`].
    told_apart: usize,
    trees: HashMap<PublicKey, Tree>,
    denied: Kinds,
    doors: BTreeMap<String, Kinds>,
    /// When the first denial that waits to be written was.
    oldest: Option<Timestamp>,
    /// Whether a task writes what waits.
    pub(super) is_written: bool,
}

impl Tally {
    /// Counts a denial; whether it is to be written in full.
    pub(super) fn count(&mut self, asked: Asked, now: Timestamp) -> bool {
        self.count_only(asked.kind);
        let under = match asked.under {
            Under::Door(door) => Under::Door(self.count_at(cut(door), asked.kind)),
            other => other,
        };
        self.turn(now);
        let row = Row {
            under,
            kind: asked.kind,
            capability: asked.capability.map(cut),
        };
        let row = self.place(row, asked.tree);
        // A call refused at a door belongs to no holder, and a count says as much of it as entries would.
        let tree = asked.tree.filter(|_| matches!(row.under, Under::Holder(_)));
        let full = tree.is_some_and(|tree| match self.trees.get(&tree) {
            Some(tree) => tree.full < FULL_OF_TREE,
            None => self.trees.len() < ROWS,
        });
        let seen = self.rows.entry(row.clone()).or_default();
        if full && seen.full < FULL {
            seen.full += 1;
            if let Some(tree) = tree {
                self.trees.entry(tree).or_default().full += 1;
            }
            return true;
        }
        self.wait(row, asked.digest, now);
        false
    }

    /// Counts, among those that wait, a denial that could not be written in full.
    pub(super) fn postpone(&mut self, asked: Asked, now: Timestamp) {
        let row = Row {
            under: asked.under,
            kind: asked.kind,
            capability: asked.capability.map(cut),
        };
        let row = self.place(row, asked.tree);
        self.wait(row, asked.digest, now);
    }

    fn wait(&mut self, row: Row, digest: [u8; 32], now: Timestamp) {
        let one = Count {
            count: 1,
            first: now,
            last: now,
            digest,
        };
        let seen = self.rows.entry(row).or_default();
        seen.waiting = Some(seen.waiting.map_or(one, |before| before.and(one)));
        self.oldest = Some(self.oldest.map_or(now, |oldest| oldest.min(now)));
    }

    /// Counts a denial that is never written.
    pub(super) fn count_only(&mut self, kind: Kind) {
        let denied = self.denied.entry(kind).or_default();
        *denied = denied.saturating_add(1);
    }

    /// Counts a denial at a door, and returns the name under which it is counted.
    fn count_at(&mut self, door: String, kind: Kind) -> String {
        let is_known = self.doors.contains_key(&door) || self.doors.len() < DOORS;
        let door = if is_known { door } else { "others".to_owned() };
        let kinds = self.doors.entry(door.clone()).or_default();
        let count = kinds.entry(kind).or_default();
        *count = count.saturating_add(1);
        door
    }

    /// Begins a new minute: the waiting rows stay, and the others start again.
    fn turn(&mut self, now: Timestamp) {
        let minute = now.secs() / 60;
        if minute == self.minute {
            return;
        }
        self.minute = minute;
        self.trees.clear();
        self.rows.retain(|_, seen| {
            seen.full = 0;
            seen.waiting.is_some()
        });
        let apart = |row: &&Row| row.under != Under::Others;
        self.told_apart = self.rows.keys().filter(apart).count();
    }

    /// The row of a denial: its own row while there is room, else the row of its kind.
    fn place(&mut self, row: Row, tree: Option<PublicKey>) -> Row {
        if self.rows.contains_key(&row) {
            return row;
        }
        // There are no more trees than rows: each tree has at least one row.
        let known = tree.is_none_or(|tree| self.trees.contains_key(&tree));
        let of_tree = tree.map_or(0, |tree| self.trees.get(&tree).map_or(0, |tree| tree.rows));
        let room = self.told_apart < ROWS && of_tree < ROWS_OF_TREE;
        if !room || (!known && self.trees.len() >= ROWS) {
            return Row {
                under: Under::Others,
                capability: None,
                ..row
            };
        }
        self.told_apart += 1;
        if let Some(tree) = tree {
            self.trees.entry(tree).or_default().rows += 1;
        }
        row
    }

    pub(super) fn denied(&self, kind: Kind) -> u64 {
        self.denied.get(&kind).copied().unwrap_or(0)
    }

    pub(super) fn denied_at(&self, door: &str, kind: Kind) -> u64 {
        let kinds = self.doors.get(door);
        kinds
            .and_then(|kinds| kinds.get(&kind))
            .copied()
            .unwrap_or(0)
    }

    /// Whether the first denial that waits has waited for a second by the guard's clock.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.oldest
            .is_some_and(|oldest| now.since(oldest).as_secs() >= 1)
    }

    pub(super) const fn is_waiting(&self) -> bool {
        self.oldest.is_some()
    }

    /// Everything that waits, in order.
    pub(super) fn take(&mut self) -> Vec<(Row, Count)> {
        self.oldest = None;
        let waiting = |(row, seen): (&Row, &mut Seen)| Some((row.clone(), seen.waiting.take()?));
        let mut taken: Vec<_> = self.rows.iter_mut().filter_map(waiting).collect();
        taken.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        taken
    }

    /// Puts back the rows that could not be written.
    pub(super) fn put_back(&mut self, taken: Vec<(Row, Count)>) {
        for (row, count) in taken {
            let row = self.place(row, None);
            let seen = self.rows.entry(row).or_default();
            seen.waiting = Some(seen.waiting.map_or(count, |later| count.and(later)));
            let oldest = self.oldest;
            self.oldest = Some(oldest.map_or(count.first, |oldest| oldest.min(count.first)));
        }
    }

    /// How many rows there are.
    #[cfg(test)]
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many trees there are.
    #[cfg(test)]
    pub(super) fn trees(&self) -> usize {
        self.trees.len()
    }
}

fn cut(mut name: String) -> String {
    let end = (0..=NAME).rev().find(|end| name.is_char_boundary(*end));
    name.truncate(end.unwrap_or(0).min(name.len()));
    name
}
