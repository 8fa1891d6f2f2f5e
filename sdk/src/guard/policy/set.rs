//! A policy that is replaced while the guard runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use super::{Answer, Policy, PolicyError, Question};

/// A handle to the policy in force, which is replaced as a whole while calls are decided.
///
/// Clones share the policy. Every decision is made by the policy that was in force when the question was asked,
/// so no decision mixes two. Before the first [`PolicySet::replace`] no policy is in force, and every call is
/// denied.
///
/// A set that does not load never gets here: loading gives an error instead of a policy, and the policy before
/// it stays in force.
#[derive(Clone, Default)]
pub struct PolicySet {
    current: Arc<RwLock<Option<Arc<dyn Policy>>>>,
}

impl PolicySet {
    /// A handle without a policy, which denies every call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a policy in force. Calls that are being decided end with the policy that they began with.
    pub fn replace(&self, policy: Arc<dyn Policy>) {
        let before = {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            current.replace(policy)
        };
        // The policy before is dropped here, outside of the lock.
        drop(before);
    }

    fn current(&self) -> Option<Arc<dyn Policy>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let loaded = self.current().is_some();
        f.debug_struct("PolicySet")
            .field("loaded", &loaded)
            .finish()
    }
}

#[async_trait]
impl Policy for PolicySet {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        match self.current() {
            Some(policy) => policy.decide(question).await,
            None => Err(PolicyError::new(
                "no policy is in force, so every call is denied; load one and give it to `PolicySet::replace`",
            )),
        }
    }
}
