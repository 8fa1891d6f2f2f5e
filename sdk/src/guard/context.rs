//! What is known about a call from the tool's declaration and the run.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::capability::{Facts, Risk, Sensitivity};
use crate::id::Timestamp;

/// What a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks, and changes nothing.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// Destroys something.
    Delete,
    /// Sends something out of the system.
    Send,
    /// Starts something that acts on its own.
    Spawn,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Send => "send",
            Self::Spawn => "spawn",
        })
    }
}

/// What is known about a call from the tool's declaration and the run.
///
/// None of it comes from the model or from a remote caller. Taint and sensitivity belong to the
/// run: they grow with what it reads ([`Context::absorb`]) and never fall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// What a token's caveats are asked about: time, audience, task, step, data, risk, taint.
    pub facts: Facts,
    /// What the tool does to the world.
    pub effect: Effect,
    /// The agent's path from the root, such as `lead/reader`.
    pub agent: String,
    /// The environment that the call would act on, such as `production`.
    pub environment: Option<String>,
    /// Who owns the data or the tool.
    pub owner: Option<String>,
    /// What the run is for, in the words of whoever started it.
    pub intent: Option<String>,
}

impl Context {
    /// A context that knows the agent, the tool's effect and risk, and the time.
    #[must_use]
    pub fn new(agent: impl Into<String>, effect: Effect, risk: Risk, time: Timestamp) -> Self {
        let mut facts = Facts::at(time);
        facts.risk = Some(risk);
        Self {
            facts,
            effect,
            agent: agent.into(),
            environment: None,
            owner: None,
            intent: None,
        }
    }

    /// Takes up the taint and sensitivity of something that the run has read: taint is the union,
    /// sensitivity the higher of the two.
    pub fn absorb(&mut self, taint: &BTreeSet<String>, sensitivity: Option<Sensitivity>) {
        self.facts
            .taint
            .get_or_insert_default()
            .extend(taint.iter().cloned());
        self.facts.sensitivity = self.facts.sensitivity.max(sensitivity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_with_the_run() {
        let mut context = Context::new("lead", Effect::Read, Risk::Low, Timestamp::default());
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        for (taint, level, all, highest) in [
            (labels(&[]), None, labels(&[]), None),
            (
                labels(&["web"]),
                Some(Sensitivity::Internal),
                labels(&["web"]),
                Some(Sensitivity::Internal),
            ),
            (
                labels(&["mail"]),
                Some(Sensitivity::Public),
                labels(&["mail", "web"]),
                Some(Sensitivity::Internal),
            ),
        ] {
            context.absorb(&taint, level);
            assert_eq!(context.facts.taint, Some(all));
            assert_eq!(context.facts.sensitivity, highest);
        }
    }

    #[test]
    fn each_effect_has_its_name() {
        let all = [
            Effect::Read,
            Effect::Write,
            Effect::Delete,
            Effect::Send,
            Effect::Spawn,
        ];
        assert_eq!(
            all.map(|effect| effect.to_string()),
            ["read", "write", "delete", "send", "spawn"]
        );
    }
}
