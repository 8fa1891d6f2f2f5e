//! A model with a time limit for each turn.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::{Completion, Delta, Model, ModelError, Request};

/// A model whose turns fail, as transient, when they take longer than a limit.
///
/// The limit is for the whole completion, streamed or not. Inside [`Retrying`](super::Retrying) it
/// is for each attempt; around it, for all of them and the waits between.
#[derive(Clone, Debug)]
pub struct Timed<M> {
    model: M,
    limit: Duration,
}

impl<M> Timed<M> {
    /// Wraps `model`, with this time limit for each completion.
    pub const fn new(model: M, limit: Duration) -> Self {
        Self { model, limit }
    }

    fn late(&self) -> ModelError {
        ModelError::transient(format!("it took longer than {:?}", self.limit)).unsettled()
    }
}

#[async_trait]
impl<M: Model> Model for Timed<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        timeout(self.limit, self.model.generate(request))
            .await
            .unwrap_or_else(|_| Err(self.late()))
    }

    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        timeout(self.limit, self.model.stream(request, delta))
            .await
            .unwrap_or_else(|_| Err(self.late()))
    }

    fn name(&self) -> &str {
        self.model.name()
    }
}
