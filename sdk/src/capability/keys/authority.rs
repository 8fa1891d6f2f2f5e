//! Roots of trust: the private key that mints, and the public half that verifiers know.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::pair::{AgentKey, KeyError, PublicKey};

/// A root of trust: the private key that mints tokens, and the id by which verifiers may know it.
///
/// A root key signs only authority blocks.
pub struct Authority {
    key: Arc<AgentKey>,
    key_id: Option<u32>,
}

impl Authority {
    /// A fresh root key without an id.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            key: Arc::new(AgentKey::generate()),
            key_id: None,
        }
    }

    /// Reads a PKCS#8 private key in PEM (RFC 5958, RFC 8410).
    ///
    /// # Errors
    ///
    /// When the text is not an Ed25519 private key; the error does not repeat the text.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        Ok(Self {
            key: Arc::new(AgentKey::from_pem(pem)?),
            key_id: None,
        })
    }

    /// Writes the private key unencrypted, as PKCS#8 in PEM: for a file that only its owner reads.
    ///
    /// # Errors
    ///
    /// When the key cannot be encoded.
    pub fn danger_to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.key.danger_to_pem()
    }

    /// Gives the root the id that its tokens carry as a hint. The hint is not signed; it only
    /// says which of several trusted roots to try.
    #[must_use]
    pub const fn with_key_id(mut self, key_id: u32) -> Self {
        self.key_id = Some(key_id);
        self
    }

    /// The public half, for a [`KeyRing`](crate::capability::KeyRing).
    #[must_use]
    pub fn root(&self) -> RootKey {
        RootKey {
            key: self.key.public(),
            key_id: self.key_id,
        }
    }

    /// The public key, without the id.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    pub(crate) const fn key_id(&self) -> Option<u32> {
        self.key_id
    }

    /// A copy of the root, for another minter in this process.
    pub(crate) fn share(&self) -> Self {
        Self {
            key: self.key.clone(),
            key_id: self.key_id,
        }
    }

    pub(crate) fn key(&self) -> &AgentKey {
        &self.key
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({}, private half not shown)", self.public())
    }
}

/// A root that a verifier trusts: a public key and, if there are several roots, its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootKey {
    /// The public key.
    pub key: PublicKey,
    /// The id that tokens may carry as a hint.
    pub key_id: Option<u32>,
}

impl From<PublicKey> for RootKey {
    fn from(key: PublicKey) -> Self {
        Self { key, key_id: None }
    }
}
