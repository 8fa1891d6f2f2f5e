//! Tokens of agents that have ended in other processes. There are ever more of them, so they are not
//! read at the start: those of a chain are looked up when the guard is first asked about it.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::names::REVOKED;
use crate::capability::{Chain, Kind, Looker, Refusal};
use crate::guard::{Guard, Revocable};
use crate::id::{Timestamp, hex};
use crate::store::{Batch, Key, StoreError};

/// The kind of revocation that they are.
pub(super) const KIND: &str = "ended";

/// What a guard has heard of them.
#[derive(Debug)]
pub(in crate::guard) struct Ended {
    /// The guard itself, as a block remembers that it was looked up by it.
    guard: Arc<Looker>,
    /// Set once all of them were read.
    all: OnceCell<()>,
}

impl Ended {
    pub(in crate::guard) fn new() -> Self {
        Self {
            guard: Looker::new(),
            all: OnceCell::new(),
        }
    }

    /// Where nothing is kept, there is nothing to hear.
    pub(in crate::guard) fn none() -> Self {
        let ended = Self::new();
        // It is new, so nobody has set it.
        let _ = ended.all.set(());
        ended
    }
}

/// All of them.
pub(in crate::guard) fn all() -> Key {
    Key::of([REVOKED, KIND])
}

/// When the token of one ends by itself.
pub(in crate::guard) fn until(kept: &str) -> Option<Timestamp> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    serde_json::from_value(kept.get("until")?.clone()).ok()
}

/// When the token ends of which this is kept; `None` where it is not that of an agent that has ended.
pub(super) fn of(key: &Key, kept: &str) -> Option<Timestamp> {
    until(kept).filter(|_| key.is_beneath(&all()))
}

/// Under what name the token of one is kept.
fn name(id: &[u8; 64]) -> Key {
    all().child(&hex::write(id))
}

impl Guard {
    /// Adds to a batch that the last hop of a chain is revoked, where that is kept: its agent has
    /// ended, or has another token in its place.
    pub(crate) fn ended_too(&self, batch: Batch, chain: &Chain) -> Batch {
        if !self.store.durable() {
            return batch;
        }
        let value = json!({ "since": self.now().ok(), "until": chain.expires() });
        batch.put(name(&chain.id()), value.to_string())
    }

    /// Takes up which agents of a chain have ended. A block is looked up once; what ends later in
    /// this process is revoked in memory.
    pub(super) async fn look_up(&self, chain: &Chain) -> Result<(), StoreError> {
        if self.ended.all.initialized() {
            return Ok(());
        }
        for link in chain.not_looked_up(&self.ended.guard) {
            let id = link.signed.signature;
            if let Some(kept) = self.store.get(&name(&id)).await? {
                let block = [Revocable::Block(id)];
                match until(&kept.value) {
                    Some(until) => self.revocations.revoke_until(block, until),
                    None => self.revocations.revoke(block),
                }
            }
            link.looked_up.note(&self.ended.guard);
        }
        Ok(())
    }

    /// Takes up all that have ended, for decisions that cannot wait for the store.
    pub(super) async fn take_up_ended(&self) -> Result<(), StoreError> {
        let all = all();
        let read = self.ended.all.get_or_try_init(|| self.take_up_all(&all));
        read.await.copied()
    }

    /// Whether it was looked up which agents of a chain have ended.
    pub(in crate::guard) fn is_looked_up(&self, chain: &Chain) -> Result<(), Refusal> {
        let mut missing = chain.not_looked_up(&self.ended.guard);
        match self.ended.all.initialized() || missing.next().is_none() {
            true => Ok(()),
            false => Err(Refusal::new(
                Kind::Unavailable,
                "whether the agents of the token have ended was not read yet: await `Guard::resume`",
            )
            .outage()),
        }
    }
}
