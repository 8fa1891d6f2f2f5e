//! The bytes of a token, the signatures over them, and the text form.

mod read;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use biscuit_auth::format::schema::public_key;

use super::protobuf::Writer;
use crate::capability::keys::PublicKey;
pub(crate) use read::read;

/// The largest token, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// The most blocks in a token.
pub(crate) const MAX_BLOCKS: usize = 32;
/// The only version of the signature payload in profile, which covers the previous signature.
const PAYLOAD_VERSION: u32 = 1;

/// A signature by a party outside the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) key: PublicKey,
    pub(crate) signature: [u8; 64],
}

/// A block with its signatures, as it stands in a token; its bytes are owned or borrowed from the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedBlock<B = Vec<u8>> {
    pub(crate) bytes: B,
    pub(crate) next_key: PublicKey,
    pub(crate) signature: [u8; 64],
    pub(crate) external: Option<External>,
}

/// The content of the field in which stock tokens carry a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The field is empty: the holder proves possession in another way.
    Absent,
    /// The last block's private key. Bailiwick never writes one.
    Secret,
    /// A signature by the last block's key, after which no block may be appended.
    Seal([u8; 64]),
}

/// A token split into its parts, none of which has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) key_id: Option<u32>,
    pub(crate) blocks: Vec<SignedBlock<&'a [u8]>>,
    pub(crate) proof: Proof,
}

impl<B: AsRef<[u8]>> SignedBlock<B> {
    /// The block with bytes of its own.
    pub(crate) fn to_owned(&self) -> SignedBlock {
        SignedBlock {
            bytes: self.bytes.as_ref().to_vec(),
            next_key: self.next_key,
            signature: self.signature,
            external: self.external.clone(),
        }
    }

    /// Whether the two are equal to the byte.
    pub(crate) fn is<C: AsRef<[u8]>>(&self, other: &SignedBlock<C>) -> bool {
        self.signature == other.signature
            && self.next_key == other.next_key
            && self.external == other.external
            && self.bytes.as_ref() == other.bytes.as_ref()
    }

    /// The bytes that the chain's signature covers.
    pub(crate) fn payload(&self, previous: Option<&[u8; 64]>) -> Vec<u8> {
        payload(
            self.bytes.as_ref(),
            &self.next_key,
            previous,
            self.external.as_ref().map(|external| &external.signature),
        )
    }

    /// The bytes that a seal covers.
    pub(crate) fn seal_payload(&self) -> Vec<u8> {
        let mut payload = self.bytes.as_ref().to_vec();
        payload.extend(0i32.to_le_bytes());
        payload.extend(self.next_key.as_bytes());
        payload.extend(self.signature);
        payload
    }
}

/// The payload of a chain signature, version 1 (Biscuit specification, Signature (one block)).
pub(crate) fn payload(
    block: &[u8],
    next_key: &PublicKey,
    previous: Option<&[u8; 64]>,
    external: Option<&[u8; 64]>,
) -> Vec<u8> {
    let mut payload = Vec::with_capacity(block.len() + 256);
    payload.extend(b"\0BLOCK\0\0VERSION\0");
    payload.extend(PAYLOAD_VERSION.to_le_bytes());
    payload.extend(b"\0PAYLOAD\0");
    payload.extend(block);
    payload.extend(b"\0ALGORITHM\0");
    payload.extend(0i32.to_le_bytes());
    payload.extend(b"\0NEXTKEY\0");
    payload.extend(next_key.as_bytes());
    if let Some(previous) = previous {
        payload.extend(b"\0PREVSIG\0");
        payload.extend(previous);
    }
    if let Some(external) = external {
        payload.extend(b"\0EXTERNALSIG\0");
        payload.extend(external);
    }
    payload
}

/// The payload of a third party's signature, version 1.
pub(crate) fn external_payload(block: &[u8], previous: &[u8; 64]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(block.len() + 128);
    payload.extend(b"\0EXTERNAL\0\0VERSION\0");
    payload.extend(PAYLOAD_VERSION.to_le_bytes());
    payload.extend(b"\0PAYLOAD\0");
    payload.extend(block);
    payload.extend(b"\0PREVSIG\0");
    payload.extend(previous);
    payload
}

/// Writes the one accepted spelling of a token.
pub(crate) fn write<'a>(
    key_id: Option<u32>,
    blocks: impl IntoIterator<Item = &'a SignedBlock>,
    proof: &Proof,
) -> Vec<u8> {
    let mut out = Writer::with_capacity(1024);
    if let Some(id) = key_id {
        out.number(1, id.into());
    }
    for (field, block) in std::iter::once(2).chain(std::iter::repeat(3)).zip(blocks) {
        out.message(field, |out| signed(out, block));
    }
    out.message(4, |out| match proof {
        Proof::Absent | Proof::Secret => {}
        Proof::Seal(seal) => out.bytes(2, seal),
    });
    out.into_bytes()
}

fn signed(out: &mut Writer, block: &SignedBlock) {
    out.bytes(1, &block.bytes);
    out.message(2, |out| key(out, &block.next_key));
    out.bytes(3, &block.signature);
    if let Some(external) = &block.external {
        out.message(4, |out| {
            out.bytes(1, &external.signature);
            out.message(2, |out| key(out, &external.key));
        });
    }
    out.number(5, PAYLOAD_VERSION.into());
}

/// A key as blocks and tokens write it.
pub(super) fn key(out: &mut Writer, key: &PublicKey) {
    out.number(1, public_key::Algorithm::Ed25519 as u64);
    out.bytes(2, key.as_bytes());
}

/// How many bytes [`write`] makes, without a proof.
pub(crate) fn length<'a>(
    key_id: Option<u32>,
    blocks: impl IntoIterator<Item = &'a SignedBlock>,
) -> usize {
    /// A key: its algorithm, and 32 bytes with their own tag and length.
    const KEY: usize = 2 + 2 + 32;
    let number = |number: usize| (number.max(1).ilog2() / 7 + 1) as usize;
    let field = |length: usize| 1 + number(length) + length;
    let signed = |block: &SignedBlock| {
        let other = block.external.as_ref();
        let external = other.map_or(0, |_| field(field(64) + field(KEY)));
        let version = 2;
        field(block.bytes.len()) + field(KEY) + field(64) + external + version
    };
    let key_id = key_id.map_or(0, |id| 1 + number(id as usize));
    let blocks: usize = blocks.into_iter().map(|block| field(signed(block))).sum();
    key_id + blocks + field(0)
}

/// The text form of a token: base64url without padding (RFC 4648, 5).
#[must_use]
pub fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the text form; padding, another alphabet, white space and stray bits are refused.
///
/// # Errors
///
/// The error says what is wrong with the text.
pub fn from_text(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        format!(
            "the token is not unpadded base64url ({error}); is there white space or `=` around it?"
        )
    })
}
