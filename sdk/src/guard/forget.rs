//! Forgets calls that cannot be made again.

use super::authorize::SPENT;
use super::kept::highest;
use crate::id::Timestamp;
use crate::store::{Batch, Key, Store, StoreError};

/// How many calls are read and removed at once.
const PAGE: usize = 1000;

/// Removes the ids of calls that ended before a time, and tells how many.
///
/// A call is refused as ended once the highest time that the store has seen is past its end, which is
/// what now means to every guard on it: only then does its id decide nothing.
pub(crate) async fn forget_calls(
    store: &dyn Store,
    ended_before: Timestamp,
) -> Result<usize, StoreError> {
    let seen = Timestamp::from_millis(store.counter(&highest()).await?);
    let before = ended_before.min(seen.unwrap_or_default()).secs();
    let (all, mut after, mut forgotten) = (Key::of([SPENT]), None, 0);
    loop {
        let page = store.scan(&all, after.as_ref(), PAGE).await?;
        let Some((last, _)) = page.last() else {
            return Ok(forgotten);
        };
        after = Some(last.clone());
        let mut batch = Batch::new();
        for (key, kept) in page {
            // What is no time stays: whoever wrote it may know what it is.
            let until = serde_json::from_str::<Timestamp>(&kept.value);
            if until.is_ok_and(|until| until.secs() < before) {
                batch = batch.delete(key);
            }
        }
        let count = batch.ops().len();
        if count > 0 {
            store.commit(batch).await?;
            forgotten += count;
        }
    }
}
