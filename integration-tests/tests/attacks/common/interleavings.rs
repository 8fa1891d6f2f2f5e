//! Calls that race, in every order there is: a plan says at which commit or answer of the policy each future stops.

use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use bailiwick::capability::{Budget, Call, Held, Kind, PublicKey, WireCall};
use bailiwick::guard::{Answer, Guard, GuardBuilder, Policy, PolicyError, Question, Verdict};
use bailiwick::id::CallId;
use bailiwick::record::{self, Body};
use bailiwick::store::{Key, Store};
use bailiwick_integration_tests::support::Home;
use bailiwick_integration_tests::support::calls::context;
use bailiwick_integration_tests::support::schedule::{End, Task, now};
use bailiwick_integration_tests::support::stores::{Fated, Yield, Yields};

/// Thinks once before it permits.
pub(crate) struct Thinks;

#[async_trait]
impl Policy for Thinks {
    async fn decide(&self, _: &Question<'_>) -> Result<Answer, PolicyError> {
        Yield(false).await;
        Ok(Answer::permit())
    }
}

/// A guard over a store that gives way around each commit.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) home: Rc<Home>,
    pub(crate) guard: Arc<Guard>,
}

impl World {
    pub(crate) fn of(home: Home, guard: Arc<Guard>) -> Self {
        let home = Rc::new(home);
        Self { home, guard }
    }
}

/// Keys are made once, and stores and guards anew for every order.
pub(crate) struct Plan {
    pub(crate) seed: Home,
    pub(crate) durable: bool,
    pub(crate) thinks: bool,
}

impl Plan {
    pub(crate) fn new(durable: bool, thinks: bool) -> Self {
        Self {
            seed: Home::new(),
            durable,
            thinks,
        }
    }

    pub(crate) fn fresh(&self) -> Home {
        let mut home = Home::new();
        home.ring = self.seed.ring.clone();
        home
    }

    pub(crate) fn builder(&self, home: &Home) -> GuardBuilder {
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

    pub(crate) fn world(&self) -> World {
        let home = self.fresh();
        let guard = awake(self.builder(&home));
        World::of(home, guard)
    }
}

/// Which call was permitted, or why not.
pub(crate) type Said = Result<CallId, Kind>;

pub(crate) fn said(verdict: Verdict) -> Said {
    match verdict {
        Verdict::Permit(permit, reservation) => {
            assert_eq!(permit.id(), reservation.id());
            Ok(permit.id())
        }
        Verdict::Denied(denial) => Err(denial.kind()),
        Verdict::Ask(_) => Err(Kind::Approval),
    }
}

pub(crate) fn asks(guard: &Arc<Guard>, held: &Arc<Held>, call: Call) -> Task<Said> {
    let (guard, held) = (guard.clone(), held.clone());
    Box::pin(async move { said(guard.authorize((&*held).into(), call, context()).await) })
}

pub(crate) fn by_wire(guard: &Arc<Guard>, wire: &WireCall, call: Call) -> Task<Said> {
    let (guard, wire) = (guard.clone(), wire.clone());
    Box::pin(async move { said(guard.authorize((&wire).into(), call, context()).await) })
}

/// The calls that the audit says were allowed.
pub(crate) fn allowed(home: &Home) -> Vec<CallId> {
    let entries = now(home.entries());
    let attempts = entries.into_iter().filter_map(|entry| match entry.body {
        Body::Attempt {
            call,
            verdict: record::AuditVerdict::Allowed,
            ..
        } => Some(call),
        _ => None,
    });
    attempts.collect()
}

/// What was charged to a budget of calls.
pub(crate) fn charged(home: &Home, signer: PublicKey, label: &str) -> u64 {
    let id = format!("{signer}/{label}");
    now(home.store.counter(&Key::of(["budget", "calls", &id]))).unwrap()
}

/// In every interleaving, a call that was permitted is on the record, and a call on the record was charged.
pub(crate) fn settled(home: &Home, ends: &[End<Said>]) -> (usize, Vec<CallId>) {
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

pub(crate) fn label() -> Budget {
    Budget::new("calls", 1).shared("all")
}

/// A guard that has read what its store kept, which is not what these orders are of.
pub(crate) fn awake(builder: GuardBuilder) -> Arc<Guard> {
    let guard = Arc::new(builder.build());
    let own = guard.clone();
    now_by_hand(Box::pin(async move { own.resume().await })).unwrap();
    guard
}

/// Polls to the end, alone.
pub(crate) fn now_by_hand<T>(mut task: Task<T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    loop {
        if let std::task::Poll::Ready(value) = task.as_mut().poll(&mut context) {
            return value;
        }
    }
}
