//! The one way from bytes to a verified chain.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{KeyRing, fits, untrusted};
use crate::capability::block::wire;
use crate::capability::block::wire::{Parts, Proof, SignedBlock};
use crate::capability::block::{Block, Table, decode};
use crate::capability::keys::{Point, PublicKey, RootKey, RootPoint};
use crate::capability::token::link;
use crate::capability::token::link::Link;
use crate::capability::token::{
    chain::Chain,
    position::{PriorBlock, check_position},
    wire_call::WireCall,
};
use crate::capability::value::{Kind, Patterns, Refusal};

impl KeyRing {
    /// Verifies the bytes of a chain: signatures from a trusted root on, and every block in profile.
    ///
    /// # Errors
    ///
    /// [`Kind::NotHolder`] for a sealed or secret-carrying token, and for one that ends in a call;
    /// [`Kind::Malformed`], [`Kind::UntrustedRoot`] or [`Kind::BadSignature`] for the rest.
    pub fn chain(&self, bytes: &[u8]) -> Result<Chain, Refusal> {
        let parts = wire::read(bytes).map_err(malformed)?;
        if parts.proof != Proof::Absent {
            return Err(Refusal::new(
                Kind::NotHolder,
                "the token carries a secret or a seal in place of its holder's proof; a wire call ends in a call block",
            ));
        }
        let (chain, _) = self.verify(&parts)?;
        if matches!(chain.last().block, Block::Call(_)) {
            return Err(Refusal::new(
                Kind::NotHolder,
                "a call must be sealed by the key of its call block",
            ));
        }
        Ok(chain)
    }

    /// Verifies the bytes of a wire call: as [`KeyRing::chain`], ending in a call block and a seal.
    ///
    /// # Errors
    ///
    /// [`Kind::NotHolder`] when there is no call block or no seal; otherwise as [`KeyRing::chain`].
    pub fn wire_call(&self, bytes: &[u8]) -> Result<WireCall, Refusal> {
        let parts = wire::read(bytes).map_err(malformed)?;
        let Proof::Seal(seal) = &parts.proof else {
            return Err(Refusal::new(
                Kind::NotHolder,
                "the token is not a sealed call: the sender did not show its key",
            ));
        };
        let (chain, holder) = self.verify(&parts)?;
        let last = chain.last();
        if !matches!(last.block, Block::Call(_)) {
            return Err(Refusal::new(
                Kind::NotHolder,
                "the token is sealed but ends in no call block",
            ));
        }
        let payload = last.signed.seal_payload();
        if !holder.is_some_and(|holder| holder.verify(&payload, seal)) {
            return Err(Refusal::new(Kind::BadSignature, "the seal does not hold"));
        }
        Ok(WireCall { chain })
    }

    /// The chain, and the key that it ends in: `None` if the whole chain was seen before, in which case it does
    /// not end in a call.
    fn verify(&self, parts: &Parts<'_>) -> Result<(Chain, Option<Point>), Refusal> {
        let roots: Vec<(RootKey, Arc<RootPoint>)> = {
            let roots = self.trusted();
            roots
                .iter()
                .filter(|(root, _)| fits(root, parts.key_id))
                .cloned()
                .collect()
        };
        let known = self
            .inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .prefix(&parts.blocks);
        let known = known.filter(|(root, _)| roots.iter().any(|(known, _)| known.key == *root));
        let (root, mut links) = match known {
            Some((root, links)) => (root, links),
            None => (
                self.root_of(parts, &roots)?,
                Vec::with_capacity(parts.blocks.len()),
            ),
        };
        // All signatures are verified first: patterns are compiled and blocks interpreted only after that.
        let rest = parts.blocks.get(links.len()..).unwrap_or_default();
        let mut before = links
            .last()
            .map(|link: &Arc<Link>| (link.signed.next_key, link.signed.signature));
        for (number, signed) in (links.len()..).zip(rest) {
            signatures(signed, before).map_err(|(kind, what)| {
                Refusal::new(kind, format!("{what} of block {number} does not hold"))
            })?;
            before = Some((signed.next_key, signed.signature));
        }
        // The earlier keys were checked when they verified the blocks after them.
        let holder = rest
            .last()
            .map(|last| last.next_key.point())
            .transpose()
            .map_err(|error| Refusal::new(Kind::Malformed, error.to_string()))?;
        read(&mut links, &root, rest)?;
        Ok((Chain::of(root, parts.key_id, links), holder))
    }

