//! What people write: grants, and caveats that may be relative to now.

use std::collections::BTreeSet;
use std::time::Duration;

use super::bounds::{Bounds, Budget, Caveats, Grant, Grants, Quorum};
use super::call::{Atom, AtomType};
use super::constraint::{Cidr, Constraint, Strings};
use super::facts::{Risk, Sensitivity};
use crate::id::Timestamp;

/// How long a token lives where its scope does not say.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// The most grants that one block holds, alternatives counted.
pub(crate) const MAX_GRANTS: usize = 64;
/// The most patterns of `matches` in one token.
pub(crate) const MAX_PATTERNS: usize = 16;
/// The most keys that one demand for approvals lists.
pub(crate) const MAX_QUORUM: usize = 5;
/// The longest name of a capability or an argument, in bytes.
pub(crate) const MAX_NAME: usize = 256;

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
    /// So long after the token is made.
    In(Duration),
    /// At this moment.
    At(Timestamp),
}

/// What an agent shall be allowed, as people write it.
///
/// A new scope grants nothing. [`Scope::inherit`] is the only way to keep all that a parent has,
/// and is an error at the root. [`Scope::at`] makes it absolute and checks it.
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
    pub(crate) audience: Option<BTreeSet<String>>,
    pub(crate) task: Option<BTreeSet<String>>,
    pub(crate) step: Option<BTreeSet<String>>,
    pub(crate) dataset: Option<BTreeSet<String>>,
    pub(crate) risk: Option<Risk>,
    pub(crate) sensitivity: Option<Sensitivity>,
    pub(crate) taint: Option<BTreeSet<String>>,
    pub(crate) depth: Option<u32>,
    pub(crate) budgets: Vec<Budget>,
    pub(crate) quorums: Vec<Quorum>,
}

