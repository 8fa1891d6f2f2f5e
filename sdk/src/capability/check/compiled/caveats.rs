//! Whether the caveats of one block hold for a call.

use crate::capability::check::request::AccessRequest;
use crate::capability::scope::{Caveats, Quorum};
use crate::capability::value::{BudgetKey, Facts, Kind, Risk, Sensitivity, by_how_much};
use crate::id::Timestamp;

/// Names in order, without repetition.
type Names = Box<[String]>;

/// One caveat that a block sets.
#[derive(Debug)]
pub(super) enum Caveat {
    NotBefore(Timestamp),
    Expires(Timestamp),
    Audience(Names),
    Task(Names),
    Step(Names),
    Dataset(Names),
    Risk(Risk),
    Sensitivity(Sensitivity),
    Taint(Names),
    Depth(u32),
    Budget(BudgetKey, u64),
    Quorum(Quorum),
}

/// The caveats that are set, in the order of the profile, which is the order in which they refuse.
pub(super) fn compile(caveats: &Caveats) -> Box<[Caveat]> {
    let names = |set: &Option<std::collections::BTreeSet<String>>| {
        set.as_ref().map(|set| set.iter().cloned().collect())
    };
    let mut all = Vec::with_capacity(4);
    all.extend(caveats.not_before.map(Caveat::NotBefore));
    all.push(Caveat::Expires(caveats.expires));
    all.extend(names(&caveats.audience).map(Caveat::Audience));
    all.extend(names(&caveats.task).map(Caveat::Task));
    all.extend(names(&caveats.step).map(Caveat::Step));
    all.extend(names(&caveats.dataset).map(Caveat::Dataset));
    all.extend(caveats.risk.map(Caveat::Risk));
    all.extend(caveats.sensitivity.map(Caveat::Sensitivity));
    all.extend(names(&caveats.taint).map(Caveat::Taint));
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
            Self::Audience(_) => Kind::Audience,
            Self::Task(_) => Kind::Task,
            Self::Step(_) => Kind::Step,
            Self::Dataset(_) => Kind::Dataset,
            Self::Risk(_) => Kind::Risk,
            Self::Sensitivity(_) => Kind::Sensitivity,
            Self::Taint(_) => Kind::Taint,
            Self::Depth(_) => Kind::Depth,
            Self::Budget(..) => Kind::Budget,
            Self::Quorum(_) => Kind::Approval,
        }
    }

    /// Whether it holds; what is not known does not.
    pub(super) fn holds(&self, request: &AccessRequest<'_>) -> bool {
        let facts = request.facts;
        match self {
            Self::NotBefore(start) => start.secs() <= facts.time.secs(),
            Self::Expires(end) => facts.time.secs() < end.secs(),
            Self::Audience(allowed) => one_of(allowed, facts.audience.as_ref()),
            Self::Task(allowed) => one_of(allowed, facts.task.as_ref()),
            Self::Step(allowed) => one_of(allowed, facts.step.as_ref()),
            Self::Dataset(allowed) => subset(allowed, facts.dataset.as_ref()),
            Self::Risk(most) => facts.risk.is_some_and(|risk| risk <= *most),
            Self::Sensitivity(most) => facts.sensitivity.is_some_and(|given| given <= *most),
            Self::Taint(allowed) => subset(allowed, facts.taint.as_ref()),
            Self::Depth(most) => request.depth <= *most,
            Self::Budget(key, max) => request.skip.budgets || within(facts, key, *max),
            Self::Quorum(quorum) => {
                request.skip.approvals
                    || !quorum.capabilities.contains(request.call.capability())
                    || have(quorum, request) >= usize::from(quorum.need)
            }
        }
    }

    /// Why it does not hold.
    pub(super) fn why_not(&self, request: &AccessRequest<'_>) -> String {
        let (kind, facts) = (self.kind(), request.facts);
        let name = |given: &Option<String>| match given {
            Some(given) => format!("`{given}`"),
            None => "not known".to_owned(),
        };
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
            Self::Audience(allowed) => listed(kind, name(&facts.audience), allowed),
            Self::Task(allowed) => listed(kind, name(&facts.task), allowed),
            Self::Step(allowed) => listed(kind, name(&facts.step), allowed),
            Self::Dataset(allowed) => listed(kind, known(facts.dataset.as_ref()), allowed),
            Self::Taint(allowed) => listed(kind, known(facts.taint.as_ref()), allowed),
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

fn one_of(allowed: &Names, given: Option<&String>) -> bool {
    given.is_some_and(|given| among(allowed, given))
}

type Set = std::collections::BTreeSet<String>;

fn subset(allowed: &Names, given: Option<&Set>) -> bool {
    given.is_some_and(|given| given.iter().all(|name| among(allowed, name)))
}

fn within(facts: &Facts, key: &BudgetKey, max: u64) -> bool {
    // What Datalog counts up to.
    const LARGEST: u64 = i64::MAX as u64;
    let used = facts.used.get(key);
    used.is_some_and(|used| (*used).min(LARGEST) <= max)
}

fn have(quorum: &Quorum, request: &AccessRequest<'_>) -> usize {
    let approved = |key: &&_| request.approved_by(key);
    quorum.of.iter().filter(approved).count()
}

fn known<T: std::fmt::Debug>(given: Option<T>) -> String {
    given.map_or_else(|| "not known".to_owned(), |given| format!("{given:?}"))
}

fn listed(kind: Kind, given: String, allowed: &Names) -> String {
    let allowed = allowed.iter().collect::<std::collections::BTreeSet<_>>();
    format!("the {kind} is {given}; allowed are {allowed:?}")
}

fn above<T: std::fmt::Display>(kind: Kind, given: Option<T>, most: &T) -> String {
    let given = given.map_or_else(|| "not known".to_owned(), |given| given.to_string());
    format!("the {kind} is {given}; allowed is at most {most}")
}
