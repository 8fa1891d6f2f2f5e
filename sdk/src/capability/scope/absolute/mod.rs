//! A scope made absolute and checked.

use std::collections::BTreeSet;
use std::time::Duration;

use super::alternatives::{MAX_GRANTS, is_one, split};
use super::bounds::{Bounds, Budget, Caveats, Grants, Quorum, patterns};
use super::builder::{ASKS_NO_KEY, DEFAULT_LIFETIME, Expiry, Scope, ScopeError};
use crate::capability::value::{MAX_PATTERNS, too_many_patterns};
use crate::id::Timestamp;

/// The most keys that one demand for approvals lists.
pub(crate) const MAX_QUORUM: usize = 5;
/// The longest name of a capability or an argument, in bytes.
pub(crate) const MAX_NAME: usize = 256;
/// The fault of a caveat whose list of allowed names is empty.
pub(super) const NAMES_NOTHING: &str =
    "an empty list allows nothing; leave it out, or name at least one";

impl Scope {
    /// The scope in absolute terms, as of `now`, with every part checked.
    ///
    /// # Errors
    ///
    /// The error names the place and the fault: a path that is not in normal form, a pattern that
    /// does not compile, more than 64 grants, an expiry that is not after `now`, ….
    pub fn at(&self, now: Timestamp) -> Result<Bounds, ScopeError> {
        self.at_within(now, Timestamp::MAX, None)
    }

    /// As [`Scope::at`], for a child of a token that ends at `limit` and lives for `whole`, if that is known,
    /// from the moment at which it was made.
    ///
    /// A scope without an expiry ends at `limit` at the latest. So does one with a relative expiry that is
    /// no longer than the token's own: it says the same as the token's, only later.
    pub(crate) fn at_within(
        &self,
        now: Timestamp,
        limit: Timestamp,
        whole: Option<Duration>,
    ) -> Result<Bounds, ScopeError> {
        let expires = match self.expires {
            Some(Expiry::In(life)) if whole.is_some_and(|whole| life <= whole) => {
                now.saturating_add(life).min(limit)
            }
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
        if let Some(label) = self.labels.names_nothing() {
            return Err(ScopeError::new(label.name(), NAMES_NOTHING));
        }
        Ok(Bounds {
            grants: self.absolute_grants()?,
            caveats: Caveats {
                not_before: self.not_before.map(Timestamp::floor_to_second),
                expires,
                labels: self.labels.clone(),
                risk: self.risk,
                sensitivity: self.sensitivity,
                depth: self.depth,
                budgets: self.absolute_budgets()?,
                quorums: self.absolute_quorums()?,
            },
        })
    }

    /// How long a token with this scope that is made at `now` lives, as its scope says; `parent` is the same
    /// for the token that it is derived from. A child may state the same lifetime later.
    pub(crate) fn whole(&self, now: Timestamp, parent: Option<Duration>) -> Duration {
        match self.expires {
            Some(Expiry::In(life)) => life,
            Some(Expiry::At(end)) => end.since(now),
            None => parent.map_or(DEFAULT_LIFETIME, |parent| parent.min(DEFAULT_LIFETIME)),
        }
    }

    fn absolute_grants(&self) -> Result<Grants, ScopeError> {
        let Grants::Only(written) = &self.grants else {
            return Ok(Grants::Inherit);
        };
        let mut grants = Vec::new();
        // The grants are counted first, so that the work on them is bounded.
        let different: BTreeSet<&str> = patterns(written).collect();
        if different.len() > MAX_PATTERNS {
            return Err(ScopeError::new(
                "grants",
                format!(
                    "a token holds at most {MAX_PATTERNS} patterns, these grants have {} different ones",
                    different.len()
                ),
            ));
        }
        for (index, grant) in written.iter().enumerate() {
            let place = format!("grants[{index}]");
            name_fault(&grant.capability).map_or(Ok(()), |what| {
                Err(ScopeError::new(format!("{place}.tool"), what))
            })?;
            if grant.asks_no_key {
                return Err(ScopeError::new(format!("{place}.approved_by"), ASKS_NO_KEY));
            }
            for (name, constraint) in &grant.args {
                let place = format!("{place}.args.{name}");
                if let Some(what) = name_fault(name)
                    .or_else(|| constraint.empty_fault())
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
        too_many_patterns(patterns(&grants))
            .map_or(Ok(()), |what| Err(ScopeError::new("grants", what)))?;
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

/// The fault of the name of a capability or argument.
pub(super) fn name_fault(name: &str) -> Option<String> {
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

/// The part of bounds read from a token that no scope could have written.
pub(crate) fn profile_fault(bounds: &Bounds) -> Option<String> {
    let Bounds { grants, caveats } = bounds;
    if let Grants::Only(grants) = grants {
        if grants.len() > MAX_GRANTS {
            return Some(format!("a block holds more than {MAX_GRANTS} grants"));
        }
        for grant in grants {
            let args = grant.args.iter().find_map(|(name, constraint)| {
                let fault = name_fault(name).or_else(|| constraint.empty_fault());
                fault.or_else(|| constraint.profile_fault())
            });
            if !is_one(grant) {
                return Some("a grant mixes types of values".to_owned());
            }
            if let Some(fault) = name_fault(&grant.capability).or(args) {
                return Some(fault);
            }
        }
    }
    if caveats.labels.names_nothing().is_some() {
        return Some("a caveat has an empty list".to_owned());
    }
    if caveats.budgets.is_empty() && caveats.quorums.is_empty() {
        return None;
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

#[cfg(test)]
mod tests;
