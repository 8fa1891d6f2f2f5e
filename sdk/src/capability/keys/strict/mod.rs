//! Strict verification of a signature (RFC 8032, 5.1.7, without cofactor, no part of small order).
//!
//! The verdict is that of `VerifyingKey::verify_strict` of `ed25519-dalek`, on every input; the point
//! arithmetic is that of `curve25519-dalek`, beneath it. This module exists because it does two things
//! differently: the signature's first half is compared as bytes and never read as a point, and a key
//! that verifies often has a table. See `docs/decisions/0024`.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha512};

use super::{KeyError, PublicKey};
use crate::capability::work;

/// A public key as a point: read from its bytes and found to be of full order.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    key: PublicKey,
    /// The negated point, as the equation has it.
    minus: EdwardsPoint,
}

impl Point {
    pub(super) fn of(key: PublicKey) -> Result<Self, KeyError> {
        match VerifyingKey::from_bytes(&key.0) {
            Ok(point) if !point.is_weak() => Ok(Self {
                key,
                minus: -point.to_edwards(),
            }),
            Ok(_) => Err(KeyError(
                "a key of small order verifies anything and is refused".to_owned(),
            )),
            Err(_) => Err(KeyError(
                "the bytes are not a point of the Ed25519 curve".to_owned(),
            )),
        }
    }

    /// Whether `signature` over `message` is valid.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        work::signature();
        holds(&self.key, message, signature, |k, s| {
            EdwardsPoint::vartime_double_scalar_mul_basepoint(k, &self.minus, s)
        })
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Point({})", self.key)
    }
}

/// How many signatures a key verifies before a table pays off: making the table costs about eighty times
/// what it saves with each signature.
const WORTH: u32 = 64;

/// A public key that verifies the first block of every token. After enough signatures it gets a table of
/// its multiples, of 30 kB, and needs no doublings from then on.
pub(crate) struct RootPoint {
    point: Point,
    verified: AtomicU32,
    table: OnceLock<Box<Table>>,
}

impl From<Point> for RootPoint {
    fn from(point: Point) -> Self {
        Self {
            point,
            verified: AtomicU32::new(0),
            table: OnceLock::new(),
        }
    }
}

impl RootPoint {
    /// Whether `signature` over `message` is valid.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        if let Some(table) = self.table.get() {
            return table.verify(message, signature);
        }
        // One of several concurrent callers makes the table, and no caller waits for it.
        if self.verified.fetch_add(1, Ordering::Relaxed) == WORTH {
            let _ = self.table.set(Box::new(Table::of(&self.point)));
        }
        self.point.verify(message, signature)
    }
}

impl fmt::Debug for RootPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootPoint({})", self.point.key)
    }
}

/// The multiples of a key.
struct Table {
    key: PublicKey,
    minus: EdwardsBasepointTable,
}

impl Table {
    fn of(point: &Point) -> Self {
        Self {
            key: point.key,
            minus: EdwardsBasepointTable::create(&point.minus),
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        work::signature();
        holds(&self.key, message, signature, |k, s| {
            &self.minus * k + ED25519_BASEPOINT_TABLE * s
        })
    }
}

/// Whether `R = sB - kA`, where `combine(k, s)` gives the right side.
fn holds(
    key: &PublicKey,
    message: &[u8],
    signature: &[u8; 64],
    combine: impl FnOnce(&Scalar, &Scalar) -> EdwardsPoint,
) -> bool {
    let (Some(r), Some(s)) = (signature.first_chunk::<32>(), signature.last_chunk::<32>()) else {
        return false;
    };
    // Only one spelling of the second half is accepted, or a third party could change a signature.
    let Some(s) = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s)) else {
        return false;
    };
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key.0)
        .chain_update(message)
        .finalize();
    let k = Scalar::from_bytes_mod_order_wide(&hash.into());
    let point = combine(&k, &s);
    // Equal bytes are the one spelling of this point, so the small-order test here covers both.
    point.compress().as_bytes() == r && !point.is_small_order()
}

#[cfg(test)]
mod tests;
