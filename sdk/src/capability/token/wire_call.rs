//! A chain presented for one call.

use std::time::Duration;

use super::chain::Chain;
use super::error::MintError;
use super::held::Held;
use super::link::append;
use super::mint::{finish, size};
use crate::capability::block::{Block, CallBlock, wire::Proof};
use crate::capability::keys::AgentKey;
use crate::capability::value::{Call, Facts};
use crate::id::Timestamp;

/// The longest life of a wire call.
pub const MAX_CALL_LIFE: Duration = Duration::from_secs(60);

/// The shortest life of a wire call. Tokens carry whole seconds, so a shorter one could be over
/// before the call is sent.
pub const MIN_CALL_LIFE: Duration = Duration::from_secs(2);

/// When a call made at `now` with this life ends: a whole second, at least [`MIN_CALL_LIFE`] later
/// and at most [`MAX_CALL_LIFE`].
fn call_ends(now: Timestamp, life: Duration) -> Timestamp {
    let almost = Duration::from_millis(999);
    let earliest = now.saturating_add(MIN_CALL_LIFE + almost);
    let asked = now.saturating_add(life.min(MAX_CALL_LIFE));
    asked.floor_to_second().max(earliest.floor_to_second())
}

/// A chain that ends in a call: the authority for that one call, which the holder made.
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

    /// The moment from which the call is too late.
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
    /// The bytes of a token that is valid only for `call`, at the verifier named in `facts`.
    ///
    /// `life` is cut to [`MAX_CALL_LIFE`], and rounded down to a whole second of the clock; it is
    /// never less than [`MIN_CALL_LIFE`]. The bytes travel in a request's body.
    ///
    /// # Errors
    ///
    /// [`MintError::NoAudience`] when `facts` name no audience; [`MintError::TooLarge`] or
    /// [`MintError::TooManyBlocks`] when the token would be too large.
    pub fn wire_call(
        &self,
        call: &Call,
        facts: &Facts,
        life: Duration,
    ) -> Result<Vec<u8>, MintError> {
        let Some(audience) = facts.audience.clone() else {
            return Err(MintError::NoAudience);
        };
        let block = CallBlock {
            capability: call.capability().to_owned(),
            digest: call.digest(&self.chain.holder(), facts.task.as_deref(), Some(&audience)),
            nonce: call.nonce().0,
            audience,
            expires: call_ends(facts.time, life),
        };
        let key = AgentKey::generate();
        let link = append(
            Some(self.chain.last()),
            Block::Call(block),
            &self.key,
            key.public(),
        )
        .map_err(MintError::Patterns)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_any_life_made_at_any_moment_lives_two_whole_seconds_at_least() {
        let start = 1_800_000_000_000;
        for moment in [0, 1, 99, 100, 500, 900, 901, 999] {
            let now = Timestamp::from_millis(start + moment).unwrap();
            for life in [
                0,
                1,
                99,
                999,
                1000,
                1999,
                2000,
                2001,
                2999,
                3000,
                59_999,
                60_000,
                1 << 40,
            ] {
                let end = call_ends(now, Duration::from_millis(life));
                assert_eq!(end.millis() % 1000, 0);
                let lives = end.since(now);
                assert!(
                    lives >= MIN_CALL_LIFE && lives <= MAX_CALL_LIFE,
                    "{moment} {life}"
                );
                // Above the minimum it is the life that was asked for, rounded down to a second.
                if life >= 3000 {
                    let asked = Duration::from_millis(life).min(MAX_CALL_LIFE);
                    assert!(lives <= asked && asked - lives < Duration::from_secs(1));
                }
            }
        }
    }
}
