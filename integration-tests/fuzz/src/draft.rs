//! A chain in drafts: blocks that can be moved and edited, and are signed at the end by the keys
//! that should sign them.

use bailiwick_integration_tests::forge;
use bailiwick_integration_tests::random::Rng;
use biscuit_auth::format::schema::{Block, PublicKey, SignedBlock, term::Content};
use ed25519_dalek::SigningKey;
use prost::Message as _;

use crate::edit::{edit, shuffle};
use crate::intern::{Table, least_version};

/// Which key a block names next.
#[derive(Clone)]
enum Next {
    /// One whose holder signs on.
    Of(SigningKey),
    /// A key that no signer can sign with.
    Nobody(PublicKey),
}

/// One block before it is signed.
#[derive(Clone)]
pub struct Draft {
    block: Block,
    next: Next,
    /// Who signs it besides, as a third party.
    third: Option<SigningKey>,
    /// Whether its strings are interned for its place, and its version is the least it needs.
    tidy: bool,
    /// The version of the payload, where it is not 1.
    version: Option<Option<u32>>,
    /// The bytes as they were edited at the end, if they were.
    bytes: Option<Vec<u8>>,
}

/// The drafts of signed blocks, given the keys that they name, and those of third parties.
///
/// The random ids in them are made the same in every run.
#[must_use]
pub fn drafts(blocks: &[SignedBlock], keys: &[SigningKey], thirds: &[SigningKey]) -> Vec<Draft> {
    let each = blocks.iter().zip(keys).enumerate();
    let draft = |(index, (signed, key)): (usize, (&SignedBlock, &SigningKey))| {
        let before = match signed.external_signature {
            None => Table::of(&blocks[..index]),
            Some(_) => Table::default(),
        };
        let mut block = before.apart(&forge::block(signed));
        for fact in &mut block.facts {
            for term in &mut fact.predicate.terms {
                if let Some(Content::Bytes(bytes)) = &mut term.content
                    && bytes.len() == 16
                {
                    bytes.fill(index as u8);
                }
            }
        }
        let third = signed.external_signature.as_ref().map(|external| {
            let known = thirds
                .iter()
                .find(|key| forge::public(key) == external.public_key);
            known.expect("the third party is known").clone()
        });
        Draft {
            block,
            next: Next::Of(key.clone()),
            third,
            tidy: true,
            version: None,
            bytes: None,
        }
    };
    each.map(draft).collect()
}

/// Changes the drafts in one way. `others` are drafts of another chain.
pub fn change(rng: &mut Rng, drafts: &mut Vec<Draft>, others: &[Draft], known: &[SigningKey]) {
    let len = drafts.len() as u64;
    let at = rng.below(len.max(1)) as usize;
    if drafts.is_empty() {
        return;
    }
    match rng.below(20) {
        0 | 1 => shuffle(rng, drafts),
        2 => drafts.truncate(at.max(1)),
        3 if !others.is_empty() => {
            let other = rng.pick(others).clone();
            drafts.insert(at, other);
        }
        4 if !others.is_empty() => drafts[at].block = rng.pick(others).block.clone(),
        5 => {
            let versions = [None, Some(0), Some(2), Some(u32::MAX)];
            drafts[at].version = Some(*rng.pick(&versions));
        }
        6 => drafts[at].next = Next::Of(rng.pick(known).clone()),
        7 => {
            let weak = PublicKey {
                algorithm: rng.below(2) as i32,
                key: vec![rng.below(2) as u8; 32 + rng.below(2) as usize],
            };
            drafts[at].next = Next::Nobody(weak);
        }
        8 => {
            drafts[at].third = match drafts[at].third {
                Some(_) if rng.chance(50) => None,
                _ => Some(rng.pick(known).clone()),
            }
        }
        9 => drafts[at].tidy = false,
        10 => {
            let mut bytes = drafts[at].block.encode_to_vec();
            let at_byte = rng.below(bytes.len().max(1) as u64) as usize;
            if let Some(byte) = bytes.get_mut(at_byte) {
                *byte = byte.wrapping_add(1 + rng.below(255) as u8);
            }
            drafts[at].bytes = Some(bytes);
        }
        _ => {
            let theirs: Vec<Block> = others.iter().map(|draft| draft.block.clone()).collect();
            edit(rng, &mut drafts[at].block, &theirs);
        }
    }
}

/// Signs the drafts in order, each with the key that the one before names; and the key that the
/// last names, where somebody holds it.
#[must_use]
pub fn sign(root: &SigningKey, drafts: &[Draft]) -> (Vec<SignedBlock>, Option<SigningKey>) {
    let mut signed: Vec<SignedBlock> = Vec::new();
    let mut table = Table::default();
    let mut holder = Some(root.clone());
    for draft in drafts {
        let bytes = draft
            .bytes
            .clone()
            .unwrap_or_else(|| draft.write(&mut table));
        // A block that its signer cannot sign is signed with another key.
        let signer = holder.unwrap_or_else(|| forge::key(250));
        let mut block = match (&draft.third, &draft.next) {
            (Some(third), Next::Of(next)) if !signed.is_empty() => {
                forge::sign_external(&signed, bytes, third, &signer, next)
            }
            (_, Next::Of(next)) if draft.version == Some(None) => {
                forge::sign_v0(bytes, &signer, next)
            }
            (_, Next::Of(next)) => forge::sign(&signed, bytes, &signer, next),
            (_, Next::Nobody(key)) => forge::sign_for(&signed, bytes, &signer, key.clone()),
        };
        if let Some(version) = draft.version {
            block.version = version;
        }
        holder = match &draft.next {
            Next::Of(key) => Some(key.clone()),
            Next::Nobody(_) => None,
        };
        signed.push(block);
    }
    (signed, holder)
}

impl Draft {
    fn write(&self, table: &mut Table) -> Vec<u8> {
        if !self.tidy {
            return self.block.encode_to_vec();
        }
        let mut own = Table::default();
        let table = if self.third.is_some() {
            &mut own
        } else {
            table
        };
        let mut block = table.after(&self.block);
        least_version(&mut block, self.third.is_some());
        block.encode_to_vec()
    }
}
