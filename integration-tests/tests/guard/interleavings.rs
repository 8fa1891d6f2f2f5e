//! Calls that race, in every order there is: budgets, spent calls, and what is left when a caller
//! goes away at any point.
//!
//! What the instrument sees and what it does not is said in `common/schedule.rs`. That of many
//! threads exactly one gets the last unit, or spends a call, is tested with threads in `guard.rs`;
//! every state of the replay set by itself, in the sdk beside it.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use bailiwick::capability::{Budget, Call, Chain, Held, Kind, PublicKey, WireCall};
use bailiwick::guard::{
    Context, Decision, Guard, GuardBuilder, Policy, Revocable, Revocations, Verdict,
};
use bailiwick::id::CallId;
use bailiwick::record::{self, Body};
use bailiwick::store::{Key, Store};
use bailiwick_integration_tests::support::Home;
use bailiwick_integration_tests::support::calls;
use bailiwick_integration_tests::support::calls::{asked, bank_of, context, parent, read, sent};
use bailiwick_integration_tests::support::schedule::{End, Task, every_order, now};
use bailiwick_integration_tests::support::stores::{Fated, Yield, Yields};

/// Thinks once before it permits.
struct Thinks;

#[async_trait]
impl Policy for Thinks {
    async fn decide(&self, _: &Chain, _: &Call, _: &Context) -> Result<Decision, String> {
        Yield(false).await;
        Ok(Decision::Permit)
    }
}

/// A guard over a store that gives way around each commit.
#[derive(Clone)]
struct World {
    home: Rc<Home>,
    guard: Arc<Guard>,
}

impl World {
    fn of(home: Home, guard: Arc<Guard>) -> Self {
        let home = Rc::new(home);
        Self { home, guard }
    }
}

/// Keys are made once, and stores and guards anew for every order.
struct Plan {
    seed: Home,
    durable: bool,
    thinks: bool,
}

impl Plan {
    fn new(durable: bool, thinks: bool) -> Self {
        Self {
            seed: Home::new(),
            durable,
            thinks,
        }
    }

    fn fresh(&self) -> Home {
        let mut home = Home::new();
        home.ring = self.seed.ring.clone();
        home
    }

    fn builder(&self, home: &Home) -> GuardBuilder {
        let mut store = Fated::new(home.store.clone(), Yields);
        if self.durable {
            store = store.durable();
        }
        let guard = home.guard().store(Arc::new(store));
        match self.thinks {
            true => guard.policy(Arc::new(Thinks)),
            false => guard,
        }
    }

    fn world(&self) -> World {
        let home = self.fresh();
        let guard = awake(self.builder(&home));
        World::of(home, guard)
    }
}

/// Which call was permitted, or why not.
type Said = Result<CallId, Kind>;

fn said(verdict: Verdict) -> Said {
    match verdict {
        Verdict::Permit(permit, reservation) => {
            assert_eq!(permit.id(), reservation.id());
            Ok(permit.id())
        }
        Verdict::Denied(denial) => Err(denial.kind()),
        Verdict::Ask(_) => Err(Kind::Approval),
    }
}

fn asks(guard: &Arc<Guard>, held: &Arc<Held>, call: Call) -> Task<Said> {
    let (guard, held) = (guard.clone(), held.clone());
    Box::pin(async move { said(guard.authorize((&*held).into(), call, context()).await) })
}

fn by_wire(guard: &Arc<Guard>, wire: &WireCall, call: Call) -> Task<Said> {
    let (guard, wire) = (guard.clone(), wire.clone());
    Box::pin(async move { said(guard.authorize((&wire).into(), call, context()).await) })
}

/// The calls that the audit says were allowed.
fn allowed(home: &Home) -> Vec<CallId> {
    let entries = now(home.entries());
    let attempts = entries.into_iter().filter_map(|entry| match entry.body {
        Body::Attempt {
            call,
            verdict: record::Verdict::Allowed,
            ..
        } => Some(call),
        _ => None,
    });
    attempts.collect()
}

/// What was charged to a budget of calls.
fn charged(home: &Home, signer: PublicKey, label: &str) -> u64 {
    let id = format!("{signer}/{label}");
    now(home.store.counter(&Key::of(["budget", "calls", &id]))).unwrap()
}

