//! Scopes as people write them: grants, and caveats that may be relative to now.

use std::time::Duration;

use super::bounds::{Budget, Grant, Grants, Quorum};
use super::constraint::Constraint;
use super::constructors::Strings;
use crate::capability::value::{Label, Labels, Risk, Sensitivity};
use crate::id::Timestamp;

/// How long a token lives if its scope does not say.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// The fault of an approval that is demanded of no key.
pub(super) const ASKS_NO_KEY: &str =
    "an empty list asks for no approval; leave it out, or name a key";

/// `n` seconds.
#[must_use]
pub const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// `n` minutes.
#[must_use]
pub const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60))
}

/// `n` hours.
#[must_use]
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n.saturating_mul(60 * 60))
}

/// When a scope ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// This long after the token is made.
    In(Duration),
    /// At this moment.
    At(Timestamp),
}

/// The authority that an agent shall have, as people write it.
///
/// A new scope has no grants. [`Scope::inherit`] is the only way to keep all the grants of a parent, and is
/// an error at the root. [`Scope::at`] makes it absolute and checks it.
///
/// ```
/// use bailiwick::capability::{Grant, Scope, minutes, path_under};
///
/// let scope = Scope::new()
///     .grant(Grant::new("fs.read").arg("path", path_under("/srv/docs")))
///     .expires_in(minutes(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub(crate) grants: Grants,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) expires: Option<Expiry>,
    pub(crate) labels: Labels,
    pub(crate) risk: Option<Risk>,
    pub(crate) sensitivity: Option<Sensitivity>,
    pub(crate) depth: Option<u32>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) quorums: Vec<Quorum>,
}

/// A scope that cannot be used: the place of the fault, and the fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ScopeError {
    place: String,
    what: String,
}

impl ScopeError {
    /// A fault at `place`, a path such as `grants[0].args.to`.
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }

    /// The place of the fault in the scope, such as `grants[0].args.to`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self::new()
    }
}

impl Scope {
    /// A scope that allows no call.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            grants: Grants::Only(Vec::new()),
            not_before: None,
            expires: None,
            labels: Labels::new(),
            risk: None,
            sensitivity: None,
            depth: None,
            budgets: Vec::new(),
            quorums: Vec::new(),
        }
    }

    /// A scope with all the grants of the token that it is derived from.
    #[must_use]
    pub fn inherit() -> Self {
        Self {
            grants: Grants::Inherit,
            ..Self::new()
        }
    }

    /// How many values the grants list. Each takes some bytes of a token.
    pub(crate) fn values(&self) -> usize {
        match &self.grants {
            Grants::Inherit => 0,
            Grants::Only(grants) => {
                let constraints = grants.iter().flat_map(|grant| grant.args.values());
                constraints.map(Constraint::values).sum()
            }
        }
    }

    /// Adds a grant; several grants of one capability are a union. A grant replaces an `inherit`.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        match &mut self.grants {
            Grants::Only(grants) => grants.push(grant),
            inherit @ Grants::Inherit => *inherit = Grants::Only(vec![grant]),
        }
        self
    }

    /// The token is valid from this moment on (rounded down to the second).
    #[must_use]
    pub const fn not_before(mut self, start: Timestamp) -> Self {
        self.not_before = Some(start);
        self
    }

    /// The token ends this long after it is made, in whole seconds; without an expiry, after
    /// [`DEFAULT_LIFETIME`].
    #[must_use]
    pub const fn expires_in(mut self, life: Duration) -> Self {
        // Whole seconds, as in the written form, so that the guard reads the value that is delegated.
        self.expires = Some(Expiry::In(Duration::from_secs(life.as_secs())));
        self
    }

    /// The token ends at this moment (rounded down to the second); the moment itself is too late.
    #[must_use]
    pub const fn expires_at(mut self, end: Timestamp) -> Self {
        self.expires = Some(Expiry::At(end));
        self
    }

    /// The token is only for verifiers with one of these names.
    #[must_use]
    pub fn audience(mut self, names: impl Strings) -> Self {
        self.labels.set(Label::Audience, Some(names.strings()));
        self
    }

    /// The token is valid only in one of these tasks.
    #[must_use]
    pub fn task(mut self, tasks: impl Strings) -> Self {
        self.labels.set(Label::Task, Some(tasks.strings()));
        self
    }

    /// The token is valid only in one of these steps of the plan.
    #[must_use]
    pub fn step(mut self, steps: impl Strings) -> Self {
        self.labels.set(Label::Step, Some(steps.strings()));
        self
    }

    /// The token allows only calls that touch no data sets but these.
    #[must_use]
    pub fn dataset(mut self, sets: impl Strings) -> Self {
        self.labels.set(Label::Dataset, Some(sets.strings()));
        self
    }

    /// The token allows only tools of at most this risk.
    #[must_use]
    pub const fn max_risk(mut self, risk: Risk) -> Self {
        self.risk = Some(risk);
        self
    }

    /// The token allows only data of at most this sensitivity.
    #[must_use]
    pub const fn max_sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }

    /// The token is valid only while the run has no taint but these; if the list is empty, no taint at all.
    #[must_use]
    pub fn taint(mut self, labels: impl Strings) -> Self {
        self.labels.set(Label::Taint, Some(labels.strings()));
        self
    }

    /// Chains may have at most this many hops, counted from the root.
    #[must_use]
    pub const fn max_depth(mut self, hops: u32) -> Self {
        self.depth = Some(hops);
        self
    }

    /// Adds a budget: of a kind that is used up, such as `calls`, or of `agents` that are alive at once.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// Adds a demand for approvals.
    #[must_use]
    pub fn quorum(mut self, quorum: Quorum) -> Self {
        self.quorums.push(quorum);
        self
    }
}
