//! The absolute form of a scope, as one block of a token carries it.

use std::collections::{BTreeMap, BTreeSet};

use super::constraint::Constraint;
use crate::capability::keys::PublicKey;
use crate::capability::value::{Labels, Risk, Sensitivity};
use crate::id::Timestamp;

/// The capability that a spawn is a call of.
pub const SPAWN: &str = "agent.spawn";
/// The arguments of a spawn that are free unless a grant says otherwise. `task` is given if a model asks
/// for the child. No spawn of this version gives `budget` or `expires`: the scope holds both.
const SPAWN_FREE: [&str; 5] = ["budget", "expires", "key", "scope", "task"];

/// Permission to call one capability with arguments inside constraints.
///
/// A grant closes its arguments: a call with an argument that is not listed is denied, an argument that is
/// constrained must be given, and one that is [`any`](super::any) may be left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    pub(crate) capability: String,
    pub(crate) args: BTreeMap<String, Constraint>,
    /// The keys, any one of which must approve the call; in [`Bounds`] at most one key.
    pub(crate) approvers: BTreeSet<PublicKey>,
    /// Whether an approval was demanded of an empty list of keys, which is an error of the scope.
    pub(crate) asks_no_key: bool,
}

impl Grant {
    /// Permission to call `capability` without arguments; [`Grant::arg`] adds arguments.
    ///
    /// A grant of [`SPAWN`] leaves every argument of a spawn but `role` free from the start: `scope`, `key`,
    /// `task`, `budget` and `expires`. So the grant is the same with or without a list of them; a constraint
    /// of one of them replaces [`any`](super::any).
    #[must_use]
    pub fn new(capability: impl Into<String>) -> Self {
        let mut grant = Self::closed(capability);
        let free = grant.left_free().iter();
        let free: Vec<_> = free
            .map(|name| ((*name).to_owned(), Constraint::Any))
            .collect();
        grant.args.extend(free);
        grant
    }

    /// The arguments that a grant of this capability leaves free if it does not list them.
    pub(super) fn left_free(&self) -> &'static [&'static str] {
        match self.capability.as_str() {
            SPAWN => &SPAWN_FREE,
            _ => &[],
        }
    }

    /// A grant of exactly the arguments that are added to it, as a token holds it.
    pub(crate) fn closed(capability: impl Into<String>) -> Self {
        Self {
            capability: capability.into(),
            args: BTreeMap::new(),
            approvers: BTreeSet::new(),
            asks_no_key: false,
        }
    }

    /// Permission to spawn children with one of these roles, whose scopes are narrower by construction.
    ///
    /// It is `Grant::new(SPAWN)` with `one_of` the roles for the argument `role`. An empty list is an
    /// error of [`Scope::at`](super::Scope::at).
    #[must_use]
    pub fn spawn<R: Into<crate::capability::value::Atom>>(
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        let roles = roles.into_iter().map(Into::into).collect();
        Self::new(SPAWN).arg("role", Constraint::OneOf(roles))
    }

    /// Constrains the argument `name`; a second constraint for a name replaces the first.
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>, constraint: Constraint) -> Self {
        self.args.insert(name.into(), constraint);
        self
    }

    /// Requires the approval of any one of these keys for each call.
    ///
    /// An empty list of keys is an error of [`Scope::at`](super::Scope::at): the call would need no approval.
    #[must_use]
    pub fn approved_by(mut self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        self.approvers.extend(keys);
        self.asks_no_key = self.approvers.is_empty();
        self
    }

    /// The capability that may be called.
    #[must_use]
    pub fn capability(&self) -> &str {
        &self.capability
    }

    /// The arguments, and the constraint of each.
    #[must_use]
    pub const fn args(&self) -> &BTreeMap<String, Constraint> {
        &self.args
    }

    /// The keys, any one of which must approve; an empty set means that no approval is required.
    #[must_use]
    pub const fn approvers(&self) -> &BTreeSet<PublicKey> {
        &self.approvers
    }
}

/// What a block grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// Everything that the earlier blocks grant.
    Inherit,
    /// The union of these grants; an empty list allows no call.
    Only(Vec<Grant>),
}

/// A limit on use over many calls, enforced by the ledger of the verifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Budget {
    pub(crate) kind: String,
    /// The signer and label; the signer is filled in when the block is signed.
    pub(crate) signer: Option<PublicKey>,
    pub(crate) label: Option<String>,
    pub(crate) max: u64,
}

impl Budget {
    /// At most `max` of `kind` (`calls`, `turns`, `tokens`, …); 0 allows no use.
    ///
    /// Use of a kind is never given back, except of `agents`, which counts the agents that are alive at once
    /// beneath the holder of the budget.
    #[must_use]
    pub fn new(kind: impl Into<String>, max: u64) -> Self {
        Self {
            kind: kind.into(),
            signer: None,
            label: None,
            max,
        }
    }

    /// Names the counter, so that several tokens of one signer share it.
    ///
    /// Without a label each token has a counter of its own.
    #[must_use]
    pub fn shared(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Restates the budget that `signer` set, to lower its limit.
    #[must_use]
    pub const fn set_by(mut self, signer: PublicKey) -> Self {
        self.signer = Some(signer);
        self
    }

    /// What is counted.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The maximum that may be used.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The id of the counter: the signer, `/` and the label. `None` before the block is signed.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        Some(format!("{}/{}", self.signer?, self.label.as_deref()?))
    }
}