/// A scope that cannot be used: where the fault is, and what it is.
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

    /// Where in the scope the fault is, such as `grants[0].args.to`.
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
    /// A scope that allows nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            grants: Grants::Only(Vec::new()),
            not_before: None,
            expires: None,
            audience: None,
            task: None,
            step: None,
            dataset: None,
            risk: None,
            sensitivity: None,
            taint: None,
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

    /// Adds a grant; several of one capability are a union. Ends an `inherit`.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        match &mut self.grants {
            Grants::Only(grants) => grants.push(grant),
            inherit @ Grants::Inherit => *inherit = Grants::Only(vec![grant]),
        }
        self
    }

    /// Not before this moment (rounded down to the second).
    #[must_use]
    pub const fn not_before(mut self, start: Timestamp) -> Self {
        self.not_before = Some(start);
        self
    }

    /// Ends so long after the token is made, in whole seconds; without it, after [`DEFAULT_LIFETIME`].
    #[must_use]
    pub const fn expires_in(mut self, life: Duration) -> Self {
        // Whole seconds, as it is written: what a guard reads is what is delegated.
        self.expires = Some(Expiry::In(Duration::from_secs(life.as_secs())));
        self
    }

    /// Ends at this moment (rounded down to the second); the moment itself is too late.
    #[must_use]
    pub const fn expires_at(mut self, end: Timestamp) -> Self {
        self.expires = Some(Expiry::At(end));
        self
    }

    /// Only for verifiers of one of these names.
    #[must_use]
    pub fn audience(mut self, names: impl Strings) -> Self {
        self.audience = Some(names.strings());
        self
    }

    /// Only in one of these tasks.
    #[must_use]
    pub fn task(mut self, tasks: impl Strings) -> Self {
        self.task = Some(tasks.strings());
        self
    }

    /// Only in one of these steps of the plan.
    #[must_use]
    pub fn step(mut self, steps: impl Strings) -> Self {
        self.step = Some(steps.strings());
        self
    }

    /// Only on calls that touch none but these data sets.
    #[must_use]
    pub fn dataset(mut self, sets: impl Strings) -> Self {
        self.dataset = Some(sets.strings());
        self
    }

    /// Only tools of at most this risk.
    #[must_use]
    pub const fn max_risk(mut self, risk: Risk) -> Self {
        self.risk = Some(risk);
        self
    }

    /// Only data of at most this sensitivity.
    #[must_use]
    pub const fn max_sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }

    /// Only while the run has no taint but these; none at all when empty.
    #[must_use]
    pub fn taint(mut self, labels: impl Strings) -> Self {
        self.taint = Some(labels.strings());
        self
    }

    /// Chains of at most this many hops, counted from the root.
    #[must_use]
    pub const fn max_depth(mut self, hops: u32) -> Self {
        self.depth = Some(hops);
        self
    }

    /// Adds a budget.
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

    /// The scope in absolute terms, as of `now`, with every part checked.
    ///
    /// # Errors
    ///
    /// Names the place and what is wrong there: a path that is not in normal form, a pattern that
    /// does not compile, more than 64 grants, an expiry that is not after `now`, ….
    pub fn at(&self, now: Timestamp) -> Result<Bounds, ScopeError> {
        self.at_within(now, Timestamp::MAX)
    }

    /// As [`Scope::at`]; where no expiry is written, it is not later than `limit`.
    pub(crate) fn at_within(&self, now: Timestamp, limit: Timestamp) -> Result<Bounds, ScopeError> {
        let expires = match self.expires {
            Some(Expiry::In(life)) => now.saturating_add(life),
            Some(Expiry::At(end)) => end,
            None => now.saturating_add(DEFAULT_LIFETIME).min(limit),
        }
        .floor_to_second();
        if expires <= now && self.expires.is_some() {
            let place = if matches!(self.expires, Some(Expiry::At(_))) {
                "expires_at"
            } else {
                "expires_in"
            };
            return Err(ScopeError::new(
                place,
                format!("the scope ends at {expires}, which is not after now ({now})"),
            ));
        }
        for (place, set) in [
            ("audience", &self.audience),
            ("task", &self.task),
            ("step", &self.step),
        ] {
            if set.as_ref().is_some_and(BTreeSet::is_empty) {
                return Err(ScopeError::new(
                    place,
                    "an empty list allows nothing; leave it out, or name at least one",
                ));
            }
        }
        Ok(Bounds {
            grants: self.absolute_grants()?,
            caveats: Caveats {
                not_before: self.not_before.map(Timestamp::floor_to_second),
                expires,
                audience: self.audience.clone(),
                task: self.task.clone(),
                step: self.step.clone(),
                dataset: self.dataset.clone(),
                risk: self.risk,
                sensitivity: self.sensitivity,
                taint: self.taint.clone(),
                depth: self.depth,
                budgets: self.absolute_budgets()?,
                quorums: self.absolute_quorums()?,
            },
        })
    }

    fn absolute_grants(&self) -> Result<Grants, ScopeError> {
        let Grants::Only(written) = &self.grants else {
            return Ok(Grants::Inherit);
        };
        let mut grants = Vec::new();
        // Counted first: a pattern costs its compilation.
        let constraints = written.iter().flat_map(|grant| grant.args.values());
        let patterns: usize = constraints
            .map(|constraint| match constraint {
                Constraint::Matches(sources) => sources.len(),
                _ => 0,
            })
            .sum();
        if patterns > MAX_PATTERNS {
            return Err(ScopeError::new(
                "grants",
                format!(
                    "a token holds at most {MAX_PATTERNS} patterns, these grants have {patterns}"
                ),
            ));
        }
        for (index, grant) in written.iter().enumerate() {
            let place = format!("grants[{index}]");
            name_fault(&grant.capability).map_or(Ok(()), |what| {
                Err(ScopeError::new(format!("{place}.tool"), what))
            })?;
            for (name, constraint) in &grant.args {
                let place = format!("{place}.args.{name}");
                if let Some(what) = name_fault(name)
                    .or_else(|| empty_fault(constraint))
                    .or_else(|| constraint.fault())
                {
                    return Err(ScopeError::new(place, what));
                }
            }
            split(grant, &mut grants);
            if grants.len() > MAX_GRANTS {
                let what = format!(
                    "a scope holds at most {MAX_GRANTS} grants, each approver and each type of value counted"
                );
                return Err(ScopeError::new(place, what));
            }
        }
        Ok(Grants::Only(grants))
    }

    fn absolute_budgets(&self) -> Result<Vec<Budget>, ScopeError> {
        for budget in &self.budgets {
            let place = || format!("budget.{}", budget.kind);
            let plain = |text: &str| {
                (1..=64).contains(&text.len())
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
            };
            if !plain(&budget.kind) || !budget.label.as_deref().is_none_or(plain) {
                return Err(ScopeError::new(
                    place(),
                    "a budget's kind and label are 1 to 64 letters, digits, `_`, `-`, `.`",
                ));
            }
            if i64::try_from(budget.max).is_err() {
                return Err(ScopeError::new(
                    place(),
                    "the most that a budget can hold is 9223372036854775807",
                ));
            }
        }
        let mut budgets = self.budgets.clone();
        budgets.sort();
        let same = |pair: &[Budget]| matches!(pair, [a, b] if (&a.kind, a.signer, &a.label) == (&b.kind, b.signer, &b.label));
        if let Some([first, ..]) = budgets.windows(2).find(|pair| same(pair)) {
            return Err(ScopeError::new(
                format!("budget.{}", first.kind),
                "the same budget is written twice",
            ));
        }
        Ok(budgets)
    }

    fn absolute_quorums(&self) -> Result<Vec<Quorum>, ScopeError> {
        for (index, quorum) in self.quorums.iter().enumerate() {
            let place = format!("approvals[{index}]");
            if !(1..=MAX_QUORUM).contains(&quorum.of.len())
                || quorum.need == 0
                || usize::from(quorum.need) > quorum.of.len()
            {
                return Err(ScopeError::new(
                    place,
                    "`need` is at least 1 and at most the number of keys, and there are at most 5 keys",
                ));
            }
            if quorum.capabilities.is_empty() {
                return Err(ScopeError::new(
                    place,
                    "name at least one capability that needs the approvals",
                ));
            }
            if let Some(what) = quorum.capabilities.iter().find_map(|name| name_fault(name)) {
                return Err(ScopeError::new(place, what));
            }
        }
        let mut quorums = self.quorums.clone();
        quorums.sort();
        if quorums
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.capabilities == b.capabilities))
        {
            return Err(ScopeError::new(
                "approvals",
                "two entries name the same capabilities; write one",
            ));
        }
        Ok(quorums)
    }
}

