//! `genai` without its log.

use std::future::{Future, poll_fn};
use std::pin::pin;

use tracing::subscriber::{NoSubscriber, with_default};

/// Runs `work` with nobody listening to what it logs: `genai` logs what a provider answers to a
/// refused request, and providers quote the key. The error, with the key masked, is what is told.
pub(super) async fn quiet<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    poll_fn(|context| with_default(NoSubscriber::new(), || work.as_mut().poll(context))).await
}