/// In every interleaving, a call that was permitted is on the record, and a call on the record was charged.
fn settled(home: &Home, ends: &[End<Said>]) -> (usize, Vec<CallId>) {
    let on_record = allowed(home);
    let mut permitted = 0;
    for end in ends {
        if let End::Done(Ok(id)) = end {
            assert!(on_record.contains(id), "permitted without a record");
            permitted += 1;
        }
    }
    let mut once = on_record.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), on_record.len(), "one call, one entry");
    let dropped = ends.iter().filter(|end| **end == End::Dropped).count();
    assert!(on_record.len() <= permitted + dropped);
    (permitted, on_record)
}

fn label() -> Budget {
    Budget::new("calls", 1).shared("all")
}

#[test]
fn attack_21_the_last_unit_goes_to_one_in_every_order() {
    for (thinks, racing) in [(false, 3), (true, 2)] {
        let plan = Plan::new(false, thinks);
        let held = Arc::new(plan.seed.held(&read().budget(label())));
        let signer = plan.seed.authority.public();
        let orders = every_order(
            0,
            || plan.world(),
            |world| {
                (0..racing)
                    .map(|_| asks(&world.guard, &held, asked("/a")))
                    .collect()
            },
            |world, ends| {
                let (permitted, on_record) = settled(&world.home, &ends);
                assert_eq!((permitted, on_record.len()), (1, 1));
                let refused = ends
                    .iter()
                    .filter(|end| **end == End::Done(Err(Kind::Budget)));
                assert_eq!(refused.count(), racing - 1);
                assert_eq!(charged(&world.home, signer, "all"), 1);
            },
        );
        println!("{racing} calls: {orders} orders");
        assert!(orders >= 90, "{orders}");
    }
}

#[test]
fn attack_21_siblings_and_their_parent_share_one_unit_in_every_order() {
    let plan = Plan::new(false, false);
    let held = Arc::new(plan.seed.held(&parent().budget(label())));
    let children = [
        Arc::new(plan.seed.child(&held, &read())),
        Arc::new(plan.seed.child(&held, &read())),
    ];
    let signer = plan.seed.authority.public();
    let orders = every_order(
        0,
        || plan.world(),
        |world| {
            let mut tasks = vec![asks(&world.guard, &held, asked("/a"))];
            tasks.extend(
                children
                    .iter()
                    .map(|child| asks(&world.guard, child, asked("/a"))),
            );
            tasks
        },
        |world, ends| {
            assert_eq!(settled(&world.home, &ends).0, 1, "{ends:?}");
            assert_eq!(charged(&world.home, signer, "all"), 1);
        },
    );
    println!("{orders} orders");
    assert!(orders > 1000, "{orders}");
}

/// Whether the store lasts and the policy thinks, how many calls race, and how many go away. Three
/// take minutes: `BAILIWICK_ORDERS=all` asks for them.
fn races() -> Vec<(bool, bool, usize, usize)> {
    let mut races = vec![
        (false, true, 2, 2),
        (true, true, 2, 2),
        (false, false, 2, 2),
    ];
    if std::env::var("BAILIWICK_ORDERS").is_ok_and(|orders| orders == "all") {
        races.extend([(false, false, 3, 3), (true, false, 3, 3)]);
    }
    races
}

#[test]
fn attack_21_a_caller_that_goes_away_at_any_point_leaks_and_overspends_nothing() {
    for (durable, thinks, racing, drops) in races() {
        let plan = Plan::new(durable, thinks);
        let held = Arc::new(plan.seed.held(&read().budget(label())));
        let signer = plan.seed.authority.public();
        let (full, empty) = (Cell::new(0), Cell::new(0));
        let orders = every_order(
            drops,
            || plan.world(),
            |world| {
                (0..racing)
                    .map(|_| asks(&world.guard, &held, asked("/a")))
                    .collect()
            },
            |world, ends| {
                let (permitted, on_record) = settled(&world.home, &ends);
                assert!(permitted <= 1, "{ends:?}");
                // What was charged is on the record, and the other way round: a caller that
                // went away after the commit has spent its unit, one before it has not.
                let spent = charged(&world.home, signer, "all");
                assert_eq!(spent, on_record.len() as u64, "{ends:?}");
                assert!(spent <= 1);
                // A unit that was not spent is there for the next call.
                let next = now_by_hand(asks(&world.guard, &held, asked("/next")));
                match spent {
                    0 => assert!(next.is_ok(), "{ends:?} {next:?}"),
                    _ => assert_eq!(next, Err(Kind::Budget), "{ends:?}"),
                }
                let count = if spent == 0 { &empty } else { &full };
                count.set(count.get() + 1);
            },
        );
        println!("{racing} calls, {drops} dropped, durable {durable}: {orders} orders");
        assert!(full.get() > 0 && empty.get() > 0);
    }
}

