//! Several policies as one: deny wins.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Answer, Decision, Policy, PolicyError, Question};

/// Several policies as one. A call is allowed only if each of them allows it.
///
/// The policies are asked in order. The first denial or error ends the question, and the call is denied. If no
/// policy denies and one or more ask for an approval, the answer asks, with the reasons of all of them. A
/// combination of no policies denies every call.
#[derive(Clone, Default)]
pub struct AllOf {
    policies: Vec<Arc<dyn Policy>>,
}

impl AllOf {
    /// A combination of no policies, which denies every call.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a policy, which is asked after those before it.
    #[must_use]
    pub fn and(mut self, policy: Arc<dyn Policy>) -> Self {
        self.policies.push(policy);
        self
    }
}

impl fmt::Debug for AllOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AllOf({} policies)", self.policies.len())
    }
}

#[async_trait]
impl Policy for AllOf {
    async fn decide(&self, question: &Question<'_>) -> Result<Answer, PolicyError> {
        if self.policies.is_empty() {
            let what = "the combination has no policies, so it denies every call; add one with `AllOf::and`";
            return Err(PolicyError::new(what));
        }
        let (mut by, mut asks) = (Vec::new(), Vec::new());
        for policy in &self.policies {
            let mut answer = match policy.decide(question).await {
                Ok(answer) => answer,
                Err(error) => return Err(error.after(by)),
            };
            by.append(&mut answer.by);
            match answer.decision {
                Decision::Permit => {}
                Decision::Ask(why) => asks.push(why),
                decision @ Decision::Deny(_) => return Ok(Answer { decision, by }),
            }
        }
        let decision = match asks.is_empty() {
            true => Decision::Permit,
            false => Decision::Ask(asks.join("; ")),
        };
        Ok(Answer { decision, by })
    }
}
