//! The intersection of two bounds, as bounds.

mod constraints;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::capability::narrow::{covers, meets};
use crate::capability::scope::{
    Bounds, Budget, Caveats, Constraint, Grant, Grants, MAX_GRANTS, Plain, Quorum, patterns, split,
};
use crate::capability::value::{Label, Labels, too_many_patterns};
use crate::id::Timestamp;

/// Two bounds whose intersection no bounds can express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct MeetError {
    place: String,
    what: String,
}

impl MeetError {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }

    /// The place where the two differ, such as `fs.read.path`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }
}

/// The bounds that allow what both `a` and `b` allow: exactly that, never less and never more.
///
/// If [`narrow`](crate::capability::narrow()) refuses a scope, `meet` gives the part of the scope that a
/// token allows. The result may allow no call.
///
/// # Errors
///
/// When bounds cannot express the intersection: one string under two readings (a prefix and a
/// pattern), two approvers for one grant, two demands for approvals of the same capabilities of
/// which neither includes the other, or more grants or patterns than a token holds.
pub fn meet(a: &Bounds, b: &Bounds) -> Result<Bounds, MeetError> {
    let mut caveats = Caveats {
        not_before: a.caveats.not_before.max(b.caveats.not_before),
        expires: a.caveats.expires.min(b.caveats.expires),
        labels: Labels::new(),
        risk: least(a.caveats.risk, b.caveats.risk),
        sensitivity: least(a.caveats.sensitivity, b.caveats.sensitivity),
        depth: least(a.caveats.depth, b.caveats.depth),
        budgets: budgets(&a.caveats.budgets, &b.caveats.budgets),
        quorums: quorums(&a.caveats.quorums, &b.caveats.quorums)?,
    };
    // An empty list of names is not written: bounds that allow no call say so in their grants.
    let mut nothing = false;
    for label in Label::ALL {
        let one = a.caveats.labels.get(label);
        let both = common(one, b.caveats.labels.get(label));
        let none = label.is_single() && both.as_ref().is_some_and(BTreeSet::is_empty);
        nothing |= none;
        caveats
            .labels
            .set(label, if none { one.cloned() } else { both });
    }
    let grants = match (&a.grants, &b.grants) {
        _ if nothing => Grants::Only(Vec::new()),
        (Grants::Inherit, grants) | (grants, Grants::Inherit) => grants.clone(),
        (Grants::Only(a), Grants::Only(b)) => Grants::Only(pairs(a, b)?),
    };
    Ok(Bounds { grants, caveats })
}

impl Bounds {
    /// The bounds that the blocks of a chain allow together, for display: their [`meet`].
    ///
    /// # Errors
    ///
    /// As [`meet`].
    pub fn effective(blocks: &[&Self]) -> Result<Self, MeetError> {
        blocks
            .iter()
            .try_fold(Self::unlimited(), |all, block| meet(&all, block))
    }

    /// The bounds whose intersection with any bounds is those bounds.
    const fn unlimited() -> Self {
        Self {
            grants: Grants::Inherit,
            caveats: Caveats {
                not_before: None,
                expires: Timestamp::MAX,
                labels: Labels::new(),
                risk: None,
                sensitivity: None,
                depth: None,
                budgets: Vec::new(),
                quorums: Vec::new(),
            },
        }
    }
}

fn pairs(a: &[Grant], b: &[Grant]) -> Result<Vec<Grant>, MeetError> {
    let mut grants: Vec<Grant> = Vec::new();
    for one in a {
        for other in b.iter().filter(|other| other.capability == one.capability) {
            let Some(both) = pair(one, other)? else {
                continue;
            };
            let mut parts = Vec::new();
            split(&both, &mut parts);
            for part in parts {
                if !grants.iter().any(|grant| covers(&part, grant)) {
                    grants.retain(|grant| !covers(grant, &part));
                    grants.push(part);
                }
            }
            if grants.len() > MAX_GRANTS {
                return Err(MeetError::new(
                    "grants",
                    format!("the two have more than {MAX_GRANTS} grants in common"),
                ));
            }
        }
    }
    if let Some(what) = too_many_patterns(patterns(&grants)) {
        return Err(MeetError::new(
            "grants",
            format!("what the two have in common cannot be written: {what}"),
        ));
    }
    Ok(grants)
}

/// The intersection of two grants of one capability; `None` if it is empty.
fn pair(a: &Grant, b: &Grant) -> Result<Option<Grant>, MeetError> {
    let mut both = Grant::closed(a.capability.as_str());
    // A pair that no call can satisfy is dropped, even if another part of it cannot be expressed.
    let mut fault = None;
    for name in a.args.keys().chain(b.args.keys()).collect::<BTreeSet<_>>() {
        let may = |grant: &Grant| match grant.args.get(name) {
            None | Some(Constraint::Absent) => None,
            Some(one) => Some(one.clone()),
        };
        let constraint = match (may(a), may(b)) {
            (None | Some(Constraint::Any), None) | (None, Some(Constraint::Any)) => continue,
            (None, Some(_)) | (Some(_), None) => return Ok(None),
            (Some(one), Some(other)) => match constraints::meet(&one, &other) {
                Ok(Some(constraint)) => constraint,
                Ok(None) => return Ok(None),
                Err(constraints::Inexpressible) => {
                    let place = format!("{}.{}", Plain(&a.capability), Plain(name));
                    fault = Some(MeetError::new(
                        place,
                        format!("one constraint cannot say that it {one} and {other}"),
                    ));
                    continue;
                }
            },
        };
        both = both.arg(name.as_str(), constraint);
    }
    // Any one approver of the smaller set is one of the larger.
    let (few, many) = match a.approvers.len() <= b.approvers.len() {
        true => (&a.approvers, &b.approvers),
        false => (&b.approvers, &a.approvers),
    };
    both.approvers = if few.is_empty() {
        many.clone()
    } else {
        few.clone()
    };
    if !few.is_subset(many) {
        fault = fault.or_else(|| {
            let place = format!("{}.approved_by", Plain(&a.capability));
            Some(MeetError::new(
                place,
                "one grant cannot ask for the approval of two different keys",
            ))
        });
    }
    fault.map_or(Ok(Some(both)), Err)
}

/// The common elements of two sets; `None` is the set of all elements.
fn common<T: Ord + Clone>(a: Option<&BTreeSet<T>>, b: Option<&BTreeSet<T>>) -> Option<BTreeSet<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a & b),
        (one, other) => one.or(other).cloned(),
    }
}

fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// All budgets of both, with the lower limit if both name one.
fn budgets(a: &[Budget], b: &[Budget]) -> Vec<Budget> {
    let mut all: Vec<Budget> = a.iter().chain(b).cloned().collect();
    // The limit comes last in the order, so the lower of two is first and is kept.
    all.sort();
    all.dedup_by(|next, kept| {
        (&next.kind, next.signer, &next.label) == (&kept.kind, kept.signer, &kept.label)
    });
    all
}

/// All demands of both, with the stronger one if both are about the same capabilities.
fn quorums(a: &[Quorum], b: &[Quorum]) -> Result<Vec<Quorum>, MeetError> {
    let mut all = a.to_vec();
    for quorum in b {
        match all
            .iter_mut()
            .find(|other| other.capabilities == quorum.capabilities)
        {
            None => all.push(quorum.clone()),
            Some(other) if meets(other, quorum) => {}
            Some(other) if meets(quorum, other) => other.clone_from(quorum),
            Some(other) => {
                let what = format!("one demand cannot say that {other} and {quorum}");
                return Err(MeetError::new("approvals", what));
            }
        }
    }
    all.sort();
    Ok(all)
}