/// What is wrong with the name of a capability or argument.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return Some(format!(
            "a name has 1 to {MAX_NAME} bytes, this one {}",
            name.len()
        ));
    }
    name.chars()
        .any(char::is_control)
        .then(|| "a name has no control characters".to_owned())
}

fn empty_fault(constraint: &Constraint) -> Option<String> {
    let empty = match constraint {
        Constraint::OneOf(set) | Constraint::SubsetOf(set) => set.is_empty(),
        Constraint::Prefix(set)
        | Constraint::PathUnder(set)
        | Constraint::Host(set)
        | Constraint::Matches(set) => set.is_empty(),
        Constraint::Cidr(set) => set.is_empty(),
        Constraint::Url(pattern) => {
            let strings = [&pattern.schemes, &pattern.hosts, &pattern.paths];
            strings.into_iter().flatten().any(BTreeSet::is_empty)
                || pattern.ports.as_ref().is_some_and(BTreeSet::is_empty)
        }
        Constraint::Range {
            min: Some(min),
            max: Some(max),
        } => min > max,
        _ => false,
    };
    empty.then(|| "the constraint allows no value; leave the grant out instead".to_owned())
}

/// One grant as the alternatives that Datalog can write: one approver each, and one type of value
/// in each constraint, since no predicate has two types.
pub(crate) fn split(grant: &Grant, into: &mut Vec<Grant>) {
    let mut bare = Grant::new(grant.capability.as_str());
    bare.args = grant.args.clone();
    bare.args
        .retain(|_, constraint| *constraint != Constraint::Absent);
    let mut alternatives = vec![bare];
    for (name, constraint) in &grant.args {
        let parts = parts(constraint);
        if parts.len() > 1 {
            alternatives = alternatives
                .into_iter()
                .flat_map(|alternative| {
                    parts
                        .iter()
                        .map(move |part| alternative.clone().arg(name.as_str(), part.clone()))
                })
                .take(MAX_GRANTS + 1)
                .collect();
        }
    }
    if !grant.approvers.is_empty() {
        alternatives = alternatives
            .into_iter()
            .flat_map(|alternative| {
                grant
                    .approvers
                    .iter()
                    .map(move |key| alternative.clone().approved_by([*key]))
            })
            .take(MAX_GRANTS + 1)
            .collect();
    }
    into.extend(alternatives);
}

