//! Tokens of agents that have ended in other processes. Their number only grows, so they are not read at
//! the start: those of a chain are looked up at the guard's first decision about the chain.

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

/// What a guard knows of these tokens.
#[derive(Debug)]
pub(in crate::guard) struct Ended {
    /// The id of the guard, by which a block remembers that this guard has looked it up.
    guard: Arc<Looker>,
    /// Set once all of them are read.
    all: OnceCell<()>,
}

impl Ended {
    pub(in crate::guard) fn new() -> Self {
        Self {
            guard: Looker::new(),
            all: OnceCell::new(),
        }
    }

    /// A store that is not durable holds no tokens of other processes.
    pub(in crate::guard) fn none() -> Self {
        Self {
            guard: Looker::new(),
            all: OnceCell::new_with(Some(())),
        }
    }
}

/// The prefix of the keys of all these tokens.
pub(in crate::guard) fn all() -> Key {
    Key::of([REVOKED, KIND])
}

/// When the token of an ended agent expires.
pub(in crate::guard) fn until(kept: &str) -> Option<Timestamp> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    serde_json::from_value(kept.get("until")?.clone()).ok()
}

/// When the token of a stored entry expires; `None` if the entry is not of an agent that has ended.
pub(super) fn of(key: &Key, kept: &str) -> Option<Timestamp> {
    until(kept).filter(|_| key.is_beneath(&all()))
}

/// The key under which the token of an ended agent is stored.
fn name(id: &[u8; 64]) -> Key {
    all().child(&hex::write(id))
}

impl Guard {
    /// The batch that revokes the last hop of a chain for other processes, which is empty unless the store is
    /// durable: its agent has ended, or has another token instead.
    pub(crate) fn revoke_ended(&self, chain: &Chain) -> Batch {
        if !self.store.durable() {
            return Batch::new();
        }
        let value = json!({ "since": self.now().ok(), "until": chain.expires() });
        Batch::new().put(name(&chain.id()), value.to_string())
    }

    /// Reads which agents of a chain have ended. A block is looked up once; an agent that ends later in
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

    /// Reads all agents that have ended, for decisions that cannot wait for the store.
    pub(super) async fn take_up_ended(&self) -> Result<(), StoreError> {
        let all = all();
        let read = self.ended.all.get_or_try_init(|| self.take_up_all(&all));
        read.await.copied()
    }

    /// Checks that this guard has looked up which agents of a chain have ended.
    pub(in crate::guard) fn is_looked_up(&self, chain: &Chain) -> Result<(), Refusal> {
        let mut missing = chain.not_looked_up(&self.ended.guard);
        match self.ended.all.initialized() || missing.next().is_none() {
            true => Ok(()),
            false => Err(Refusal::new(
                Kind::Unavailable,
                "the guard has not read yet whether the agents of the token have ended: await `Guard::resume`",
            )
            .outage()),
        }
    }
}
