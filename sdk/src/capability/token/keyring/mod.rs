//! The roots that a verifier trusts, and the one way from bytes to a verified chain.

mod verify;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::cache::Cache;
use super::chain::Chain;
use crate::capability::keys::{PublicKey, RootKey, RootPoint};
use crate::capability::value::{Kind, Refusal};

/// The most roots that one ring holds: each may cost a signature check for a token without a hint.
pub const MAX_ROOTS: usize = 32;

/// The most bytes of verified blocks that a ring keeps, unless set: 64 MiB.
pub const DEFAULT_CACHE_BYTES: usize = 64 << 20;

/// The roots that a verifier trusts. Roots come from configuration, never from a token.
///
/// It is cheap to clone, and clones are one ring. Removing a root ends its tokens at the next call, those
/// already verified and held included.
#[derive(Clone, Debug)]
pub struct KeyRing {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Each key with its point, since the first block of every token is verified under one of them.
    roots: RwLock<Vec<(RootKey, Arc<RootPoint>)>>,
    epoch: AtomicU64,
    cache: Mutex<Cache>,
}

/// Epochs are drawn from one counter, so that no two rings ever share one.
static EPOCHS: AtomicU64 = AtomicU64::new(1);

impl KeyRing {
    /// A ring that trusts these roots.
    pub fn new<R: Into<RootKey>>(roots: impl IntoIterator<Item = R>) -> Self {
        let ring = Self {
            inner: Arc::new(Inner {
                roots: RwLock::new(Vec::new()),
                epoch: AtomicU64::new(0),
                cache: Mutex::new(Cache::new(DEFAULT_CACHE_BYTES)),
            }),
        };
        for root in roots {
            // Past the bound a root is not trusted, which can only refuse.
            let _ = ring.trust(root);
        }
        ring.turn();
        ring
    }

    /// Keeps about `bytes` of verified blocks at most ([`KeyRing::keep`]), half of which are those used last; 0
    /// keeps no blocks. The blocks that are kept now are dropped.
    #[must_use]
    pub fn cache_at_most(self, bytes: usize) -> Self {
        *self
            .inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Cache::new(bytes);
        // Chains that were kept before must be kept again.
        self.turn();
        self
    }

    /// About how many bytes of verified blocks are kept now. Data that blocks share counts for each of them.
    #[must_use]
    pub fn cached_bytes(&self) -> usize {
        self.inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bytes()
    }

    /// Trusts another root, beside those already trusted.
    ///
    /// # Errors
    ///
    /// Gives the root back when the ring already holds [`MAX_ROOTS`], or when the root's key is not a valid key.
    pub fn trust(&self, root: impl Into<RootKey>) -> Result<(), RootKey> {
        let root = root.into();
        let mut roots = self
            .inner
            .roots
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if roots.len() >= MAX_ROOTS {
            return Err(root);
        }
        let Ok(point) = root.key.point() else {
            return Err(root);
        };
        if !roots.iter().any(|(known, _)| *known == root) {
            roots.push((root, Arc::new(point.into())));
        }
        self.turn();
        Ok(())
    }

    /// Stops trusting a root, and returns whether it was trusted before.
    pub fn remove(&self, key: &PublicKey) -> bool {
        let mut roots = self
            .inner
            .roots
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = roots.len();
        roots.retain(|(root, _)| root.key != *key);
        self.turn();
        self.inner
            .cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        roots.len() < before
    }

    /// The roots trusted now.
    #[must_use]
    pub fn roots(&self) -> Vec<RootKey> {
        self.trusted().iter().map(|(root, _)| *root).collect()
    }

    fn trusted(&self) -> RwLockReadGuard<'_, Vec<(RootKey, Arc<RootPoint>)>> {
        self.inner
            .roots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) {
        self.inner
            .epoch
            .store(EPOCHS.fetch_add(1, Ordering::Relaxed), Ordering::Release);
    }

    /// Whether the root of a chain that was verified before is still trusted here.
    ///
    /// # Errors
    ///
    /// [`Kind::UntrustedRoot`] when it is not.
    #[inline]
    pub fn admit(&self, chain: &Chain) -> Result<(), Refusal> {
        let epoch = self.inner.epoch.load(Ordering::Acquire);
        let key_id = chain.key_id();
        let trusts = |root: &PublicKey| {
            let roots = self.trusted();
            roots
                .iter()
                .any(|(known, _)| known.key == *root && fits(known, key_id))
        };
        if chain.trusted_at(epoch, trusts) {
            Ok(())
        } else {
            Err(untrusted())
        }
    }
}

fn fits(root: &RootKey, hint: Option<u32>) -> bool {
    hint.is_none() || root.key_id.is_none() || root.key_id == hint
}

fn untrusted() -> Refusal {
    Refusal::new(
        Kind::UntrustedRoot,
        "no root that is trusted here signed the token; is it in the keyring, or was it rotated out?",
    )
}

#[cfg(test)]
mod tests;
