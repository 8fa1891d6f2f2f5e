//! Who thinks: the [`Model`] trait, what it is asked and what it answers.
//!
//! A model proposes calls and never makes one: a [`ToolCall`] is text until the guard has checked
//! it. This room knows nothing of tokens, tools or runs.

mod error;
mod message;
pub mod scripted;

use std::sync::Arc;

use async_trait::async_trait;

pub use error::ModelError;
pub use message::{Completion, Message, Request, StopReason, ToolCall, ToolSpec, Usage};
pub use scripted::ScriptedModel;

/// Something that continues a conversation.
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

    /// What operators call this model, in events and audit entries; not a secret.
    fn name(&self) -> &str;
}

#[async_trait]
impl<M: Model + ?Sized> Model for Arc<M> {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        (**self).generate(request).await
    }

    fn name(&self) -> &str {
        (**self).name()
    }
}
