//! Chains of blocks, which are minted, delegated and read.
//!
//! A [`Chain`] guarantees that its signatures are valid and its blocks in profile. It can be read,
//! explained and cached, and never authorises a call. [`Held`](super::Held) adds the key that its last block
//! names, a [`WireCall`](super::WireCall) ends in a call block signed by that key.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::link::Link;
use super::looked_up::Looker;
use crate::capability::block::wire;
use crate::capability::block::wire::Proof;
use crate::capability::block::{AuthorityBlock, Block};
use crate::capability::check::{Approved, CompiledBounds};
use crate::capability::keys::PublicKey;
use crate::capability::scope::Bounds;
use crate::id::Timestamp;
use crate::id::hex::Hex;

/// A token whose signatures are valid from a root on, and all of whose blocks are in profile.
///
/// It is not an authority, since every reader of its bytes has it. Clones share all their data.
#[derive(Clone)]
pub struct Chain {
    inner: Arc<Inner>,
}

struct Inner {
    root: PublicKey,
    key_id: Option<u32>,
    /// The authority block first, then hops, approvals, and the call if there is one.
    links: Vec<Arc<Link>>,
    hops: u32,
    approvals: Vec<Approved>,
    /// The earliest expiry of the blocks.
    expires: Timestamp,
    /// How long the token lives as its scope says, if it was made in this process.
    whole: Option<Duration>,
    /// The epoch of the keyring at which the root was last found trusted.
    trusted_at: AtomicU64,
    /// The generation of the revocations at which no part of the chain was found revoked.
    clean_at: AtomicU64,
    /// The epoch of the keyring at which the chain was last kept in its cache.
    kept_at: AtomicU64,
    /// The least number of hops that a block allows.
    most_hops: Option<u32>,
}

/// One row of a chain: the authority block, or a delegation.
#[derive(Clone, Debug)]
pub struct Hop<'a> {
    /// 0 for the authority block.
    pub number: u32,
    /// The role that the delegator gave; `None` for the authority block.
    pub role: Option<&'a str>,
    /// The bounds of the block.
    pub bounds: &'a Bounds,
    /// The key that may use and extend the chain from here.
    pub holder: PublicKey,
    /// The block's own id for revocation: its signature.
    pub id: [u8; 64],
    /// How many bytes the block has.
    pub size: usize,
    /// The decision that renewed the hop.
    pub decision: Option<&'a str>,
    block: &'a Block,
}

impl Hop<'_> {
    /// The block as Datalog, one fact or check a line; for people to read, not to parse.
    #[must_use]
    pub fn datalog(&self) -> Vec<String> {
        self.block.text()
    }
}

impl Chain {
    /// Puts verified links together. `links` starts with the authority block.
    pub(crate) fn of(root: PublicKey, key_id: Option<u32>, links: Vec<Arc<Link>>) -> Self {
        let (mut hops, mut approvals) = (0, Vec::new());
        let bounds = links.iter().filter_map(|link| link.block.bounds());
        let expires = bounds.clone().map(|bounds| bounds.caveats.expires).min();
        let most_hops = bounds.filter_map(|bounds| bounds.caveats.depth).min();
        for link in &links {
            match (&link.block, &link.signed.external) {
                (Block::Hop(_), _) => hops += 1,
                (Block::Approval(approval), Some(external)) => approvals.push(Approved {
                    by: external.key,
                    call: approval.call,
                    expires: approval.expires,
                    id: approval.id,
                }),
                _ => {}
            }
        }
        let (trusted_at, clean_at) = (AtomicU64::new(0), AtomicU64::new(0));
        Self {
            inner: Arc::new(Inner {
                root,
                key_id,
                links,
                hops,
                approvals,
                expires: expires.unwrap_or_default(),
                whole: None,
                trusted_at,
                clean_at,
                kept_at: AtomicU64::new(0),
                most_hops,
            }),
        }
    }

