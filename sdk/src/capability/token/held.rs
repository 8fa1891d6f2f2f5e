//! A chain together with its holder's key.

use std::fmt;
use std::sync::Arc;

use super::chain::Chain;
use crate::capability::keys::AgentKey;
use crate::capability::value::{Kind, Refusal};

/// A chain and the private half of the key that its last block names: authority inside this process.
///
/// It is not `Clone`: pass it by reference, or share it in an `Arc`.
pub struct Held {
    pub(crate) chain: Chain,
    pub(crate) key: Arc<AgentKey>,
}

impl Held {
    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// A copy of the authority for the task that decides one of its calls.
    pub(crate) fn share(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone(),
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({:?}, {:?})", self.chain, self.key)
    }
}

impl Chain {
    /// Joins the chain with the private half of the key that its last block names.
    ///
    /// # Errors
    ///
    /// [`Kind::NotHolder`] when the chain names another key.
    pub fn held_by(self, key: impl Into<Arc<AgentKey>>) -> Result<Held, Refusal> {
        let key = key.into();
        let named = self.last().signed.next_key;
        if key.public() != named {
            return Err(Refusal::new(
                Kind::NotHolder,
                format!(
                    "the token names the key {named}, the key given is {}",
                    key.public()
                ),
            ));
        }
        Ok(Held { chain: self, key })
    }
}