/// m of n keys must approve each call of some capabilities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quorum {
    pub(crate) capabilities: BTreeSet<String>,
    pub(crate) of: BTreeSet<PublicKey>,
    pub(crate) need: u8,
}

impl Quorum {
    /// `need` of the keys `of` must approve each call of one of `capabilities`.
    ///
    /// At most five keys; `need` is at least 1 and at most their number.
    #[must_use]
    pub fn new<C: Into<String>>(
        capabilities: impl IntoIterator<Item = C>,
        need: u8,
        of: impl IntoIterator<Item = PublicKey>,
    ) -> Self {
        Self {
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            of: of.into_iter().collect(),
            need,
        }
    }

    /// The capabilities that need the approvals.
    #[must_use]
    pub const fn capabilities(&self) -> &BTreeSet<String> {
        &self.capabilities
    }

    /// How many of the keys must approve.
    #[must_use]
    pub const fn need(&self) -> u8 {
        self.need
    }

    /// The keys that may approve.
    #[must_use]
    pub const fn of(&self) -> &BTreeSet<PublicKey> {
        &self.of
    }
}

/// The caveats of one block. A caveat that is `None` does not constrain; the earlier blocks still may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caveats {
    /// The token is valid from this second on.
    pub not_before: Option<Timestamp>,
    /// The token is valid before this second; this caveat is always set.
    pub expires: Timestamp,
    /// The token is only for these verifiers, tasks, steps, data and taint.
    pub labels: Labels,
    /// The token allows only tools of at most this risk.
    pub risk: Option<Risk>,
    /// The token allows only data of at most this sensitivity.
    pub sensitivity: Option<Sensitivity>,
    /// The token is valid only in chains of at most this many hops.
    pub depth: Option<u32>,
    /// The token is valid only while these budgets are not used up; they are sorted by kind and id.
    pub budgets: Vec<Budget>,
    /// The approvals that calls need; they are sorted by their capabilities, which differ.
    pub quorums: Vec<Quorum>,
}

/// What one block of a token allows, in absolute terms; made by [`Scope::at`](super::Scope::at),
/// [`narrow`](crate::capability::narrow()) and [`meet`](crate::capability::meet), or read from a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub(crate) grants: Grants,
    pub(crate) caveats: Caveats,
}

impl Bounds {
    /// The grants.
    #[must_use]
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The caveats.
    #[must_use]
    pub const fn caveats(&self) -> &Caveats {
        &self.caveats
    }

    /// Every key that may approve a call under these bounds.
    pub(crate) fn approvers(&self) -> impl Iterator<Item = &PublicKey> {
        let granted = match &self.grants {
            Grants::Inherit => &[],
            Grants::Only(grants) => grants.as_slice(),
        };
        let quorums = self.caveats.quorums.iter().flat_map(|quorum| &quorum.of);
        granted
            .iter()
            .flat_map(|grant| &grant.approvers)
            .chain(quorums)
    }

    /// The names of the capabilities granted, if they are listed.
    pub(crate) fn capabilities(&self) -> Option<BTreeSet<&str>> {
        match &self.grants {
            Grants::Inherit => None,
            Grants::Only(grants) => Some(
                grants
                    .iter()
                    .map(|grant| grant.capability.as_str())
                    .collect(),
            ),
        }
    }

    /// The patterns of the grants, each as often as it is written.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        patterns(match &self.grants {
            Grants::Inherit => &[],
            Grants::Only(grants) => grants,
        })
    }

    /// Whether the block grants `agent.spawn` or inherits its grants from the earlier blocks.
    pub(crate) fn may_spawn(&self) -> bool {
        self.capabilities()
            .is_none_or(|names| names.contains(SPAWN))
    }

    /// Turns the bounds into those of the block at `hop`: its own budgets get a signer and a label, and no hop
    /// may follow if the block may not spawn.
    pub(crate) fn placed(mut self, hop: u32, signer: PublicKey, holder: PublicKey) -> Self {
        if !self.may_spawn() {
            self.caveats.depth = Some(self.caveats.depth.map_or(hop, |depth| depth.min(hop)));
        }
        for budget in &mut self.caveats.budgets {
            budget.signer.get_or_insert(signer);
            // A holder's key is fresh for every delegation, so it distinguishes the counters.
            budget
                .label
                .get_or_insert_with(|| crate::id::hex::Hex(holder.as_bytes()).to_string());
        }
        self.caveats
            .budgets
            .sort_by(|a, b| (&a.kind, a.signer, &a.label).cmp(&(&b.kind, b.signer, &b.label)));
        self
    }
}

/// The patterns of some grants, each as often as it is written.
pub(crate) fn patterns(grants: &[Grant]) -> impl Iterator<Item = &str> {
    let constraints = grants.iter().flat_map(|grant| grant.args.values());
    let sources = constraints.filter_map(|constraint| match constraint {
        Constraint::Matches(sources) => Some(sources),
        _ => None,
    });
    sources.flatten().map(String::as_str)
}

#[cfg(test)]
mod tests;
