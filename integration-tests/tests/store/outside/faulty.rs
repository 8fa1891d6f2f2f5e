//! Stores with one fault each, which the cases of conformance find.

use bailiwick::store::{Expected, Op};
use tokio::sync::Mutex;

use super::*;

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Fails every commit.
    IsAway,
    KeepsTheStartOfARefusedBatch,
    ChecksExpectationsFirst,
    HidesWhatWasFound,
    CommitsInTwoParts,
    IgnoresExpect,
    ExpectsAbsentAlone,
    ReusesVersions,
    TakesAnyText,
    RewritesJson,
    FoldsCase,
    DeletesCountersToo,
    ScansFromTheStart,
    ScansBeyondTheLimit,
    ScansTextPrefixes,
    SubtractsToZero,
    SaturatesCounters,
    AddsWhatIsToBeRaised,
    LosesAppends,
    AnswersFromAnOldHead,
    RepeatsAnEntryOnEachPage,
    IgnoresMaxima,
    /// Takes the highest version of the values that are there for that of the last change.
    MissesRemovals,
    SeesChangesBesideAPrefix,
    /// Takes every commit for a change of every value.
    SeesEveryCommit,
    SeesTheLastChangeAgain,
    /// Reads, lets others commit, and writes the rows that it read with its own changes.
    WritesOverOthers,
}

/// Each fault, with a case that finds it; each case finds a fault.
const FOUND: [(Fault, &str); 31] = [
    (Fault::IsAway, "reads_what_was_written"),
    (
        Fault::KeepsTheStartOfARefusedBatch,
        "a_refused_batch_leaves_nothing",
    ),
    (
        Fault::ChecksExpectationsFirst,
        "operations_take_effect_in_order",
    ),
    (Fault::HidesWhatWasFound, "a_refusal_says_what_was_found"),
    (
        Fault::CommitsInTwoParts,
        "a_dropped_commit_is_whole_or_absent",
    ),
    (Fault::CommitsInTwoParts, "a_read_sees_whole_batches"),
    (Fault::IgnoresExpect, "a_version_is_expected_once"),
    (
        Fault::ExpectsAbsentAlone,
        "a_version_does_not_return_after_a_delete",
    ),
    (
        Fault::ReusesVersions,
        "versions_grow_with_every_commit_that_puts",
    ),
    (Fault::TakesAnyText, "only_one_line_of_json_is_kept"),
    (Fault::RewritesJson, "texts_are_kept_byte_by_byte"),
    (Fault::FoldsCase, "names_that_look_alike_are_told_apart"),
    (
        Fault::DeletesCountersToo,
        "values_counters_and_logs_are_three_spaces",
    ),
    (Fault::ScansFromTheStart, "scans_are_in_order_and_in_pages"),
    (Fault::ScansBeyondTheLimit, "a_scan_gives_what_a_get_gives"),
    (Fault::ScansTextPrefixes, "a_prefix_is_not_a_pattern"),
    (Fault::SubtractsToZero, "counters_stop_at_their_bounds"),
    (Fault::SaturatesCounters, "counters_do_not_overflow"),
    (
        Fault::AddsWhatIsToBeRaised,
        "a_raised_counter_ends_at_the_highest",
    ),
    (Fault::LosesAppends, "logs_are_numbered_and_linked"),
    (Fault::AnswersFromAnOldHead, "logs_are_numbered_and_linked"),
    (Fault::RepeatsAnEntryOnEachPage, "logs_are_read_in_pages"),
    (Fault::MissesRemovals, "a_change_beneath_a_prefix_is_seen"),
    (
        Fault::SeesChangesBesideAPrefix,
        "a_change_elsewhere_is_not_seen",
    ),
    (Fault::SeesEveryCommit, "a_change_elsewhere_is_not_seen"),
    (
        Fault::SeesTheLastChangeAgain,
        "changes_are_seen_after_a_version_alone",
    ),
    (Fault::IgnoresMaxima, "one_of_fifty_gets_the_last_unit"),
    (Fault::IgnoresExpect, "one_of_fifty_spends_a_call"),
    (Fault::WritesOverOthers, "racing_appends_make_one_chain"),
    (Fault::WritesOverOthers, "racing_additions_are_all_counted"),
    (
        Fault::WritesOverOthers,
        "racing_puts_have_versions_of_their_own",
    ),
];

