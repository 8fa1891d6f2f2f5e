//! What is revoked: blocks, keys, lineages, principals and, in this process only, tasks and agents.

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
    /// A key: every token that its holder holds or signed, and every call that it approved.
    Key(PublicKey),
    /// One minted token, with its renewals and descendants.
    Lineage([u8; 16]),
    /// Every token minted for a principal.
    Principal(String),
    /// Every call in the course of a task; known only in the process that runs the task.
    Task(String),
    /// An agent and its subtree, by its path from the root; known only in the process that runs the agent.
    ///
    /// With [`Guard::revoke`](super::Guard::revoke) it is the agent that has the path at that moment. The
    /// revocation does not concern an agent that gets the same path in a tree that is minted later.
    Agent(String),
    /// Every agent of a role under a parent, with its subtree, with or without a number in its name: the
    /// parent may delegate again, so revoking one child does not contain the parent. Known only in the
    /// process that runs the agents.
    ///
    /// A parent that is named is, as with [`Revocable::Agent`], the one that has the path at that moment.
    Role {
        /// The path of the parent; empty for first agents.
        parent: String,
        /// The role.
        role: String,
    },
}

/// The set of what is revoked. Cheap to clone; clones are one set.
///
/// An entry cannot be taken back, nor does replaying an older list remove one. Entries that concern only
/// tokens that have ended are forgotten, since such tokens are refused as ended.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    set: RwLock<Set>,
    generation: AtomicU64,
    /// Whether a task, an agent or a role is revoked: until then no lookup by run is needed.
    runs: AtomicBool,
    /// The first second at which an entry is to be forgotten.
    next_end: AtomicU64,
    /// Revocations of tokens that ended before this second may be forgotten.
    lapsed: AtomicU64,
    /// When, in milliseconds, the operator last set the clock back.
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

    /// Revokes `what`. It is in force from the next call on, for tokens already held too, for as long as the
    /// set exists. It is in memory only: [`Guard::revoke`](super::Guard::revoke) also writes it to a durable
    /// store.
    pub fn revoke(&self, what: impl IntoIterator<Item = Revocable>) {
        self.add(what.into_iter().map(|what| (what, EVER, None)));
    }

    /// Revokes an item that ends by itself at `until`; the entry is forgotten then.
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

    /// The part of the state that is read without the lock.
    fn note(&self, set: &Set) {
        let next = set.by_end.keys().next().copied().unwrap_or(EVER);
        self.inner.next_end.store(next, Ordering::Release);
        self.inner
            .runs
            .store(!set.of_runs_is_empty(), Ordering::Release);
    }

    /// Forgets entries that concern only tokens that have ended by now.
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
        // This is set before the entries are forgotten, so that a reader of the set sees one or the other.
        self.inner.lapsed.fetch_max(now, Ordering::AcqRel);
        set.lapse(now);
        self.note(&set);
    }

    /// Notes that the operator has set the clock back to `now`: entries whose tokens ended while it was ahead
    /// may have been forgotten. Trees that begin after this moment are not concerned.
    pub(super) fn reset(&self, now: Timestamp) {
        self.inner.reset.fetch_max(now.millis(), Ordering::AcqRel);
    }

    /// Whether a token may have been revoked and its revocation forgotten: the token had ended by a time that
    /// was seen, and has not ended now. This is possible only if the clock was ahead.
    #[inline]
    pub(super) fn may_have_forgotten(&self, chain: &Chain, now: Timestamp) -> bool {
        let lapsed = self.inner.lapsed.load(Ordering::Acquire);
        if lapsed <= now.secs() || chain.expires().secs() > lapsed {
            return false;
        }
        let reset = self.inner.reset.load(Ordering::Acquire);
        let after = Timestamp::from_millis(reset).filter(|reset| reset.millis() > 0);
        !after.is_some_and(|reset| began_after(chain, reset, now))
    }

    /// The beginning of a tree that is made now: after every revocation that does not concern it.
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

    /// Whether the set has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the set has an entry for exactly this item.
    #[must_use]
    pub fn contains(&self, what: &Revocable) -> bool {
        self.set().contains(what)
    }

    /// The part of a chain that is revoked: the hop, and the entry that revokes it. The answer is remembered
    /// in the chain until the set changes.
    #[inline]
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
        // The root's key signed the first block.
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
        // Approvals stand after the hops. A call with the approval of a revoked approver is refused, even
        // if another approval would be enough.
        let after = chain.depth().saturating_add(1);
        let approved = || {
            let mut approvals = (after..).zip(chain.approvals());
            approvals
                .find(|(_, approval)| has(Revocable::Key(approval.by)))
                .map(|(number, _)| number)
        };
        // An approval is a block too, and so is the call block of a wire call.
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

/// Whether the tree of a chain began after a moment. A lineage says when it began; a lineage that says
/// nothing, or gives a time in the future, counts as having begun before.
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
