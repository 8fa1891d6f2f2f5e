//! Seals agents' keys, so that a reader of the store cannot use them.

use std::fmt;

#[cfg(feature = "seal")]
use base64::Engine;
#[cfg(feature = "seal")]
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
#[cfg(feature = "seal")]
use chacha20poly1305::XChaCha20Poly1305;
#[cfg(feature = "seal")]
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
#[cfg(feature = "seal")]
use zeroize::Zeroizing;

use crate::capability::{AgentKey, Held, PublicKey};
use crate::id::{AgentId, RunId};

/// Bytes of the nonce of XChaCha20.
#[cfg(feature = "seal")]
const NONCE: usize = 24;

/// A key that agents' private keys are sealed under in a durable store: 32 secret bytes.
///
/// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce; a sealed key opens only for
/// the run, the agent and the public key that it was sealed for. Keep the bytes apart from the store,
/// such as in a secret manager. Needs the feature `seal`.
pub struct SealKey(
    #[cfg(feature = "seal")] Zeroizing<[u8; 32]>,
    #[cfg(not(feature = "seal"))] std::convert::Infallible,
);

/// Why a sealed key does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed under another key or for another agent, or was altered.
    #[error("it was sealed under another key or for another agent, or it was altered")]
    Another,
    /// The text is not a sealing key.
    #[error("the text is not a sealing key; write the key as 64 hexadecimal digits")]
    NoKey,
}

impl SealKey {
    /// A fresh key from the operating system's generator.
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(crate::capability::random()))
    }

    /// The key with these bytes, which must be as good as random.
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a key from 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`SealError::NoKey`] for any other text; the error does not repeat it.
    #[cfg(feature = "seal")]
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let bytes = crate::id::hex::read(text.trim()).ok_or(SealError::NoKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Writes the key as 64 hexadecimal digits: for a file that only its owner reads.
    #[cfg(feature = "seal")]
    #[must_use]
    pub fn danger_to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(crate::id::hex::write(&*self.0))
    }

    #[cfg(feature = "seal")]
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// The private key of an agent, sealed.
    #[cfg(feature = "seal")]
    pub(super) fn seal(&self, run: RunId, agent: AgentId, held: &Held) -> String {
        let nonce: [u8; NONCE] = crate::capability::random();
        let seed = held.key.seed();
        let aad = bound(run, agent, &held.key.public());
        let payload = Payload {
            msg: &*seed,
            aad: aad.as_bytes(),
        };
        // It fails only for messages of many gigabytes.
        let sealed = self.cipher().encrypt((&nonce).into(), payload);
        let sealed = sealed.unwrap_or_default();
        URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat())
    }

    /// The private key of an agent, opened.
    #[cfg(feature = "seal")]
    pub(in crate::agent) fn open(
        &self,
        (run, agent, public): (RunId, AgentId, PublicKey),
        text: &str,
    ) -> Result<AgentKey, SealError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| SealError::Another)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE>()
            .ok_or(SealError::Another)?;
        let aad = bound(run, agent, &public);
        let payload = Payload {
            msg: sealed,
            aad: aad.as_bytes(),
        };
        let opened = self.cipher().decrypt(nonce.into(), payload);
        let opened = Zeroizing::new(opened.map_err(|_| SealError::Another)?);
        let seed = <&[u8; 32]>::try_from(opened.as_slice()).map_err(|_| SealError::Another)?;
        Ok(AgentKey::of_seed(seed))
    }

    #[cfg(not(feature = "seal"))]
    pub(super) fn seal(&self, _: RunId, _: AgentId, _: &Held) -> String {
        match self.0 {}
    }

    #[cfg(not(feature = "seal"))]
    pub(in crate::agent) fn open(
        &self,
        _: (RunId, AgentId, PublicKey),
        _: &str,
    ) -> Result<AgentKey, SealError> {
        match self.0 {}
    }
}

/// What a sealed key is bound to.
#[cfg(feature = "seal")]
fn bound(run: RunId, agent: AgentId, public: &PublicKey) -> String {
    format!("bailiwick/agent-key/1 {run} {agent} {public}")
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(not shown)")
    }
}

#[cfg(all(test, feature = "seal"))]
mod tests;
