//! What a file names, held against the tables; and circles among arrows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::scan::Scan;
use super::tables::{FACADE, Floors, TABLE};

/// What each room, or each floor, names.
pub(crate) type Arrows = BTreeMap<String, BTreeSet<String>>;

/// What the file names against the table of the rooms.
pub(crate) fn room_faults(place: &Path, scan: &Scan) -> Vec<String> {
    let room = scan.room();
    let allowed = TABLE
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, allowed)| *allowed);
    let forbidden = scan.named.iter().filter_map(|named| {
        let other = named.path.first()?;
        let fine = FACADE.contains(&room)
            || other == room
            || allowed.is_some_and(|allowed| allowed.contains(&other.as_str()));
        (!fine).then(|| (named.line, format!("`{room}` may not name `{other}`")))
    });
    // A group names one room several times in a line.
    let faults: BTreeSet<_> = scan.faults.iter().cloned().chain(forbidden).collect();
    faults
        .into_iter()
        .map(|(line, fault)| format!("{}:{line}: {fault}", place.display()))
        .collect()
}

/// What the file names against the table of the floors of its room; another room's file is fine.
pub(crate) fn floor_faults(floors: &Floors, place: &Path, scan: &Scan) -> Vec<String> {
    let room = floors.room;
    let [head, floor, ..] = &*scan.module else {
        return Vec::new();
    };
    if head != room {
        return Vec::new();
    }
    let allowed = floors
        .table
        .iter()
        .find(|(name, _)| name == floor)
        .map(|(_, allowed)| *allowed);
    let forbidden = floors.named(scan).filter(|(_, other)| {
        let fine = other == floor || allowed.is_some_and(|allowed| allowed.contains(other));
        !fine
    });
    let forbidden: BTreeSet<_> = forbidden.collect();
    forbidden
        .into_iter()
        .map(|(line, other)| {
            format!(
                "{}:{line}: in `{room}`, `{floor}` may not name `{other}`",
                place.display()
            )
        })
        .collect()
}

impl Floors {
    /// The floors of this room that the file names outside its tests, each with the line. A path that
    /// ends at the room itself names all of it, written `*`.
    pub(crate) fn named<'s>(&self, scan: &'s Scan) -> impl Iterator<Item = (usize, &'s str)> {
        let room = self.room;
        let in_tests = scan.module.iter().any(|module| module == "tests");
        scan.named
            .iter()
            .filter(move |named| !in_tests && !named.in_tests)
            .filter_map(move |named| match &*named.path {
                [head] if head == room => Some((named.line, "*")),
                [head, floor, ..] if head == room => Some((named.line, floor.as_str())),
                _ => None,
            })
    }

    /// The table as arrows.
    pub(crate) fn arrows(&self) -> Arrows {
        self.table
            .iter()
            .map(|(floor, may)| {
                let may = may.iter().map(ToString::to_string).collect();
                ((*floor).to_owned(), may)
            })
            .collect()
    }
}

/// The arrows among `rooms` alone.
pub(crate) fn within(arrows: &Arrows, rooms: &BTreeSet<String>) -> Arrows {
    arrows
        .iter()
        .filter(|(from, _)| rooms.contains(*from))
        .map(|(from, to)| (from.clone(), to & rooms))
        .collect()
}

/// How many rooms the longest way down passes through, where there is no circle.
pub(crate) fn storeys(arrows: &Arrows) -> usize {
    let (mut left, mut storeys) = (arrows.clone(), 0);
    while !left.is_empty() {
        let ground = ground(&left);
        left.retain(|from, _| !ground.contains(from));
        storeys += 1;
        assert!(!ground.is_empty(), "a circle has no ground floor");
    }
    storeys
}

/// The rooms that import none of those that are left.
fn ground(left: &Arrows) -> BTreeSet<String> {
    let ground = left
        .iter()
        .filter(|(_, to)| !to.iter().any(|room| left.contains_key(room)));
    ground.map(|(from, _)| from.clone()).collect()
}

/// The rooms that are left when rooms that import nothing are taken away, again and again.
pub(crate) fn circle(arrows: &Arrows) -> BTreeSet<String> {
    let mut left = arrows.clone();
    loop {
        let ground = ground(&left);
        if ground.is_empty() {
            return left.into_keys().collect();
        }
        left.retain(|from, _| !ground.contains(from));
    }
}
