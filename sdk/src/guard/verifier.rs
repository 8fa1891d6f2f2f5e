//! The guard: checks a call against token, revocations, policy, approvals and budgets, and gives
//! the one permit that lets its body run.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::context::Context;
use super::denial::Denial;
use super::denials::Denials;
use super::durable::{Ended, Since};
use super::policy::Policy;
use super::replay::ReplaySet;
use super::revocation::Revocations;
use super::verdict::{Checked, Presented, Recorder};
use crate::capability::{
    Call, Chain, KeyRing, Kind, MAX_CALL_LIFE, PublicKey, Refusal, Skip, WireCall, by_how_much,
};
use crate::clock::{Clock, HighWater};
use crate::id::Timestamp;
use crate::store::Store;

/// What [`Guard::check`] skips: the ledger and the approvers are asked later.
pub(super) const STATE: Skip = Skip {
    budgets: true,
    approvals: true,
};
/// The part that only the ledger decides.
pub(super) const LEDGER: Skip = Skip {
    budgets: true,
    approvals: false,
};
/// How far two clocks may differ.
pub const SKEW: Duration = Duration::from_secs(5);

/// Decides whether calls may happen. Cheap to share in an `Arc`; one serves many agents at once.
pub struct Guard {
    pub(super) ring: KeyRing,
    pub(super) revocations: Revocations,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) high_water: HighWater,
    pub(super) replay: ReplaySet,
    pub(super) policy: Option<Arc<dyn Policy>>,
    pub(super) policy_required: bool,
    /// How long the policy may take to decide one call.
    pub(super) policy_timeout: Duration,
    pub(super) approvers: BTreeSet<PublicKey>,
    pub(super) recorder: Option<Arc<dyn Recorder>>,
    pub(super) audience: Option<String>,
    pub(super) max_lifetime: Duration,
    /// Calls that could have been made before this moment may be in a replay set that is gone.
    pub(super) since: Since,
    /// Set once the stored state is read.
    pub(super) resumed: OnceCell<()>,
    /// The denials, and which of them are still to be written.
    pub(super) denials: Arc<Denials>,
    /// Which agents have ended in other processes.
    pub(super) ended: Ended,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("ring", &self.ring)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl Guard {
    /// The roots that the guard trusts.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The set of what is revoked.
    #[must_use]
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// The store that holds the guard's state.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The verifier's own name.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The time now, as the guard sees it: the highest time seen.
    ///
    /// # Errors
    ///
    /// [`Kind::Unavailable`] when the clock cannot be read or went backwards, or when the highest time
    /// that the store keeps has not been read yet ([`Guard::resume`]).
    pub fn now(&self) -> Result<Timestamp, Refusal> {
        let unavailable = |error| {
            Refusal::new(
                Kind::Unavailable,
                format!("the clock cannot be trusted: {error}"),
            )
            .outage()
        };
        self.ensure_loaded()?;
        let now = self
            .clock
            .now()
            .and_then(|read| self.high_water.observe(read))
            .map_err(unavailable)?;
        self.revocations.lapse(now);
        Ok(now)
    }

    /// The beginning of the lineage of a tree that is minted now: after the revocation of every path that an
    /// agent of the tree may get too.
    pub(crate) fn begins(&self, now: Timestamp) -> Timestamp {
        self.revocations.begins(now)
    }

    /// Checks a call against root, revocations and token. The check is synchronous, and depends only
    /// on its arguments, the clock, the keyring and the revocations: budgets, replay, policy and approvals
    /// are checked in [`Guard::authorize`].
    ///
    /// # Errors
    ///
    /// The denial, with the hop and the check that refused.
    pub fn check(
        &self,
        presented: Presented<'_>,
        call: &Call,
        context: &Context,
    ) -> Result<Checked, Denial> {
        self.ask(presented, call, context, STATE)
            .map_err(|refusal| Denial::new(&context.agent, call.capability(), refusal))
    }

    pub(super) fn ask(
        &self,
        presented: Presented<'_>,
        call: &Call,
        context: &Context,
        skip: Skip,
    ) -> Result<Checked, Refusal> {
        let (chain, facts) = (presented.chain(), &context.facts);
        self.check_not_revoked(chain, &context.agent, facts.task.as_deref(), facts.time)?;
        if let Presented::Wire(wire) = presented {
            self.fresh(wire, facts.time)?;
        }
        let too_long = chain.expires() > facts.time.saturating_add(self.max_lifetime);
        // This comes before the call is checked, so that a refused call does not make the next one costly.
        if !too_long && chain.is_live(facts.time) {
            self.ring.keep(chain);
        }
        chain.explain(call, facts, skip)?;
        if too_long {
            let what = format!(
                "the token lives until {}, now is {}: {} longer than the {} s accepted here",
                chain.expires(),
                facts.time,
                by_how_much(
                    facts.time.saturating_add(self.max_lifetime),
                    chain.expires()
                ),
                self.max_lifetime.as_secs()
            );
            return Err(Refusal::new(Kind::Expired, what));
        }
        Ok(Checked(()))
    }

    /// Checks that the root of a chain is still trusted, and that no part of the chain or of the run is
    /// revoked.
    pub(super) fn check_not_revoked(
        &self,
        chain: &Chain,
        agent: &str,
        task: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.ensure_loaded()?;
        self.is_looked_up(chain)?;
        self.ring.admit(chain)?;
        if let Some(hop) = self.revocations.of_chain(chain) {
            return Err(Refusal::at(
                Kind::Revoked,
                hop,
                "the block, its key, its lineage or its principal was revoked",
            ));
        }
        if self.revocations.may_have_forgotten(chain, now) {
            return Err(Refusal::new(
                Kind::Revoked,
                "the token ended while the clock was ahead, when such revocations were forgotten; mint another",
            ));
        }
        if self.revocations.of_run(agent, task, chain, now) {
            return Err(Refusal::new(
                Kind::Revoked,
                "the task, the agent or one of its ancestors was revoked; has its task ended?",
            ));
        }
        Ok(())
    }

    /// Checks that a wire call's own times are acceptable.
    fn fresh(&self, wire: &WireCall, now: Timestamp) -> Result<(), Refusal> {
        let latest = MAX_CALL_LIFE + SKEW;
        if wire.expires() > now.saturating_add(latest) {
            return Err(Refusal::new(
                Kind::Expired,
                format!(
                    "the call ends at {}, now is {now}: {} later than the {} s from now that are \
                     accepted; is a clock wrong?",
                    wire.expires(),
                    by_how_much(now.saturating_add(latest), wire.expires()),
                    latest.as_secs()
                ),
            ));
        }
        match self.since.get() {
            Some(since) if wire.expires() > since.saturating_add(latest) => Ok(()),
            _ => Err(Refusal::new(
                Kind::Replay,
                "the call could have been made before this verifier, or its store, kept such calls",
            )),
        }
    }
}