    /// Keeps the blocks of a chain, so that another presentation of them costs no signatures.
    ///
    /// A [`Guard`](crate::guard::Guard) keeps the chains that it finds live: neither expired nor revoked, and
    /// neither too deep nor too long-lived for it. A verifier without a guard decides by itself, and should
    /// not keep chains that it would not admit. Only authority blocks and hops are kept, within
    /// the bytes of [`KeyRing::cache_at_most`], and no block of a root that was removed.
    #[inline]
    pub fn keep(&self, chain: &Chain) {
        let epoch = self.inner.epoch.load(Ordering::Acquire);
        if chain.is_new_at(epoch) && self.admit(chain).is_ok() {
            self.insert(chain, epoch);
        }
    }

    fn insert(&self, chain: &Chain, epoch: u64) {
        let mut cache = self
            .inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // If a root was removed in the meantime, the cache was cleared; no block of it may come back.
        if self.inner.epoch.load(Ordering::Acquire) == epoch {
            cache.insert(chain.root(), chain.last_hop());
        }
    }

    /// The trusted root that signed the first block.
    fn root_of(
        &self,
        parts: &Parts<'_>,
        roots: &[(RootKey, Arc<RootPoint>)],
    ) -> Result<PublicKey, Refusal> {
        let first = parts.blocks.first().ok_or_else(untrusted)?;
        let payload = first.payload(None);
        roots
            .iter()
            .find(|(_, root)| root.verify(&payload, &first.signature))
            .map(|(root, _)| root.key)
            .ok_or_else(untrusted)
    }
}

/// Reads the blocks that follow `links`, whose signatures hold. All are read, and their patterns counted,
/// before anything is compiled.
fn read(
    links: &mut Vec<Arc<Link>>,
    root: &PublicKey,
    rest: &[SignedBlock<&[u8]>],
) -> Result<(), Refusal> {
    let malformed = |what: String| Refusal::new(Kind::Malformed, what);
    let known = links.len();
    let (mut table, patterns) = match links.last() {
        Some(link) if !rest.is_empty() => (link.table.continued(), link.patterns.clone()),
        Some(_) => return Ok(()),
        None => (Table::default(), Patterns::default()),
    };
    let mut blocks = Vec::with_capacity(rest.len());
    for (number, signed) in (known..).zip(rest) {
        let block = decode(signed.bytes, signed.external.is_some(), &mut table)
            .map_err(|what| malformed(format!("block {number}: {what}")))?;
        blocks.push((block, table.size()));
    }
    let before = links.iter().map(|link| PriorBlock::link(link));
    let after = blocks
        .iter()
        .zip(rest)
        .map(|((block, _), signed)| PriorBlock::new(block, signed));
    let prior: Vec<PriorBlock<'_>> = before.chain(after).collect();
    for ((number, signed), (block, _)) in (known..).zip(rest).zip(&blocks) {
        check_position(prior.get(..number).unwrap_or_default(), root, signed, block)
            .map_err(|what| malformed(format!("block {number}: {what}")))?;
    }
    patterns
        .admit(blocks.iter().flat_map(|(block, _)| link::patterns(block)))
        .map_err(malformed)?;
    for ((block, size), signed) in blocks.into_iter().zip(rest) {
        let link = Link::new(links.last(), signed.to_owned(), block, table.upto(size));
        links.push(link.map_err(malformed)?);
    }
    Ok(())
}

/// Verifies a block's signatures under the key that the block before it names. The first block's
/// was verified when its root was looked for.
fn signatures(
    signed: &SignedBlock<&[u8]>,
    before: Option<(PublicKey, [u8; 64])>,
) -> Result<(), (Kind, &'static str)> {
    let Some((signer, previous)) = before else {
        let stray = signed.external.is_some();
        return if stray {
            Err((Kind::Malformed, "the external signature"))
        } else {
            Ok(())
        };
    };
    let signer = signer
        .point()
        .map_err(|_| (Kind::Malformed, "the key before that"))?;
    if !signer.verify(&signed.payload(Some(&previous)), &signed.signature) {
        return Err((Kind::BadSignature, "the signature"));
    }
    let Some(external) = &signed.external else {
        return Ok(());
    };
    if external.key.verify(
        &wire::external_payload(signed.bytes, &previous),
        &external.signature,
    ) {
        Ok(())
    } else {
        Err((Kind::BadSignature, "the approver's signature"))
    }
}

fn malformed(what: &'static str) -> Refusal {
    Refusal::new(Kind::Malformed, what)
}
