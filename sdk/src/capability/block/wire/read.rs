//! Splits a token's bytes into its parts without copying them.
//!
//! Only the one spelling is read (`schema.proto` of the Biscuit specification), so
//! [`write`](super::write) reproduces every token that is read, to the byte.

use super::{External, MAX_BLOCKS, MAX_BYTES, PAYLOAD_VERSION, Parts, Proof, SignedBlock};
use crate::capability::block::protobuf::{NotCanonical, Reader};
use crate::capability::keys::PublicKey;

/// Splits a token into its parts; bytes other than the one spelling within the limits are refused.
pub(crate) fn read(bytes: &[u8]) -> Result<Parts<'_>, &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err("the token has more than 16384 bytes");
    }
    let mut token = Reader::new(bytes);
    let key_id = match token.optional_number(1)? {
        Some(id) => Some(u32::try_from(id).map_err(|_| NotCanonical)?),
        None => None,
    };
    let mut blocks = vec![signed(token.bytes(2)?)?];
    while let Some(block) = token.optional_bytes(3)? {
        if blocks.len() >= MAX_BLOCKS {
            return Err("the token has more than 32 blocks");
        }
        blocks.push(signed(block)?);
    }
    let proof = proof(token.bytes(4)?)?;
    token.end()?;
    Ok(Parts {
        key_id,
        blocks,
        proof,
    })
}

fn signed(bytes: &[u8]) -> Result<SignedBlock<&[u8]>, &'static str> {
    let mut fields = Reader::new(bytes);
    let block = fields.bytes(1)?;
    let (next_key, signature) = (fields.bytes(2)?, fields.bytes(3)?);
    let other = fields.optional_bytes(4)?;
    let version = fields.optional_number(5)?;
    fields.end()?;
    if version != Some(PAYLOAD_VERSION.into()) {
        return Err("a block is not signed with payload version 1");
    }
    Ok(SignedBlock {
        bytes: block,
        next_key: key(next_key)?,
        signature: array(signature).ok_or("a signature is not Ed25519")?,
        external: other.map(external).transpose()?,
    })
}

fn external(bytes: &[u8]) -> Result<External, &'static str> {
    let mut fields = Reader::new(bytes);
    let signature = array(fields.bytes(1)?).ok_or("an approval's signature is not Ed25519")?;
    let key = key(fields.bytes(2)?)?;
    fields.end()?;
    Ok(External { key, signature })
}

fn key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
    let mut fields = Reader::new(bytes);
    // The number of Ed25519 among the algorithms.
    if fields.optional_number(1)? != Some(0) {
        return Err("a key is not Ed25519");
    }
    let key = array(fields.bytes(2)?).ok_or("a key does not have 32 bytes")?;
    fields.end()?;
    // The verifier of the chain checks the point, once.
    Ok(PublicKey::unchecked(key))
}

fn proof(bytes: &[u8]) -> Result<Proof, &'static str> {
    let mut fields = Reader::new(bytes);
    let proof = if fields.optional_bytes(1)?.is_some() {
        Proof::Secret
    } else if let Some(seal) = fields.optional_bytes(2)? {
        Proof::Seal(array(seal).ok_or("the seal is not an Ed25519 signature")?)
    } else {
        Proof::Absent
    };
    fields.end()?;
    Ok(proof)
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use biscuit_auth::format::schema;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::capability::block::wire::{length, write};

    fn public(seed: u8) -> schema::PublicKey {
        schema::PublicKey {
            algorithm: 0,
            key: vec![seed; 32],
        }
    }

    fn block(seed: u8, external: bool) -> schema::SignedBlock {
        schema::SignedBlock {
            block: vec![seed; usize::from(seed) * 3],
            next_key: public(seed),
            signature: vec![seed; 64],
            external_signature: external.then(|| schema::ExternalSignature {
                signature: vec![seed; 64],
                public_key: public(seed),
            }),
            version: Some(1),
        }
    }

    fn token(key_id: Option<u32>, blocks: &[(u8, bool)], seal: bool) -> Vec<u8> {
        let mut blocks = blocks
            .iter()
            .map(|(seed, external)| block(*seed, *external));
        let content = seal.then(|| schema::proof::Content::FinalSignature(vec![9; 64]));
        schema::Biscuit {
            root_key_id: key_id,
            authority: blocks.next().unwrap(),
            blocks: blocks.collect(),
            proof: schema::Proof { content },
        }
        .encode_to_vec()
    }

    /// Bytes that the protobuf library reads and writes again unchanged are canonical.
    fn canonical(bytes: &[u8]) -> bool {
        schema::Biscuit::decode(bytes).is_ok_and(|raw| raw.encode_to_vec() == bytes)
    }

    proptest! {
        #[test]
        fn what_the_library_writes_is_read_and_written_again(
            key_id in prop_oneof![any::<Option<u32>>(), (0..20_000u32).prop_map(Some)],
            blocks in proptest::collection::vec(any::<(u8, bool)>(), 1..5),
            seal in any::<bool>(),
        ) {
            let bytes = token(key_id, &blocks, seal);
            let parts = read(&bytes).unwrap();
            prop_assert_eq!(parts.blocks.len(), blocks.len());
            let owned: Vec<_> = parts.blocks.iter().map(SignedBlock::to_owned).collect();
            let bare = write(parts.key_id, &owned, &Proof::Absent);
            prop_assert_eq!(length(parts.key_id, &owned), bare.len());
            prop_assert_eq!(write(parts.key_id, &owned, &parts.proof), bytes);
        }

        #[test]
        fn what_is_read_is_canonical(
            blocks in proptest::collection::vec(any::<(u8, bool)>(), 1..4),
            seal in any::<bool>(),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..4),
        ) {
            let mut bytes = token(Some(7), &blocks, seal);
            for (at, value, how) in edits {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = value,
                    1 => bytes.insert(at, value),
                    _ => drop(bytes.remove(at)),
                }
            }
            if read(&bytes).is_ok() {
                prop_assert!(canonical(&bytes));
            }
        }
    }
}
