//! The one way from bytes to a verified chain.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::{KeyRing, fits, untrusted};
use crate::capability::authority::RootKey;
use crate::capability::chain::Chain;
use crate::capability::compiled::Rules;
use crate::capability::datalog::{Block, Table, decode};
use crate::capability::keys::{Point, PublicKey, RootPoint};
use crate::capability::link::Link;
use crate::capability::looked_up::LookedUp;
use crate::capability::place::{patterns, place};
use crate::capability::present::WireCall;
use crate::capability::refusal::{Kind, Refusal};
use crate::capability::wire::{self, Parts, Proof, SignedBlock};

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
                "the token is not a sealed call: whoever sent it did not show its key",
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

    /// The chain, and the key that it ends in: none if the whole chain was seen before, which ends in
    /// no call then.
    fn verify(&self, parts: &Parts<'_>) -> Result<(Chain, Option<Point>), Refusal> {
        let epoch = self.inner.epoch.load(Ordering::Acquire);
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
        // All signatures first: patterns are compiled and blocks interpreted only under them.
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
        // The keys before it were looked at when they verified what comes after them.
        let holder = rest
            .last()
            .map(|last| last.next_key.point())
            .transpose()
            .map_err(|error| Refusal::new(Kind::Malformed, error.to_string()))?;
        for (number, signed) in (links.len()..).zip(rest) {
            let link = self
                .link(&links, &root, signed)
                .map_err(|what| Refusal::new(Kind::Malformed, format!("block {number}: {what}")))?;
            links.push(link);
        }
        patterns(&links).map_err(|what| Refusal::new(Kind::Malformed, what))?;
        let hops = links.iter().take_while(|link| link.rules.is_some()).count();
        if let Some(last) = hops.checked_sub(1).and_then(|last| links.get(last)) {
            let mut cache = self
                .inner
                .cache
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            // A root taken away in the meantime cleared the cache; nothing of it may come back.
            if self.inner.epoch.load(Ordering::Acquire) == epoch {
                cache.insert(root, last);
            }
        }
        Ok((Chain::of(root, parts.key_id, links), holder))
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

    fn link(
        &self,
        before: &[Arc<Link>],
        root: &PublicKey,
        signed: &SignedBlock<&[u8]>,
    ) -> Result<Arc<Link>, String> {
        let mut table = before
            .last()
            .map_or_else(Table::default, |link| link.table.clone());
        let block = decode(signed.bytes, signed.external.is_some(), &mut table)?;
        place(before, root, signed, &block)?;
        let rules = block.bounds().map(Rules::compile).transpose()?;
        Ok(Arc::new(Link {
            parent: before.last().cloned(),
            signed: signed.to_owned(),
            block,
            rules,
            table,
            looked_up: LookedUp::default(),
        }))
    }
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
