//! The verdict equals the library's own, on honest signatures and on those that a strict verifier must
//! refuse.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT as B, EIGHT_TORSION};
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use proptest::prelude::*;
use sha2::{Digest, Sha512};

use super::*;

/// The verdict of both implementations here, which must be that of the library.
fn verdict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let theirs = VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    });
    let Ok(point) = Point::of(PublicKey(*key)) else {
        assert!(!theirs, "only theirs takes the key");
        return false;
    };
    let ours = point.verify(message, signature);
    assert_eq!(ours, theirs, "{key:?} {message:?} {signature:?}");
    assert_eq!(Table::of(&point).verify(message, signature), theirs);
    theirs
}

fn challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(key)
        .chain_update(message)
        .finalize();
    Scalar::from_bytes_mod_order_wide(&hash.into())
}

fn joined(r: &[u8; 32], s: &[u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(r);
    both[32..].copy_from_slice(s);
    both
}

/// A signature by a maker who knows the secret, with a component of small order in key and first half.
fn crooked(
    secret: Scalar,
    nonce: Scalar,
    in_key: EdwardsPoint,
    in_r: EdwardsPoint,
    message: &[u8],
) -> ([u8; 32], [u8; 64]) {
    let key = (B * secret + in_key).compress().to_bytes();
    let r = (B * nonce + in_r).compress().to_bytes();
    let s = nonce + challenge(&r, &key, message) * secret;
    (key, joined(&r, s.as_bytes()))
}

proptest! {
    #[test]
    fn honest_and_changed_signatures_have_the_librarys_verdict(
        seed: [u8; 32],
        message in proptest::collection::vec(any::<u8>(), 0..200),
        flip in 0_usize..512,
    ) {
        let key = SigningKey::from_bytes(&seed);
        let public = key.verifying_key().to_bytes();
        let signature = key.sign(&message).to_bytes();
        prop_assert!(verdict(&public, &message, &signature));
        let mut changed = signature;
        changed[flip / 8] ^= 1 << (flip % 8);
        prop_assert!(!verdict(&public, &message, &changed));
        let mut other = message;
        other.push(0);
        prop_assert!(!verdict(&public, &other, &signature));
        // A changed key is most often not a valid key, or is another key.
        let mut stranger = public;
        stranger[flip / 16] ^= 1 << (flip % 8);
        prop_assert!(!verdict(&stranger, &other, &signature));
    }

    #[test]
    fn bytes_without_meaning_have_the_librarys_verdict(key: [u8; 32], r: [u8; 32], s: [u8; 32]) {
        verdict(&key, b"", &joined(&r, &s));
    }

    #[test]
    fn parts_of_small_order_have_the_librarys_verdict(
        secret: [u8; 32],
        nonce: [u8; 32],
        message: [u8; 4],
        in_key in proptest::sample::select(&EIGHT_TORSION[..]),
        in_r in proptest::sample::select(&EIGHT_TORSION[..]),
    ) {
        let secret = Scalar::from_bytes_mod_order(secret);
        let nonce = Scalar::from_bytes_mod_order(nonce);
        let (key, signature) = crooked(secret, nonce, in_key, in_r, &message);
        verdict(&key, &message, &signature);
    }
}

#[test]
fn a_key_with_a_part_of_small_order_signs_what_both_accept() {
    // One challenge in eight cancels the component; without the cofactor the other seven are refused.
    let secret = Scalar::from(7_u8);
    let accepted = (0..64_u8)
        .filter(|number| {
            let (key, signature) = crooked(
                secret,
                Scalar::from(9_u8),
                EIGHT_TORSION[1],
                EIGHT_TORSION[0],
                &[*number],
            );
            verdict(&key, &[*number], &signature)
        })
        .count();
    assert!((1..64).contains(&accepted), "{accepted}");
}

#[test]
fn a_key_that_verified_often_has_a_table_and_the_same_verdicts() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let public = PublicKey(key.verifying_key().to_bytes());
    let root = RootPoint::from(Point::of(public).unwrap());
    let honest = key.sign(b"once").to_bytes();
    let mut changed = honest;
    changed[40] ^= 1;
    for number in 0..=WORTH {
        assert!(root.table.get().is_none(), "{number}");
        assert!(root.verify(b"once", &honest));
    }
    assert!(root.table.get().is_some());
    assert!(root.verify(b"once", &honest) && !root.verify(b"once", &changed));
}

#[test]
fn a_first_half_of_small_order_is_refused_though_the_equation_holds() {
    let (key, signature) = crooked(
        Scalar::from(7_u8),
        Scalar::ZERO,
        EIGHT_TORSION[0],
        EIGHT_TORSION[0],
        b"anything",
    );
    let lenient = VerifyingKey::from_bytes(&key).unwrap();
    let given = Signature::from_bytes(&signature);
    assert!(ed25519_dalek::Verifier::verify(&lenient, b"anything", &given).is_ok());
    assert!(!verdict(&key, b"anything", &signature));
}

#[test]
fn a_second_half_in_another_spelling_is_refused() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let key = SigningKey::from_bytes(&[3; 32]);
    let mut signature = key.sign(b"once").to_bytes();
    let public = key.verifying_key().to_bytes();
    assert!(verdict(&public, b"once", &signature));
    let mut carry = 0;
    for (byte, more) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(more) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!verdict(&public, b"once", &signature));
}

#[test]
fn spellings_of_points_that_are_not_the_shortest_have_the_librarys_verdict() {
    // y = p is 0 and y = p + 1 is 1 written another way; with and without the sign.
    let high = |last: u8, first: u8| {
        let mut bytes = [0xff; 32];
        bytes[0] = first;
        bytes[31] = last;
        bytes
    };
    let honest = SigningKey::from_bytes(&[3; 32]).verifying_key().to_bytes();
    for first in 0xed..=0xff_u8 {
        for last in [0x7f, 0xff] {
            let odd = high(last, first);
            for s in [[0; 32], Scalar::from(5_u8).to_bytes()] {
                verdict(&odd, b"m", &joined(&odd, &s));
                verdict(&honest, b"m", &joined(&odd, &s));
                verdict(&odd, b"m", &joined(&honest, &s));
            }
        }
    }
}