    /// The chain, just made, with the lifetime that its scope states.
    pub(super) fn living(mut self, whole: Option<Duration>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.whole = whole;
        }
        self
    }

    /// How long the token lives as its scope says. For a token that was read from bytes it is an upper bound:
    /// the time from the beginning of its lineage to its end, in whole seconds, rounded up since ends are
    /// rounded down.
    pub(super) fn whole(&self) -> Option<Duration> {
        let from_lineage = || {
            let life = self.expires().since(self.begun()?);
            let seconds = life.as_millis().div_ceil(1000);
            u64::try_from(seconds).ok().map(Duration::from_secs)
        };
        self.inner.whole.or_else(from_lineage)
    }

    pub(crate) fn links(&self) -> &[Arc<Link>] {
        &self.inner.links
    }

    /// The key of the root that signed the first block.
    #[must_use]
    pub fn root(&self) -> PublicKey {
        self.inner.root
    }

    /// The unsigned hint at its root that the token carries.
    #[must_use]
    pub fn key_id(&self) -> Option<u32> {
        self.inner.key_id
    }

    /// How often the authority was delegated: the number of hops after the authority block.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.inner.hops
    }

    /// The key that may use and extend the chain, which the last hop names.
    #[must_use]
    pub fn holder(&self) -> PublicKey {
        self.last_hop().signed.next_key
    }

    /// The signature of the last hop, which is the chain's own id for revocation.
    #[must_use]
    pub fn id(&self) -> [u8; 64] {
        self.last_hop().signed.signature
    }

    /// The authority block's lineage: the same for every renewal and every descendant.
    #[must_use]
    pub fn lineage(&self) -> [u8; 16] {
        self.authority()
            .map_or([0; 16], |authority| authority.lineage)
    }

    /// When the lineage began by the clock of the minter; `None` if its id does not say.
    pub(crate) fn begun(&self) -> Option<Timestamp> {
        super::lineage::begun(self.lineage())
    }

    /// The ids of all blocks, of approvals and of a call among them.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &[u8; 64]> {
        self.inner.links.iter().map(|link| &link.signed.signature)
    }

    /// The principal for whom the root minted the token.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.authority()?.principal.as_deref()
    }

    /// The purpose for which the root minted the token, in words.
    #[must_use]
    pub fn intent(&self) -> Option<&str> {
        self.authority()?.intent.as_deref()
    }

    /// The moment past which no renewal extends the token.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.authority()
            .map_or(Timestamp::default(), |authority| authority.ends)
    }

    /// The earliest expiry of the blocks.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.inner.expires
    }

    /// Whether some call may pass at `now`: the chain has not expired and is not too deep. The grants of the
    /// blocks are not checked.
    #[inline]
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        now.secs() < self.inner.expires.secs()
            && self
                .inner
                .most_hops
                .is_none_or(|most| self.inner.hops <= most)
    }

    /// Whether the chain was not yet kept at `epoch`; marks it as kept.
    #[inline]
    pub(super) fn is_new_at(&self, epoch: u64) -> bool {
        self.inner.kept_at.load(Ordering::Acquire) != epoch
            && self.inner.kept_at.swap(epoch, Ordering::AcqRel) != epoch
    }

    /// The bounds of each block, root first; the chain allows what all of them allow.
    pub fn bounds(&self) -> impl Iterator<Item = &Bounds> {
        self.inner
            .links
            .iter()
            .filter_map(|link| link.block.bounds())
    }

    /// The authority block and the hops, root first.
    pub fn hops(&self) -> impl Iterator<Item = Hop<'_>> {
        self.inner
            .links
            .iter()
            .enumerate()
            .filter_map(|(number, link)| {
                let (role, decision) = match &link.block {
                    Block::Hop(hop) => (Some(hop.role.as_str()), hop.decision.as_deref()),
                    _ => (None, None),
                };
                Some(Hop {
                    number: u32::try_from(number).ok()?,
                    role,
                    bounds: link.block.bounds()?,
                    holder: link.signed.next_key,
                    id: link.signed.signature,
                    size: link.signed.bytes.len(),
                    decision,
                    block: &link.block,
                })
            })
    }

    /// The bytes of the chain, without a proof: to read and to cache, not to call with.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(&Proof::Absent)
    }

    /// How many bytes [`Chain::to_bytes`] makes.
    pub(crate) fn length(&self) -> usize {
        let blocks = self.inner.links.iter().map(|link| &link.signed);
        wire::length(self.inner.key_id, blocks)
    }

    pub(crate) fn write(&self, proof: &Proof) -> Vec<u8> {
        wire::write(
            self.inner.key_id,
            self.inner.links.iter().map(|link| &link.signed),
            proof,
        )
    }

    /// Asks once whether the root is trusted at `epoch`, and remembers the answer until the epoch changes.
    #[inline]
    pub(super) fn trusted_at(&self, epoch: u64, trusts: impl FnOnce(&PublicKey) -> bool) -> bool {
        once(&self.inner.trusted_at, epoch, || trusts(&self.inner.root))
    }

    /// Asks once whether no part of the chain is revoked at `generation`, and remembers the answer until the
    /// generation changes. Generations are never zero and never the same for two sets.
    #[inline]
    pub(crate) fn clean_at(&self, generation: u64, clean: impl FnOnce(&Self) -> bool) -> bool {
        once(&self.inner.clean_at, generation, || clean(self))
    }

    /// The authority block and the hops that this guard has not looked up, root first.
    pub(crate) fn not_looked_up(&self, guard: &Arc<Looker>) -> impl Iterator<Item = &Arc<Link>> {
        let hops = self.inner.links.iter().filter(|link| link.bounds.is_some());
        hops.filter(move |link| !link.looked_up.is_by(guard))
    }

    pub(crate) fn approvals(&self) -> &[Approved] {
        &self.inner.approvals
    }

    fn authority(&self) -> Option<&AuthorityBlock> {
        match &self.inner.links.first()?.block {
            Block::Authority(authority) => Some(authority),
            _ => None,
        }
    }

    /// The compiled bounds of each block, by hop.
    pub(super) fn compiled(&self) -> impl Iterator<Item = (u32, &CompiledBounds)> {
        (0u32..)
            .zip(&self.inner.links)
            .filter_map(|(hop, link)| Some((hop, link.bounds.as_ref()?)))
    }

    pub(crate) fn last(&self) -> &Arc<Link> {
        self.link(self.inner.links.len().saturating_sub(1))
    }

    pub(super) fn last_hop(&self) -> &Arc<Link> {
        self.link(self.inner.hops as usize)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a chain has its authority block and as many links as hops after it"
    )]
    fn link(&self, index: usize) -> &Arc<Link> {
        &self.inner.links[index]
    }
}

#[inline]
fn once(seen: &AtomicU64, now: u64, ask: impl FnOnce() -> bool) -> bool {
    if seen.load(Ordering::Acquire) == now {
        return true;
    }
    let answer = ask();
    if answer {
        seen.store(now, Ordering::Release);
    }
    answer
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Chain(depth {}, id {}…)",
            self.depth(),
            Hex(self.id().first_chunk::<8>().unwrap_or(&[0; 8]))
        )
    }
}

#[cfg(test)]
mod tests;
