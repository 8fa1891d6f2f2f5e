//! What is written at once.

use super::{Key, LogName};

/// Operations that are done in order, all of them or none.
///
/// Each part of a decision adds its own: the ledger its counters, the audit its entries.
///
/// ```
/// use bailiwick::store::{Batch, Expected, Key, LogName};
///
/// let call = Key::of(["replay", "5f0c"]);
/// let batch = Batch::new()
///     .expect(call.clone(), Expected::Absent)
///     .put(call, "true")
///     .add(Key::of(["spent", "calls"]), 1, Some(10))
///     .append(LogName::of(["audit"]), r#"{"asked":"fs.read"}"#);
/// assert_eq!(batch.ops().len(), 4);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    ops: Vec<Op>,
}

/// One operation of a [`Batch`].
///
/// Not `non_exhaustive`: a store that does not know an operation must not compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Append `body` to `log`.
    Append {
        /// The log.
        log: LogName,
        /// One line of canonical JSON.
        body: String,
    },
    /// Keep `value` under `key`, whatever is there.
    Put {
        /// The key.
        key: Key,
        /// One line of canonical JSON.
        value: String,
    },
    /// Keep nothing under `key`, whatever is there.
    Delete {
        /// The key.
        key: Key,
    },
    /// Go on only if `key` is as expected.
    Expect {
        /// The key.
        key: Key,
        /// What is expected of it.
        expected: Expected,
    },
    /// Add `amount` to `counter`, if that makes it no more than `max`.
    Add {
        /// The counter; one that was never added to is 0.
        counter: Key,
        /// How much.
        amount: u64,
        /// The most that the counter may be afterwards.
        max: u64,
    },
    /// Make `counter` at least `to`.
    Raise {
        /// The counter.
        counter: Key,
        /// The least that it is afterwards.
        to: u64,
    },
    /// Take `amount` from `counter`, if there is that much.
    Sub {
        /// The counter.
        counter: Key,
        /// How much.
        amount: u64,
    },
}

/// What a key is expected to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing.
    Absent,
    /// The value that was put in the commit of this version, untouched since.
    Version(u64),
}

impl Batch {
    /// A batch that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one line of canonical JSON to a log; the store numbers and links it.
    pub fn append(self, log: LogName, body: impl Into<String>) -> Self {
        let body = body.into();
        self.op(Op::Append { log, body })
    }

    /// Keeps one line of canonical JSON under a key, replacing what is there.
    pub fn put(self, key: Key, value: impl Into<String>) -> Self {
        let value = value.into();
        self.op(Op::Put { key, value })
    }

    /// Removes what is under a key, if anything is.
    pub fn delete(self, key: Key) -> Self {
        self.op(Op::Delete { key })
    }

    /// Refuses the whole batch unless the key is as expected at this point of it.
    pub fn expect(self, key: Key, expected: Expected) -> Self {
        self.op(Op::Expect { key, expected })
    }

    /// Adds to a counter, and refuses the whole batch if that would exceed `max`.
    ///
    /// `None` is no maximum of the caller's; beyond `u64::MAX` is refused all the same.
    pub fn add(self, counter: Key, amount: u64, max: Option<u64>) -> Self {
        let max = max.unwrap_or(u64::MAX);
        self.op(Op::Add {
            counter,
            amount,
            max,
        })
    }

    /// Raises a counter to `to`, or leaves it where it is if that is higher: however batches
    /// overtake one another, it ends at the highest.
    pub fn raise(self, counter: Key, to: u64) -> Self {
        self.op(Op::Raise { counter, to })
    }

    /// Takes from a counter, and refuses the whole batch if it holds less.
    pub fn sub(self, counter: Key, amount: u64) -> Self {
        self.op(Op::Sub { counter, amount })
    }

    /// Adds the operations of `other` after these.
    pub fn and(mut self, mut other: Self) -> Self {
        self.ops.append(&mut other.ops);
        self
    }

    /// The operations, in order.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The operations, in order, for a store that carries them out.
    #[must_use]
    pub fn into_ops(self) -> Vec<Op> {
        self.ops
    }

    fn op(mut self, op: Op) -> Self {
        self.ops.push(op);
        self
    }
}
