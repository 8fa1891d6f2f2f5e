//! What the operations of a batch mean, once for every store.

use serde::de::IgnoredAny;

use super::{Batch, Committed, Entry, Expected, Head, Key, LogName, Op, StoreError, Versioned};

/// One transaction of a store: rows to read and write, kept or dropped as a whole by the store.
///
/// Reads see what was written before in the same transaction.
pub(crate) trait Rows {
    /// The value under a key.
    fn value(&mut self, key: &Key) -> Result<Option<Versioned>, StoreError>;
    /// Puts a value, or with `None` removes it.
    fn set_value(&mut self, key: Key, value: Option<Versioned>) -> Result<(), StoreError>;
    /// A counter; one that is not kept is 0.
    fn counter(&mut self, counter: &Key) -> Result<u64, StoreError>;
    /// Sets a counter; one that is 0 need not be kept.
    fn set_counter(&mut self, counter: Key, value: u64) -> Result<(), StoreError>;
    /// The last entry of a log.
    fn head(&mut self, log: &LogName) -> Result<Head, StoreError>;
    /// Keeps an entry, which is the one after the head.
    fn append(&mut self, log: LogName, entry: Entry) -> Result<(), StoreError>;
}

/// Does the operations in order, stopping at the first that is refused.
///
/// `version` is of this commit alone: higher than that of every commit before, deletes included.
/// After an error the rows must be dropped.
pub(crate) fn apply(
    batch: Batch,
    version: u64,
    rows: &mut impl Rows,
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
