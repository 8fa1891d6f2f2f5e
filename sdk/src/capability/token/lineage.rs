//! The id that a token, its renewals and its descendants share.

use crate::capability::keys::random;
use crate::id::Timestamp;

/// A fresh lineage: a UUID of version 7 (RFC 9562), whose first 48 bits are the milliseconds since
/// 1970 at which it begins; the rest is random.
pub(super) fn lineage(begun: Timestamp) -> [u8; 16] {
    let random: [u8; 10] = random();
    let made = uuid::Builder::from_unix_timestamp_millis(begun.millis(), &random);
    made.into_uuid().into_bytes()
}

/// When a lineage began, as [`lineage`] wrote it; `None` if it is not such an id.
pub(super) fn begun(lineage: [u8; 16]) -> Option<Timestamp> {
    let id = uuid::Uuid::from_bytes(lineage);
    let is_ours = id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122;
    let [a, b, c, d, e, f, ..] = lineage;
    let millis = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    Timestamp::from_millis(millis).filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lineage_says_when_it_began_and_other_ids_say_nothing() {
        for secs in [0, 1, 1_800_000_000, 253_402_300_799] {
            let begun_at = Timestamp::from_secs(secs).unwrap();
            let (one, two) = (lineage(begun_at), lineage(begun_at));
            assert_ne!(one, two);
            assert_eq!(begun(one), Some(begun_at));
        }
        for other in [[0; 16], [0xff; 16], [0x77; 16]] {
            assert_eq!(begun(other), None);
        }
    }
}
