//! Every order in which some futures can be polled, and dropped.
//!
//! The futures are the real ones of the guard. They give way where their store or policy does, and
//! run undisturbed from one such point to the next: so what is explored is every interleaving of
//! what lies between these points, and nothing finer. Threads inside one such stretch (two holders
//! of one mutex, the orderings of atomics) are not seen.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

pub type Task<T> = Pin<Box<dyn Future<Output = T>>>;

/// How a future ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End<T> {
    Done(T),
    Dropped,
}

/// Runs a fresh set of futures in every order there is, and gives how many there were.
///
/// With `drops`, that many of the futures may also be dropped at any point between their first poll
/// and their last, and before their first.
pub fn every_order<W, T>(
    drops: usize,
    make: impl Fn() -> W,
    start: impl Fn(&W) -> Vec<Task<T>>,
    check: impl Fn(&W, Vec<End<T>>),
) -> usize {
    // The choices of the run before, each with how many there were: the last that has another one
    // left is changed, and what came after it is forgotten.
    let mut path: Vec<(usize, usize)> = Vec::new();
    let mut runs = 0;
    loop {
        let world = make();
        let ends = run(drops, start(&world), &mut path);
        check(&world, ends);
        runs += 1;
        while path.last().is_some_and(|(choice, of)| choice + 1 == *of) {
            path.pop();
        }
        match path.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return runs,
        }
    }
}

fn run<T>(drops: usize, tasks: Vec<Task<T>>, path: &mut Vec<(usize, usize)>) -> Vec<End<T>> {
    let mut tasks: Vec<Option<Task<T>>> = tasks.into_iter().map(Some).collect();
    let mut ends: Vec<Option<End<T>>> = tasks.iter().map(|_| None).collect();
    let (mut step, mut dropped) = (0, 0);
    loop {
        let open: Vec<usize> = (0..tasks.len()).filter(|&n| tasks[n].is_some()).collect();
        if open.is_empty() {
            return ends.into_iter().map(Option::unwrap).collect();
        }
        let of = open.len() * if dropped < drops { 2 } else { 1 };
        if path.len() == step {
            path.push((0, of));
        }
        let (choice, known) = path[step];
        assert_eq!(known, of, "the same choices led elsewhere");
        step += 1;
        let number = open[choice % open.len()];
        if choice >= open.len() {
            tasks[number] = None;
            ends[number] = Some(End::Dropped);
            dropped += 1;
            continue;
        }
        let task = tasks[number].as_mut().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = task.as_mut().poll(&mut context) {
            ends[number] = Some(End::Done(value));
            tasks[number] = None;
        }
    }
}

/// Runs a future that nothing holds up.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits for something"),
    }
}
