//! What is revoked: blocks, keys, lineages, principals, and at home tasks and agents.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::capability::{Chain, PublicKey};

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
    Agent(String),
    /// Every agent of a role under a parent, with its subtree, whatever its number: the parent may
    /// delegate again, so revoking one child does not contain it. Known at home only.
    Role {
        /// The path of the parent; empty for first agents.
        parent: String,
        /// The role.
        role: String,
    },
}

/// The set of what is revoked. Cheap to clone; clones are one set.
///
/// Entries are only ever added: replaying an older list takes nothing back.
#[derive(Clone, Debug, Default)]
pub struct Revocations {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    set: RwLock<Set>,
    generation: AtomicU64,
    /// Whether a task, an agent or a role was ever revoked: until then no run need be looked up.
    runs: AtomicBool,
}

/// What is revoked: of chains, whose verdict a chain remembers, and of runs, looked up by each call.
#[derive(Debug, Default)]
struct Set {
    chains: HashSet<Revocable>,
    tasks: HashSet<String>,
    agents: HashSet<String>,
    /// By the parent's path.
    roles: HashMap<String, HashSet<String>>,
}

impl Set {
    fn insert(&mut self, what: Revocable) {
        match what {
            Revocable::Task(task) => drop(self.tasks.insert(task)),
            Revocable::Agent(path) => drop(self.agents.insert(path)),
            Revocable::Role { parent, role } => {
                self.roles.entry(parent).or_default().insert(role);
            }
            of_chain => drop(self.chains.insert(of_chain)),
        }
    }

    fn contains(&self, what: &Revocable) -> bool {
        match what {
            Revocable::Task(task) => self.tasks.contains(task),
            Revocable::Agent(path) => self.agents.contains(path),
            Revocable::Role { parent, role } => self.role(parent, role),
            of_chain => self.chains.contains(of_chain),
        }
    }

    fn role(&self, parent: &str, role: &str) -> bool {
        let roles = self.roles.get(parent);
        roles.is_some_and(|roles| roles.contains(role))
    }

    fn of_runs_is_empty(&self) -> bool {
        self.tasks.is_empty() && self.agents.is_empty() && self.roles.is_empty()
    }

    fn len(&self) -> usize {
        let roles: usize = self.roles.values().map(HashSet::len).sum();
        self.chains.len() + self.tasks.len() + self.agents.len() + roles
    }
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
        }
    }
}

impl Revocations {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes; in force from the next call on, for tokens already held too. In memory alone:
    /// [`Guard::revoke`](super::Guard::revoke) keeps it, where the store does.
    pub fn revoke(&self, what: impl IntoIterator<Item = Revocable>) {
        let mut set = self
            .inner
            .set
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        what.into_iter().for_each(|what| set.insert(what));
        if !set.of_runs_is_empty() {
            self.inner.runs.store(true, Ordering::Release);
        }
        self.inner
            .generation
            .store(next_generation(), Ordering::Release);
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
        let has = |what: Revocable| set.chains.contains(&what);
        let principal = || {
            chain
                .principal()
                .is_some_and(|name| has(Revocable::Principal(name.to_owned())))
        };
        if has(Revocable::Lineage(chain.lineage())) || principal() {
            return Some(0);
        }
        let hop = chain
            .hops()
            .find(|hop| has(Revocable::Block(hop.id)) || has(Revocable::Key(hop.holder)))
            .map(|hop| hop.number);
        // Approvals stand after the hops. An approver who was taken away has no say in a call, even
        // where another approval would have been enough.
        let approved = || {
            let after = chain.depth().saturating_add(1)..;
            let mut approvals = after.zip(chain.approvals());
            approvals
                .find(|(_, approval)| has(Revocable::Key(approval.by)))
                .map(|(number, _)| number)
        };
        hop.or_else(approved)
    }

    /// Whether the task, the agent, or one of its ancestors is revoked.
    pub(super) fn of_run(&self, agent: &str, task: Option<&str>) -> bool {
        if !self.inner.runs.load(Ordering::Acquire) {
            return false;
        }
        let set = self.set();
        let mut ancestors = agent
            .match_indices('/')
            .filter_map(|(end, _)| agent.get(..end))
            .chain([agent]);
        task.is_some_and(|task| set.tasks.contains(task))
            || ancestors.any(|path| {
                let (parent, role) = role_of(path);
                set.agents.contains(path) || set.role(parent, role)
            })
    }
}

/// The role of an agent under its parent: `lead/reader.2` is a `reader` under `lead`.
pub(super) fn role_of(path: &str) -> (&str, &str) {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    (parent, name.split_once('.').map_or(name, |(role, _)| role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::AgentKey;

    #[test]
    fn each_thing_revoked_is_counted_and_found_by_itself() {
        let role = |role: &str| Revocable::Role {
            parent: "lead".to_owned(),
            role: role.to_owned(),
        };
        let all = [
            Revocable::Block([1; 64]),
            Revocable::Key(AgentKey::generate().public()),
            Revocable::Principal("p".to_owned()),
            Revocable::Task("t".to_owned()),
            Revocable::Agent("lead".to_owned()),
            role("reader"),
            role("writer"),
        ];
        let revocations = Revocations::new();
        assert!(revocations.is_empty());
        for (before, what) in all.iter().enumerate() {
            assert!(!revocations.contains(what), "{what:?}");
            revocations.revoke([what.clone()]);
            assert!(revocations.contains(what), "{what:?}");
            assert!(!revocations.is_empty());
            assert_eq!(revocations.len(), before + 1);
        }
        revocations.revoke(all.clone());
        assert_eq!(revocations.len(), all.len());
        assert!(!revocations.contains(&role("lead")));
        assert!(!revocations.contains(&Revocable::Task("lead".to_owned())));
    }
}
