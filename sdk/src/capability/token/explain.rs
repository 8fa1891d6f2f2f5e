//! The answer of the blocks of a chain about a call.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::chain::Chain;
use crate::capability::block::Block;
use crate::capability::check::{AccessRequest, Approved, Skip};
use crate::capability::keys::PublicKey;
use crate::capability::value::{BudgetKey, Call, Facts, Kind, Refusal, by_how_much};
use crate::id::Timestamp;

impl Chain {
    /// Evaluates every block of the chain for a call: the explanation behind `verify` and `simulate`.
    ///
    /// It does not prove that the caller holds the token, so it authorises no call.
    ///
    /// # Errors
    ///
    /// The first refusal: lowest hop, grants before caveats, caveats in the order of the profile.
    pub fn explain(&self, call: &Call, facts: &Facts, skip: Skip) -> Result<(), Refusal> {
        let holder = self.holder();
        let request =
            AccessRequest::new(call, facts, self.depth(), &holder, self.approvals(), skip);
        for (hop, bounds) in self.compiled() {
            bounds.ask(&request, hop)?;
        }
        let Some(Block::Call(block)) = self.links().last().map(|link| &link.block) else {
            return Ok(());
        };
        let refuse = |kind, detail: String| Err(Refusal::at(kind, self.depth() + 1, detail));
        if block.capability != call.capability() {
            return refuse(
                Kind::Tool,
                format!("the token is for a call of `{}`", block.capability),
            );
        }
        if block.nonce != call.nonce().0 || block.digest != *request.digest() {
            return refuse(
                Kind::Argument,
                "the token is for a call with other arguments, task or audience".to_owned(),
            );
        }
        if facts.audience.as_ref() != Some(&block.audience) {
            return refuse(
                Kind::Audience,
                format!("the call is meant for `{}`", block.audience),
            );
        }
        if facts.time.secs() >= block.expires.secs() {
            return refuse(
                Kind::Expired,
                format!(
                    "the call ended at {}, now is {}: {} too late",
                    block.expires,
                    facts.time,
                    by_how_much(block.expires, facts.time)
                ),
            );
        }
        Ok(())
    }

    /// The budgets that the chain sets: the counter, its maximum, and the hop.
    pub fn budgets(&self) -> impl Iterator<Item = (&BudgetKey, u64, u32)> {
        self.compiled()
            .flat_map(|(hop, bounds)| bounds.budgets().map(move |(key, max)| (key, max, hop)))
    }

    /// Whether the chain could allow some call of `capability`; arguments and context are not checked.
    #[must_use]
    pub fn could(&self, capability: &str) -> bool {
        self.compiled().all(|(_, bounds)| bounds.could(capability))
    }

    /// Whether one of `by` approved this same call. Any caller can put an approval by a key of its own on a
    /// chain, so the keys come from the verifier.
    pub(crate) fn approved(
        &self,
        digest: &[u8; 32],
        now: Timestamp,
        by: &BTreeSet<PublicKey>,
    ) -> bool {
        let good = |approval: &Approved| {
            approval.call == *digest
                && now.secs() < approval.expires.secs()
                && by.contains(&approval.by)
        };
        self.approvals().iter().any(good)
    }

    /// The innermost directory under which a block grants the path argument `name`, with its trailing slash;
    /// for an argument that is granted by its exact value, the directory is that value.
    pub(crate) fn innermost_root(&self, call: &Call, name: &str) -> Option<String> {
        self.compiled()
            .filter_map(|(_, bounds)| bounds.root(call, name))
            .max_by_key(String::len)
    }

    /// Whether every block with grants names this exact address among the hosts of the URL argument `name`, in
    /// a grant that allows this call. So a hop cannot reach an inner address by the grant of another hop, nor
    /// by a grant for other URLs or one whose approval is missing.
    pub(crate) fn names_address(&self, call: &Call, facts: &Facts, name: &str, ip: IpAddr) -> bool {
        let holder = self.holder();
        let skip = Skip {
            budgets: true,
            approvals: false,
        };
        let request =
            AccessRequest::new(call, facts, self.depth(), &holder, self.approvals(), skip);
        self.compiled()
            .all(|(_, bounds)| bounds.names_address(&request, name, ip))
    }
}
