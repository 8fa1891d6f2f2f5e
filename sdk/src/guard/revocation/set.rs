//! The entries, and when each is forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Revocable;
use crate::guard::term::Terms;
use crate::id::Timestamp;

/// The entries: those about chains, whose answer a chain remembers, and those about runs, which each call
/// looks up.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// Each entry with the second at which it is forgotten.
    pub(super) chains: HashMap<Revocable, u64>,
    pub(super) tasks: HashSet<String>,
    pub(super) agents: HashMap<String, Terms>,
    /// The roles, by the parent's path.
    pub(super) roles: HashMap<String, HashMap<String, Terms>>,
    /// The entries that are forgotten at a second.
    pub(super) by_end: BTreeMap<u64, Vec<Revocable>>,
}

/// The second at which an entry that has no end is forgotten: never.
pub(super) const EVER: u64 = u64::MAX;

impl Set {
    /// Adds an entry; it does not concern trees that begin after `before`.
    pub(super) fn insert(&mut self, what: Revocable, until: u64, before: Option<Timestamp>) {
        match &what {
            Revocable::Task(task) => {
                self.tasks.insert(task.clone());
                return;
            }
            Revocable::Agent(path) => {
                let terms = self.agents.entry(path.clone()).or_default();
                terms.add(until, before);
            }
            Revocable::Role { parent, role } => {
                let roles = self.roles.entry(parent.clone()).or_default();
                roles.entry(role.clone()).or_default().add(until, before);
            }
            of_chain => {
                let kept = self.chains.entry(of_chain.clone()).or_insert(until);
                *kept = until.max(*kept);
            }
        }
        if until < EVER {
            self.by_end.entry(until).or_default().push(what);
        }
    }

    /// Forgets entries that ended at the second `now` or before, and returns whether there was one.
    pub(super) fn lapse(&mut self, now: u64) -> bool {
        let mut any = false;
        while let Some(entry) = self.by_end.first_entry() {
            if *entry.key() > now {
                break;
            }
            for what in entry.remove() {
                any |= self.forget(&what, now);
            }
        }
        any
    }

    fn forget(&mut self, what: &Revocable, now: u64) -> bool {
        match what {
            Revocable::Task(_) => false,
            Revocable::Agent(path) => {
                let is_over = self.agents.get_mut(path).is_some_and(|of| of.lapse(now));
                is_over && self.agents.remove(path).is_some()
            }
            Revocable::Role { parent, role } => {
                let Some(roles) = self.roles.get_mut(parent) else {
                    return false;
                };
                if roles.get_mut(role).is_some_and(|of| of.lapse(now)) {
                    roles.remove(role);
                }
                roles.is_empty() && self.roles.remove(parent).is_some()
            }
            of_chain => {
                let is_over = self.chains.get(of_chain).is_some_and(|until| *until <= now);
                is_over && self.chains.remove(of_chain).is_some()
            }
        }
    }

    pub(super) fn contains(&self, what: &Revocable) -> bool {
        match what {
            Revocable::Task(task) => self.tasks.contains(task),
            Revocable::Agent(path) => self.agents.contains_key(path),
            Revocable::Role { parent, role } => self.role(parent, role).is_some(),
            of_chain => self.chains.contains_key(of_chain),
        }
    }

    pub(super) fn role(&self, parent: &str, role: &str) -> Option<&Terms> {
        self.roles.get(parent)?.get(role)
    }

    pub(super) fn of_runs_is_empty(&self) -> bool {
        self.tasks.is_empty() && self.agents.is_empty() && self.roles.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        let roles: usize = self.roles.values().map(HashMap::len).sum();
        self.chains.len() + self.tasks.len() + self.agents.len() + roles
    }
}