/// An honest store behind one fault.
struct Faulty {
    honest: Outside,
    fault: Fault,
    /// Makes a commit of several steps one, as far as other commits see.
    turn: Mutex<()>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self {
            honest: Outside::default(),
            fault,
            turn: Mutex::new(()),
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// The key that the store takes a key for.
    fn key(&self, key: &Key) -> Key {
        match self.fault {
            Fault::FoldsCase => Key::of(key.parts().iter().map(|part| part.to_lowercase())),
            _ => key.clone(),
        }
    }

    /// What the store does in place of an operation.
    fn instead(&self, op: Op) -> Batch {
        let and = Batch::new();
        match op {
            Op::Append { log, body } => and.append(log, body),
            Op::Put { key, value } if self.has(Fault::TakesAnyText) => {
                let is_json = serde_json::from_str::<serde_json::Value>(&value).is_ok();
                and.put(key, if is_json { value } else { "null".to_owned() })
            }
            Op::Put { key, value } => and.put(self.key(&key), value),
            Op::Delete { key } if self.has(Fault::DeletesCountersToo) => {
                let counted = self.honest.rows().counter(&key).unwrap();
                and.sub(key.clone(), counted).delete(key)
            }
            Op::Delete { key } => and.delete(self.key(&key)),
            Op::Expect { .. } if self.has(Fault::IgnoresExpect) => and,
            Op::Expect {
                expected: Expected::Version(_),
                ..
            } if self.has(Fault::ExpectsAbsentAlone) => and,
            Op::Expect { key, expected } => and.expect(self.key(&key), expected),
            Op::Add {
                counter, amount, ..
            } if self.has(Fault::IgnoresMaxima) => and.add(counter, amount, None),
            Op::Add {
                counter, amount, ..
            } if self.has(Fault::SaturatesCounters) => {
                let counted = self.honest.rows().counter(&counter).unwrap();
                and.add(counter, amount.min(u64::MAX - counted), None)
            }
            Op::Add {
                counter,
                amount,
                max,
            } => and.add(self.key(&counter), amount, Some(max)),
            Op::Raise { counter, to } if self.has(Fault::AddsWhatIsToBeRaised) => {
                and.add(counter, to, None)
            }
            Op::Raise { counter, to } => and.raise(self.key(&counter), to),
            Op::Sub { counter, amount } if self.has(Fault::SubtractsToZero) => {
                let counted = self.honest.rows().counter(&counter).unwrap();
                and.sub(counter, amount.min(counted))
            }
            Op::Sub { counter, amount } => and.sub(self.key(&counter), amount),
        }
    }
}

fn all(ops: impl IntoIterator<Item = Batch>) -> Batch {
    ops.into_iter().fold(Batch::new(), Batch::and)
}

#[async_trait]
impl Store for Faulty {
    async fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        if self.has(Fault::IsAway) {
            let what = "this store is away".to_owned();
            return Err(StoreError::Unavailable { what });
        }
        if self.has(Fault::WritesOverOthers) {
            let mut draft = self.honest.rows().clone();
            draft.version += 1;
            let committed = apply(batch, draft.version, &mut draft)?;
            tokio::task::yield_now().await;
            *self.honest.rows() = draft;
            return Ok(committed);
        }
        let _turn = self.turn.lock().await;
        let mut ops: Vec<_> = batch.into_ops();
        if self.has(Fault::ChecksExpectationsFirst) {
            ops.sort_by_key(|op| !matches!(op, Op::Expect { .. }));
        }
        let lost = match ops.last() {
            Some(Op::Append { log, body }) if self.has(Fault::LosesAppends) => {
                let lost = (log.clone(), body.clone());
                ops.pop();
                Some(lost)
            }
            _ => None,
        };
        let mut ops: Vec<_> = ops.into_iter().map(|op| self.instead(op)).collect();
        if self.has(Fault::CommitsInTwoParts) {
            // The whole batch is tried first, so that a refused one still leaves nothing.
            let before = self.honest.rows().clone();
            let committed = self.honest.commit(all(ops.clone())).await?;
            let after = std::mem::replace(&mut *self.honest.rows(), before);
            ops.truncate(ops.len() / 2);
            self.honest.commit(all(ops)).await?;
            tokio::task::yield_now().await;
            *self.honest.rows() = after;
            return Ok(committed);
        }
        let mut committed = match self.honest.commit(all(ops.clone())).await {
            Err(refused) if self.has(Fault::KeepsTheStartOfARefusedBatch) => {
                ops.truncate(refused.op().unwrap_or(0));
                self.honest.commit(all(ops)).await?;
                return Err(refused);
            }
            Err(StoreError::Conflict {
                op, key, expected, ..
            }) if self.has(Fault::HidesWhatWasFound) => {
                return Err(StoreError::Conflict {
                    op,
                    key,
                    expected,
                    found: None,
                });
            }
            answer => answer?,
        };
        if let Some((log, body)) = lost {
            // The caller is told that the entry is there.
            let entry = self.honest.head(&log).await?.then(body);
            committed.appended.extend(entry.as_ref().map(Head::from));
        }
        if self.has(Fault::ReusesVersions) {
            committed.version = 1;
            for value in self.honest.rows().values.values_mut() {
                value.version = 1;
            }
        }
        if self.has(Fault::AnswersFromAnOldHead)
            && let [.., last] = &mut committed.appended[..]
        {
            last.seq -= 1;
        }
        Ok(committed)
    }

