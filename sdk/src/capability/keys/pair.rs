//! Ed25519 keys: public keys with one text form, and private keys that are never printed.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use ed25519_dalek::{Signer, SigningKey};
use rand_core::{OsRng, RngCore};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::strict::Point;
use crate::id::hex::{self, Hex};

/// `N` random bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.fill_bytes(&mut bytes);
    bytes
}

/// A public Ed25519 key, written `ed25519/` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub(super) [u8; 32]);

/// A key that cannot be used: its text is malformed, it is not a point of the curve, or it is of small
/// order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(super) String);

impl PublicKey {
    /// The key with these bytes (RFC 8032, 5.1.2).
    ///
    /// # Errors
    ///
    /// When they are not a point of the curve, or are a point of small order, under which any signature can
    /// verify.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let key = Self(bytes);
        key.point().map(|_| key)
    }

    /// The key with these bytes, which are not checked yet: [`PublicKey::point`] checks them before any use.
    pub(crate) const fn unchecked(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key as a point of the curve, ready to verify several signatures.
    pub(crate) fn point(&self) -> Result<Point, KeyError> {
        Point::of(*self)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` over `message` is valid, verified strictly (no small-order components).
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.point()
            .is_ok_and(|point| point.verify(message, signature))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519/{}", Hex(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text
            .strip_prefix("ed25519/")
            .and_then(hex::read::<32>)
            .ok_or_else(|| {
                KeyError(
                    "a public key is written `ed25519/` and 64 lower-case hexadecimal digits"
                        .to_owned(),
                )
            })?;
        Self::from_bytes(bytes)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// The private key of one agent for one delegation: fresh for each, never printed, wiped on drop.
pub struct AgentKey(SigningKey);

impl AgentKey {
    /// A fresh key pair from the operating system's generator.
    #[must_use]
    pub fn generate() -> Self {
        let seed = Zeroizing::new(random::<32>());
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half, which a token names.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Reads a PKCS#8 private key in PEM (RFC 5958, RFC 8410).
    ///
    /// # Errors
    ///
    /// When the text is not an Ed25519 private key; the error does not repeat the text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem)
            .map(Self)
            .map_err(|_| not_pem())
    }

    /// Writes the private key unencrypted, as PKCS#8 in PEM: for a file that only its owner reads.
    ///
    /// # Errors
    ///
    /// When the key cannot be encoded.
    pub fn danger_to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        to_pem(&self.0)
    }

    /// The private half, to be sealed.
    #[cfg(feature = "seal")]
    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The key with this private half.
    #[cfg(feature = "seal")]
    pub(crate) fn of_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({}, private half not shown)", self.public())
    }
}

fn not_pem() -> KeyError {
    KeyError(
        "the text is not an Ed25519 private key in PKCS#8 PEM; `bailiwick keygen` writes one"
            .to_owned(),
    )
}

fn to_pem(key: &SigningKey) -> Result<Zeroizing<String>, KeyError> {
    key.to_pkcs8_pem(LineEnding::LF)
        .map_err(|_| KeyError("the key cannot be written as PKCS#8".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::authority::Authority;
    use super::*;

    #[test]
    fn a_key_reads_what_it_writes_and_nothing_else() {
        let key = AgentKey::generate().public();
        let text = key.to_string();
        assert_eq!(text.parse::<PublicKey>().unwrap(), key);
        for wrong in [
            text.to_uppercase(),
            text[8..].to_owned(),
            format!("{text}0"),
            format!(" {text}"),
            String::new(),
        ] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn small_order_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(PublicKey::from_bytes(identity).is_err());
        assert!(PublicKey::from_bytes([0; 32]).is_err());
    }

    #[test]
    fn private_keys_do_not_print_themselves() {
        let authority = Authority::generate();
        let pem = authority.danger_to_pem().unwrap();
        let secret = pem.lines().nth(1).unwrap();
        assert!(!format!("{authority:?}").contains(secret));
        assert_eq!(
            Authority::from_pem(&pem).unwrap().public(),
            authority.public()
        );
        let error = Authority::from_pem("hunter2").unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
