//! What the operations of a batch mean, once for every store.

use serde::de::IgnoredAny;

use super::{Batch, Committed, Entry, Expected, Head, Key, LogName, Op, StoreError, Versioned};

/// One transaction of a store: rows to read and write, which the store keeps or drops as a whole.
///
/// A store implements this, and [`apply()`] calls it. Reads see what was written before in the same
/// transaction. Between the first read and the end of the transaction no other commit may write: the store holds
/// its lock, or a transaction that is serializable. An error of any method ends the batch, and is what
/// [`apply()`] returns.
///
/// The methods are synchronous. A store whose rows are reached by asynchronous calls reads what the
/// operations of the batch name first (see [`Batch::ops`]), applies the batch to that copy, and then writes what
/// changed in one transaction that fails if a row was changed meanwhile.
///
/// ```
/// use std::collections::BTreeMap;
/// use bailiwick::store::{Batch, Entry, Head, Key, LogName, Rows, StoreError, Versioned, apply};
///
/// #[derive(Clone, Default)]
/// struct Maps {
///     values: BTreeMap<Key, Versioned>,
///     counters: BTreeMap<Key, u64>,
///     logs: BTreeMap<LogName, Vec<Entry>>,
/// }
///
/// impl Rows for Maps {
///     fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError> {
///         Ok(self.values.get(key).cloned())
///     }
///     fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError> {
///         match value {
///             Some(value) => self.values.insert(key, value),
///             None => self.values.remove(&key),
///         };
///         Ok(())
///     }
///     fn counter(&mut self, counter: &Key) -> Result<u64, StoreError> {
///         Ok(self.counters.get(counter).copied().unwrap_or(0))
///     }
///     fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError> {
///         self.counters.insert(counter, value);
///         Ok(())
///     }
///     fn head(&mut self, log: &LogName) -> Result<Head, StoreError> {
///         let last = self.logs.get(log).and_then(|entries| entries.last());
///         Ok(last.map_or_else(|| Head::empty(log), Head::from))
///     }
///     fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError> {
///         self.logs.entry(log).or_default().push(entry);
///         Ok(())
///     }
/// }
///
/// // The transaction is a copy, which takes the place of the rows if the whole batch passes.
/// let mut rows = Maps::default();
/// let mut draft = rows.clone();
/// let calls = Key::of(["calls"]);
/// let committed = apply(Batch::new().add(calls.clone(), 1, Some(1)), 1, &mut draft)?;
/// assert_eq!(committed.version, 1);
/// rows = draft;
///
/// let mut draft = rows.clone();
/// assert!(apply(Batch::new().add(calls.clone(), 1, Some(1)), 2, &mut draft).is_err());
/// assert_eq!(rows.counter(&calls)?, 1);
/// # Ok::<(), StoreError>(())
/// ```
pub trait Rows {
    /// The value under a key, and the version of the commit that put it.
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError>;
    /// Puts a value, or with `None` removes it; removing what is not there is not an error.
    ///
    /// A store notes the change, at the version of the commit, so that it can answer
    /// [`Store::changed`](super::Store::changed): see [`Changes`](super::Changes). Removing what is not there is no
    /// change.
    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError>;
    /// A counter; one that is not kept is 0.
    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError>;
    /// Sets a counter to any number up to `u64::MAX`; one that is 0 need not be kept.
    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError>;
    /// The number and the link of the last entry of a log; [`Head::empty`] where it has no entry.
    fn head(&mut self, log: &LogName) -> Result<Head, StoreError>;
    /// Keeps an entry, which is the one after [`head`](Self::head), numbered and linked.
    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError>;
}

/// Does the operations of a batch in order on the rows of one transaction, and stops at the first that is
/// refused.
///
/// This is the one meaning of a batch, for every store. `version` is the version of this commit alone: it is
/// higher than that of every commit before it, whatever those commits did, and is not used again after a delete
/// or a restart. `rows` is the open transaction. The caller keeps the transaction after `Ok`, and what is
/// returned is then what [`Store::commit`](super::Store::commit) answers.
///
/// # Errors
///
/// After an error the caller drops the transaction: the operations before the refused one are in it.
///
/// - [`StoreError::Conflict`]: a key is not as the batch expects it.
/// - [`StoreError::Exceeded`]: a counter would pass its maximum, or `u64::MAX`.
/// - [`StoreError::Short`]: a counter holds less than is taken from it.
/// - [`StoreError::Malformed`]: a value or a body is not JSON on one line.
/// - [`StoreError::Full`]: a log has used up its numbers.
/// - Whatever a method of `rows` fails with.
pub fn apply(
    batch: Batch,
    version: u64,
    rows: &mut (impl Rows + ?Sized),
) -> Result<Committed, StoreError> {
    let mut appended = Vec::new();
    for (op, what) in batch.into_ops().into_iter().enumerate() {
        match what {
            Op::Append { log, body } => {
                one_line_of_json(op, log.as_str(), &body)?;
                let entry = rows.head(&log)?.then(body).ok_or(StoreError::Full)?;
                appended.push(Head::from(&entry));
                rows.append(log, entry)?;
            }
            Op::Put { key, value } => {
                one_line_of_json(op, key.as_str(), &value)?;
                rows.set_value(key, Some(Versioned { version, value }))?;
            }
            Op::Delete { key } => rows.set_value(key, None)?,
            Op::Expect { key, expected } => {
                let found = rows.value(&key)?.map(|value| value.version);
                let wanted = match expected {
                    Expected::Absent => None,
                    Expected::Version(version) => Some(version),
                };
                if found != wanted {
                    return Err(StoreError::Conflict {
                        op,
                        key,
                        expected,
                        found,
                    });
                }
            }
            Op::Add {
                counter,
                amount,
                max,
            } => {
                let found = rows.counter(&counter)?;
                match found.checked_add(amount).filter(|sum| *sum <= max) {
                    Some(sum) => rows.set_counter(counter, sum)?,
                    None => {
                        return Err(StoreError::Exceeded {
                            op,
                            counter,
                            max,
                            found,
                            asked: amount,
                        });
                    }
                }
            }
            Op::Raise { counter, to } => {
                if rows.counter(&counter)? < to {
                    rows.set_counter(counter, to)?;
                }
            }
            Op::Sub { counter, amount } => {
                let found = rows.counter(&counter)?;
                match found.checked_sub(amount) {
                    Some(rest) => rows.set_counter(counter, rest)?,
                    None => {
                        return Err(StoreError::Short {
                            op,
                            counter,
                            found,
                            asked: amount,
                        });
                    }
                }
            }
        }
    }
    Ok(Committed { version, appended })
}

/// A raw newline would make two lines of one in an export; what is not JSON would break readers.
fn one_line_of_json(op: usize, place: &str, text: &str) -> Result<(), StoreError> {
    let one_line = text.bytes().all(|byte| byte >= b' ');
    if one_line && serde_json::from_str::<IgnoredAny>(text).is_ok() {
        Ok(())
    } else {
        let place = place.to_owned();
        Err(StoreError::Malformed { op, place })
    }
}
