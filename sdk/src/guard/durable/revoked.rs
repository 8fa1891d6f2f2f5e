//! Revocations, stored for every guard that is built on the store later.

use std::time::Duration;

use serde_json::{Value, json};

use super::ended;
use super::names::{REVOKED, name, named};
use super::strange;
use crate::capability::Chain;
use crate::guard::revocation::{began_after, role_of};
use crate::guard::{Guard, Revocable};
use crate::id::Timestamp;
use crate::store::{Batch, Key, StoreError};

/// How many revocations are read or written at once.
const PAGE: usize = 1000;

impl Guard {
    /// Revokes `what` in this guard at once and, if its store is durable, for every guard that is built on
    /// the store later. Guards that already run on the store do not learn of it.
    ///
    /// The revocation of an agent, or of a role under a named parent, concerns the agents that have the path
    /// now: a tree that is minted later may have the same path and is not concerned. Such a revocation is
    /// forgotten when every token that is accepted now has ended ([`Guard::max_lifetime`]).
    ///
    /// # Errors
    ///
    /// When it cannot be written. It is still in force in this guard until the process ends.
    pub async fn revoke(
        &self,
        what: impl IntoIterator<Item = Revocable> + Send,
    ) -> Result<(), StoreError> {
        let what: Vec<_> = what.into_iter().collect();
        // Without a clock the revocation concerns every tree and never ends.
        let since = self.now().ok();
        let until = since.map(|since| since.saturating_add(self.max_lifetime));
        for what in &what {
            self.keep(what.clone(), since.zip(until));
        }
        if !self.store.durable() {
            return Ok(());
        }
        let value = |what: &Revocable| match is_of_a_tree(what) {
            true => json!({ "since": since, "until": until }).to_string(),
            false => json!({ "since": since }).to_string(),
        };
        for page in what.chunks(PAGE) {
            let put = |batch: Batch, what| batch.put(name(what), value(what));
            self.store
                .commit(page.iter().fold(Batch::new(), put))
                .await?;
        }
        Ok(())
    }

    /// Revokes in memory; `of` gives the beginning and the end of the revocation, if they are known.
    fn keep(&self, what: Revocable, of: Option<(Timestamp, Timestamp)>) {
        match of.filter(|_| is_of_a_tree(&what)) {
            Some((since, until)) => self.revocations.revoke_path(what, since, until),
            None => self.revocations.revoke([what]),
        }
    }

    /// Whether an operator, and not the end of an agent's task, has revoked something of a chain, the task, or
    /// the agent that had this path. A path is looked up in the store: in memory the path may have been that
    /// of another agent, which has ended.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub(crate) async fn revoked_by_hand(
        &self,
        chain: &Chain,
        path: &str,
        task: Option<&str>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (parent, role) = role_of(path);
        let role = Revocable::Role {
            parent: parent.to_owned(),
            role: role.to_owned(),
        };
        for by_name in [Revocable::Agent(path.to_owned()), role] {
            let Some(kept) = self.store.get(&name(&by_name)).await? else {
                continue;
            };
            let since = times(&kept.value, self.max_lifetime).filter(|_| is_of_a_tree(&by_name));
            if !since.is_some_and(|(since, _)| began_after(chain, since, now)) {
                return Ok(true);
            }
        }
        let task = task.map(|task| Revocable::Task(task.to_owned()));
        Ok(task.is_some_and(|task| self.revocations.contains(&task))
            || self.revocations.of_chain(chain).is_some())
    }

    /// Reads every kind of revocation except those of ended agents, whose number only grows.
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
            // `0` comes directly after `/`, so this key is past all keys of the kind.
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
            for (key, kept) in &page {
                let what = named(key).ok_or_else(|| strange(key))?;
                match ended::of(key, &kept.value) {
                    Some(until) => self.revocations.revoke_until([what], until),
                    None => self.keep(what, times(&kept.value, self.max_lifetime)),
                }
            }
        }
    }
}

/// Whether a revocation names agents by their path, which an agent of a later tree may have too. A role
/// without a parent concerns every tree.
fn is_of_a_tree(what: &Revocable) -> bool {
    match what {
        Revocable::Agent(_) => true,
        Revocable::Role { parent, .. } => !parent.is_empty(),
        _ => false,
    }
}

/// The beginning and the end of a revocation. An entry without an end lasts for the longest life of a
/// token.
pub(in crate::guard) fn times(kept: &str, longest: Duration) -> Option<(Timestamp, Timestamp)> {
    let kept: Value = serde_json::from_str(kept).ok()?;
    let time = |name: &str| serde_json::from_value(kept.get(name)?.clone()).ok();
    let since: Timestamp = time("since")?;
    Some((
        since,
        time("until").unwrap_or_else(|| since.saturating_add(longest)),
    ))
}
