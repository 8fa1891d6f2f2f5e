//! Roots and revocations that change while threads ask: each verdict is one that was right at some
//! moment between question and answer, and what has been taken away is never allowed again.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use bailiwick::capability::{AgentKey, Authority, Held, Kind, Mandate};
use bailiwick::guard::{Guard, Revocable};
use bailiwick_integration_tests::support;
use bailiwick_integration_tests::support::Home;
use bailiwick_integration_tests::support::calls::{once, read};
use bailiwick_integration_tests::support::schedule::now;

const THREADS: usize = 4;

/// How many turns of a thread spend calls. A guard remembers a million, and on a machine that does much
/// else the threads turn longer than that.
const SPENDING: usize = 60_000;

fn minted(authority: &Authority) -> Held {
    let key = AgentKey::generate();
    authority
        .mint(&read(), &Mandate::default(), key.public(), support::start())
        .unwrap()
        .held_by(key)
        .unwrap()
}

/// The same question in three ways: by bytes, by a chain that was verified before, and with the key.
fn verdict(guard: &Guard, held: &Held, bytes: &[u8], turn: usize) -> Option<Kind> {
    let ring = guard.ring();
    match turn % 3 {
        0 => ring
            .chain(bytes)
            .and_then(|chain| ring.admit(&chain))
            .err()
            .map(|refusal| refusal.kind()),
        2 if turn < SPENDING => now(once(guard, held)),
        _ => ring.admit(held.chain()).err().map(|refusal| refusal.kind()),
    }
}

/// Even while nothing changes; trusted at 0, 4, 8…, taken away at 2, 6, 10….
fn trusted(epoch: u64) -> Option<bool> {
    match epoch % 4 {
        0 => Some(true),
        2 => Some(false),
        _ => None,
    }
}

#[test]
fn attack_31_roots_that_change_under_load_leave_each_verdict_right_at_some_moment() {
    let home = Home::new();
    let guard = Arc::new(home.guard().build());
    let rotated = Authority::generate();
    guard.ring().trust(rotated.root()).unwrap();
    // One of the root that comes and goes, and one of a root that stays.
    let (held, bystander) = (minted(&rotated), home.held(&read()));
    let (bytes, others) = (held.chain().to_bytes(), bystander.chain().to_bytes());
    let epoch = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let (pinned, unpinned) = ([(); 2].map(|()| AtomicUsize::new(0)), AtomicUsize::new(0));
    let begin = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (guard, held, bystander) = (&guard, &held, &bystander);
            let (bytes, others, epoch, done) = (&bytes, &others, &epoch, &done);
            let (pinned, unpinned, begin) = (&pinned, &unpinned, &begin);
            scope.spawn(move || {
                begin.wait();
                let (mut turn, mut after) = (thread, 0);
                while after < 100 {
                    turn += 1;
                    let over = done.load(Ordering::SeqCst);
                    let before = epoch.load(Ordering::SeqCst);
                    let said = verdict(guard, held, bytes, turn);
                    let still = epoch.load(Ordering::SeqCst) == before;
                    match trusted(before) {
                        Some(trusted) if still => {
                            let right = (!trusted).then_some(Kind::UntrustedRoot);
                            assert_eq!(said, right, "at {before}");
                            pinned[usize::from(trusted)].fetch_add(1, Ordering::Relaxed);
                        }
                        _ => {
                            assert!(matches!(said, None | Some(Kind::UntrustedRoot)));
                            unpinned.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if over {
                        assert_eq!(said, Some(Kind::UntrustedRoot), "it was removed");
                        after += 1;
                    }
                    assert_eq!(verdict(guard, bystander, others, turn), None);
                }
            });
        }
        begin.wait();
        for change in 0..601 {
            epoch.fetch_add(1, Ordering::SeqCst);
            match change % 2 {
                0 => assert!(guard.ring().remove(&rotated.public())),
                _ => guard.ring().trust(rotated.root()).unwrap(),
            }
            epoch.fetch_add(1, Ordering::SeqCst);
            // Long enough for some to ask while nothing changes.
            for _ in 0..20 {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    let [without, with] = pinned.map(AtomicUsize::into_inner);
    println!("{with} while trusted, {without} while not, {unpinned:?} in between");
    assert!(with > 0 && without > 0, "{with} {without}");
}

#[test]
fn attack_22_revocations_that_are_loaded_under_load_are_in_force_from_the_next_call() {
    const VICTIMS: usize = 20;
    let home = Home::new();
    let guard = home.guard().build();
    let victims: Vec<Held> = (0..VICTIMS).map(|_| home.held(&read())).collect();
    let bystander = home.held(&read());
    // Set before a victim is revoked, and after.
    let soon: Vec<AtomicBool> = victims.iter().map(|_| AtomicBool::new(false)).collect();
    let gone: Vec<AtomicBool> = victims.iter().map(|_| AtomicBool::new(false)).collect();
    let done = AtomicBool::new(false);
    let (allowed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let begin = Barrier::new(THREADS + 1);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (guard, victims, bystander) = (&guard, &victims, &bystander);
            let (soon, gone, done) = (&soon, &gone, &done);
            let (allowed, refused, begin) = (&allowed, &refused, &begin);
            scope.spawn(move || {
                begin.wait();
                let (mut turn, mut after) = (thread, 0);
                while after < 2 * VICTIMS {
                    turn += 1;
                    after += usize::from(done.load(Ordering::SeqCst));
                    let victim = turn % VICTIMS;
                    let already = gone[victim].load(Ordering::SeqCst);
                    let said = now(once(guard, &victims[victim]));
                    let begun = soon[victim].load(Ordering::SeqCst);
                    match said {
                        None => {
                            assert!(!already, "allowed after it was revoked");
                            allowed.fetch_add(1, Ordering::Relaxed);
                        }
                        Some(Kind::Revoked) => {
                            assert!(begun, "refused before it was revoked");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other:?}"),
                    }
                    assert_eq!(now(once(guard, bystander)), None);
                }
            });
        }
        begin.wait();
        // A long list, with the victims here and there.
        for batch in 0_u32..400 {
            let list = (0..100_u32).map(|number| {
                let mut block = [0; 64];
                block[..4].copy_from_slice(&batch.to_be_bytes());
                block[4..8].copy_from_slice(&number.to_be_bytes());
                Revocable::Block(block)
            });
            guard.revocations().revoke(list);
            if batch % 20 == 10 {
                let victim = batch as usize / 20;
                soon[victim].store(true, Ordering::SeqCst);
                guard
                    .revocations()
                    .revoke([Revocable::Block(victims[victim].chain().id())]);
                gone[victim].store(true, Ordering::SeqCst);
            }
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(guard.revocations().len(), 400 * 100 + VICTIMS);
    println!("{allowed:?} allowed, {refused:?} refused");
    assert!(allowed.into_inner() > 0 && refused.into_inner() > 0);
}
