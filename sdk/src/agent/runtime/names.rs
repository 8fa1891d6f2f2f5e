//! The paths of agents: a name is taken for as long as it could identify an agent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::Timestamp;

/// The names that were given beneath each path, such as `lead/reader` for `lead/reader`,
/// `lead/reader.2`, …
///
/// A name is revoked when its agent ends, so it is not given to another agent before the tokens that it
/// concerns have ended. Then the name and its revocation are forgotten.
#[derive(Debug, Default)]
pub(in crate::agent) struct Names(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    bases: HashMap<String, Base>,
    /// The number of names at which the next search for names to forget begins.
    look_at: usize,
}

#[derive(Debug, Default)]
struct Base {
    /// The highest number that was given.
    highest: u32,
    /// How many agents with such names are at work.
    alive: usize,
    /// The second at which every token that a name was given for has ended.
    until: u64,
}

/// A path that an agent has, until it is dropped.
#[derive(Debug)]
pub(in crate::agent) struct Named {
    names: Arc<Names>,
    base: String,
    pub(in crate::agent) path: String,
}

impl Drop for Named {
    fn drop(&mut self) {
        let mut taken = self.names.taken();
        if let Some(base) = taken.bases.get_mut(&self.base) {
            base.alive = base.alive.saturating_sub(1);
        }
    }
}

/// Up to this many names there is no search.
const FEW: usize = 64;

impl Names {
    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A path for a child of `parent`, or a first agent, that no other agent has: `lead/reader`,
    /// `lead/reader.2`, …. `until` is the end of its parent's token, or of its own token if it is a first agent.
    pub(super) fn give(
        self: &Arc<Self>,
        parent: Option<&str>,
        role: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Named {
        let base = beneath(parent, role);
        let number = self.taken().next(&base, None, until, now);
        self.named(base, number)
    }

    /// As [`Names::give`], for an agent that another process named: the same path where no other agent
    /// of this process has had it.
    pub(super) fn give_again(
        self: &Arc<Self>,
        parent: Option<&str>,
        (named, role): (&str, &str),
        until: Timestamp,
        now: Timestamp,
    ) -> Named {
        let last = named.rsplit_once('/').map_or(named, |(_, last)| last);
        let number = last.split_once('.').map_or("1", |(_, number)| number);
        let base = beneath(parent, role);
        let number = self
            .taken()
            .next(&base, Some(number.parse().unwrap_or(1)), until, now);
        self.named(base, number)
    }

    fn named(self: &Arc<Self>, base: String, number: u32) -> Named {
        let path = match number {
            1 => base.clone(),
            // A role has no `.`, so a numbered path is never the first path of another agent.
            number => format!("{base}.{number}"),
        };
        let names = self.clone();
        Named { names, base, path }
    }

    /// How many names are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.taken().bases.len()
    }
}

impl Taken {
    fn next(&mut self, base: &str, asked: Option<u32>, until: Timestamp, now: Timestamp) -> u32 {
        self.forget(now.secs());
        let base = self.bases.entry(base.to_owned()).or_default();
        base.alive += 1;
        base.until = base.until.max(until.secs());
        let next = base.highest.saturating_add(1);
        let number = asked.filter(|asked| *asked >= next).unwrap_or(next);
        base.highest = number;
        number
    }

    /// Forgets the names of agents that have ended and whose tokens have ended. The search runs when there
    /// are twice as many names as were left the last time, so its cost for each name is constant.
    fn forget(&mut self, now: u64) {
        if self.bases.len() >= self.look_at.max(FEW) {
            self.bases
                .retain(|_, base| base.alive > 0 || base.until > now);
            self.look_at = self.bases.len().saturating_mul(2);
        }
    }
}

fn beneath(parent: Option<&str>, role: &str) -> String {
    parent.map_or_else(|| role.to_owned(), |parent| format!("{parent}/{role}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).unwrap()
    }

    #[test]
    fn names_of_agents_that_have_ended_are_kept_until_their_tokens_have_too() {
        let names = Arc::new(Names::default());
        let lead = names.give(None, "lead", at(1000), at(0));
        for number in 0..10_000 {
            // Each is a parent of its own, which lives for a minute.
            let now = number;
            let parent = names.give(Some("lead"), "worker", at(1_000_000), at(now));
            drop(names.give(Some(&parent.path), "reader", at(now + 60), at(now)));
            assert!(names.len() <= 2 * (60 + 4) + FEW, "{}", names.len());
        }
        assert_eq!(
            names.give(Some("lead"), "worker", at(1), at(1)).path,
            "lead/worker.10001"
        );
        // One that is at work keeps its name though its token has ended.
        assert_eq!(names.give(None, "lead", at(2), at(1)).path, "lead.2");
        drop(lead);
        for number in 0..FEW * 4 {
            drop(names.give(None, &format!("r{number}"), at(20_000), at(15_000)));
        }
        assert_eq!(
            names.give(None, "lead", at(20_000), at(15_000)).path,
            "lead"
        );
    }

    #[test]
    fn a_name_that_another_process_gave_is_taken_up_where_it_is_free() {
        let names = Arc::new(Names::default());
        let again = |named| {
            names
                .give_again(Some("lead.2"), (named, "reader"), at(9), at(1))
                .path
                .clone()
        };
        assert_eq!(again("lead/reader.3"), "lead.2/reader.3");
        assert_eq!(again("lead/reader.3"), "lead.2/reader.4");
        assert_eq!(again("lead/reader"), "lead.2/reader.5");
        assert_eq!(again("lead/reader.x"), "lead.2/reader.6");
        assert_eq!(
            names.give(Some("lead.2"), "reader", at(9), at(1)).path,
            "lead.2/reader.7"
        );
    }
}
