//! Forged tokens: raw blocks with any content, signed by any keys, put together in any way.
//!
//! Nothing here asks what the profile allows; it only knows how Biscuit lays out and signs bytes.

use bailiwick::capability::{AgentKey, Authority};
use biscuit_auth::Biscuit;
use biscuit_auth::builder::{Algorithm, BiscuitBuilder, BlockBuilder};
use biscuit_auth::format::schema;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;

/// The private half of an agent's key, for signing what the library would not sign.
#[must_use]
pub fn secret(key: &AgentKey) -> SigningKey {
    SigningKey::from_pkcs8_pem(&key.danger_to_pem().unwrap()).unwrap()
}

/// A key made from one byte: the same in every run.
#[must_use]
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The key with this seed.
#[must_use]
pub fn from_seed(seed: [u8; 32]) -> SigningKey {
    SigningKey::from_bytes(&seed)
}

/// The key as an agent's, for the public API.
#[must_use]
pub fn agent(key: &SigningKey) -> AgentKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    AgentKey::from_pem(&key.to_pkcs8_pem(Default::default()).unwrap()).unwrap()
}

/// The key as a root's, for the public API.
#[must_use]
pub fn authority(key: &SigningKey) -> Authority {
    Authority::from_pem(&agent(key).danger_to_pem().unwrap()).unwrap()
}

/// The public half, as the schema writes it.
#[must_use]
pub fn public(key: &SigningKey) -> schema::PublicKey {
    schema::PublicKey {
        algorithm: 0,
        key: key.verifying_key().to_bytes().to_vec(),
    }
}

/// Reads a token into its raw parts.
#[must_use]
pub fn parts(token: &[u8]) -> schema::Biscuit {
    schema::Biscuit::decode(token).unwrap()
}

/// The bytes of raw parts.
#[must_use]
pub fn bytes(token: &schema::Biscuit) -> Vec<u8> {
    token.encode_to_vec()
}

/// Reads the block inside a signed block.
#[must_use]
pub fn block(signed: &schema::SignedBlock) -> schema::Block {
    schema::Block::decode(signed.block.as_slice()).unwrap()
}

/// Every block of a token, the authority block first.
#[must_use]
pub fn blocks(token: &schema::Biscuit) -> Vec<schema::SignedBlock> {
    std::iter::once(&token.authority)
        .chain(&token.blocks)
        .cloned()
        .collect()
}

/// A token without proof of these blocks.
#[must_use]
pub fn token(blocks: &[schema::SignedBlock]) -> schema::Biscuit {
    schema::Biscuit {
        root_key_id: None,
        authority: blocks[0].clone(),
        blocks: blocks[1..].to_vec(),
        proof: schema::Proof { content: None },
    }
}

/// Datalog text as the block that would stand after `before`, its strings interned by the stock
/// library.
#[must_use]
pub fn datalog(before: &[schema::SignedBlock], text: &str) -> Vec<u8> {
    let keys = biscuit_auth::KeyPair::from(&stock_key(&key(99)));
    if before.is_empty() {
        let built = BiscuitBuilder::new()
            .code(text)
            .expect(text)
            .build(&keys)
            .expect(text);
        return parts(&built.to_vec().unwrap()).authority.block;
    }
    // The strings of the chain so far, under keys of our own.
    let mut signed = Vec::new();
    let mut signer = key(99);
    // A third party's block has strings of its own, which the chain does not share.
    let shared = before
        .iter()
        .filter(|block| block.external_signature.is_none());
    for (index, known) in shared.enumerate() {
        let next = key(100 + u8::try_from(index).unwrap());
        signed.push(sign(&signed, known.block.clone(), &signer, &next));
        signer = next;
    }
    let mut raw = token(&signed);
    raw.proof.content = Some(schema::proof::Content::NextSecret(
        signer.to_bytes().to_vec(),
    ));
    let chain = Biscuit::from(bytes(&raw), keys.public()).unwrap();
    let block = BlockBuilder::new().code(text).expect(text);
    let longer = chain.append(block).unwrap();
    parts(&longer.to_vec().unwrap()).blocks.pop().unwrap().block
}

fn stock_key(key: &SigningKey) -> biscuit_auth::PrivateKey {
    biscuit_auth::PrivateKey::from_bytes(&key.to_bytes(), Algorithm::Ed25519).unwrap()
}

