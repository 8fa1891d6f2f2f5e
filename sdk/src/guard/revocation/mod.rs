//! What is revoked: blocks, keys, lineages, principals, and at home tasks and agents.

mod set;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use self::set::{EVER, Set};
use super::term::Terms;
use super::verifier::SKEW;
use crate::capability::{Chain, PublicKey};
use crate::id::Timestamp;

/// Something that can be revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Revocable {
    /// A block, by its signature: that hop and everything after it.
    Block([u8; 64]),
    /// A key: everything that its holder holds or signed, and every call that it approved.
    Key(PublicKey),
    /// Everything minted in one go, with its renewals and descendants.
    Lineage([u8; 16]),
    /// Everything minted for a principal.
    Principal(String),
    /// Every call in the course of a task; known at home only.
    Task(String),
    /// An agent and its subtree, by its path from the root; known at home only.
    ///
    /// With [`Guard::revoke`](super::Guard::revoke) it is the agent that has the path by then. It does
    /// not concern another tree, minted later, in which an agent gets the same path.
    Agent(String),
    /// Every agent of a role under a parent, with its subtree, whatever its number: the parent may
    /// delegate again, so revoking one child does not contain it. Known at home only.
    ///
    /// Where a parent is named it is, as with [`Revocable::Agent`], the one that has the path by then.
    Role {
        /// The path of the parent; empty for first agents.
        parent: String,
        /// The role.
        role: String,
    },
}

/// The set of what is revoked. Cheap to clone; clones are one set.
///
/// Nothing takes an entry back, and replaying an older list does not either. What concerns tokens that
/// have ended is forgotten: they are refused as ended.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    set: RwLock<Set>,
    generation: AtomicU64,
    /// Whether a task, an agent or a role is revoked: until then no run need be looked up.
    runs: AtomicBool,
    /// The first second at which something is to be forgotten.
    next_end: AtomicU64,
    /// What ended before this second may be forgotten.
    lapsed: AtomicU64,
    /// When, in milliseconds, the clock was last set back by hand.
    reset: AtomicU64,
    /// The latest moment, in milliseconds, at which a path was revoked that a later tree may have.
    latest: AtomicU64,
}

/// Generations are drawn from one counter, so that no two sets ever share one.
static GENERATIONS: AtomicU64 = AtomicU64::new(1);

fn next_generation() -> u64 {
    GENERATIONS.fetch_add(1, Ordering::Relaxed)
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            set: RwLock::default(),
            generation: AtomicU64::new(next_generation()),
            runs: AtomicBool::new(false),
            next_end: AtomicU64::new(EVER),
            lapsed: AtomicU64::new(0),
            reset: AtomicU64::new(0),
            latest: AtomicU64::new(0),
        }
    }
}

impl Revocations {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes; in force from the next call on, for tokens already held too, and for as long as the set
    /// is. In memory alone: [`Guard::revoke`](super::Guard::revoke) keeps it, where the store does.
    pub fn revoke(&self, what: impl IntoIterator<Item = Revocable>) {
        self.add(what.into_iter().map(|what| (what, EVER, None)));
    }

    /// Revokes what ends by itself at `until`, and is forgotten then.
    pub(crate) fn revoke_until(&self, what: impl IntoIterator<Item = Revocable>, until: Timestamp) {
        self.add(what.into_iter().map(|what| (what, until.secs(), None)));
    }

    /// Revokes a path of trees that began at `since` or before, whose tokens have ended at `until`.
    pub(super) fn revoke_path(&self, what: Revocable, since: Timestamp, until: Timestamp) {
        self.inner
            .latest
            .fetch_max(since.millis(), Ordering::AcqRel);
        self.add([(what, until.secs(), Some(since))]);
    }

    fn add(&self, entries: impl IntoIterator<Item = (Revocable, u64, Option<Timestamp>)>) {
        let mut set = self
            .inner
            .set
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for (what, until, before) in entries {
            set.insert(what, until, before);
        }
        self.note(&set);
        self.inner
            .generation
            .store(next_generation(), Ordering::Release);
    }

    /// What is asked without the lock.
    fn note(&self, set: &Set) {
        let next = set.by_end.keys().next().copied().unwrap_or(EVER);
        self.inner.next_end.store(next, Ordering::Release);
        self.inner
            .runs
            .store(!set.of_runs_is_empty(), Ordering::Release);
    }

    /// Forgets what concerns tokens that have ended by now.
    pub(super) fn lapse(&self, now: Timestamp) {
        let now = now.secs();
        if now < self.inner.next_end.load(Ordering::Acquire) {
            return;
        }
        let mut set = self
            .inner
            .set
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Before it is forgotten: whoever reads the set finds one or the other.
        self.inner.lapsed.fetch_max(now, Ordering::AcqRel);
        set.lapse(now);
        self.note(&set);
    }

