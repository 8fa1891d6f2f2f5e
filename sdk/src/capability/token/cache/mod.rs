//! A cache of verified links, by their signature.
//!
//! It holds only links of fully verified chains, and only authority blocks and hops: a call, its seal and
//! its approvals are checked at every presentation. Failures and verdicts are not kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::link::Link;
use crate::capability::block::wire::SignedBlock;
use crate::capability::keys::PublicKey;

/// Two generations of links: when the young one is full, the old one is dropped.
#[derive(Debug)]
pub(super) struct Cache {
    /// How many bytes each generation holds.
    most: usize,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    links: HashMap<[u8; 64], (PublicKey, Arc<Link>)>,
    bytes: usize,
}

/// The bytes that a link takes in the map, free places included.
const PLACE: usize = 2 * size_of::<([u8; 64], PublicKey, Arc<Link>)>();

impl Cache {
    /// A cache of about this many bytes at most.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            most: bytes / 2,
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    /// The longest known prefix of `blocks`, compared block by block, and the root that signed it.
    pub(crate) fn prefix(
        &mut self,
        blocks: &[SignedBlock<&[u8]>],
    ) -> Option<(PublicKey, Vec<Arc<Link>>)> {
        (1..=blocks.len()).rev().find_map(|length| {
            let prefix = blocks.get(..length)?;
            let signature = &prefix.last()?.signature;
            let (young, old) = (&self.young.links, &self.old.links);
            let (root, link) = young.get(signature).or_else(|| old.get(signature))?;
            let links = same(link, prefix)?;
            let (root, link) = (*root, link.clone());
            self.insert(root, &link);
            Some((root, links))
        })
    }

    /// Keeps a link and those before it, if they fit.
    pub(crate) fn insert(&mut self, root: PublicKey, last: &Arc<Link>) {
        if self.young.links.contains_key(&last.signed.signature) {
            return;
        }
        let chain = || std::iter::successors(Some(last), |link| link.parent.as_ref());
        let known = &self.young.links;
        let fresh = chain().take_while(|link| !known.contains_key(&link.signed.signature));
        if self.young.bytes + fresh.map(weight).sum::<usize>() > self.most {
            // A kept link keeps those before it, so whole chains fill a generation.
            if chain().map(weight).sum::<usize>() > self.most {
                return;
            }
            self.old = std::mem::take(&mut self.young);
        }
        for link in chain() {
            let entry = (root, link.clone());
            if self
                .young
                .links
                .insert(link.signed.signature, entry)
                .is_some()
            {
                break;
            }
            self.young.bytes += weight(link);
        }
    }

    /// About how many bytes are kept.
    pub(crate) const fn bytes(&self) -> usize {
        self.young.bytes + self.old.bytes
    }

    /// How many links are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.links.len() + self.old.links.len()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(2 * self.most);
    }
}

fn weight(link: &Arc<Link>) -> usize {
    PLACE + link.bytes()
}

/// The links up to `last`, if they are these blocks to the byte.
fn same(last: &Arc<Link>, blocks: &[SignedBlock<&[u8]>]) -> Option<Vec<Arc<Link>>> {
    let mut links = Vec::with_capacity(blocks.len());
    let mut next = Some(last);
    for block in blocks.iter().rev() {
        let link = next?;
        if !link.signed.is(block) {
            return None;
        }
        links.push(link.clone());
        next = link.parent.as_ref();
    }
    links.reverse();
    next.is_none().then_some(links)
}

#[cfg(test)]
mod tests;
