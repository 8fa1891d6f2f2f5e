//! Bytes of a token, the signatures over them, and the text form.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use biscuit_auth::format::schema;
use prost::Message as _;

use super::datalog::proto_key;
use super::keys::PublicKey;

/// The largest token, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// The most blocks in a token.
pub(crate) const MAX_BLOCKS: usize = 32;
/// The one version of the signature payload in profile: the one that covers the signature before.
const PAYLOAD_VERSION: u32 = 1;

/// A signature by someone outside the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) key: PublicKey,
    pub(crate) signature: [u8; 64],
}

/// A block with its signatures, as it stands in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SignedBlock {
    pub(crate) bytes: Vec<u8>,
    pub(crate) next_key: PublicKey,
    pub(crate) signature: [u8; 64],
    pub(crate) external: Option<External>,
}

/// What stands in the place where stock tokens carry a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: the holder proves possession otherwise.
    Absent,
    /// The last block's private key. Bailiwick never writes one.
    Secret,
    /// A signature by the last block's key: nothing may be appended.
    Seal([u8; 64]),
}

/// A token taken apart. Nothing in it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) key_id: Option<u32>,
    pub(crate) blocks: Vec<SignedBlock>,
    pub(crate) proof: Proof,
}

impl SignedBlock {
    /// The bytes that the chain's signature covers.
    pub(crate) fn payload(&self, previous: Option<&[u8; 64]>) -> Vec<u8> {
        payload(
            &self.bytes,
            &self.next_key,
            previous,
            self.external.as_ref().map(|external| &external.signature),
        )
    }

    /// The bytes that a seal covers.
    pub(crate) fn seal_payload(&self) -> Vec<u8> {
        let mut payload = self.bytes.clone();
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

/// Takes a token apart; anything but the one spelling within the limits is refused.
pub(crate) fn read(bytes: &[u8]) -> Result<Parts, &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err("the token has more than 16384 bytes");
    }
    let raw = schema::Biscuit::decode(bytes).map_err(|_| "the bytes are not a Biscuit token")?;
    if raw.blocks.len() >= MAX_BLOCKS {
        return Err("the token has more than 32 blocks");
    }
    if raw.encode_to_vec() != bytes {
        return Err("the token is not in canonical protobuf");
    }
    let proof = match raw.proof.content {
        None => Proof::Absent,
        Some(schema::proof::Content::NextSecret(_)) => Proof::Secret,
        Some(schema::proof::Content::FinalSignature(seal)) => {
            Proof::Seal(array(&seal).ok_or("the seal is not an Ed25519 signature")?)
        }
    };
    let blocks = std::iter::once(raw.authority)
        .chain(raw.blocks)
        .map(signed)
        .collect::<Result<_, _>>()?;
    Ok(Parts {
        key_id: raw.root_key_id,
        blocks,
        proof,
    })
}

fn signed(raw: schema::SignedBlock) -> Result<SignedBlock, &'static str> {
    if raw.version != Some(PAYLOAD_VERSION) {
        return Err("a block is not signed with payload version 1");
    }
    let external = match raw.external_signature {
        None => None,
        Some(external) => Some(External {
            key: key(&external.public_key)?,
            signature: array(&external.signature)
                .ok_or("an approval's signature is not Ed25519")?,
        }),
    };
    Ok(SignedBlock {
        next_key: key(&raw.next_key)?,
        signature: array(&raw.signature).ok_or("a signature is not Ed25519")?,
        bytes: raw.block,
        external,
    })
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

fn key(raw: &schema::PublicKey) -> Result<PublicKey, &'static str> {
    if raw.algorithm != schema::public_key::Algorithm::Ed25519 as i32 {
        return Err("a key is not Ed25519");
    }
    let bytes = array(&raw.key).ok_or("a key does not have 32 bytes")?;
    // Whoever verifies the chain looks at the point, once.
    Ok(PublicKey::unchecked(bytes))
}

/// The one spelling of a token.
pub(crate) fn write<'a>(
    key_id: Option<u32>,
    blocks: impl IntoIterator<Item = &'a SignedBlock>,
    proof: &Proof,
) -> Vec<u8> {
    let mut blocks = blocks.into_iter().map(raw);
    let content = match proof {
        Proof::Absent | Proof::Secret => None,
        Proof::Seal(seal) => Some(schema::proof::Content::FinalSignature(seal.to_vec())),
    };
    schema::Biscuit {
        root_key_id: key_id,
        authority: blocks.next().unwrap_or_default(),
        blocks: blocks.collect(),
        proof: schema::Proof { content },
    }
    .encode_to_vec()
}

fn raw(block: &SignedBlock) -> schema::SignedBlock {
    schema::SignedBlock {
        block: block.bytes.clone(),
        next_key: proto_key(&block.next_key),
        signature: block.signature.to_vec(),
        external_signature: block
            .external
            .as_ref()
            .map(|external| schema::ExternalSignature {
                signature: external.signature.to_vec(),
                public_key: proto_key(&external.key),
            }),
        version: Some(PAYLOAD_VERSION),
    }
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
/// Says what is wrong with the text.
pub fn from_text(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| {
        format!(
            "the token is not unpadded base64url ({error}); is there white space or `=` around it?"
        )
    })
}
