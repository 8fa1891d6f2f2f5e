//! Where random choices come from.

use bailiwick::capability::CallNonce;
use ed25519_dalek::SigningKey;

/// SplitMix64: small, seeded, and the same everywhere; or the bytes that a fuzzer gives.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
    /// Choices to make first, a byte each where that is enough.
    given: std::vec::IntoIter<u8>,
    /// How many keys and nonces were made.
    made: u64,
}

impl Rng {
    /// Choices that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            given: Vec::new().into_iter(),
            made: 0,
        }
    }

    /// Choices that `bytes` make, in order, as long as there are any: a change of one byte changes
    /// one choice.
    #[must_use]
    pub fn given(bytes: Vec<u8>) -> Self {
        Self {
            given: bytes.into_iter(),
            ..Self::new(0)
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number under `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        let bytes = if end <= 256 { 1 } else { 8 };
        if self.given.len() < bytes {
            return self.next() % end;
        }
        let number = self.given.by_ref().take(bytes);
        number.fold(0_u64, |sum, byte| sum << 8 | u64::from(byte)) % end
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True in one of seven cases, without a draw of its own where it can be had for nothing.
    pub(super) fn seventh(&mut self) -> bool {
        if self.given.len() == 0 {
            self.state.is_multiple_of(7)
        } else {
            self.below(7) == 0
        }
    }

    /// One of the values.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Some of the values, none of them possibly.
    pub(super) fn some<T: Clone>(&mut self, from: &[T], percent: u64) -> Vec<T> {
        from.iter()
            .filter(|_| self.chance(percent))
            .cloned()
            .collect()
    }

    /// A key that was not made before; making it is no choice.
    #[must_use]
    pub fn key(&mut self) -> SigningKey {
        let mut apart = self.apart();
        SigningKey::from_bytes(&std::array::from_fn(|_| apart.next() as u8))
    }

    /// A nonce that was not made before; making it is no choice.
    #[must_use]
    pub fn nonce(&mut self) -> CallNonce {
        let mut apart = self.apart();
        CallNonce(std::array::from_fn(|_| apart.next() as u8))
    }

    fn apart(&mut self) -> Self {
        self.made += 1;
        let made = self.made.wrapping_mul(0xd6e8_feb8_6659_fd93);
        Self::new(self.state ^ made)
    }
}
