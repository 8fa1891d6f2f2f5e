//! The one writer: takes every batch that waits, and commits them together.

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::changes::Noted;
use super::fault::StoreFile;
use super::files::Files;
use super::rows::{BatchRows, Open};
use crate::store::apply::apply;
use crate::store::{Batch, Committed, StoreError};

/// How many batches may wait; a further committer waits for a place.
pub(super) const QUEUE: usize = 1024;
/// How many batches share a transaction at most, and so one wait for the disk.
const GROUP: usize = 256;

pub(super) type Answer = Result<Committed, StoreError>;

/// A batch, and the caller that waits for its outcome.
pub(super) struct Job {
    pub(super) batch: Batch,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// Commits what comes, until the store is gone and nothing is left.
pub(super) fn run(conn: &Connection, file: &StoreFile, mut jobs: mpsc::Receiver<Job>) {
    let (mut batches, mut waiting) = (Vec::new(), Vec::new());
    let mut files = Files::default();
    while let Some(first) = jobs.blocking_recv() {
        let mut next = Some(first);
        while let Some(Job { batch, answer }) = next {
            batches.push(batch);
            waiting.push(answer);
            next = (batches.len() < GROUP)
                .then(|| jobs.try_recv().ok())
                .flatten();
        }
        let answers = commit(conn, file, &mut files, batches.drain(..));
        for (waiting, answer) in waiting.drain(..).zip(answers) {
            // No caller waits any more: the batch is written, or refused, all the same.
            let _ = waiting.send(answer);
        }
    }
}

/// Commits each batch or refuses it, all in one transaction; an answer for each, in their order.
///
/// A batch that is refused takes back what it alone did. If the transaction fails, none of them is
/// written: a refusal may have been for what another one of them did, so it is no answer either.
pub(super) fn commit(
    conn: &Connection,
    file: &StoreFile,
    files: &mut Files,
    batches: impl ExactSizeIterator<Item = Batch>,
) -> Vec<Answer> {
    let count = batches.len();
    let open = Open { conn, file };
    match transaction(&open, files, batches) {
        Ok(answers) => answers,
        Err(fault) => {
            tracing::error!(%fault, batches = count, "a commit failed");
            if !conn.is_autocommit()
                && let Err(fault) = open.run("ROLLBACK", [])
            {
                tracing::error!(%fault, "the failed commit could not be taken back");
            }
            vec![Err(fault); count]
        }
    }
}

fn transaction(
    open: &Open<'_>,
    files: &mut Files,
    batches: impl Iterator<Item = Batch>,
) -> Result<Vec<Answer>, StoreError> {
    files.unmoved(open)?;
    // The lock to write is taken before anything is read, so that what was read stays true until
    // the commit, whichever other process has the file open.
    open.run("BEGIN IMMEDIATE", [])?;
    let before = open.version()?;
    let mut version = before;
    let mut noted = Noted::default();
    let mut answers = Vec::new();
    for batch in batches {
        answers.push(one(open, batch, &mut version, &mut noted)?);
    }
    if version > before {
        open.set_version(version, noted)?;
    }
    open.run("COMMIT", [])?;
    // What was written to a log that was gone by then is not said to be written.
    files.unmoved(open)?;
    Ok(answers)
}

/// Does one batch, or takes back what it did. An error is one of the whole transaction.
fn one(
    open: &Open<'_>,
    batch: Batch,
    version: &mut u64,
    noted: &mut Noted,
) -> Result<Answer, StoreError> {
    // SQLite counts to 2^63.
    let next = version.checked_add(1);
    let Some(next) = next.filter(|next| i64::try_from(*next).is_ok()) else {
        return Ok(Err(StoreError::Full));
    };
    open.run("SAVEPOINT batch", [])?;
    let mut rows = BatchRows::new(*open);
    let answer = apply(batch, next, &mut rows);
    match &answer {
        Ok(_) => {
            *version = next;
            noted.add(next, rows.touched());
        }
        // SQLite ends the whole transaction for some faults, a full disk among them.
        Err(fault) if open.conn.is_autocommit() => return Err(fault.clone()),
        Err(_) => {
            open.run("ROLLBACK TO batch", [])?;
        }
    }
    open.run("RELEASE batch", [])?;
    Ok(answer)
}
