//! Which denials share a row, and the bound on the number of rows.

use super::Under;
use super::tally::{Asked, DOORS, FULL, FULL_OF_TREE, ROWS, ROWS_OF_TREE, Tally};
use crate::capability::{AgentKey, Kind, PublicKey};
use crate::id::Timestamp;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + millis).unwrap()
}

fn of(holder: PublicKey, tree: PublicKey, kind: Kind, capability: &str) -> Asked {
    Asked {
        under: Under::Holder(holder),
        tree: Some(tree),
        kind,
        capability: Some(capability.to_owned()),
        digest: [7; 32],
    }
}

fn at_door(door: &str) -> Asked {
    Asked {
        under: Under::Door(door.to_owned()),
        tree: None,
        kind: Kind::Malformed,
        capability: None,
        digest: [7; 32],
    }
}

fn key() -> PublicKey {
    AgentKey::generate().public()
}

#[test]
fn the_first_twenty_of_a_minute_are_written_in_full_and_the_rest_is_one_count() {
    let (mut tally, holder) = (Tally::default(), key());
    let ask = |tally: &mut Tally, kind, capability: &str, now| {
        tally.count(of(holder, holder, kind, capability), at(now))
    };
    for number in 0..500 {
        let full = ask(&mut tally, Kind::Revoked, "fs.read", number * 2);
        assert_eq!(full, number < u64::from(FULL));
    }
    // Another kind and another capability have their own.
    assert!(ask(&mut tally, Kind::Budget, "fs.read", 999));
    assert!(ask(&mut tally, Kind::Revoked, "fs.write", 999));
    assert!(!tally.is_due(at(1000)) && tally.is_due(at(1040)));
    let taken = tally.take();
    assert!(!tally.is_waiting());
    let [(row, count)] = &taken[..] else {
        panic!("{taken:?}")
    };
    assert_eq!(row.under, Under::Holder(holder));
    assert_eq!(
        (row.kind, row.capability.as_deref()),
        (Kind::Revoked, Some("fs.read"))
    );
    assert_eq!(
        (count.count, count.first, count.last),
        (480, at(40), at(998))
    );
    // A new minute, by the clock.
    assert!(!ask(&mut tally, Kind::Revoked, "fs.read", 59_999));
    assert!(ask(&mut tally, Kind::Revoked, "fs.read", 60_000));
    assert_eq!(tally.denied(Kind::Revoked), 503);
}

#[test]
fn what_could_not_be_written_is_put_back_before_what_came_after_it() {
    let mut tally = Tally::default();
    let holder = key();
    let ask = |tally: &mut Tally, now| tally.count(of(holder, holder, Kind::Policy, "a"), at(now));
    for now in 0..30 {
        ask(&mut tally, now);
    }
    let taken = tally.take();
    ask(&mut tally, 100);
    let before = taken[0].1;
    tally.put_back(taken);
    let after = tally.take();
    assert_eq!(after.len(), 1);
    let count = after[0].1;
    assert_eq!(
        (count.count, count.first, count.last),
        (11, at(20), at(100))
    );
    assert_ne!(count.digest, before.digest);
    assert!(tally.take().is_empty());
}

#[test]
fn one_tree_with_any_number_of_keys_and_names_is_bounded_and_others_have_room() {
    let (mut tally, tree) = (Tally::default(), key());
    let (mut full, asked) = (0, 20_000);
    for number in 0..asked {
        let holder = if number % 100 == 0 { key() } else { tree };
        let asked = of(holder, tree, Kind::Tool, &format!("tool.{number}"));
        full += u32::from(tally.count(asked, at(0)));
    }
    assert!(full <= FULL_OF_TREE && full >= u32::try_from(ROWS_OF_TREE).unwrap());
    assert!(tally.rows() <= ROWS_OF_TREE + 1);
    let counted: u64 = tally.take().iter().map(|(_, count)| count.count).sum();
    assert_eq!(counted + u64::from(full), asked);
    assert_eq!(tally.denied(Kind::Tool), asked);
    // A denial of an unrelated holder is written in full.
    let other = key();
    assert!(tally.count(of(other, other, Kind::Tool, "a"), at(0)));
}

#[test]
fn any_number_of_trees_and_doors_is_bounded_and_every_denial_is_counted() {
    let mut tally = Tally::default();
    let mut full = 0;
    for _ in 0..3 * ROWS {
        let tree = key();
        full += u64::from(tally.count(of(tree, tree, Kind::Revoked, "a"), at(0)));
    }
    assert_eq!(full, ROWS as u64);
    assert!(tally.rows() <= ROWS + 1 && tally.trees() <= ROWS);
    let long = "x".repeat(10_000);
    for number in 0..10 * DOORS {
        assert!(!tally.count(at_door(&format!("{number}-{long}")), at(0)));
    }
    assert!(tally.rows() <= ROWS + 2);
    let taken = tally.take();
    assert!(
        taken
            .iter()
            .all(|(row, _)| row.capability.as_ref().is_none_or(|name| name.len() < 200))
    );
    let counted: u64 = taken.iter().map(|(_, count)| count.count).sum();
    let all = 3 * ROWS + 10 * DOORS;
    assert_eq!(counted + full, all as u64);
    assert_eq!(tally.denied(Kind::Malformed), 10 * DOORS as u64);
    assert_eq!(tally.denied_at("others", Kind::Malformed), 9 * DOORS as u64);
    // After a minute without denials no row is left.
    let other = key();
    tally.count(of(other, other, Kind::Tool, "a"), at(60_000));
    assert_eq!((tally.rows(), tally.trees()), (1, 1));
}