    /// The clock was set back to `now` by hand: what ended while it was ahead may have been forgotten,
    /// and trees that begin after this moment are not concerned.
    pub(super) fn reset(&self, now: Timestamp) {
        self.inner.reset.fetch_max(now.millis(), Ordering::AcqRel);
    }

    /// Whether a token may have been revoked and forgotten: it ended by a time that was seen, and has
    /// not ended now. Only where the clock was ahead.
    pub(super) fn may_have_forgotten(&self, chain: &Chain, now: Timestamp) -> bool {
        let lapsed = self.inner.lapsed.load(Ordering::Acquire);
        if lapsed <= now.secs() || chain.expires().secs() > lapsed {
            return false;
        }
        let reset = self.inner.reset.load(Ordering::Acquire);
        let after = Timestamp::from_millis(reset).filter(|reset| reset.millis() > 0);
        !after.is_some_and(|reset| began_after(chain, reset, now))
    }

    /// When a tree begins that is made now: after every revocation that does not concern it.
    pub(super) fn begins(&self, now: Timestamp) -> Timestamp {
        let of = |moment: &AtomicU64| moment.load(Ordering::Acquire);
        let latest = of(&self.inner.latest).max(of(&self.inner.reset));
        match latest {
            0 => now,
            latest => {
                Timestamp::from_millis(latest.saturating_add(1)).map_or(now, |after| after.max(now))
            }
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set().len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether something is revoked by itself.
    #[must_use]
    pub fn contains(&self, what: &Revocable) -> bool {
        self.set().contains(what)
    }

    /// What of a chain is revoked: the hop, and what was revoked there. Remembered in the chain
    /// until the set changes.
    pub(super) fn of_chain(&self, chain: &Chain) -> Option<u32> {
        let generation = self.inner.generation.load(Ordering::Acquire);
        let mut found = None;
        chain.clean_at(generation, |chain| {
            found = self.find(chain);
            found.is_none()
        });
        found
    }

    fn set(&self) -> RwLockReadGuard<'_, Set> {
        self.inner
            .set
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, chain: &Chain) -> Option<u32> {
        let set = self.set();
        if set.chains.is_empty() {
            return None;
        }
        let has = |what: Revocable| set.chains.contains_key(&what);
        let principal = || {
            chain
                .principal()
                .is_some_and(|name| has(Revocable::Principal(name.to_owned())))
        };
        // A root's key signed the first block.
        if has(Revocable::Lineage(chain.lineage()))
            || has(Revocable::Key(chain.root()))
            || principal()
        {
            return Some(0);
        }
        let hop = chain
            .hops()
            .find(|hop| has(Revocable::Block(hop.id)) || has(Revocable::Key(hop.holder)))
            .map(|hop| hop.number);
        // Approvals stand after the hops. An approver who was taken away has no say in a call, even
        // where another approval would have been enough.
        let after = chain.depth().saturating_add(1);
        let approved = || {
            let mut approvals = (after..).zip(chain.approvals());
            approvals
                .find(|(_, approval)| has(Revocable::Key(approval.by)))
                .map(|(number, _)| number)
        };
        // An approval is a block too, and so is the call of a wire call.
        let block = || {
            let mut blocks = (0u32..).zip(chain.blocks());
            blocks
                .find(|(number, id)| *number >= after && has(Revocable::Block(**id)))
                .map(|(number, _)| number)
        };
        hop.or_else(approved).or_else(block)
    }

    /// Whether the task, the agent, or one of its ancestors is revoked.
    pub(super) fn of_run(
        &self,
        agent: &str,
        task: Option<&str>,
        chain: &Chain,
        now: Timestamp,
    ) -> bool {
        if !self.inner.runs.load(Ordering::Acquire) {
            return false;
        }
        let set = self.set();
        let concerns = |terms: &Terms| terms.concern(|before| began_after(chain, before, now));
        let mut ancestors = agent
            .match_indices('/')
            .filter_map(|(end, _)| agent.get(..end))
            .chain([agent]);
        task.is_some_and(|task| set.tasks.contains(task))
            || ancestors.any(|path| {
                let (parent, role) = role_of(path);
                set.agents.get(path).is_some_and(concerns)
                    || set.role(parent, role).is_some_and(concerns)
            })
    }
}

/// Whether the tree of a chain began after a moment. A lineage says when it began; one that says
/// nothing, or a time that is still to come, did not.
pub(super) fn began_after(chain: &Chain, moment: Timestamp, now: Timestamp) -> bool {
    chain
        .begun()
        .is_some_and(|begun| begun > moment && begun <= now.saturating_add(SKEW))
}

/// The role of an agent under its parent: `lead/reader.2` is a `reader` under `lead`.
pub(super) fn role_of(path: &str) -> (&str, &str) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    (parent, name.split_once('.').map_or(name, |(role, _)| role))
}