/// Signs `block` after `before` with payload version 1, naming `next`.
#[must_use]
pub fn sign(
    before: &[schema::SignedBlock],
    block: Vec<u8>,
    signer: &SigningKey,
    next: &SigningKey,
) -> schema::SignedBlock {
    sign_for(before, block, signer, public(next))
}

/// As [`sign`], for any next key.
#[must_use]
pub fn sign_for(
    before: &[schema::SignedBlock],
    block: Vec<u8>,
    signer: &SigningKey,
    next: schema::PublicKey,
) -> schema::SignedBlock {
    let previous = before.last().map(|block| block.signature.clone());
    let signature = signer
        .sign(&payload(&block, &next, previous.as_deref(), None))
        .to_bytes()
        .to_vec();
    schema::SignedBlock {
        block,
        next_key: next,
        signature,
        external_signature: None,
        version: Some(1),
    }
}

/// Signs `block` with payload version 0, which does not cover the signature before.
#[must_use]
pub fn sign_v0(block: Vec<u8>, signer: &SigningKey, next: &SigningKey) -> schema::SignedBlock {
    let mut payload = block.clone();
    payload.extend(0i32.to_le_bytes());
    payload.extend(next.verifying_key().to_bytes());
    let signature = signer.sign(&payload).to_bytes().to_vec();
    schema::SignedBlock {
        block,
        next_key: public(next),
        signature,
        external_signature: None,
        version: None,
    }
}

/// Signs `block` as a third party, and then as the chain's signer.
#[must_use]
pub fn sign_external(
    before: &[schema::SignedBlock],
    block: Vec<u8>,
    third: &SigningKey,
    signer: &SigningKey,
    next: &SigningKey,
) -> schema::SignedBlock {
    let previous = before.last().map(|block| block.signature.clone());
    let mut message = b"\0EXTERNAL\0\0VERSION\0\x01\0\0\0\0PAYLOAD\0".to_vec();
    message.extend(&block);
    if let Some(previous) = &previous {
        message.extend(b"\0PREVSIG\0");
        message.extend(previous);
    }
    let external = third.sign(&message).to_bytes().to_vec();
    let signature = signer
        .sign(&payload(
            &block,
            &public(next),
            previous.as_deref(),
            Some(&external),
        ))
        .to_bytes()
        .to_vec();
    schema::SignedBlock {
        block,
        next_key: public(next),
        signature,
        external_signature: Some(schema::ExternalSignature {
            signature: external,
            public_key: public(third),
        }),
        version: Some(1),
    }
}

/// A signature that holds for every message under the key that is the neutral point, unless the
/// verifier is strict.
#[must_use]
pub fn universal(any: &SigningKey) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(any.verifying_key().as_bytes());
    signature[32..].copy_from_slice(&any.to_scalar().to_bytes());
    signature
}

/// Signs the last block again as `signer`, its third party's signature as it stands.
pub fn resign(blocks: &mut [schema::SignedBlock], signer: &SigningKey) {
    let (last, before) = blocks.split_last_mut().unwrap();
    let external = last.external_signature.as_ref();
    let message = payload(
        &last.block,
        &last.next_key,
        before.last().map(|block| block.signature.as_slice()),
        external.map(|external| external.signature.as_slice()),
    );
    last.signature = signer.sign(&message).to_bytes().to_vec();
}

/// What a chain signature of payload version 1 covers.
fn payload(
    block: &[u8],
    next: &schema::PublicKey,
    previous: Option<&[u8]>,
    external: Option<&[u8]>,
) -> Vec<u8> {
    let mut payload = b"\0BLOCK\0\0VERSION\0\x01\0\0\0\0PAYLOAD\0".to_vec();
    payload.extend(block);
    payload.extend(b"\0ALGORITHM\0");
    payload.extend(next.algorithm.to_le_bytes());
    payload.extend(b"\0NEXTKEY\0");
    payload.extend(&next.key);
    for (label, signature) in [
        (&b"\0PREVSIG\0"[..], previous),
        (&b"\0EXTERNALSIG\0"[..], external),
    ] {
        if let Some(signature) = signature {
            payload.extend(label);
            payload.extend(signature);
        }
    }
    payload
}

