//! Prunes calls that cannot be made again, and revocations of tokens that have ended by themselves.

use super::authorize::SPENT;
use super::durable::{ended, highest, paths};
use crate::id::Timestamp;
use crate::store::{Batch, Key, Store, StoreError};

/// How many calls are read and removed at once.
const PAGE: usize = 1000;

/// How many entries of each sort were removed.
pub(crate) struct PrunedState {
    pub(crate) calls: usize,
    pub(crate) tokens: usize,
}

/// Removes the ids of calls that ended before a time, and of tokens whose agents ended before their
/// tokens did, and revocations of paths whose agents' tokens have ended.
///
/// Calls and tokens are refused as ended once the highest time that the store has seen, which every guard
/// on the store takes as the time now, is past their end. Only then are their ids no longer needed.
pub(crate) async fn prune_state(
    store: &dyn Store,
    ended_before: Timestamp,
) -> Result<PrunedState, StoreError> {
    let seen = Timestamp::from_millis(store.counter(&highest()).await?);
    let before = ended_before.min(seen.unwrap_or_default());
    let call = |value: &str| serde_json::from_str(value).ok();
    let mut tokens = prune_beneath(store, before, ended::all(), ended::until).await?;
    for paths in paths() {
        // A revocation without an end was written by an older build, or is of a role in every tree: it stays.
        tokens += prune_beneath(store, before, paths, ended::until).await?;
    }
    let calls = prune_beneath(store, before, Key::of([SPENT]), call).await?;
    Ok(PrunedState { calls, tokens })
}

async fn prune_beneath(
    store: &dyn Store,
    before: Timestamp,
    all: Key,
    until: impl Fn(&str) -> Option<Timestamp>,
) -> Result<usize, StoreError> {
    let (mut after, mut removed) = (None, 0);
    loop {
        let page = store.scan(&all, after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(removed);
        };
        after = Some(last.clone());
        let mut batch = Batch::new();
        for (key, kept) in page {
            // A value that is not a valid time stays: the build that wrote it may know its meaning.
            if until(&kept.value).is_some_and(|until| until.secs() < before.secs()) {
                batch = batch.delete(key);
            }
        }
        let count = batch.ops().len();
        if count > 0 {
            store.commit(batch).await?;
            removed += count;
        }
    }
}
