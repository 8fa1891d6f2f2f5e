//! One grant as one alternative of a check, and back.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::{approval, write};

/// An IPv6 address as two integers whose order is the address's.
pub(crate) const fn halves(address: u128) -> (i64, i64) {
    const FLIP: u64 = 1 << 63;
    (
        ((address >> 64) as u64 ^ FLIP) as i64,
        (address as u64 ^ FLIP) as i64,
    )
}

/// The address whose halves these are.
const fn address(high: i64, low: i64) -> u128 {
    const FLIP: u64 = 1 << 63;
    ((high as u64 ^ FLIP) as u128) << 64 | (low as u64 ^ FLIP) as u128
}
