//! The rooms of `sdk/src`, and the floors inside a room, import only what the tables allow, and never
//! in a circle that the tables do not name.
//!
//! A path counts wherever it is written: `crate::room`, a group `crate::{room, …}`, and a `super::`
//! that climbs out of its room, computed from the file and the inline modules around it. Comments
//! and strings do not count. Among the floors of a room, what its tests name does not count either.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read fails the test"
)]

mod arrows;
mod paths;
mod scan;
mod tables;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use arrows::{Arrows, circle, floor_faults, room_faults, storeys, within};
use scan::{Scan, scan};
use tables::{FACADE, FLOORS, TABLE};

/// Every file of `sdk/src`, with its place there.
fn files() -> Vec<(PathBuf, Scan)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    assert!(
        files.len() > 50,
        "found only {} files under {}",
        files.len(),
        src.display()
    );
    let read = files.iter().map(|file| {
        let place = file.strip_prefix(&src).unwrap();
        (
            place.to_owned(),
            scan(place, &fs::read_to_string(file).unwrap()),
        )
    });
    read.collect()
}

fn collect(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    into.sort();
}

#[test]
fn rooms_import_what_the_table_allows() {
    let mut faults = Vec::new();
    let mut arrows = Arrows::new();
    for (place, scan) in files() {
        faults.extend(room_faults(&place, &scan));
        let to = scan.named.iter().filter_map(|named| named.path.first());
        let to = to.filter(|to| *to != scan.room()).cloned();
        arrows.entry(scan.room().to_owned()).or_default().extend(to);
    }
    let rooms: BTreeSet<&str> = arrows
        .keys()
        .map(String::as_str)
        .filter(|room| !FACADE.contains(room))
        .collect();
    assert_eq!(
        rooms,
        TABLE.iter().map(|(room, _)| *room).collect(),
        "the rooms of sdk/src are not those of the table"
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The scanner sees something: these arrows are what the rooms are for.
    for (from, to) in [
        ("agent", "tool"),
        ("tool", "guard"),
        ("record", "guard"),
        ("guard", "capability"),
        ("capability", "id"),
    ] {
        assert!(
            arrows.get(from).is_some_and(|named| named.contains(to)),
            "no arrow from {from} to {to} was found"
        );
    }
    for facade in FACADE {
        arrows.remove(facade);
    }
    assert_eq!(
        circle(&arrows),
        BTreeSet::new(),
        "rooms that import one another"
    );
}

#[test]
fn floors_import_exactly_what_their_table_says() {
    let files = files();
    for floors in FLOORS {
        let room = floors.room;
        let mut faults = Vec::new();
        let mut arrows = Arrows::new();
        let mut for_tests = BTreeSet::new();
        for (place, scan) in &files {
            let [head, floor, ..] = &*scan.module else {
                continue;
            };
            if head != room {
                continue;
            }
            if floors.for_tests.contains(&floor.as_str()) {
                for_tests.insert(floor.as_str());
                continue;
            }
            faults.extend(floor_faults(floors, place, scan));
            let to = floors.named(scan).map(|(_, to)| to.to_owned());
            arrows
                .entry(floor.clone())
                .or_default()
                .extend(to.filter(|to| to != floor));
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        assert_eq!(
            for_tests,
            floors.for_tests.iter().copied().collect(),
            "the floors of {room} that only tests have are not those of the table"
        );
        // Equal, so that a floor that is gone, a new one, and an arrow that no file needs are found.
        assert_eq!(
            arrows,
            floors.arrows(),
            "the floors of {room} are not those of the table"
        );
    }
}

#[test]
fn floors_stand_on_one_another_without_a_circle_that_is_not_named() {
    for floors in FLOORS {
        let room = floors.room;
        let mut arrows = floors.arrows();
        for meant in floors.circles {
            let meant: BTreeSet<String> = meant.iter().map(ToString::to_string).collect();
            assert_eq!(
                circle(&within(&arrows, &meant)),
                meant,
                "the table names a circle of {room} that does not exist"
            );
            for (_, to) in arrows.iter_mut().filter(|(from, _)| meant.contains(*from)) {
                to.retain(|to| !meant.contains(to));
            }
        }
        assert_eq!(
            circle(&arrows),
            BTreeSet::new(),
            "floors of {room} that import one another"
        );
        assert!(
            storeys(&arrows) <= floors.storeys,
            "{} storeys in {room}",
            storeys(&arrows)
        );
    }
}

#[test]
fn the_documentation_shows_the_tables_of_the_floors() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    for floors in FLOORS {
        let heading = format!("### Inside `{}`\n", floors.room);
        let (_, section) = page.split_once(&heading).unwrap();
        let section = section.split("\n#").next().unwrap();
        let shown: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        let quoted = |floors: &[&str]| match floors {
            [] => "nothing".to_owned(),
            floors => format!("`{}`", floors.join("`, `")),
        };
        for (floor, may) in floors.table {
            let row = format!("| `{floor}` | {} |", quoted(may));
            assert!(
                shown.iter().any(|line| line.starts_with(&row)),
                "the page does not show {row}"
            );
        }
        assert_eq!(shown.len(), floors.table.len(), "{shown:#?}");
        for meant in floors.circles {
            let named = quoted(meant);
            assert!(section.contains(&named), "the circle {named} has no reason");
        }
    }
}
