//! A policy: what an organisation decides about a call that the token allows.
//!
//! A policy gets one borrowed [`Question`] and gives one [`Answer`]. Anything but a clean permit is a denial:
//! a denial, an error, a panic, a decision that does not come in time, a set of no policies.

mod all_of;
mod answer;
#[cfg(feature = "cedar")]
mod cedar;
mod question;
mod set;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use all_of::AllOf;
pub use answer::{Answer, DecidedBy, Decision, PolicyError};
#[cfg(feature = "cedar")]
pub use cedar::{
    CedarError, CedarPolicy, MAX_POLICIES, MAX_POLICY_BYTES, MAX_POLICY_DEPTH,
    MAX_POLICY_OPERATORS, MAX_POLICY_VALUES, cedar_schema,
};
pub use question::{QUESTION_VERSION, Question};
pub use set::PolicySet;

/// A policy. It can only add refusals: none of its decisions allows what the token does not.
///
/// ```
/// use async_trait::async_trait;
/// use bailiwick::guard::{Answer, Policy, PolicyError, Question};
///
/// /// Refuses calls outside of a task.
/// struct NeedsTask;
///
/// #[async_trait]
/// impl Policy for NeedsTask {
///     async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
///         Ok(match question.context().facts.task {
///             Some(_) => Answer::permit(),
///             None => Answer::deny("a call needs a task"),
///         })
///     }
/// }
/// ```
#[async_trait]
pub trait Policy: Send + Sync + 'static {
    /// Decides about one call. An error is a refusal, and so are a panic and a decision that does not come
    /// in time ([`GuardBuilder::policy_timeout`](super::GuardBuilder::policy_timeout)).
    ///
    /// The future is dropped if the token ends, or the call is cancelled, before there is a decision.
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError>;
}