/// A constraint as parts of one type each, their union the constraint.
fn parts(constraint: &Constraint) -> Vec<Constraint> {
    match constraint {
        Constraint::OneOf(atoms) => by_type(atoms).into_iter().map(Constraint::OneOf).collect(),
        Constraint::SubsetOf(atoms) => by_type(atoms)
            .into_iter()
            .map(Constraint::SubsetOf)
            .collect(),
        Constraint::Cidr(networks) => {
            let (four, six): (BTreeSet<Cidr>, BTreeSet<Cidr>) = networks
                .iter()
                .partition(|network| network.v4_range().is_some());
            [four, six]
                .into_iter()
                .filter(|set| !set.is_empty())
                .map(Constraint::Cidr)
                .collect()
        }
        other => vec![other.clone()],
    }
}

fn by_type(atoms: &BTreeSet<Atom>) -> Vec<BTreeSet<Atom>> {
    [AtomType::Str, AtomType::Bool, AtomType::Num, AtomType::Hash]
        .into_iter()
        .map(|kind| {
            atoms
                .iter()
                .filter(|atom| atom.kind() == kind)
                .cloned()
                .collect::<BTreeSet<_>>()
        })
        .filter(|set| !set.is_empty())
        .collect()
}

/// What of some bounds, read from a token, no scope could have said.
pub(crate) fn profile_fault(bounds: &Bounds) -> Option<String> {
    let Bounds { grants, caveats } = bounds;
    if let Grants::Only(grants) = grants {
        if grants.len() > MAX_GRANTS {
            return Some(format!("a block holds more than {MAX_GRANTS} grants"));
        }
        for grant in grants {
            let mut again = Vec::with_capacity(1);
            split(grant, &mut again);
            let args = grant.args.iter().find_map(|(name, constraint)| {
                let fault = name_fault(name).or_else(|| empty_fault(constraint));
                fault.or_else(|| constraint.profile_fault())
            });
            if again.as_slice() != std::slice::from_ref(grant) {
                return Some("a grant mixes types of values".to_owned());
            }
            if let Some(fault) = name_fault(&grant.capability).or(args) {
                return Some(fault);
            }
        }
    }
    if [&caveats.audience, &caveats.task, &caveats.step]
        .into_iter()
        .flatten()
        .any(BTreeSet::is_empty)
    {
        return Some("a caveat has an empty list".to_owned());
    }
    let stand_in = Scope {
        budgets: caveats.budgets.clone(),
        quorums: caveats.quorums.clone(),
        ..Scope::new()
    };
    (stand_in.absolute_budgets().err())
        .or_else(|| stand_in.absolute_quorums().err())
        .map(|error| error.to_string())
}
