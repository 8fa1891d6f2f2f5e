//! A chain presented for one call.

use super::chain::Chain;
use super::datalog::{Block, CallBlock};
use crate::id::Timestamp;

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
