//! The context of a call: the facts that a verifier would know beside the arguments.

use std::collections::{BTreeMap, BTreeSet};

use bailiwick::capability::{Chain, Facts, Risk, Sensitivity};
use bailiwick::id::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::case::Malformed;
use crate::used::Used;

/// A member that is left out, or is `null`, is not known.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Context {
    time: Option<Timestamp>,
    audience: Option<String>,
    task: Option<String>,
    step: Option<String>,
    dataset: Option<Names>,
    risk: Option<Risk>,
    sensitivity: Option<Sensitivity>,
    taint: Option<Names>,
    used: Option<BTreeMap<String, Count>>,
}

/// One name or a list of them, as in a scope.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a string or a list of strings")]
enum Names {
    One(String),
    Several(BTreeSet<String>),
}

/// How much of a kind is used: of every counter of the kind, or of each by its label.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "`used` holds a count, or an object from labels to counts, for each kind"
)]
enum Count {
    All(u64),
    Each(BTreeMap<String, u64>),
}

impl Context {
    /// Reads a context that was parsed strictly.
    pub(super) fn read(place: &str, value: &Value) -> Result<Self, Malformed> {
        if !value.is_object() {
            return Err(Malformed::at(place, "an object is expected here"));
        }
        Self::deserialize(value).map_err(|error| Malformed::at(place, error))
    }

    /// The facts of a call; its time is `now` where the context has none.
    pub(super) fn facts(&self, chain: &Chain, now: Timestamp) -> Facts {
        let set = |names: &Option<Names>| match names.as_ref()? {
            Names::One(name) => Some(BTreeSet::from([name.clone()])),
            Names::Several(names) => Some(names.clone()),
        };
        let mut facts = Facts::at(self.time.unwrap_or(now));
        facts.audience.clone_from(&self.audience);
        facts.task.clone_from(&self.task);
        facts.step.clone_from(&self.step);
        facts.dataset = set(&self.dataset);
        facts.risk = self.risk;
        facts.sensitivity = self.sensitivity;
        facts.taint = set(&self.taint);
        let mut used = Used::default();
        for (kind, count) in self.used.iter().flatten() {
            match count {
                Count::All(n) => used.kind(kind, *n),
                Count::Each(counters) => counters
                    .iter()
                    .for_each(|(label, n)| used.counter(kind, label, *n)),
            }
        }
        used.count(chain, &mut facts);
        facts
    }
}
