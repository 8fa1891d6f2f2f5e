//! The keys of the agents of a run that was taken over.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::record::AgentRecord;
use super::resume::ResumeError;
use super::seal::SealKey;
use super::takeover::{Taken, TakenAgent};
use crate::agent::orchestrator::Orchestrator;
use crate::capability::{AgentKey, Budget, BudgetKey, Chain, Held, MintError, from_text};
use crate::guard::{AGENTS, Guard, Places, Revocable};
use crate::id::{AgentId, RunId};

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keys {
    /// They were kept, sealed.
    Kept,
    /// They are made anew, and tokens for them, with this much of the first one's budgets.
    New(Vec<Budget>),
}

impl AgentRecord {
    /// The token, verified as one that came from anywhere.
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
    /// Whether the keys of these agents can be had, and their tokens still hold.
    pub(super) fn could(
        &self,
        orchestrator: &Orchestrator,
        run: RunId,
        agents: &BTreeMap<AgentId, AgentRecord>,
    ) -> Result<(), ResumeError> {
        let guard = orchestrator.guard();
        let mut without = Vec::new();
        for record in agents.values() {
            let chain = record.chain(guard)?;
            let now = guard.now();
            let now = now.map_err(|refusal| record.refused(refusal.to_string()))?;
            if now.secs() >= chain.expires().secs() {
                let why = format!("it ended at {}, now is {now}", chain.expires());
                return Err(record.refused(why));
            }
            if let (Self::New(more), None) = (self, record.parent) {
                let to = AgentKey::generate().public();
                let new = orchestrator.shared.authority.reissue(&chain, to, more);
                new.map_err(|error| record.refused(error.to_string()))?;
            }
            let seal = orchestrator.shared.seal.as_ref();
            if *self == Self::Kept && record.opened(seal, run, chain).is_none() {
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
        taken: &Taken,
    ) -> Result<BTreeMap<AgentId, Held>, ResumeError> {
        if let Self::New(more) = self {
            return again(orchestrator, taken, &more).await;
        }
        let (seal, run) = (orchestrator.shared.seal.as_ref(), taken.tree.run);
        let held = taken.agents.values().map(|agent| {
            let held = agent.record.opened(seal, run, agent.chain.clone());
            let agents = vec![agent.record.path.clone()];
            let held = held.ok_or(ResumeError::NeedsAuthority { agents })?;
            Ok((agent.record.agent, held))
        });
        held.collect()
    }
}

/// Signs every token of the tree again for a fresh key, from the root down; keeps the new ones and
/// revokes the old ones in one commit.
async fn again(
    orchestrator: &Orchestrator,
    taken: &Taken,
    more: &[Budget],
) -> Result<BTreeMap<AgentId, Held>, ResumeError> {
    let guard = orchestrator.guard();
    let mut spent = BTreeMap::new();
    for (key, ..) in taken
        .agents
        .values()
        .flat_map(|agent| agent.chain.budgets())
    {
        // How many are alive is no part of what may be: it goes over to the new counter.
        if key.kind != AGENTS && !spent.contains_key(key) {
            spent.insert(key.clone(), guard.spent(key).await?);
        }
    }
    let spent = |key: &BudgetKey| spent.get(key).copied().unwrap_or(0);
    let mut held: BTreeMap<AgentId, Held> = BTreeMap::new();
    let mut agents: Vec<&TakenAgent> = taken.agents.values().collect();
    // Parents before their children.
    agents.sort_by_key(|agent| agent.chain.depth());
    let now = guard.now().unwrap_or_default();
    let mut batch = taken.tree.mine();
    for agent in agents {
        let record = &agent.record;
        let refused = |error: MintError| record.refused(error.to_string());
        let key = AgentKey::generate();
        let parent = record.parent.and_then(|parent| held.get(&parent));
        let chain = match parent {
            Some(parent) => parent.reissue(&agent.chain, key.public(), &spent),
            None => {
                // Whatever is beneath it has this block too.
                batch = guard.ended_too(batch, &agent.chain);
                let authority = &orchestrator.shared.authority;
                authority.reissue(&agent.chain, key.public(), more)
            }
        };
        let chain = chain.map_err(refused)?;
        let audit = orchestrator.gate().audit();
        let parent = parent.map(Held::chain);
        batch = batch.and(audit.hop(&record.path, &chain, parent, now));
        batch = Places::of(&agent.chain).give_back(batch);
        batch = Places::of(&chain).take_over(batch);
        let new = chain.held_by(key);
        let new = new.map_err(|refusal| record.refused(refusal.to_string()))?;
        batch = batch.and(taken.tree.reissued(record, &new));
        held.insert(record.agent, new);
    }
    guard.store().commit(batch).await?;
    let roots = taken
        .agents
        .values()
        .filter(|agent| agent.record.parent.is_none());
    let old = roots.map(|agent| Revocable::Block(agent.chain.id()));
    guard.revocations().revoke(old);
    Ok(held)
}
