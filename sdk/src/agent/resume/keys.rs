//! The keys of the agents of a run that was taken over.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::claim::{Claim, ClaimedAgent};
use super::error::ResumeError;
use super::snapshot::{Snapshot, holds};
use crate::agent::durable::{AgentRecord, Keeper, SealKey};
use crate::agent::helper::Helper;
use crate::agent::orchestrator::Orchestrator;
use crate::capability::{AgentKey, Budget, BudgetKey, Chain, Held, MintError, Moved, from_text};
use crate::guard::{BudgetSlots, Guard, Revocable};
use crate::id::{AgentId, RunId};
use crate::store::Batch;

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// The keys were stored, sealed.
    Stored,
    /// New keys and tokens are made, with these maxima of the first agent's budgets.
    New(Vec<Budget>),
}

impl AgentRecord {
    /// The token, verified like a token from an unknown sender.
    pub(super) fn chain(&self, guard: &Guard) -> Result<Chain, ResumeError> {
        let bytes = from_text(&self.token).map_err(|why| self.refused(why))?;
        let chain = guard.ring().chain(&bytes);
        chain.map_err(|refusal| self.refused(refusal.to_string()))
    }

    fn refused(&self, why: String) -> ResumeError {
        let agent = self.path.clone();
        ResumeError::Token { agent, why }
    }

    fn opened(&self, seal: Option<&Arc<SealKey>>, run: RunId, chain: Chain) -> Option<Held> {
        let sealed = self.key.as_deref()?;
        let key = seal?.open((run, self.agent, chain.holder()), sealed);
        chain.held_by(key.ok()?).ok()
    }
}

impl Keys {
    /// Checks that the keys of the agents that go on are available, and that the first agent's token still holds.
    pub(super) fn could(
        &self,
        orchestrator: &Orchestrator,
        run: RunId,
        snapshot: &Snapshot,
    ) -> Result<(), ResumeError> {
        let (mut without, now) = (Vec::new(), snapshot.now);
        for (record, chain) in snapshot.going() {
            if snapshot.revoked && record.parent.is_none() {
                return Err(record.refused("it was revoked".to_owned()));
            }
            if !holds(chain, now) {
                let why = format!("it ended at {}, now is {now}", chain.expires());
                return Err(record.refused(why));
            }
            if let (Self::New(more), None) = (self, record.parent) {
                let to = AgentKey::generate().public();
                let new = orchestrator.runtime.authority.reissue(chain, to, more);
                new.map_err(|error| record.refused(error.to_string()))?;
            }
            let seal = orchestrator.runtime.seal.as_ref();
            if *self == Self::Stored && record.opened(seal, run, chain.clone()).is_none() {
                without.push(record.path.clone());
            }
        }
        match without.is_empty() {
            true => Ok(()),
            false => Err(ResumeError::NeedsAuthority { agents: without }),
        }
    }

    /// The agents' tokens with their keys.
    pub(super) async fn held(
        self,
        orchestrator: &Orchestrator,
        claim: &mut Claim,
    ) -> Result<BTreeMap<AgentId, Held>, ResumeError> {
        if let Self::New(more) = self {
            return again(orchestrator, claim, &more).await;
        }
        let (seal, run) = (orchestrator.runtime.seal.as_ref(), claim.run_store.run);
        let held = claim.agents.values().map(|agent| {
            let held = agent.record.opened(seal, run, agent.chain.clone());
            let agents = vec![agent.record.path.clone()];
            let held = held.ok_or(ResumeError::NeedsAuthority { agents })?;
            Ok((agent.record.agent, held))
        });
        held.collect()
    }
}

