//! What is revoked, kept for every guard that is built on the store later.

use serde_json::json;

use super::ended;
use super::names::{REVOKED, name, named};
use super::strange;
use crate::capability::Chain;
use crate::guard::revocation::role_of;
use crate::guard::{Guard, Revocable};
use crate::store::{Batch, Key, StoreError};

/// How many revocations are read or written at once.
const PAGE: usize = 1000;

impl Guard {
    /// Revokes: in this guard at once, and in its store, where that is durable, for every guard that
    /// is built on it later. Others that run already do not hear of it.
    ///
    /// # Errors
    ///
    /// When it cannot be written. It is in force in this guard all the same, until the process ends.
    pub async fn revoke(
        &self,
        what: impl IntoIterator<Item = Revocable> + Send,
    ) -> Result<(), StoreError> {
        let what: Vec<_> = what.into_iter().collect();
        self.revocations.revoke(what.iter().cloned());
        if !self.store.durable() {
            return Ok(());
        }
        let value = json!({ "since": self.now().ok() }).to_string();
        for page in what.chunks(PAGE) {
            let put = |batch: Batch, what| batch.put(name(what), &*value);
            self.store
                .commit(page.iter().fold(Batch::new(), put))
                .await?;
        }
        Ok(())
    }

    /// Whether anything that an operator revoked, rather than the end of an agent's task, is of a chain
    /// or of the agent that had this path. Of a path that is asked in the store: here it may have been
    /// another agent's, which has ended.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn revoked_by_hand(
        &self,
        chain: &Chain,
        path: &str,
    ) -> Result<bool, StoreError> {
        let (parent, role) = role_of(path);
        let role = Revocable::Role {
            parent: parent.to_owned(),
            role: role.to_owned(),
        };
        for by_name in [Revocable::Agent(path.to_owned()), role] {
            if self.store.get(&name(&by_name)).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(self.revocations.of_chain(chain).is_some())
    }

    /// Every kind of revocation but that of agents that have ended, which only get more.
    pub(super) async fn take_up_revocations(&self) -> Result<(), StoreError> {
        let (all, mut after) = (Key::of([REVOKED]), None);
        loop {
            let next = self.store.scan(&all, after.as_ref(), 1).await?;
            let Some((first, _)) = next.first() else {
                return Ok(());
            };
            let parts = first.parts();
            let [_, kind, _, ..] = parts.as_slice() else {
                return Err(strange(first));
            };
            if kind != ended::KIND {
                self.take_up_all(&all.child(kind)).await?;
            }
            // `0` comes right after `/`: past whatever is beneath this kind.
            after = Some(all.child(&format!("{kind}0")));
        }
    }

    /// The revocations beneath a key.
    pub(super) async fn take_up_all(&self, all: &Key) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.scan(all, after.as_ref(), PAGE).await?;
            let Some((last, _)) = page.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            let what = page
                .iter()
                .map(|(key, _)| named(key).ok_or_else(|| strange(key)));
            self.revocations
                .revoke(what.collect::<Result<Vec<_>, _>>()?);
        }
    }
}