/// Seals a token with the key that its last block should name.
pub fn seal(token: &mut schema::Biscuit, key: &SigningKey) {
    let last = token.blocks.last().unwrap_or(&token.authority);
    let mut payload = last.block.clone();
    payload.extend(last.next_key.algorithm.to_le_bytes());
    payload.extend(&last.next_key.key);
    payload.extend(&last.signature);
    token.proof.content = Some(schema::proof::Content::FinalSignature(
        key.sign(&payload).to_bytes().to_vec(),
    ));
}

/// A chain under construction: each block signed by the key that the one before names.
#[derive(Clone)]
pub struct Forge {
    /// The signed blocks so far.
    pub blocks: Vec<schema::SignedBlock>,
    /// The key that the last block names.
    pub holder: SigningKey,
    seed: u8,
}

impl Forge {
    /// Starts with the blocks of a genuine token and the key of its holder.
    #[must_use]
    pub fn after(token: &[u8], holder: &AgentKey) -> Self {
        Self {
            blocks: blocks(&parts(token)),
            holder: secret(holder),
            seed: 1,
        }
    }

    /// Starts with an authority block of this Datalog.
    #[must_use]
    pub fn root(root: &SigningKey, text: &str) -> Self {
        let holder = key(1);
        Self {
            blocks: vec![sign(&[], datalog(&[], text), root, &holder)],
            holder,
            seed: 2,
        }
    }

    /// Appends a block of these bytes, signed as it should be.
    #[must_use]
    pub fn raw(mut self, block: Vec<u8>) -> Self {
        let next = key(self.seed);
        self.blocks
            .push(sign(&self.blocks, block, &self.holder, &next));
        self.seed += 1;
        self.holder = next;
        self
    }

    /// The key that the next block appended names.
    #[must_use]
    pub fn next(&self) -> SigningKey {
        key(self.seed)
    }

    /// Appends a block of these bytes that `third` signed, under the holder's signature.
    #[must_use]
    pub fn external(mut self, block: Vec<u8>, third: &SigningKey) -> Self {
        let next = self.next();
        let signed = sign_external(&self.blocks, block, third, &self.holder, &next);
        self.blocks.push(signed);
        self.seed += 1;
        self.holder = next;
        self
    }

    /// Appends a block of this Datalog.
    #[must_use]
    pub fn append(self, text: &str) -> Self {
        let block = datalog(&self.blocks, text);
        self.raw(block)
    }

    /// Appends the block of `base` with what `more` says besides, before or after the rest.
    ///
    /// Its strings are interned after those of `base`, so that only what is added is hostile.
    #[must_use]
    pub fn merged(self, base: &str, more: &str, first: bool) -> Self {
        let mut all = block(&self.clone().append(base).blocks.pop().unwrap());
        let longer = self.clone().append(base);
        let added = schema::Block::decode(datalog(&longer.blocks, more).as_slice()).unwrap();
        fn join<T>(into: &mut Vec<T>, from: Vec<T>, first: bool) {
            let at = if first { 0 } else { into.len() };
            into.splice(at..at, from);
        }
        all.symbols.extend(added.symbols);
        all.public_keys.extend(added.public_keys);
        all.version = all.version.max(added.version);
        join(&mut all.facts, added.facts, first);
        join(&mut all.rules, added.rules, first);
        join(&mut all.checks, added.checks, first);
        join(&mut all.scope, added.scope, first);
        self.raw(all.encode_to_vec())
    }

    /// The same blocks in the hands of another.
    #[must_use]
    pub fn in_hands_of(self, holder: &SigningKey) -> Self {
        Self {
            holder: holder.clone(),
            ..self
        }
    }

    /// Appends the last block again, changed.
    #[must_use]
    pub fn edited(self, block: &schema::Block, change: impl FnOnce(&mut schema::Block)) -> Self {
        let mut block = block.clone();
        change(&mut block);
        self.raw(block.encode_to_vec())
    }

    /// The bytes, without a proof.
    #[must_use]
    pub fn token(&self) -> Vec<u8> {
        bytes(&token(&self.blocks))
    }

    /// The bytes, sealed by the holder.
    #[must_use]
    pub fn sealed(&self) -> Vec<u8> {
        let mut token = token(&self.blocks);
        seal(&mut token, &self.holder);
        bytes(&token)
    }
}
