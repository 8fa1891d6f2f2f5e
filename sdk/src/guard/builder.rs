//! Sets up a guard.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::denials::Denials;
use super::durable::{Ended, Since};
use super::policy::Policy;
use super::recorded::Recorded;
use super::replay::{REPLAY_CAPACITY, REPLAY_QUOTA, ReplaySet};
use super::revocation::Revocations;
use super::verdict::Recorder;
use super::verifier::Guard;
use super::wait::POLICY_TIMEOUT;
use crate::capability::{KeyRing, PublicKey};
use crate::clock::{Clock, HighWater, SystemClock};
use crate::store::{MemoryStore, Store};

/// The longest life of a token that a verifier accepts unless told otherwise.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Sets up a [`Guard`].
pub struct GuardBuilder {
    guard: Guard,
    capacity: (usize, usize),
}

impl fmt::Debug for GuardBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.guard, f)
    }
}

impl GuardBuilder {
    /// Where budgets, spent calls and the record are kept; in memory unless set.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.guard.store = store;
        self
    }

    /// The source of now; the system's clock unless set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.guard.clock = clock;
        self
    }

    /// What is revoked.
    #[must_use]
    pub fn revocations(mut self, revocations: Revocations) -> Self {
        self.guard.revocations = revocations;
        self
    }

    /// A policy that every call must pass as well.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.guard.policy = Some(policy);
        self
    }

    /// Denies every call while no policy is set.
    #[must_use]
    pub const fn require_policy(mut self) -> Self {
        self.guard.policy_required = true;
        self
    }

    /// How long the policy may take to decide one call, 30 seconds unless set; a call that it does not
    /// decide in that time is denied (`policy`). The wait ends earlier if the token ends or is revoked,
    /// or if the caller cancels the call.
    ///
    /// The limit needs the timers of a Tokio runtime and a policy that yields: a policy that blocks its
    /// thread is not interrupted.
    #[must_use]
    pub const fn policy_timeout(mut self, limit: Duration) -> Self {
        self.guard.policy_timeout = limit;
        self
    }

    /// The keys whose approval satisfies a policy that asks for one; there are no such keys unless they are
    /// set. The approvers of a token's own grants and quorums are named in the token.
    /// [`Revocable::Key`](super::Revocable::Key) removes an approver of either sort while the guard runs.
    #[must_use]
    pub fn approvers(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.guard.approvers.extend(keys);
        self
    }

    /// Writes every attempt to a log, in the same batch as its effects. A guard without a recorder still
    /// decides; a guard for a gate is made with [`GuardBuilder::build_recorded`].
    #[must_use]
    pub fn recorder(mut self, recorder: Arc<dyn Recorder>) -> Self {
        self.guard.recorder = Some(recorder);
        self
    }

    /// The verifier's own name, which tokens may be bound to. Wire calls need it.
    #[must_use]
    pub fn audience(mut self, name: impl Into<String>) -> Self {
        self.guard.audience = Some(name.into());
        self
    }

    /// The longest life left in a token that is accepted; 24 hours unless set.
    #[must_use]
    pub const fn max_lifetime(mut self, life: Duration) -> Self {
        self.guard.max_lifetime = life;
        self
    }

    /// How many calls the replay set remembers in all, and of one holder over the wire.
    ///
    /// A holder for whom the root minted a token shares, with all holders that it delegated to, a tenth of
    /// the set or the quota of one holder, the greater of the two.
    #[must_use]
    pub const fn replay_bounds(mut self, capacity: usize, quota: usize) -> Self {
        self.capacity = (capacity, quota);
        self
    }

    /// Makes the guard, which records every decision with `recorder`, in place of one that was set before.
    /// A gate needs such a guard. Otherwise as [`GuardBuilder::build`].
    #[must_use]
    pub fn build_recorded<R: Recorder>(self, recorder: R) -> Recorded<R> {
        let recorder = Arc::new(recorder);
        Recorded::new(self.recorder(recorder.clone()).build(), recorder)
    }

    /// Makes the guard. It refuses wire calls that could have been made before now, since it cannot know
    /// whether they were; if the store is durable, it refuses only those that could have been made before
    /// the store was first used.
    #[must_use]
    pub fn build(self) -> Guard {
        let mut guard = self.guard;
        guard.replay = ReplaySet::new(self.capacity.0, self.capacity.1);
        guard.denials = Denials::new(guard.store.clone(), guard.recorder.clone());
        // An unreadable clock is found again at every call, and the call is denied.
        guard.since = Since::at(guard.clock.now().ok());
        // A store that ends with the process holds nothing from an earlier one.
        if !guard.store.durable() {
            guard.resumed = OnceCell::new_with(Some(()));
            guard.ended = Ended::none();
        }
        guard
    }
}

impl Guard {
    /// The longest life left in a token that is accepted.
    #[must_use]
    pub const fn max_lifetime(&self) -> Duration {
        self.max_lifetime
    }

    /// A guard that trusts the roots of `ring`.
    #[must_use]
    pub fn builder(ring: KeyRing) -> GuardBuilder {
        GuardBuilder {
            guard: Self {
                ring,
                revocations: Revocations::new(),
                store: Arc::new(MemoryStore::new()),
                clock: Arc::new(SystemClock),
                high_water: HighWater::new(),
                replay: ReplaySet::new(0, 0),
                policy: None,
                policy_required: false,
                policy_timeout: POLICY_TIMEOUT,
                approvers: BTreeSet::new(),
                recorder: None,
                audience: None,
                max_lifetime: MAX_LIFETIME,
                since: Since::at(None),
                resumed: OnceCell::new(),
                denials: Denials::new(Arc::new(MemoryStore::new()), None),
                ended: Ended::new(),
            },
            capacity: (REPLAY_CAPACITY, REPLAY_QUOTA),
        }
    }
}
