//! Every state of a small set, compared with a list of calls that is searched from end to end.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use crate::capability::AgentKey;

const START: u64 = 1_800_000_000;
const CAPACITY: usize = 3;
const QUOTA: usize = 1;
const TREE: usize = 2;

/// One call that is remembered: its nonce, which of the tokens made it, and for how much longer.
type Kept = BTreeSet<(u8, usize, u64)>;

/// The first holder `a`, two that it delegated to, and another first holder.
const TOKENS: [(char, char); 4] = [('a', 'a'), ('a', 'b'), ('a', 'c'), ('d', 'd')];

fn key(nonce: u8, token: usize) -> ReplayKey {
    ([u8::try_from(token).unwrap(); 64], [nonce; 16])
}

/// The answer that follows from the list alone, without any counts kept beside it.
fn expected(kept: &Kept, nonce: u8, token: usize, wire: bool) -> bool {
    let by = |pick: fn((char, char)) -> char| {
        let same = |&&(_, other, _): &&(u8, usize, u64)| pick(TOKENS[other]) == pick(TOKENS[token]);
        kept.iter().filter(same).count()
    };
    let fresh = !kept.iter().any(|(n, t, _)| (*n, *t) == (nonce, token));
    let share = by(|(_, last)| last) < QUOTA && by(|(first, _)| first) < TREE;
    fresh && kept.len() < CAPACITY && (!wire || share)
}

/// The counts beside the list agree with the list, and no expired call is left.
fn assert_tidy(inner: &Inner, kept: &Kept) {
    assert_eq!(inner.taken.len(), kept.len());
    let sum = |counts: &HashMap<PublicKey, usize>| counts.values().sum::<usize>();
    assert_eq!(sum(&inner.per_holder), kept.len());
    assert_eq!(sum(&inner.per_tree), kept.len());
    assert!(!inner.per_holder.values().any(|count| *count == 0));
    assert_eq!(
        inner.by_end.values().map(Vec::len).sum::<usize>(),
        kept.len()
    );
}

fn set(inner: Inner) -> ReplaySet {
    ReplaySet {
        inner: Mutex::new(inner),
        capacity: CAPACITY,
        holder_limit: QUOTA,
        tree_limit: TREE,
    }
}

#[test]
fn every_reachable_state_answers_as_a_list_of_calls_would() {
    let people: HashMap<char, PublicKey> = ['a', 'b', 'c', 'd']
        .map(|name| (name, AgentKey::generate().public()))
        .into();
    let at = |secs| Timestamp::from_secs(secs).unwrap();
    let mut known = BTreeSet::from([Kept::new()]);
    let mut open = VecDeque::from([(START, Kept::new(), Inner::default())]);
    let (mut asked, mut taken, mut refused, mut recovered) = (0, 0, 0, 0);
    while let Some((now, kept, inner)) = open.pop_front() {
        let mut visit = |now: u64, kept: Kept, inner: Inner| {
            if known.insert(kept.clone()) {
                open.push_back((now, kept, inner));
            }
        };
        // Before the call the time advances by zero, by a second, or past the end of every call.
        for (passed, life, wire) in [0, 1, 3]
            .into_iter()
            .flat_map(|passed| [0, 2].map(|life| (passed, life)))
            .flat_map(|(passed, life)| [true, false].map(|wire| (passed, life, wire)))
        {
            let now = now + passed;
            // The call is remembered until the end of its last second.
            let left: Kept = kept
                .iter()
                .filter(|(.., left)| *left >= passed)
                .map(|&(nonce, token, left)| (nonce, token, left - passed))
                .collect();
            for (nonce, token) in (0..2).flat_map(|n| (0..TOKENS.len()).map(move |t| (n, t))) {
                let set = set(inner.clone());
                let (first, last) = TOKENS[token];
                let quota = Quota {
                    first: people[&first],
                    last: people[&last],
                    wire,
                    approved: false,
                };
                let said = set.take(key(nonce, token), quota, at(now + life), at(now));
                let should = expected(&left, nonce, token, wire);
                assert_eq!(said.is_ok(), should, "{left:?} {nonce} {token} {wire}");
                let mut after = left.clone();
                if should {
                    after.insert((nonce, token, life));
                    recovered += usize::from(!expected(&kept, nonce, token, wire));
                    taken += 1;
                } else {
                    assert_eq!(said.unwrap_err().kind(), Kind::Replay);
                    refused += 1;
                }
                asked += 1;
                // A place that is given back can be taken again.
                if should && wire {
                    let all = set.inner.lock().unwrap().clone();
                    set.free(&key(nonce, token));
                    assert_tidy(&set.inner.lock().unwrap(), &left);
                    let again = set.take(key(nonce, token), quota, at(now + life), at(now));
                    assert!(again.is_ok());
                    let inner = set.inner.lock().unwrap();
                    assert_eq!((&inner.taken, &inner.by_end), (&all.taken, &all.by_end));
                    assert_eq!(
                        (&inner.per_holder, &inner.per_tree),
                        (&all.per_holder, &all.per_tree)
                    );
                }
                let inner = set.inner.into_inner().unwrap();
                assert_tidy(&inner, &after);
                visit(now, after, inner);
            }
        }
    }
    println!(
        "{} states, {asked} calls: {taken} taken, {refused} refused, {recovered} only once others lapsed",
        known.len()
    );
    assert!(known.len() > 1000 && taken > 1000 && refused > 1000 && recovered > 1000);
}

