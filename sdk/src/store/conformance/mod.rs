//! What every store must do, as tests that a store from outside this crate can run.
//!
//! This module is compiled with the feature `conformance`, which is for the tests of a store alone: the
//! functions here panic where a store does not do what [`Store`] says. [`MemoryStore`] and `SqliteStore` are
//! held by the same cases.
//!
//! A store that implements [`Rows`](super::Rows) for its transactions and lets
//! [`apply`](super::apply()) carry out its batches gets most of the cases right by construction. What
//! remains is its own: transactions, the order of keys, pages, and texts that are kept byte by byte.
//!
//! ```
//! use bailiwick::store::{MemoryStore, conformance};
//!
//! # // A test of a store has this body.
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 4)]
//! # async fn main() {
//! conformance::run(async || MemoryStore::new()).await;
//! # }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a store that breaks its contract fails the test that runs these cases"
)]

/// Gives the list of all cases to the macro `$then`, after `$args`. It is the only list of them.
macro_rules! with_cases {
    ($then:ident $args:tt) => {
        $then! {
            $args
            batches::reads_what_was_written,
            batches::a_refused_batch_leaves_nothing,
            batches::operations_take_effect_in_order,
            batches::a_refusal_says_what_was_found,
            batches::a_dropped_commit_is_whole_or_absent,
            batches::a_read_sees_whole_batches,
            values::a_version_is_expected_once,
            values::a_version_does_not_return_after_a_delete,
            values::versions_grow_with_every_commit_that_puts,
            values::only_one_line_of_json_is_kept,
            values::texts_are_kept_byte_by_byte,
            names::names_that_look_alike_are_told_apart,
            names::values_counters_and_logs_are_three_spaces,
            scans::scans_are_in_order_and_in_pages,
            scans::a_scan_gives_what_a_get_gives,
            scans::a_prefix_is_not_a_pattern,
            counters::counters_stop_at_their_bounds,
            counters::counters_do_not_overflow,
            counters::a_raised_counter_ends_at_the_highest,
            logs::logs_are_numbered_and_linked,
            logs::logs_are_read_in_pages,
            changes::a_change_beneath_a_prefix_is_seen,
            changes::a_change_elsewhere_is_not_seen,
            changes::changes_are_seen_after_a_version_alone,
            races::one_of_fifty_gets_the_last_unit,
            races::one_of_fifty_spends_a_call,
            races::racing_appends_make_one_chain,
            races::racing_additions_are_all_counted,
            races::racing_puts_have_versions_of_their_own,
        }
    };
}

/// Makes a test of each case, for the empty stores that an async closure makes.
#[cfg(test)]
macro_rules! store_suite {
    ((@ $make:expr) $($area:ident::$case:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                $crate::store::conformance::$area::$case($make).await;
            }
        )+
    };
    ($make:expr) => {
        with_cases! { store_suite ( @ $make ) }
    };
}

/// Runs each case with `$make` and collects what failed in `$failures`.
macro_rules! run_each {
    (($make:ident, $failures:ident) $($area:ident::$case:ident,)+) => {
        $(
            if let Err(what) = caught::caught($area::$case(&$make)).await {
                let case = stringify!($case);
                $failures.push(Failure { case, what });
            }
        )+
    };
}

pub(crate) mod batches;
mod caught;
pub(crate) mod changes;
pub(crate) mod counters;
pub(crate) mod logs;
pub(crate) mod names;
pub(crate) mod races;
mod reopening;
pub(crate) mod scans;
pub(crate) mod values;

use std::fmt;

#[cfg(doc)]
use super::MemoryStore;
use super::{Key, LogName, Store};

/// A case that a store fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The name of the case, which says what must hold.
    pub case: &'static str,
    /// What the case panicked with: the values that differ, as a rule.
    pub what: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.case, self.what)
    }
}

/// Runs every case, each against a store of its own that `make` makes.
///
/// `make` must give an *empty* store each time; it is called once for each case. Run this on a tokio runtime
/// with several worker threads, so that the racing cases race:
/// `#[tokio::test(flavor = "multi_thread", worker_threads = 4)]`. The cases need room for about a thousand values
/// and entries, for texts of 300,002 bytes and for names of 401. A commit that never answers is not
/// interrupted. Later versions of this crate may add cases; a store that does what [`Store`] says passes those
/// too.
///
/// # Panics
///
/// If the store fails a case. Every case runs before that, and the message names all that failed.
pub async fn run<S: Store>(make: impl AsyncFn() -> S) {
    demand(&failures(make).await);
}

/// Runs every case as [`run`] does, and returns the cases that the store fails, in the order of the cases.
///
/// An empty list says that the store passes. The message of each panic also goes to the panic hook. Where
/// panics abort the process, the first failure ends it.
pub async fn failures<S: Store>(make: impl AsyncFn() -> S) -> Vec<Failure> {
    let mut failures = Vec::new();
    with_cases! { run_each (make, failures) }
    failures
}

/// Checks that a durable store keeps everything when it is closed and opened again.
///
/// `open` opens the *same* store each time; the store is empty when it is opened first, and each instance is
/// dropped before the next is opened. Only a store whose [`durable`](Store::durable) is `true` can pass.
///
/// # Panics
///
/// If what was committed is not there after the store is opened again, or if a version returns.
pub async fn run_reopened<S: Store>(open: impl AsyncFn() -> S) {
    let case = "a_store_that_is_opened_again_keeps_everything";
    run_one(
        case,
        reopening::a_store_that_is_opened_again_keeps_everything(open),
    )
    .await;
}

/// Checks that a store that several handles share, as several processes do, says in one what another has changed.
///
/// `open` opens the *same* store each time, and two of its instances exist at once; the store is empty when it
/// is opened first. A store of one process alone, such as [`MemoryStore`], cannot run it.
///
/// # Panics
///
/// If a handle misses a change of another one, or sees one that was not made.
pub async fn run_shared<S: Store>(open: impl AsyncFn() -> S) {
    let case = "a_change_by_another_handle_is_seen";
    run_one(case, changes::a_change_by_another_handle_is_seen(open)).await;
}

async fn run_one(case: &'static str, ran: impl Future<Output = ()>) {
    if let Err(what) = caught::caught(ran).await {
        demand(&[Failure { case, what }]);
    }
}

fn demand(failures: &[Failure]) {
    let list: String = failures.iter().map(|one| format!("\n- {one}")).collect();
    assert!(
        failures.is_empty(),
        "the store fails {} of the cases of conformance:{list}",
        failures.len()
    );
}

fn key(text: &str) -> Key {
    Key::of(text.split('/'))
}

fn log(text: &str) -> LogName {
    LogName::from(key(text))
}

async fn text(store: &impl Store, key: &Key) -> Option<String> {
    store.get(key).await.unwrap().map(|found| found.value)
}
