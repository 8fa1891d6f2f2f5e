//! A chain presented for one call.

use std::time::Duration;

use super::call::Call;
use super::chain::Chain;
use super::datalog::{Block, CallBlock};
use super::facts::Facts;
use super::held::Held;
use super::keys::AgentKey;
use super::link::append;
use super::mint::{MintError, finish, size};
use super::wire::Proof;
use crate::id::Timestamp;

/// The longest life of a wire call.
pub const MAX_CALL_LIFE: Duration = Duration::from_secs(60);

/// A chain that ends in a call: authority for that one call, made by its holder.
#[derive(Clone, Debug)]
pub struct WireCall {
    pub(crate) chain: Chain,
}

impl WireCall {
    /// The chain, its call block included.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The nonce of the call.
    #[must_use]
    pub fn nonce(&self) -> [u8; 16] {
        self.block().map_or([0; 16], |block| block.nonce)
    }

    /// When the call is too late.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.block()
            .map_or(Timestamp::default(), |block| block.expires)
    }

    fn block(&self) -> Option<&CallBlock> {
        match &self.chain.last().block {
            Block::Call(block) => Some(block),
            _ => None,
        }
    }
}

impl Held {
    /// The bytes of a token that is good for `call` alone, by the verifier named in `facts`.
    ///
    /// `life` is cut to [`MAX_CALL_LIFE`]. The bytes travel in a request's body.
    ///
    /// # Errors
    ///
    /// [`MintError::Profile`] when `facts` name no audience, or the token would be too large.
    pub fn wire_call(
        &self,
        call: &Call,
        facts: &Facts,
        life: Duration,
    ) -> Result<Vec<u8>, MintError> {
        let Some(audience) = facts.audience.clone() else {
            return Err(MintError::Profile(
                "a call over the wire needs the audience that it is meant for".to_owned(),
            ));
        };
        let block = CallBlock {
            capability: call.capability().to_owned(),
            digest: call.digest(&self.chain.holder(), facts.task.as_deref(), Some(&audience)),
            nonce: call.nonce().0,
            audience,
            expires: facts
                .time
                .saturating_add(life.min(MAX_CALL_LIFE))
                .floor_to_second(),
        };
        let key = AgentKey::generate();
        let link = append(
            Some(self.chain.last()),
            Block::Call(block),
            &self.key,
            key.public(),
        )
        .map_err(MintError::Profile)?;
        let seal = key.sign(&link.signed.seal_payload());
        let chain = finish(
            self.chain.root(),
            self.chain.key_id(),
            self.chain.links().to_vec(),
            link,
        )?;
        let bytes = chain.write(&Proof::Seal(seal));
        size(bytes.len())?;
        Ok(bytes)
    }
}