#[test]
fn what_a_clock_that_was_ahead_made_it_forget_is_refused() {
    let person = AgentKey::generate().public();
    let by = |wire, approved| Quota {
        first: person,
        last: person,
        wire,
        approved,
    };
    let at = |secs| Timestamp::from_secs(secs).unwrap();
    let set = ReplaySet::new(100, 100);
    let take = |nonce, quota, until: u64, now: u64| {
        let taken = set.take(key(nonce, 0), quota, at(START + until), at(START + now));
        taken.is_ok()
    };
    let (wire, home, approved) = (by(true, false), by(false, false), by(false, true));
    assert!(take(0, wire, 65, 0) && take(1, approved, 600, 0));
    // An hour ahead, every call has expired.
    assert!(take(2, home, 3665, 3600));
    assert_eq!(set.inner.lock().unwrap().taken.len(), 1);
    set.reset(at(START + 1));
    assert!(!take(0, wire, 65, 1), "made before");
    assert!(!take(8, approved, 3599, 1), "it may have been forgotten");
    assert!(
        take(9, approved, 3600, 1),
        "it is kept to the end of that second"
    );
    assert!(!take(9, approved, 3600, 1), "made before");
    assert!(!take(1, approved, 600, 1), "approved before");
    assert!(!take(3, wire, 66, 1), "could have been made before");
    assert!(take(4, home, 66, 1), "asked by this process");
    assert!(!take(5, wire, 71, 6));
    assert!(take(5, wire, 72, 7), "too late to have been made before");
    assert!(!take(5, wire, 72, 8), "made before, and remembered");
    assert!(take(6, approved, 3601, 8), "remembered if it had been made");
}

#[test]
fn calls_that_are_given_back_in_any_order_leave_the_others_where_they_are() {
    let person = AgentKey::generate().public();
    let quota = Quota {
        first: person,
        last: person,
        wire: true,
        approved: false,
    };
    let at = |secs| Timestamp::from_secs(START + secs).unwrap();
    let set = ReplaySet::new(1000, 1000);
    let untils = [60, 61, 60, 60, 61, 60, 60, 62];
    for (nonce, until) in (0u8..).zip(untils) {
        set.take(key(nonce, 0), quota, at(until), at(0)).unwrap();
    }
    let mut left: BTreeSet<u8> = (0..8).collect();
    for gone in [2, 0, 6, 1, 7, 7] {
        set.free(&key(gone, 0));
        left.remove(&gone);
        let inner = set.inner.lock().unwrap();
        let kept: BTreeSet<u8> = inner.taken.keys().map(|(_, nonce)| nonce[0]).collect();
        assert_eq!(kept, left);
        for (key, taken) in &inner.taken {
            assert_eq!(inner.by_end[&taken.until][taken.at], *key);
        }
        assert_eq!(
            inner.by_end.values().map(Vec::len).sum::<usize>(),
            left.len()
        );
    }
    // All remaining calls expire, and with them the counts.
    let next = set.take(key(9, 0), quota, at(120), at(63));
    next.unwrap();
    let inner = set.inner.lock().unwrap();
    assert_eq!((inner.taken.len(), inner.per_holder[&person]), (1, 1));
}
