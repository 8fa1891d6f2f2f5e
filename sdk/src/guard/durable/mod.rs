//! What a guard keeps in a durable store beside budgets and spent calls: the highest time seen, the time
//! since which calls are kept, and what is revoked.

pub(super) mod ended;
mod names;
mod revoked;

use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use self::ended::Ended;
pub(super) use self::names::paths;
use super::verifier::Guard;
use crate::capability::{Chain, Kind, Refusal};
use crate::id::Timestamp;
use crate::store::{Batch, Committed, Expected, Key, StoreError};

/// The counter of the highest time seen, in milliseconds since 1970.
pub(super) fn highest() -> Key {
    Key::of(["clock", "highest"])
}

/// The key of the time since which calls are kept.
fn since() -> Key {
    Key::of(["clock", "since"])
}

/// The time since which every call that was made is known.
#[derive(Debug)]
pub(super) struct Since(AtomicU64);

impl Since {
    /// `None` if that time is not known.
    pub(super) fn at(time: Option<Timestamp>) -> Self {
        Self(AtomicU64::new(time.map_or(u64::MAX, Timestamp::millis)))
    }

    pub(super) fn get(&self) -> Option<Timestamp> {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn set(&self, time: Timestamp) {
        self.0.store(time.millis(), Ordering::SeqCst);
    }

    fn lower(&self, time: Timestamp) {
        self.0.fetch_min(time.millis(), Ordering::SeqCst);
    }
}

impl Guard {
    /// Reads what a durable store keeps from earlier processes: the highest time seen, and what is
    /// revoked. Until then the guard makes no decision.
    ///
    /// The first [`Guard::authorize`] does the part of this that it needs. Call `resume` if
    /// [`Guard::check`] or [`Guard::now`] comes first, or to find a fault at the start. It also reads
    /// all agents that have ended, however many they are; `authorize` looks up only those of the chain
    /// that it decides about.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; the next call tries again.
    pub async fn resume(&self) -> Result<(), StoreError> {
        self.load_state().await?;
        self.take_up_ended().await
    }

    /// As [`Guard::resume`] without the agents that have ended: what a start needs, at a cost that does
    /// not grow with the number of ended agents.
    pub(crate) async fn load_state(&self) -> Result<(), StoreError> {
        let resumed = self.resumed.get_or_try_init(|| self.take_up()).await;
        resumed.copied()
    }

    /// Trusts the clock again after the operator has checked it: `now` becomes the highest time seen.
    ///
    /// Calls that the guard may have forgotten while the clock was ahead are refused: over the wire
    /// those that could have been made before now, and those whose approval has ended meanwhile.
    ///
    /// # Errors
    ///
    /// When the store is durable and cannot be written. The clock is still trusted until the process
    /// ends.
    pub async fn reset_clock(&self, now: Timestamp) -> Result<(), StoreError> {
        let resumed = self.load_state().await;
        self.replay.reset(now);
        self.since.lower(now);
        self.revocations.reset(now);
        self.high_water.reset(now);
        if !self.store.durable() {
            return Ok(());
        }
        resumed?;
        loop {
            let found = self.store.counter(&highest()).await?;
            let batch =
                Batch::new()
                    .sub(highest(), found)
                    .add(highest(), now.millis(), Some(now.millis()));
            let batch = match self.since.get() {
                Some(time) if time == now => batch.put(since(), format!("\"{now}\"")),
                _ => batch,
            };
            match self.store.commit(batch).await {
                // Another process wrote it in between.
                Err(StoreError::Short { .. } | StoreError::Exceeded { .. }) => {}
                written => return written.map(drop),
            }
        }
    }

    /// Commits a decision of the guard, and with it the highest time seen.
    pub(super) async fn write(&self, batch: Batch) -> Result<Committed, StoreError> {
        let batch = match self.store.durable() {
            true => batch.raise(highest(), self.high_water.highest().millis()),
            false => batch,
        };
        self.store.commit(batch).await
    }

    /// Writes an entry about an event, and `also` with it. If an expectation in `also` does not hold, which
    /// means that another process has taken over, only the entry is written.
    pub(crate) async fn record_with(&self, entry: Batch, also: Batch) -> Result<(), StoreError> {
        if also.ops().is_empty() {
            return self.store.commit(entry).await.map(drop);
        }
        match self.store.commit(entry.clone().and(also)).await {
            Err(StoreError::Conflict { .. }) => self.store.commit(entry).await.map(drop),
            written => written.map(drop),
        }
    }

    /// Reads from the store what a decision about a chain needs.
    pub(super) async fn ready_for(&self, chain: &Chain) -> Result<(), Refusal> {
        self.load_state().await.map_err(|error| unread(&error))?;
        self.look_up(chain).await.map_err(|error| unread(&error))
    }

    /// The time now, after the stored state has been read where that is necessary.
    ///
    /// # Errors
    ///
    /// As [`Guard::now`], and [`Kind::Unavailable`] when the stored state cannot be read.
    pub(crate) async fn loaded_now(&self) -> Result<Timestamp, Refusal> {
        self.load_state().await.map_err(|error| unread(&error))?;
        self.now()
    }

    /// Checks that the stored state was read.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] if it was not.
    pub(super) fn ensure_loaded(&self) -> Result<(), Refusal> {
        match self.resumed.initialized() {
            true => Ok(()),
            false => Err(Refusal::new(
                Kind::Unavailable,
                "the stored state of the guard has not been read yet: await `Guard::resume`",
            )
            .outage()),
        }
    }

    async fn take_up(&self) -> Result<(), StoreError> {
        let millis = self.store.counter(&highest()).await?;
        let time = Timestamp::from_millis(millis).unwrap_or(Timestamp::MAX);
        self.high_water.seed(time);
        self.take_up_since().await?;
        self.take_up_revocations().await
    }

    /// The first guard of a store writes the time since which calls are kept, and later guards read it.
    async fn take_up_since(&self) -> Result<(), StoreError> {
        loop {
            if let Some(kept) = self.store.get(&since()).await? {
                let time: Timestamp =
                    serde_json::from_str(&kept.value).map_err(|_| strange(&since()))?;
                self.since.set(time);
                return Ok(());
            }
            // Without a clock the time is not known now; the next process may know it.
            let Some(time) = self.since.get() else {
                return Ok(());
            };
            let first = Batch::new()
                .expect(since(), Expected::Absent)
                .put(since(), format!("\"{time}\""));
            match self.store.commit(first).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn unread(error: &StoreError) -> Refusal {
    let what = format!("the stored state of the guard cannot be read: {error}");
    Refusal::new(Kind::Unavailable, what).outage()
}

fn strange(key: &Key) -> StoreError {
    let what = format!(
        "this build does not know the value that is stored under `{key}`; use the build that wrote it"
    );
    StoreError::Unavailable { what }
}