    async fn get(&self, key: &Key) -> Result<Option<Versioned>, StoreError> {
        let mut found = self.honest.get(&self.key(key)).await?;
        if self.has(Fault::RewritesJson)
            && let Some(found) = &mut found
            && let Ok(value) = serde_json::from_str::<serde_json::Value>(&found.value)
        {
            found.value = value.to_string();
        }
        Ok(found)
    }

    async fn counter(&self, counter: &Key) -> Result<u64, StoreError> {
        self.honest.counter(&self.key(counter)).await
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<(Key, Versioned)>, StoreError> {
        match self.fault {
            Fault::ScansTextPrefixes => {
                let mut found = self.honest.scan(&Key::root(), after, usize::MAX).await?;
                found.retain(|(key, _)| key.as_str().starts_with(prefix.as_str()));
                found.truncate(limit);
                Ok(found)
            }
            Fault::ScansBeyondTheLimit => {
                let limit = limit.saturating_add(1);
                self.honest.scan(prefix, after, limit).await
            }
            Fault::ScansFromTheStart => self.honest.scan(prefix, None, limit).await,
            _ => self.honest.scan(prefix, after, limit).await,
        }
    }

    async fn log(&self, log: &LogName, after: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let after = match self.fault {
            Fault::RepeatsAnEntryOnEachPage => after.saturating_sub(1),
            _ => after,
        };
        self.honest.log(log, after, limit).await
    }

    async fn head(&self, log: &LogName) -> Result<Head, StoreError> {
        self.honest.head(log).await
    }

    async fn changed(&self, prefix: &Key, since: u64) -> Result<Option<u64>, StoreError> {
        let all = self.honest.scan(&Key::root(), None, usize::MAX).await?;
        let highest = |is_meant: &dyn Fn(&Key) -> bool| {
            let meant = all.iter().filter(|(key, _)| is_meant(key));
            let last = meant.map(|(_, value)| value.version).max();
            last.filter(|last| *last > since)
        };
        match self.fault {
            Fault::MissesRemovals => Ok(highest(&|key| key.is_beneath(prefix))),
            Fault::SeesChangesBesideAPrefix => {
                let seen = self.honest.changed(prefix, since).await?;
                Ok(seen.max(highest(&|key| key.as_str().starts_with(prefix.as_str()))))
            }
            Fault::SeesEveryCommit => {
                let version = self.honest.rows().version;
                Ok((version > since).then_some(version))
            }
            Fault::SeesTheLastChangeAgain => {
                self.honest.changed(prefix, since.saturating_sub(1)).await
            }
            _ => self.honest.changed(prefix, since).await,
        }
    }

    fn durable(&self) -> bool {
        // Nothing of it is: what opens it again finds that out.
        true
    }
}

/// The names of the cases that a store with this fault fails.
async fn failed(fault: Fault) -> Vec<&'static str> {
    let failures = conformance::failures(async || Faulty::new(fault)).await;
    assert!(failures.iter().all(|failure| !failure.what.is_empty()));
    failures.into_iter().map(|failure| failure.case).collect()
}

/// On one thread, so that what races does so in the same order each time.
#[tokio::test]
async fn each_fault_is_found_by_its_case() {
    for (fault, case) in FOUND {
        let failed = failed(fault).await;
        assert!(failed.contains(&case), "{fault:?} is found by {failed:?}");
    }
}

#[tokio::test]
async fn each_case_finds_a_fault() {
    let every_case = failed(Fault::IsAway).await;
    assert!(every_case.len() > 20, "{every_case:?}");
    for case in every_case {
        let finds = FOUND.iter().any(|(_, found)| *found == case);
        assert!(finds, "no fault is found by `{case}`");
    }
}

#[tokio::test]
#[should_panic(expected = "`logs_are_numbered_and_linked`")]
async fn a_run_names_the_case_that_fails() {
    conformance::run(async || Faulty::new(Fault::LosesAppends)).await;
}

#[tokio::test]
#[should_panic(expected = "`a_store_that_is_opened_again_keeps_everything`")]
async fn a_store_that_forgets_is_found_when_it_is_opened_again() {
    conformance::run_reopened(async || Faulty::new(Fault::IgnoresExpect)).await;
}

#[tokio::test]
#[should_panic(expected = "`a_change_by_another_handle_is_seen`")]
async fn handles_that_share_nothing_are_found() {
    conformance::run_shared(async || Outside::default()).await;
}

#[tokio::test]
#[should_panic(expected = "a store that is opened again is durable")]
async fn a_store_that_says_that_it_is_not_durable_is_not_opened_again() {
    conformance::run_reopened(async || Outside::default()).await;
}