/// A guard that has read what its store kept, which is not what these orders are of.
fn awake(builder: GuardBuilder) -> Arc<Guard> {
    let guard = Arc::new(builder.build());
    let own = guard.clone();
    now_by_hand(Box::pin(async move { own.resume().await })).unwrap();
    guard
}

/// Polls to the end, alone.
fn now_by_hand<T>(mut task: Task<T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = task.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[test]
fn attack_13_a_call_is_spent_once_in_every_order() {
    for durable in [false, true] {
        let plan = Plan::new(durable, false);
        let held = Arc::new(plan.seed.held(&read()));
        let call = asked("/a");
        let orders = every_order(
            0,
            || plan.world(),
            |world| {
                (0..3)
                    .map(|_| asks(&world.guard, &held, call.clone()))
                    .collect()
            },
            |world, ends| {
                assert_eq!(settled(&world.home, &ends).0, 1);
                let refused = ends
                    .iter()
                    .filter(|end| **end == End::Done(Err(Kind::Replay)));
                assert_eq!(refused.count(), 2, "{ends:?}");
            },
        );
        println!("durable {durable}: {orders} orders");
        assert!(orders > 1000, "{orders}");
    }
}

#[test]
fn attack_13_a_call_is_spent_once_while_two_guards_read_what_their_store_kept() {
    let plan = Plan::new(true, false);
    let held = Arc::new(plan.seed.held(&read()));
    let call = asked("/a");
    let make = || {
        let home = plan.fresh();
        let guards = [(); 2].map(|()| Arc::new(plan.builder(&home).build()));
        (home, guards)
    };
    let orders = every_order(
        1,
        make,
        |(_, guards)| {
            let asked = guards.iter().map(|guard| asks(guard, &held, call.clone()));
            asked.collect()
        },
        |(home, _), ends| {
            let dropped = ends.contains(&End::Dropped);
            let spent = settled(home, &ends).0;
            assert!(spent == 1 || dropped && spent == 0, "{ends:?}");
        },
    );
    println!("{orders} orders");
    assert!(orders > 100, "{orders}");
}

#[test]
fn attack_13_a_wire_call_is_spent_once_in_every_order_and_by_every_guard_of_a_store() {
    for durable in [false, true] {
        let plan = Plan::new(durable, false);
        let held = Arc::new(plan.seed.held(&read()));
        // Two guards of one bank; only a store that lasts is shared knowledge.
        let make = || {
            let home = plan.fresh();
            let guards = [(); 2].map(|()| awake(plan.builder(&home).audience(calls::BANK)));
            home.clock
                .advance(bailiwick::capability::MAX_CALL_LIFE + bailiwick::guard::SKEW);
            let (wire, call) = sent(&home, &guards[0], &held);
            (home, guards, wire, call)
        };
        let orders = every_order(
            0,
            make,
            |(_, guards, wire, call)| {
                let first = by_wire(&guards[0], wire, call.clone());
                let again = by_wire(&guards[0], wire, call.clone());
                let other = &guards[usize::from(durable)];
                vec![first, again, by_wire(other, wire, call.clone())]
            },
            |(home, ..), ends| {
                assert_eq!(settled(home, &ends).0, 1, "{ends:?}");
            },
        );
        println!("durable {durable}: {orders} orders");
        assert!(orders > 1000, "{orders}");
    }
}

#[test]
fn attack_13_a_call_that_was_dropped_is_never_made_twice() {
    for durable in [false, true] {
        let plan = Plan::new(durable, false);
        let held = Arc::new(plan.seed.held(&read()));
        let call = asked("/a");
        let lost = Cell::new(0);
        every_order(
            2,
            || plan.world(),
            |world| {
                (0..2)
                    .map(|_| asks(&world.guard, &held, call.clone()))
                    .collect()
            },
            |world, ends| {
                let (permitted, on_record) = settled(&world.home, &ends);
                assert!(permitted <= 1 && on_record.len() <= 1, "{ends:?}");
                // Dropped between taking the id and the commit, a call is spent for nothing: asked
                // again it is a new call.
                let again = now_by_hand(asks(&world.guard, &held, call.clone()));
                if permitted + on_record.len() > 0 {
                    assert_eq!(again, Err(Kind::Replay), "{ends:?}");
                } else if again.is_err() {
                    lost.set(lost.get() + 1);
                }
                let fresh = now_by_hand(asks(&world.guard, &held, asked("/a")));
                assert!(fresh.is_ok(), "{ends:?} {fresh:?}");
            },
        );
        assert!(lost.get() > 0);
    }
}

/// What happens beside a call, at a point of its own choosing.
type Beside = fn(&World, &Revocations, &Held);

#[test]
fn attack_22_what_is_revoked_before_the_last_look_is_denied_in_every_order() {
    let beside: [(Beside, Kind); 3] = [
        (
            |_, revocations, held| revocations.revoke([Revocable::Block(held.chain().id())]),
            Kind::Revoked,
        ),
        (
            |world, _, _| {
                assert!(
                    world
                        .guard
                        .ring()
                        .remove(&world.guard.ring().roots()[0].key)
                )
            },
            Kind::UntrustedRoot,
        ),
        (|world, _, _| world.home.clock.fail(), Kind::Unavailable),
    ];
    for (change, kind) in beside {
        let seed = Home::new();
        let held = Arc::new(seed.held(&read()));
        let make = || {
            let mut home = Home::new();
            home.ring = bailiwick::capability::KeyRing::new([seed.authority.root()]);
            let revocations = Revocations::new();
            let store = Fated::new(home.store.clone(), Yields);
            let guard = home
                .guard()
                .store(Arc::new(store))
                .revocations(revocations.clone())
                .policy(Arc::new(Thinks))
                .build();
            let guard = Arc::new(guard);
            (World::of(home, guard), revocations)
        };
        let (before, after) = (Cell::new(0), Cell::new(0));
        every_order(
            0,
            make,
            |(world, revocations)| {
                let changed = Rc::new(Cell::new(false));
                let (seen, beside) = (changed.clone(), world.clone());
                let (revocations, own) = (revocations.clone(), held.clone());
                // The change is one step, and the call after it is asked when it has been made.
                let change: Task<Said> = Box::pin(async move {
                    change(&beside, &revocations, &own);
                    changed.set(true);
                    Err(kind)
                });
                let (guard, own) = (world.guard.clone(), held.clone());
                let late: Task<Said> = Box::pin(async move {
                    let already = seen.get();
                    let said = said(
                        guard
                            .authorize((&*own).into(), asked("/b"), context())
                            .await,
                    );
                    assert!(!already || said == Err(kind), "asked after the change");
                    said
                });
                let held = &held;
                vec![asks(&world.guard, held, asked("/a")), change, late]
            },
            |(world, _), ends| {
                settled_beside(&world.home, &ends, kind);
                let count = if matches!(ends[0], End::Done(Ok(_))) {
                    &before
                } else {
                    &after
                };
                count.set(count.get() + 1);
            },
        );
        assert!(before.get() > 0 && after.get() > 0);
    }
}

/// Each call was permitted and is on the record, or was refused for that reason alone.
fn settled_beside(home: &Home, ends: &[End<Said>], kind: Kind) {
    let on_record = allowed(home);
    for end in ends {
        match end {
            End::Done(Ok(id)) => assert!(on_record.contains(id)),
            End::Done(Err(refused)) => assert_eq!(*refused, kind),
            End::Dropped => panic!("nothing is dropped here"),
        }
    }
}

#[test]
fn attack_31_the_last_place_of_the_replay_set_goes_to_one_in_every_order() {
    let plan = Plan::new(false, false);
    let held = Arc::new(plan.seed.held(&read()));
    let make = || {
        let home = plan.fresh();
        let guard = Arc::new(bank_of(&home, plan.builder(&home).replay_bounds(1, 1)));
        let calls = [(); 3].map(|()| sent(&home, &guard, &held));
        (home, guard, calls)
    };
    every_order(
        0,
        make,
        |(_, guard, calls)| {
            calls
                .iter()
                .map(|(wire, call)| by_wire(guard, wire, call.clone()))
                .collect()
        },
        |(home, ..), ends| {
            assert_eq!(settled(home, &ends).0, 1);
            let refused = ends
                .iter()
                .filter(|end| **end == End::Done(Err(Kind::Replay)));
            assert_eq!(refused.count(), 2);
        },
    );
}
