//! Writes the denials that were counted: each second while there are any, on request, and when the guard
//! is dropped.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::Denials;
use super::tally::{Asked, Count, Row};
use crate::guard::{Guard, Repeated};
use crate::id::Timestamp;
use crate::store::{Batch, StoreError};

/// How often counted denials are written.
const EVERY: Duration = Duration::from_secs(1);
/// How long a guard that is dropped waits for its store.
const LAST: Duration = Duration::from_millis(500);

impl Guard {
    /// Writes the denials that are counted and not written yet. Await it before the process ends;
    /// otherwise they are written each second and when the guard is dropped.
    ///
    /// # Errors
    ///
    /// When the store cannot be written. The counts are kept, and written the next time.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.denials.flush().await
    }
}

impl Denials {
    /// Counts a denial; whether it is to be written in full.
    pub(super) fn count(self: &Arc<Self>, asked: Asked, now: Timestamp) -> bool {
        let full = self.tally().count(asked, now);
        self.begin_to_write();
        full
    }

    /// Counts, among those that wait, a denial that could not be written in full.
    pub(super) fn postpone(self: &Arc<Self>, asked: Asked, now: Timestamp) {
        self.tally().postpone(asked, now);
        self.begin_to_write();
    }

    fn begin_to_write(self: &Arc<Self>) {
        let tally = self.tally();
        let begin = self.recorder.is_some() && tally.is_waiting() && !tally.is_written;
        drop(tally);
        if begin {
            self.write_each_second();
        }
    }

    /// Writes the waiting counts each second, until no count waits. Without a runtime they are written
    /// with a later denial, or when the guard is dropped.
    fn write_each_second(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        self.tally().is_written = true;
        let mut writing = Writing {
            denials: Arc::downgrade(self),
            is_over: false,
        };
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let Some(denials) = writing.denials.upgrade() else {
                    return;
                };
                if let Err(error) = denials.flush().await {
                    tracing::error!(%error, "counted denials could not be recorded; they are kept and written later");
                }
                let mut tally = denials.tally();
                if !tally.is_waiting() {
                    // Under the lock: the thread that counts the next denial starts another task.
                    tally.is_written = false;
                    writing.is_over();
                    return;
                }
            }
        });
    }

    /// Writes the waiting counts.
    pub(super) async fn flush(&self) -> Result<(), StoreError> {
        let mut taken = Taken {
            denials: self,
            counts: self.tally().take(),
        };
        if !taken.counts.is_empty() {
            let batch = self.batch(&taken.counts);
            if !batch.ops().is_empty() {
                self.store.commit(batch).await?;
            }
            taken.counts.clear();
        }
        Ok(())
    }

    fn batch(&self, counts: &[(Row, Count)]) -> Batch {
        let Some(recorder) = &self.recorder else {
            return Batch::new();
        };
        let entries = counts.iter().map(|(row, count)| {
            let repeated = Repeated {
                under: &row.under,
                kind: row.kind,
                capability: row.capability.as_deref(),
                count: count.count,
                first: count.first,
                last: count.last,
                digest: count.digest,
            };
            recorder.repeated(&repeated)
        });
        entries.fold(Batch::new(), Batch::and)
    }
}

/// Counts on their way to the store. They are put back unless they are written: if the store refuses
/// them, or if the writing task is dropped, in which case they may be written twice and are never lost.
struct Taken<'a> {
    denials: &'a Denials,
    counts: Vec<(Row, Count)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.counts.is_empty() {
            let counts = std::mem::take(&mut self.counts);
            self.denials.tally().put_back(counts);
        }
    }
}

/// The task that writes; if its runtime ends, another task may start.
struct Writing {
    denials: Weak<Denials>,
    is_over: bool,
}

impl Writing {
    /// Another task may have started.
    const fn is_over(&mut self) {
        self.is_over = true;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(denials) = self.denials.upgrade().filter(|_| !self.is_over) {
            denials.tally().is_written = false;
        }
    }
}

impl Drop for Denials {
    fn drop(&mut self) {
        let counts = self.tally().take();
        let batch = self.batch(&counts);
        if batch.ops().is_empty() {
            return;
        }
        let writing = pin!(self.store.commit(batch));
        match wait(writing) {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::error!(%error, "counted denials could not be recorded at the end of the guard");
            }
            None => tracing::warn!(
                "the store did not say in time whether it has recorded the counted denials; await `Guard::flush`"
            ),
        }
    }
}

/// Waits for a future on this thread, for a short time at most.
fn wait<T>(mut future: std::pin::Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Option<T> {
    struct Wakes(Thread);
    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Wakes(thread::current())));
    let (mut context, begun) = (Context::from_waker(&waker), Instant::now());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        let left = LAST.checked_sub(begun.elapsed())?;
        thread::park_timeout(left);
    }
}
