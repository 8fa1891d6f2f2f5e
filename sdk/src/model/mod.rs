//! Who thinks: the [`Model`] trait, what it is asked and what it answers.
//!
//! A model proposes calls and never makes one: a [`ToolCall`] is text until the guard has checked
//! it. This module depends neither on tokens nor on tools or runs.

mod carried;
mod error;
mod fenced;
mod message;
#[cfg(feature = "providers")]
pub mod providers;
mod request;
mod retry;
pub mod scripted;
mod timeout;

use std::sync::Arc;

use async_trait::async_trait;

pub use carried::Carried;
pub use error::ModelError;
pub use fenced::Fenced;
pub use message::{Completion, Message, StopReason, ToolCall, Usage};
#[cfg(feature = "providers")]
pub use providers::ProviderModel;
pub use request::{OutputSchema, Request, ToolSpec};
pub use retry::{Backoff, Retrying};
pub use scripted::ScriptedModel;
pub use timeout::Timed;

/// The function that [`Model::stream`] calls with each piece of text.
pub type Delta<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A model: it continues a conversation.
///
/// One model serves many agents at once, so it is shared and keeps no conversation of its own: all
/// that it needs is in the [`Request`].
#[async_trait]
pub trait Model: Send + Sync + 'static {
    /// Continues the conversation by one turn.
    ///
    /// # Errors
    ///
    /// A [`ModelError`] when there is no completion; [`ModelError::is_transient`] says whether
    /// asking again may help.
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError>;

    /// As [`Model::generate`], telling `delta` the words as they come.
    ///
    /// The pieces are for show: what counts is the completion, and calls come with it alone. An
    /// error after some pieces takes them back. A model that cannot stream tells all its words at
    /// once, when they are there.
    ///
    /// # Errors
    ///
    /// As [`Model::generate`].
    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        let completion = self.generate(request).await?;
        if let Some(text) = completion.text.as_deref().filter(|text| !text.is_empty()) {
            delta(text);
        }
        Ok(completion)
    }

    /// What operators call this model, in events and audit entries; not a secret.
    fn name(&self) -> &str;
}

#[async_trait]
impl<M: Model + ?Sized> Model for Arc<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        (**self).generate(request).await
    }

    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        (**self).stream(request, delta).await
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}
