//! A model that is asked again when it failed for a reason that may pass.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand_core::{OsRng, RngCore};
use tokio::time::sleep;

use super::{Completion, Delta, Model, ModelError, Request};

/// How often a model is asked, and how long the waits between are.
///
/// Before the second attempt the wait is `first`, and it doubles from there up to `longest`. Half of
/// each wait is certain and half is chance, so that many agents that failed at once do not come
/// back at once. A provider that says how long to wait is not asked sooner; when it says longer than
/// `longest`, it is not asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Attempts in all; one is always made. 4 at first.
    pub attempts: u32,
    /// The wait before the second attempt. Half a second at first.
    pub first: Duration,
    /// The longest wait. 30 seconds at first.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            attempts: 4,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The wait after failed attempt `attempt`, the first being 1; `None` after the last attempt.
    ///
    /// `chance` is spread evenly over all numbers.
    fn wait(&self, attempt: u32, asked: Option<Duration>, chance: u32) -> Option<Duration> {
        if attempt >= self.attempts || asked.is_some_and(|asked| asked > self.longest) {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.first.saturating_mul(1 << doublings).min(self.longest);
        let half = whole / 2;
        let spread = half.mul_f64(f64::from(chance) / f64::from(u32::MAX));
        Some(half.saturating_add(spread).max(asked.unwrap_or_default()))
    }
}

/// A model that is asked again when it failed for a reason that may pass
/// ([`ModelError::is_transient`]), and in no other case.
///
/// All attempts at a completion are one turn: an agent's budget of turns is charged once, before
/// the first. Providers do not say what a failed attempt cost. Where the model may have worked on one
/// ([`ModelError::is_unsettled`]), the usage of the turn is not known, even if the provider says what the
/// attempt that succeeded cost; otherwise it is the usage of that attempt. Set [`Backoff::attempts`] to bound
/// requests and not turns.
#[derive(Clone)]
pub struct Retrying<M> {
    model: M,
    backoff: Backoff,
    chance: Arc<dyn Fn() -> u32 + Send + Sync>,
}

impl<M> Retrying<M> {
    /// Wraps `model`, which is asked again as `backoff` says.
    pub fn new(model: M, backoff: Backoff) -> Self {
        Self {
            model,
            backoff,
            // Without a source of chance the waits are merely not spread.
            chance: Arc::new(|| {
                let mut bytes = [0; 4];
                let _ = OsRng.try_fill_bytes(&mut bytes);
                u32::from_le_bytes(bytes)
            }),
        }
    }

    /// The same, its waits spread by this source of evenly spread numbers and not by the system's.
    #[must_use]
    pub fn with_chance(mut self, chance: impl Fn() -> u32 + Send + Sync + 'static) -> Self {
        self.chance = Arc::new(chance);
        self
    }

    fn wait(&self, attempt: u32, error: &ModelError) -> Option<Duration> {
        if !error.is_transient() {
            return None;
        }
        self.backoff
            .wait(attempt, error.retry_after(), (self.chance)())
    }
}

impl<M: Model> Retrying<M> {
    async fn pause(&self, attempt: u32, wait: Duration, error: &ModelError) {
        tracing::debug!(model = self.model.name(), attempt, ?wait, %error, "asking the model again");
        sleep(wait).await;
    }
}

/// The first completion. Where one of the attempts before it may have cost something, what the turn cost is
/// not known: it is more than the completion says.
fn first(mut completion: Completion, unsettled: bool) -> Completion {
    completion.usage = completion.usage.filter(|_| !unsettled);
    completion
}

/// The error of the last attempt, where one of them may have cost something.
const fn last(error: ModelError, unsettled: bool) -> ModelError {
    if unsettled { error.unsettled() } else { error }
}

#[async_trait]
impl<M: Model> Model for Retrying<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        let (mut attempt, mut unsettled) = (1, false);
        loop {
            let error = match self.model.generate(request).await {
                Ok(completion) => return Ok(first(completion, unsettled)),
                Err(error) => error,
            };
            unsettled |= error.is_unsettled();
            let Some(wait) = self.wait(attempt, &error) else {
                return Err(last(error, unsettled));
            };
            self.pause(attempt, wait, &error).await;
            attempt += 1;
        }
    }

    /// Once a part of the text was streamed, a failure is final: another attempt would stream it again.
    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        let (mut attempt, mut unsettled) = (1, false);
        loop {
            let mut told = false;
            let mut tell = |text: &str| {
                told |= !text.is_empty();
                delta(text);
            };
            let error = match self.model.stream(request, &mut tell).await {
                Ok(completion) => return Ok(first(completion, unsettled)),
                Err(error) => error,
            };
            unsettled |= error.is_unsettled();
            let Some(wait) = self.wait(attempt, &error).filter(|_| !told) else {
                return Err(last(error, unsettled));
            };
            self.pause(attempt, wait, &error).await;
            attempt += 1;
        }
    }

    fn name(&self) -> &str {
        self.model.name()
    }
}

impl<M: fmt::Debug> fmt::Debug for Retrying<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retrying")
            .field("model", &self.model)
            .field("backoff", &self.backoff)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