/// Signs every token of the tree again for a fresh key, from the root down; one commit stores the new tokens and
/// revokes the old ones.
async fn again(
    orchestrator: &Orchestrator,
    claim: &mut Claim,
    more: &[Budget],
) -> Result<BTreeMap<AgentId, Held>, ResumeError> {
    let guard = orchestrator.guard();
    let (mut held, mut moved) = (BTreeMap::<AgentId, Held>::new(), Moved::default());
    let mut agents: Vec<&ClaimedAgent> = claim.agents.values().collect();
    // Parents before their children.
    agents.sort_by_key(|agent| agent.chain.depth());
    let now = guard.now().unwrap_or_default();
    let mut batch = claim.run_store.still_owner();
    for agent in agents {
        let record = &agent.record;
        let refused = |error: MintError| record.refused(error.to_string());
        let key = AgentKey::generate();
        moved.insert(agent.chain.holder(), key.public());
        let parent = record.parent.and_then(|parent| held.get(&parent));
        let chain = match parent {
            Some(parent) => parent.reissue(&agent.chain, key.public()),
            None => {
                // Every token beneath it has this block too.
                batch = batch.and(guard.revoke_ended(&agent.chain));
                let authority = &orchestrator.runtime.authority;
                authority.reissue(&agent.chain, key.public(), more)
            }
        };
        let chain = chain.map_err(refused)?;
        let audit = orchestrator.gate().audit();
        let parent = parent.map(Held::chain);
        batch = batch
            .and(audit.hop(&record.path, &chain, parent, now))
            .and(BudgetSlots::of(&agent.chain).give_back())
            .and(BudgetSlots::of(&chain).take_over());
        let new = chain.held_by(key);
        let new = new.map_err(|refusal| record.refused(refusal.to_string()))?;
        batch = batch.and(claim.run_store.reissued(record, &new));
        held.insert(record.agent, new);
    }
    for (from, to) in counters(orchestrator, claim, &moved) {
        batch = batch.and(guard.move_budget(&from, &to).await?);
    }
    let batch = batch.and(asked(claim, &moved)?);
    guard.store().commit(batch).await?;
    let roots = claim
        .agents
        .values()
        .filter(|agent| agent.record.parent.is_none());
    for agent in roots {
        let old = [Revocable::Block(agent.chain.id())];
        let until = agent.chain.expires();
        guard.revocations().revoke_until(old, until);
    }
    Ok(held)
}

/// The budgets set by agents whose keys have changed, with the new ids under which they are counted: those of
/// the tokens, and those that helpers of one role share.
fn counters(
    orchestrator: &Orchestrator,
    claim: &Claim,
    moved: &Moved,
) -> BTreeMap<BudgetKey, BudgetKey> {
    let chains = claim.agents.values().map(|agent| &agent.chain);
    let given = chains.flat_map(Chain::budgets).map(|(key, ..)| key.clone());
    let helpers = orchestrator.runtime.helpers.values();
    let labelled = helpers.flat_map(Helper::shared_budgets);
    let by_each = labelled.flat_map(|(kind, label)| {
        let key = move |old| BudgetKey {
            kind: kind.to_owned(),
            id: format!("{old}/{label}"),
        };
        moved.old().map(key)
    });
    let there = |from: BudgetKey| {
        let to = moved.budget(&from)?;
        Some((from, to))
    };
    given.chain(by_each).filter_map(there).collect()
}

/// Settles what was taken for turns without an answer, under the new ids of the counters.
fn asked(claim: &mut Claim, moved: &Moved) -> Result<Batch, ResumeError> {
    let mut batch = Batch::new();
    for agent in claim.agents.values_mut() {
        let Some(state) = &mut agent.state else {
            continue;
        };
        let Some(open_turn) = state.open_turn.take() else {
            continue;
        };
        let open_turn = open_turn.moved(moved).ok_or_else(|| ResumeError::Damaged {
            what: format!("what a turn of `{}` took from budgets", agent.record.path),
        })?;
        state.open_turn = Some(open_turn.clone());
        let (run_store, id) = (claim.run_store.clone(), agent.record.agent);
        let mut keeper = Keeper::new(run_store, id, state.messages);
        batch = batch.and(keeper.state(&mut state.run, Some(open_turn)));
    }
    Ok(batch)
}
