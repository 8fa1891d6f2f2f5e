//! Whether the caveats of one block hold for a call.

use crate::capability::check::request::AccessRequest;
use crate::capability::scope::{Caveats, Quorum};
use crate::capability::value::{
    BudgetKey, Facts, Given, Kind, Label, Risk, Sensitivity, by_how_much,
};
use crate::id::Timestamp;

/// Names in order, without repetition.
type Names = Box<[String]>;

/// One caveat that a block sets.
#[derive(Debug)]
pub(super) enum Caveat {
    NotBefore(Timestamp),
    Expires(Timestamp),
    Label(Label, Names),
    Risk(Risk),
    Sensitivity(Sensitivity),
    Depth(u32),
    Budget(BudgetKey, u64),
    Quorum(Quorum),
}

/// The caveats that are set, in the order of the profile, in which they are checked.
pub(super) fn compile(caveats: &Caveats) -> Box<[Caveat]> {
    let labels = |after| {
        Label::beside_levels(after).filter_map(|label| {
            let names = caveats.labels.get(label)?;
            Some(Caveat::Label(label, names.iter().cloned().collect()))
        })
    };
    let mut all = Vec::with_capacity(4);
    all.extend(caveats.not_before.map(Caveat::NotBefore));
    all.push(Caveat::Expires(caveats.expires));
    all.extend(labels(false));
    all.extend(caveats.risk.map(Caveat::Risk));
    all.extend(caveats.sensitivity.map(Caveat::Sensitivity));
    all.extend(labels(true));
    all.extend(caveats.depth.map(Caveat::Depth));
    all.extend(caveats.budgets.iter().map(|budget| {
        let key = BudgetKey {
            kind: budget.kind.clone(),
            id: budget.id().unwrap_or_default(),
        };
        Caveat::Budget(key, budget.max)
    }));
    all.extend(caveats.quorums.iter().cloned().map(Caveat::Quorum));
    all.into()
}

impl Caveat {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::NotBefore(_) => Kind::NotYetValid,
            Self::Expires(_) => Kind::Expired,
            Self::Label(label, _) => label.kind(),
            Self::Risk(_) => Kind::Risk,
            Self::Sensitivity(_) => Kind::Sensitivity,
            Self::Depth(_) => Kind::Depth,
            Self::Budget(..) => Kind::Budget,
            Self::Quorum(_) => Kind::Approval,
        }
    }

    /// Whether the caveat holds; a caveat about a fact that is not known does not.
    pub(super) fn holds(&self, request: &AccessRequest<'_>) -> bool {
        let facts = request.facts;
        match self {
            Self::NotBefore(start) => start.secs() <= facts.time.secs(),
            Self::Expires(end) => facts.time.secs() < end.secs(),
            Self::Label(label, allowed) => match facts.given(*label) {
                Some(Given::One(name)) => among(allowed, name),
                Some(Given::Set(names)) => names.iter().all(|name| among(allowed, name)),
                None => false,
            },
            Self::Risk(most) => facts.risk.is_some_and(|risk| risk <= *most),
            Self::Sensitivity(most) => facts.sensitivity.is_some_and(|given| given <= *most),
            Self::Depth(most) => request.depth <= *most,
            Self::Budget(key, max) => request.skip.budgets || within(facts, key, *max),
            Self::Quorum(quorum) => {
                request.skip.approvals
                    || !quorum.capabilities.contains(request.call.capability())
                    || have(quorum, request) >= usize::from(quorum.need)
            }
        }
    }

    /// Why the caveat does not hold.
    pub(super) fn why_not(&self, request: &AccessRequest<'_>) -> String {
        let (kind, facts) = (self.kind(), request.facts);
        match self {
            Self::NotBefore(start) => {
                format!(
                    "the token starts at {start}, now is {}: {} too early",
                    facts.time,
                    by_how_much(facts.time, *start)
                )
            }
            Self::Expires(end) => format!(
                "the token ended at {end}, now is {}: {} too late",
                facts.time,
                by_how_much(*end, facts.time)
            ),
            Self::Label(label, allowed) => {
                let given = match facts.given(*label) {
                    Some(Given::One(name)) => format!("`{name}`"),
                    Some(Given::Set(names)) => format!("{names:?}"),
                    None => "not known".to_owned(),
                };
                listed(kind, given, allowed)
            }
            Self::Risk(most) => above(kind, facts.risk, most),
            Self::Sensitivity(most) => above(kind, facts.sensitivity, most),
            Self::Depth(most) => above(kind, Some(request.depth), most),
            Self::Budget(key, max) => match facts.used.get(key) {
                Some(used) => format!("`{}` would stand at {used} of {max} ({})", key.kind, key.id),
                None => format!("what is used of `{}` is not known ({})", key.kind, key.id),
            },
            Self::Quorum(quorum) => {
                let keys: Vec<String> = quorum.of.iter().map(ToString::to_string).collect();
                format!(
                    "the call has {} of {} approvals that it needs, by different keys of {}",
                    have(quorum, request),
                    quorum.need,
                    keys.join(", ")
                )
            }
        }
    }
}

fn among(allowed: &Names, given: &str) -> bool {
    allowed
        .binary_search_by(|name| name.as_str().cmp(given))
        .is_ok()
}

fn within(facts: &Facts, key: &BudgetKey, max: u64) -> bool {
    // The largest number of Datalog.
    const LARGEST: u64 = i64::MAX as u64;
    let used = facts.used.get(key);
    used.is_some_and(|used| (*used).min(LARGEST) <= max)
}

fn have(quorum: &Quorum, request: &AccessRequest<'_>) -> usize {
    let approved = |key: &&_| request.approved_by(key);
    quorum.of.iter().filter(approved).count()
}

fn listed(kind: Kind, given: String, allowed: &Names) -> String {
    let allowed = allowed.iter().collect::<std::collections::BTreeSet<_>>();
    format!("the {kind} is {given}; allowed are {allowed:?}")
}

fn above<T: std::fmt::Display>(kind: Kind, given: Option<T>, most: &T) -> String {
    let given = given.map_or_else(|| "not known".to_owned(), |given| given.to_string());
    format!("the {kind} is {given}; allowed is at most {most}")
}
