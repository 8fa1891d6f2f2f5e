//! Links that were verified before, by their signature.
//!
//! Only links of fully verified chains get in, and only authority blocks and hops: a call, its seal
//! and its approvals are checked at every presentation. Failures and verdicts are not kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::bounds::Bounds;
use super::keys::PublicKey;
use super::link::Link;
use super::wire::SignedBlock;

/// How many links each of the two generations holds.
const GENERATION: usize = 4096;
/// As how many links a pattern counts: compiled it may take more than 100 KiB.
const PATTERN: usize = 16;

/// Two generations of links: when the young one is full, the old one is dropped.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    young: HashMap<[u8; 64], (PublicKey, Arc<Link>)>,
    old: HashMap<[u8; 64], (PublicKey, Arc<Link>)>,
    /// What the young links count.
    weight: usize,
}

impl Cache {
    /// The longest known prefix of `blocks`, compared block by block, and the root that signed it.
    pub(crate) fn prefix(
        &mut self,
        blocks: &[SignedBlock<&[u8]>],
    ) -> Option<(PublicKey, Vec<Arc<Link>>)> {
        (1..=blocks.len()).rev().find_map(|length| {
            let prefix = blocks.get(..length)?;
            let signature = &prefix.last()?.signature;
            let (root, link) = self
                .young
                .get(signature)
                .or_else(|| self.old.get(signature))?;
            let links = same(link, prefix)?;
            let (root, link) = (*root, link.clone());
            self.insert(root, &link);
            Some((root, links))
        })
    }

    /// Keeps a link and those before it.
    pub(crate) fn insert(&mut self, root: PublicKey, last: &Arc<Link>) {
        let mut next = Some(last);
        while let Some(link) = next {
            if self.young.contains_key(&link.signed.signature) {
                break;
            }
            if self.weight >= GENERATION {
                self.old = std::mem::take(&mut self.young);
                self.weight = 0;
            }
            self.weight += weight(link);
            self.young
                .insert(link.signed.signature, (root, link.clone()));
            next = link.parent.as_ref();
        }
    }

    /// How many links are kept, and the most that may be.
    #[cfg(test)]
    pub(crate) fn fill(&self) -> (usize, usize) {
        (self.young.len() + self.old.len(), 2 * GENERATION)
    }

    pub(crate) fn clear(&mut self) {
        self.weight = 0;
        self.young.clear();
        self.old.clear();
    }
}

fn weight(link: &Link) -> usize {
    1 + PATTERN * link.block.bounds().map_or(0, Bounds::patterns)
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
mod tests {
    use super::*;
    use crate::capability::{AgentKey, Authority, Grant, Mandate, Scope, any, matches};
    use crate::id::Timestamp;

    fn filled(scope: &Scope, tokens: usize) -> Cache {
        let authority = Authority::generate();
        let now = Timestamp::from_secs(1_800_000_000).unwrap();
        let mut cache = Cache::default();
        for _ in 0..tokens {
            let to = AgentKey::generate().public();
            let chain = authority.mint(scope, &Mandate::default(), to, now).unwrap();
            cache.insert(authority.public(), &chain.links()[0]);
        }
        cache
    }

    #[test]
    fn patterns_weigh_more_than_the_links_that_hold_them() {
        let sources: Vec<String> = (0..16).map(|n| format!("[a-z]{n}")).collect();
        let heavy = Scope::new().grant(Grant::new("fs.read").arg("path", matches(sources)));
        let cache = filled(&heavy, 40);
        let most = 2 * (GENERATION / (16 * PATTERN) + 1);
        assert!(
            cache.young.len() + cache.old.len() <= most,
            "{} links",
            cache.young.len()
        );
        let light = Scope::new().grant(Grant::new("fs.read").arg("path", any()));
        let cache = filled(&light, 40);
        assert_eq!((cache.young.len(), cache.old.len()), (40, 0));
    }
}
